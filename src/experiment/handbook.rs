//! The table of settings for people: Markdown for experiments/SETTINGS.md, plain text for the terminal.

use super::spec::schema;
use super::sweep;
use crate::config::kind::Kind;
use crate::config::schema::{Form, Table};
use crate::config::setting::{DefaultValue, Setting};

/// The settings in Markdown: a heading and a table for each table of the spec.
pub fn settings_markdown() -> String {
    let mut out = String::new();
    for table in tables() {
        if !out.is_empty() {
            out.push('\n');
        }
        match table.name.as_str() {
            "" => out.push_str(&format!("{}:\n", table.doc)),
            name => out.push_str(&format!("**`[{name}]`** {}.\n", table.doc)),
        }
        if !table.settings.is_empty() {
            out.push_str("\n| setting | value | default | meaning |\n| --- | --- | --- | --- |\n");
        }
        for setting in &table.settings {
            out.push_str(&row(setting, setting.name()));
        }
        if let Form::Names { names, .. } = &table.form {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let stand_in = table.settings.first().map_or("", Setting::name);
            out.push_str(&format!("\n`{stand_in}` is one of {}.\n", names.join(", ")));
        }
    }
    out
}

/// The tables of a spec, then those of a sweep.
fn tables() -> impl Iterator<Item = &'static Table> {
    schema().tables.iter().chain(&sweep::schema().tables)
}

fn row(setting: &Setting, name: &str) -> String {
    format!(
        "| `{name}` | {} | {} | {} |\n",
        value(setting),
        default(setting),
        meaning(setting),
    )
}

/// The settings as plain text for the terminal, one paragraph a setting.
pub fn settings_help() -> String {
    let mut out = String::new();
    for table in tables() {
        if !out.is_empty() {
            out.push('\n');
        }
        match table.name.as_str() {
            "" => out.push_str(&format!("{}\n", plain(&table.doc))),
            name => out.push_str(&format!("[{name}]  {}\n", plain(&table.doc))),
        }
        table.settings.iter().for_each(|it| help(&mut out, it));
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
    let mut out = setting.doc.clone();
    if let Some(words) = setting.only_text() {
        out.push_str(&format!(". Only for {words}"));
    }
    out
}

/// Text without the marks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_row_for_each_setting() {
        let markdown = settings_markdown();
        let rows = markdown
            .lines()
            .filter(|line| line.starts_with("| `"))
            .count();
        assert_eq!(rows, tables().flat_map(|it| &it.settings).count());
        assert!(markdown.contains(
            "| `latent_dim` | an integer from 1 to 4096 (axes) | `2` | Number of latent axes |"
        ));
        assert!(markdown.contains("| `name` | "), "{markdown}");
    }

    #[test]
    fn writes_four_cells_a_row() {
        for line in settings_markdown()
            .lines()
            .filter(|line| line.starts_with('|'))
        {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
    }

    #[test]
    fn lists_settings_and_defaults_in_help() {
        let help = settings_help();
        for setting in tables().flat_map(|it| &it.settings) {
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
