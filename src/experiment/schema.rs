//! The table of settings as a JSON Schema, for completion and checking in editors.
//!
//! Draft 7 is what the common TOML extensions of editors understand.

use std::ops::Bound;

use serde_json::{Map, Value as Json, json};

use super::data::Dataset;
use super::settings::{EXPECT, SETTINGS, TABLES, find_table, of_table};
use super::sweep::{SWEEP_SETTINGS, SWEEP_TABLES};
use super::training::DeviceChoice;
use crate::config::choice::Choice;
use crate::config::kind::{Interval, Kind, LONGEST_NAME};
use crate::config::setting::{DefaultValue, Form, Setting, Table};
use crate::objective::scalar_names;

/// The JSON Schema (draft 7) of a spec.
///
/// It says what the table of settings says, and which keys of `[data]` go with which data set. The
/// other rules that tie settings together, and whether files are there, are left to `runner check`.
pub fn json_schema() -> Json {
    let mut properties = Map::new();
    for setting in of_table("") {
        properties.insert(setting.name().to_owned(), of_setting(setting));
    }
    for table in TABLES
        .iter()
        .filter(|it| !it.name.is_empty() && !it.name.contains('.'))
    {
        properties.insert(table.name.to_owned(), of_table_form(table));
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
    for setting in SETTINGS
        .iter()
        .filter(|it| it.default == DefaultValue::Required)
    {
        let name = setting.key.split('.').next().unwrap_or(setting.key);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn of_table_form(table: &Table) -> Json {
    let mut out = match &table.form {
        Form::Settings => plain_table(table),
        Form::OneOf { members, default } => {
            let mut properties = Map::new();
            for member in *members {
                if let Some(inner) = find_table(&format!("{}.{member}", table.name)) {
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
        Form::Metrics => {
            let metric = |name: &&str| ((*name).to_owned(), of_setting(&EXPECT));
            object(scalar_names().iter().map(metric).collect())
        }
        Form::Sweep => sweep(),
    };
    out.insert("description".to_owned(), table.doc.into());
    Json::Object(out)
}

/// `[sweep]`: of the values that vary only that they are a list or a range.
fn sweep() -> Map<String, Json> {
    let mut properties = Map::new();
    for (name, doc) in SWEEP_TABLES {
        let own: Vec<&Setting> = SWEEP_SETTINGS
            .iter()
            .filter(|it| it.table() == *name)
            .collect();
        let mut table = match own.is_empty() {
            true => object(varied()),
            false => {
                let named = |it: &&Setting| (it.name().to_owned(), of_setting(it));
                object(own.iter().map(named).collect())
            }
        };
        let required: Vec<&str> = own
            .iter()
            .filter(|it| it.default == DefaultValue::Required)
            .map(|it| it.name())
            .collect();
        if !required.is_empty() {
            table.insert("required".to_owned(), json!(required));
        }
        table.insert("description".to_owned(), (*doc).into());
        let short = name.rsplit('.').next().unwrap_or(name);
        properties.insert(short.to_owned(), Json::Object(table));
    }
    object(properties)
}

/// What may vary, by its quoted name (`"model.latent_dim"`) or as tables within tables (`model.latent_dim`).
fn varied() -> Map<String, Json> {
    let values = || json!({ "type": ["array", "object"] });
    let settings = SETTINGS.iter().filter(|it| it.key != "name");
    let mut out: Map<String, Json> = settings.map(|it| (it.key.to_owned(), values())).collect();
    for table in TABLES.iter().filter(|it| !it.name.is_empty()) {
        let names = of_table(table.name).map(|it| (it.name().to_owned(), values()));
        let mut inner = object(names.collect());
        let Some((group, member)) = table.name.split_once('.') else {
            if let Form::OneOf { .. } = table.form {
                inner.insert("type".to_owned(), json!(["array", "object"]));
            }
            if !matches!(table.form, Form::Metrics | Form::Sweep) {
                out.insert(table.name.to_owned(), Json::Object(inner));
            }
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
    let mut out = object(of_table(table.name).map(named).collect());
    let required: Vec<&str> = of_table(table.name)
        .filter(|it| it.default == DefaultValue::Required)
        .map(Setting::name)
        .collect();
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    if table.name == "data" {
        out.insert("allOf".to_owned(), keys_by_data_set());
    }
    out
}

/// For each data set, the keys that mean nothing to it.
fn keys_by_data_set() -> Json {
    let rule = |choice: &Choice| {
        let dataset = Dataset::from_name(choice.name)?;
        let refused: Map<String, Json> = of_table("data")
            .filter(|it| !it.applies_to(dataset))
            .map(|it| (it.name().to_owned(), Json::Bool(false)))
            .collect();
        Some(json!({
            "if": { "properties": { "dataset": { "const": choice.name } } },
            "then": { "properties": refused },
        }))
    };
    Dataset::CHOICES.iter().filter_map(rule).collect()
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
    let mut doc = setting.doc.to_owned();
    if !setting.unit.is_empty() {
        doc.push_str(&format!(" ({})", setting.unit));
    }
    if let Some(datasets) = setting.datasets_text() {
        doc.push_str(&format!(". Only for {datasets}"));
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
        Kind::Device => json!({
            "anyOf": [
                { "enum": ["auto", "cpu", "cuda"] },
                { "type": "string", "pattern": device_pattern() },
            ],
        }),
        Kind::Validation => json!({
            "anyOf": [
                { "enum": ["none", "test"] },
                { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
            ],
        }),
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

/// `cuda:N` up to the highest index, which the test compares with the reader.
fn device_pattern() -> &'static str {
    const { assert!(DeviceChoice::MAX_INDEX == 63, "the pattern below says 63") };
    "^cuda:([0-9]|[1-5][0-9]|6[0-3])$"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property<'a>(schema: &'a Json, key: &str) -> &'a Json {
        let pointer: String = key
            .split('.')
            .map(|part| format!("/properties/{part}"))
            .collect();
        schema.pointer(&pointer).unwrap_or(&Json::Null)
    }

    #[test]
    fn every_setting_is_in_the_schema_with_its_doc_and_default() {
        let schema = json_schema();
        for setting in SETTINGS {
            let found = property(&schema, setting.key);
            let doc = found["description"].as_str().unwrap_or_default();
            assert!(doc.starts_with(setting.doc), "{}: {found}", setting.key);
            match &setting.default {
                DefaultValue::Is(value) => {
                    assert_eq!(found["default"], value.to_json(), "{}", setting.key);
                }
                _ => assert!(found.get("default").is_none(), "{}", setting.key),
            }
        }
    }

    #[test]
    fn ranges_and_names_are_those_of_the_table() {
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
        let names = [
            "fashion-mnist",
            "mnist",
            "kmnist",
            "sprites",
            "idx",
            "images",
        ];
        assert_eq!(dataset["enum"], json!(names));
        let filters = property(&schema, "model.conv_filters");
        assert_eq!(filters["minItems"], json!(1));
        assert_eq!(schema["required"], json!(["name", "data"]));
    }

    #[test]
    fn one_optimizer_and_at_most_one_schedule() {
        let schema = json_schema();
        let optimizer = property(&schema, "optimizer");
        assert_eq!(optimizer["minProperties"], json!(1));
        assert_eq!(optimizer["maxProperties"], json!(1));
        let schedule = property(&schema, "schedule");
        assert_eq!(schedule["maxProperties"], json!(1));
        assert!(schedule.get("minProperties").is_none());
    }

    #[test]
    fn no_table_takes_unknown_keys() {
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
    fn every_metric_may_be_expected() {
        let schema = json_schema();
        for metric in scalar_names() {
            assert_eq!(
                property(&schema, "expect")["properties"][metric]["minProperties"],
                json!(1)
            );
        }
    }

    #[test]
    fn keys_of_other_data_sets_are_refused() {
        let schema = json_schema();
        let rules = property(&schema, "data")["allOf"]
            .as_array()
            .map_or(0, Vec::len);
        assert_eq!(rules, Dataset::CHOICES.len());
        let sprites = &property(&schema, "data")["allOf"][3];
        assert_eq!(
            sprites["if"]["properties"]["dataset"]["const"],
            json!("sprites")
        );
        assert_eq!(sprites["then"]["properties"]["path"], json!(false));
        assert!(sprites["then"]["properties"].get("count").is_none());
    }
}
