//! The settings of a run by dotted key, as its `resolved.toml` says them.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::cell::Cell;
use crate::config::Form;
use crate::experiment::schema;

/// Settings by dotted key. Lists are their TOML text.
pub type Settings = BTreeMap<String, Cell>;

/// The settings of a resolved spec, and of tables of which it has one out of several which one that is, as a setting of
/// its own: `optimizer = "adam"`.
///
/// # Errors
/// It is no TOML: the parser's words, on one line.
pub fn settings(resolved: &str) -> Result<Settings, String> {
    let table: Table = resolved
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let mut settings = Settings::new();
    flatten("", &table, &mut settings);
    for (name, absent) in choices() {
        let member = table
            .get(name)
            .and_then(Value::as_table)
            .and_then(|it| it.keys().next());
        let member = member.map_or(absent, String::as_str).to_owned();
        settings.insert(name.to_owned(), Cell::Text(member));
    }
    Ok(settings)
}

/// The tables of which a spec has one out of several, each with what having none is called. Those that decide nothing are
/// left out.
fn choices() -> impl Iterator<Item = (&'static str, &'static str)> {
    let tables = schema().tables.iter();
    tables.filter_map(|table| match table.form {
        Form::OneOf {
            default, absent, ..
        } if !table.changes_no_result => Some((table.name.as_str(), default.unwrap_or(absent))),
        _ => None,
    })
}

fn flatten(prefix: &str, table: &Table, settings: &mut Settings) {
    for (name, value) in table {
        let key = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        let cell = match value {
            Value::Table(inner) => {
                flatten(&key, inner, settings);
                continue;
            }
            Value::Boolean(value) => Cell::Switch(*value),
            Value::Integer(value) => Cell::Count(*value),
            Value::Float(value) => Cell::Real(*value),
            Value::String(text) => Cell::Text(text.clone()),
            other => Cell::Text(other.to_string()),
        };
        settings.insert(key, cell);
    }
}

/// Where a setting stands in a list: in the order of the table of settings; what that does not know, last.
pub fn place(key: &str) -> (usize, usize) {
    let choice = choices().any(|(name, _)| name == key);
    let table = match choice {
        true => key,
        false => key.rsplit_once('.').map_or("", |(table, _)| table),
    };
    let tables = &schema().tables;
    let table = tables.iter().position(|it| it.name == table);
    let last = tables.len();
    let within = schema().settings().position(|it| it.key == key);
    (
        table.unwrap_or(last),
        within.unwrap_or(if choice { 0 } else { usize::MAX }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment;

    fn of(text: &str) -> Settings {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{text}");
        let spec = experiment::parse(&text, "spec.toml", std::path::Path::new("."), &[]).unwrap();
        settings(&experiment::resolved_toml(&spec)).unwrap()
    }

    #[test]
    fn reads_dotted_keys_with_their_types() {
        let settings = of("[model]\nconv_filters = [4, 8]\n[schedule.step]\n");
        assert_eq!(settings["model.latent_dim"], Cell::Count(2));
        assert_eq!(
            settings["model.conv_filters"],
            Cell::Text("[4, 8]".to_owned())
        );
        assert_eq!(settings["optimizer.adam.learning_rate"], Cell::Real(0.001));
        assert_eq!(settings["figures.loss"], Cell::Switch(true));
        assert_eq!(settings["optimizer"], Cell::Text("adam".to_owned()));
        assert_eq!(settings["schedule"], Cell::Text("step".to_owned()));
        assert_eq!(of("")["schedule"], Cell::Text("constant".to_owned()));
        assert!(!settings.contains_key("training.early_stopping"));
    }

    #[test]
    fn reports_invalid_toml_on_one_line() {
        let error = super::settings("name = \n").unwrap_err();
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }

    #[test]
    fn sorts_columns_in_the_order_of_settings() {
        let mut keys = vec![
            "unknown.key",
            "training.epochs",
            "optimizer.adam.epsilon",
            "optimizer",
            "model.latent_dim",
            "seed",
            "data.limit",
        ];
        keys.sort_by_key(|key| place(key));
        assert_eq!(
            keys,
            [
                "seed",
                "data.limit",
                "model.latent_dim",
                "optimizer",
                "optimizer.adam.epsilon",
                "training.epochs",
                "unknown.key"
            ]
        );
    }
}
