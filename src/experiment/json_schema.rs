//! The table of settings as a JSON Schema, for completion and checking in editors.
//!
//! Draft 7 is what the common TOML extensions of editors understand.

use std::ops::Bound;

use serde_json::{Map, Value as Json, json};

use super::spec::schema;
use super::sweep;
use crate::config::kind::{Choice, Interval, Kind, LONGEST_NAME};
use crate::config::schema::{Form, Table};
use crate::config::setting::{DefaultValue, Setting, dotted, name_of};

/// The JSON Schema (draft 7) of a spec.
///
/// It says what the table of settings says, and which keys of `[data]` go with which data set. The
/// other rules that tie settings together, and whether files are there, are left to `runner check`.
pub fn json_schema() -> Json {
    let mut properties = Map::new();
    for setting in schema().of_table("") {
        properties.insert(setting.name().to_owned(), of_setting(setting));
    }
    for table in schema().first_level() {
        properties.insert(table.name.clone(), of_table_form(table));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "runner experiment spec",
        "description": "One experiment: a variational autoencoder, its data and its training",
        "type": "object",
        "properties": properties,
        "required": required_at_the_top(),
        "additionalProperties": false,
    })
}

/// Required settings, and tables with required settings.
fn required_at_the_top() -> Vec<&'static str> {
    let mut names = Vec::new();
    let in_any = |it: &&Setting| is_required(it) && !it.table().contains('.');
    for setting in schema().settings().filter(in_any) {
        let name = setting.key.split('.').next().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn of_table_form(table: &Table) -> Json {
    let mut out = match &table.form {
        Form::Settings => plain_table(table),
        Form::OneOf {
            members, default, ..
        } => {
            let mut properties = Map::new();
            for member in members {
                if let Some(inner) = schema().table(&dotted(&table.name, member)) {
                    properties.insert((*member).to_owned(), of_table_form(inner));
                }
            }
            let mut out = object(properties);
            out.insert("maxProperties".to_owned(), json!(1));
            if default.is_some() {
                out.insert("minProperties".to_owned(), json!(1));
            }
            out
        }
        Form::Names { names, .. } => {
            let each = table.settings.first().map_or(Json::Null, of_setting);
            let named = |name: &&str| ((*name).to_owned(), each.clone());
            object(names.iter().map(named).collect())
        }
        Form::Apart => of_sweep(),
    };
    out.insert("description".to_owned(), table.doc.as_str().into());
    Json::Object(out)
}

/// `[sweep]`: of the values that vary only that they are a list or a range.
fn of_sweep() -> Map<String, Json> {
    let mut properties = Map::new();
    for table in &sweep::schema().tables {
        let mut out = match table.form {
            Form::Apart => object(varied()),
            _ => plain_table(table),
        };
        out.insert("description".to_owned(), table.doc.as_str().into());
        properties.insert(name_of(&table.name).to_owned(), Json::Object(out));
    }
    object(properties)
}

/// What may vary, by its quoted name (`"model.latent_dim"`) or as tables within tables (`model.latent_dim`).
fn varied() -> Map<String, Json> {
    let values = || json!({ "type": ["array", "object"] });
    let may_vary = |it: &&Table| !matches!(it.form, Form::Names { .. } | Form::Apart);
    let tables = || schema().tables.iter().filter(may_vary);
    let settings = tables().flat_map(|it| &it.settings);
    let settings = settings.filter(|it| it.key != "name");
    let mut out: Map<String, Json> = settings.map(|it| (it.key.clone(), values())).collect();
    for table in tables().filter(|it| !it.name.is_empty()) {
        let names = table.settings.iter();
        let mut inner = object(names.map(|it| (it.name().to_owned(), values())).collect());
        let Some((group, member)) = table.name.split_once('.') else {
            if let Form::OneOf { .. } = table.form {
                inner.insert("type".to_owned(), json!(["array", "object"]));
            }
            out.insert(table.name.clone(), Json::Object(inner));
            continue;
        };
        if let Some(Json::Object(members)) =
            out.get_mut(group).and_then(|it| it.get_mut("properties"))
        {
            members.insert(member.to_owned(), Json::Object(inner));
        }
    }
    out
}

fn plain_table(table: &Table) -> Map<String, Json> {
    let named = |setting: &Setting| (setting.name().to_owned(), of_setting(setting));
    let settings = table.settings.iter();
    let mut out = object(settings.clone().map(named).collect());
    let required = settings.filter(|it| is_required(it));
    let required: Vec<&str> = required.map(Setting::name).collect();
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    let rules: Vec<Json> = table
        .settings
        .iter()
        .flat_map(|it| by_word(table, it))
        .collect();
    if !rules.is_empty() {
        out.insert("allOf".to_owned(), rules.into());
    }
    out
}

/// Where settings of the table have a meaning with some words of a choice only: for each word, those that have none.
fn by_word(table: &Table, choice: &Setting) -> Vec<Json> {
    let Kind::Choice(choices) = choice.kind else {
        return Vec::new();
    };
    let rule = |word: &Choice| {
        let refused = table.settings.iter().filter(|it| match &it.only {
            Some((key, words)) => *key == choice.key && !words.contains(&word.name),
            None => false,
        });
        let refused: Map<String, Json> = refused
            .map(|it| (it.name().to_owned(), Json::Bool(false)))
            .collect();
        let word = Map::from_iter([(choice.name().to_owned(), json!({ "const": word.name }))]);
        (!refused.is_empty())
            .then(|| json!({ "if": { "properties": word }, "then": { "properties": refused } }))
    };
    choices.iter().filter_map(rule).collect()
}

/// Whether its table has to say it, whatever the table holds.
fn is_required(setting: &Setting) -> bool {
    setting.default == DefaultValue::Required && setting.only.is_none()
}

fn object(properties: Map<String, Json>) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("type".to_owned(), "object".into());
    out.insert("properties".to_owned(), Json::Object(properties));
    out.insert("additionalProperties".to_owned(), false.into());
    out
}

fn of_setting(setting: &Setting) -> Json {
    let mut out = match of_kind(&setting.kind) {
        Json::Object(out) => out,
        _ => Map::new(),
    };
    let mut doc = setting.doc.clone();
    if !setting.unit.is_empty() {
        doc.push_str(&format!(" ({})", setting.unit));
    }
    if let Some(words) = setting.only_text() {
        doc.push_str(&format!(". Only for {words}"));
    }
    match &setting.default {
        DefaultValue::Is(value) => {
            out.insert("default".to_owned(), value.to_json());
        }
        DefaultValue::Unset(instead) => doc.push_str(&format!(". Not set: {instead}")),
        DefaultValue::Required => {}
    }
    out.insert("description".to_owned(), doc.into());
    Json::Object(out)
}

fn of_kind(kind: &Kind) -> Json {
    match kind {
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number(span) => number(*span),
        Kind::Name => json!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?$",
            "maxLength": LONGEST_NAME,
        }),
        Kind::Line { max } => json!({ "type": "string", "minLength": 1, "maxLength": max }),
        Kind::Path(_) => json!({ "type": "string", "minLength": 1 }),
        Kind::Choice(choices) => one_of(choices),
        Kind::Choices(choices) => json!({
            "type": "array",
            "items": one_of(choices),
            "minItems": 1,
            "uniqueItems": true,
        }),
        Kind::Counts { fewest, most, max } => json!({
            "type": "array",
            "items": { "type": "integer", "minimum": 1, "maximum": max },
            "minItems": fewest,
            "maxItems": most,
        }),
        Kind::CountOrCounts {
            min,
            max,
            most,
            words,
        } => {
            let count = json!({ "type": "integer", "minimum": min, "maximum": max });
            let list = json!({ "type": "array", "items": count, "minItems": 1, "maxItems": most });
            match words {
                [] => json!({ "anyOf": [count, list] }),
                words => json!({ "anyOf": [{ "enum": words }, count, list] }),
            }
        }
        Kind::Numbers { fewest, most, each } => json!({
            "type": "array",
            "items": number(*each),
            "minItems": fewest,
            "maxItems": most,
        }),
        Kind::Word(word) => json!({
            "anyOf": [{ "enum": word.names }, { "type": "string", "pattern": word.pattern }],
        }),
        Kind::NumberOr(span, words) => json!({ "anyOf": [{ "enum": words }, number(*span)] }),
        Kind::Limits => json!({
            "type": "object",
            "properties": { "min": { "type": "number" }, "max": { "type": "number" } },
            "minProperties": 1,
            "additionalProperties": false,
        }),
    }
}

/// Editors show the meaning of each name where the names stand as `oneOf` of constants.
fn one_of(choices: &[Choice]) -> Json {
    let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
    let meanings: Vec<Json> = choices
        .iter()
        .map(|choice| json!({ "const": choice.name, "description": choice.doc }))
        .collect();
    json!({ "type": "string", "enum": names, "oneOf": meanings })
}

fn number(span: Interval) -> Json {
    let mut out = Map::new();
    out.insert("type".to_owned(), "number".into());
    match span.min {
        Bound::Included(min) => out.insert("minimum".to_owned(), min.into()),
        Bound::Excluded(min) => out.insert("exclusiveMinimum".to_owned(), min.into()),
        Bound::Unbounded => None,
    };
    match span.max {
        Bound::Included(max) => out.insert("maximum".to_owned(), max.into()),
        Bound::Excluded(max) => out.insert("exclusiveMaximum".to_owned(), max.into()),
        Bound::Unbounded => None,
    };
    Json::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataKind;
    use crate::objective::scalar_names;

    fn property<'a>(schema: &'a Json, key: &str) -> &'a Json {
        let pointer: String = key
            .split('.')
            .map(|part| format!("/properties/{part}"))
            .collect();
        schema.pointer(&pointer).unwrap_or(&Json::Null)
    }

    #[test]
    fn lists_settings_with_doc_and_default() {
        let schema = json_schema();
        for setting in super::schema()
            .settings()
            .filter(|it| it.table() != "expect")
        {
            let found = property(&schema, &setting.key);
            let doc = found["description"].as_str().unwrap_or_default();
            assert!(doc.starts_with(&setting.doc), "{}: {found}", setting.key);
            match &setting.default {
                DefaultValue::Is(value) => {
                    assert_eq!(found["default"], value.to_json(), "{}", setting.key);
                }
                _ => assert!(found.get("default").is_none(), "{}", setting.key),
            }
        }
    }

    #[test]
    fn copies_ranges_and_names_of_the_settings() {
        let schema = json_schema();
        let latent = property(&schema, "model.latent_dim");
        assert_eq!(
            (&latent["minimum"], &latent["maximum"]),
            (&json!(1), &json!(4096))
        );
        let rate = property(&schema, "optimizer.sgd.learning_rate");
        assert_eq!(rate["exclusiveMinimum"], json!(0.0));
        let beta = property(&schema, "optimizer.adam.beta_1");
        assert_eq!(beta["exclusiveMaximum"], json!(1.0));
        let dataset = property(&schema, "data.dataset");
        let names: Vec<_> = DataKind::choices().iter().map(|it| it.name).collect();
        assert_eq!(dataset["enum"], json!(names));
        let filters = property(&schema, "model.conv_filters");
        assert_eq!(filters["minItems"], json!(0));
        assert_eq!(schema["required"], json!(["name", "data"]));
    }

    #[test]
    fn allows_one_optimizer_and_one_schedule() {
        let schema = json_schema();
        let optimizer = property(&schema, "optimizer");
        assert_eq!(optimizer["minProperties"], json!(1));
        assert_eq!(optimizer["maxProperties"], json!(1));
        let schedule = property(&schema, "schedule");
        assert_eq!(schedule["maxProperties"], json!(1));
        assert!(schedule.get("minProperties").is_none());
    }

    #[test]
    fn forbids_unknown_keys() {
        fn walk(schema: &Json, path: &str) {
            if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
                assert_eq!(schema["additionalProperties"], json!(false), "{path}");
                for (name, inner) in properties {
                    walk(inner, &format!("{path}.{name}"));
                }
            }
        }
        walk(&json_schema(), "");
    }

    #[test]
    fn allows_limits_on_all_metrics() {
        let schema = json_schema();
        for metric in scalar_names() {
            assert_eq!(
                property(&schema, "expect")["properties"][metric]["minProperties"],
                json!(1)
            );
        }
    }

    #[test]
    fn rejects_keys_of_other_data_sets() {
        let schema = json_schema();
        let rules = property(&schema, "data")["allOf"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!(rules, DataKind::choices().len());
        let sprites = &property(&schema, "data")["allOf"][3];
        assert_eq!(
            sprites["if"]["properties"]["dataset"]["const"],
            json!("sprites")
        );
        assert_eq!(sprites["then"]["properties"]["path"], json!(false));
        assert!(sprites["then"]["properties"].get("count").is_none());
    }
}
