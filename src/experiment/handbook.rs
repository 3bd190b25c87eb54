//! The table of settings for people: Markdown for experiments/SETTINGS.md, plain text for the terminal.

use super::settings::{EXPECT, TABLES, of_table};
use super::sweep::{SWEEP_SETTINGS, SWEEP_TABLES};
use crate::config::kind::Kind;
use crate::config::setting::{DefaultValue, Form, Setting};
use crate::objective::scalar_names;

/// The settings in Markdown: a heading and a table for each table of the spec.
pub fn settings_markdown() -> String {
    let mut out = String::new();
    for table in TABLES {
        if !out.is_empty() {
            out.push('\n');
        }
        match table.name {
            "" => out.push_str(&format!("{}:\n", table.doc)),
            name => out.push_str(&format!("**`[{name}]`** {}.\n", table.doc)),
        }
        let rows: Vec<&Setting> = match table.form {
            Form::Settings => of_table(table.name).collect(),
            Form::Metrics => vec![&EXPECT],
            Form::OneOf { .. } => continue,
            Form::Sweep => {
                out.push_str(&sweep_markdown());
                continue;
            }
        };
        out.push_str("\n| setting | value | default | meaning |\n| --- | --- | --- | --- |\n");
        for setting in rows {
            out.push_str(&row(setting, setting.name()));
        }
        if matches!(table.form, Form::Metrics) {
            out.push_str(&format!("\n`METRIC` is one of {}.\n", metrics()));
        }
    }
    out
}

fn row(setting: &Setting, name: &str) -> String {
    format!(
        "| `{name}` | {} | {} | {} |\n",
        value(setting),
        default(setting),
        meaning(setting),
    )
}

/// The tables of a sweep: what they are, then the settings of its own.
fn sweep_markdown() -> String {
    let mut out = String::new();
    for (name, doc) in SWEEP_TABLES {
        out.push_str(&format!("\n**`[{name}]`** {doc}.\n"));
        let rows: Vec<&Setting> = sweep_settings(name).collect();
        if !rows.is_empty() {
            out.push_str("\n| setting | value | default | meaning |\n| --- | --- | --- | --- |\n");
        }
        for setting in rows {
            out.push_str(&row(setting, setting.name()));
        }
    }
    out
}

fn sweep_settings(table: &str) -> impl Iterator<Item = &'static Setting> + use<'_> {
    SWEEP_SETTINGS.iter().filter(move |it| it.table() == table)
}

/// The settings as plain text for the terminal, one paragraph a setting.
pub fn settings_help() -> String {
    let mut out = String::new();
    for table in TABLES {
        if !out.is_empty() {
            out.push('\n');
        }
        match table.name {
            "" => out.push_str(&format!("{}\n", plain(table.doc))),
            name => out.push_str(&format!("[{name}]  {}\n", plain(table.doc))),
        }
        let rows: Vec<&Setting> = match table.form {
            Form::Settings => of_table(table.name).collect(),
            Form::Metrics => vec![&EXPECT],
            Form::OneOf { .. } => continue,
            Form::Sweep => {
                for (name, doc) in SWEEP_TABLES {
                    out.push_str(&format!("\n[{name}]  {}\n", plain(doc)));
                    sweep_settings(name).for_each(|setting| help(&mut out, setting));
                }
                continue;
            }
        };
        for setting in rows {
            help(&mut out, setting);
        }
    }
    out
}

fn help(out: &mut String, setting: &Setting) {
    let default = match &setting.default {
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Unset(instead) => format!("not set: {}", plain(instead)),
        DefaultValue::Is(value) => format!("default: {}", value.to_toml()),
    };
    out.push_str(&format!(
        "  {}\n      {}\n      {} [{default}]\n",
        setting.name(),
        plain(&meaning(setting)),
        plain(&setting.expected()),
    ));
    if let Kind::Choice(choices) = setting.kind {
        for choice in choices {
            out.push_str(&format!("        {}: {}\n", choice.name, plain(choice.doc)));
        }
    }
}

fn value(setting: &Setting) -> String {
    match setting.kind {
        Kind::Choice(choices) => {
            let names = choices
                .iter()
                .map(|choice| format!("`\"{}\"`", choice.name));
            names.collect::<Vec<_>>().join(", ")
        }
        _ => setting.expected(),
    }
}

fn default(setting: &Setting) -> String {
    match &setting.default {
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Unset(instead) => (*instead).to_owned(),
        DefaultValue::Is(value) => format!("`{}`", value.to_toml()),
    }
}

fn meaning(setting: &Setting) -> String {
    let mut out = setting.doc.to_owned();
    if let Some(datasets) = setting.datasets_text() {
        out.push_str(&format!(". Only for {datasets}"));
    }
    out
}

fn metrics() -> String {
    let names = scalar_names().iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

/// Text without the marks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::SETTINGS;

    #[test]
    fn every_setting_has_its_row() {
        let markdown = settings_markdown();
        let rows = markdown
            .lines()
            .filter(|line| line.starts_with("| `"))
            .count();
        assert_eq!(rows, SETTINGS.len() + 1 + SWEEP_SETTINGS.len());
        assert!(markdown.contains(
            "| `latent_dim` | an integer from 1 to 4096 (axes) | `2` | Number of latent axes |"
        ));
        assert!(markdown.contains("| `name` | "), "{markdown}");
    }

    #[test]
    fn every_row_has_four_cells() {
        for line in settings_markdown()
            .lines()
            .filter(|line| line.starts_with('|'))
        {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
    }

    #[test]
    fn help_names_every_setting_and_default() {
        let help = settings_help();
        for setting in SETTINGS.iter().chain(SWEEP_SETTINGS) {
            assert!(
                help.contains(&format!("  {}\n", setting.name())),
                "{}",
                setting.key
            );
        }
        assert!(help.contains("        sprites: shapes with known factors"));
        assert!(help.contains("[default: 1e-7]") && !help.contains('`'));
    }
}
