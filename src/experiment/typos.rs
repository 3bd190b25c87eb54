//! Every setting with every kind of typo, wrong type and value out of range: none is accepted, the
//! place is right in all, and the suggestion names the setting in at least 95 of 100.

use std::path::Path;

use super::{parse, schema};
use crate::config::Diagnostics;
use crate::config::kind::Kind;
use crate::config::schema::Form;
use crate::config::setting::Setting;

/// The settings of the tables that have some of their own.
fn settings() -> impl Iterator<Item = &'static Setting> {
    let tables = schema().tables.iter();
    let own = tables.filter(|it| matches!(it.form, Form::Settings));
    own.flat_map(|it| &it.settings)
}

/// A valid spec around one line of one table. Whatever the line is about is not written elsewhere.
fn around(setting: &Setting, line: &str) -> String {
    // The word that gives the setting a meaning.
    let chosen = setting
        .only
        .as_ref()
        .map(|(key, words)| (&key[..], words[0]));
    let dataset = match chosen {
        Some(("data.dataset", word)) => word,
        _ => "mnist",
    };
    let beside = match chosen {
        Some((key, word)) if key != "data.dataset" => {
            let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
            format!("{name} = \"{word}\"\n")
        }
        _ => String::new(),
    };
    let mut text = String::new();
    if setting.key == "name" {
        text.push_str(&format!("{line}\n[data]\ndataset = \"{dataset}\"\n"));
        return text;
    }
    text.push_str("name = \"a\"\n");
    match setting.key.as_str() {
        "data.dataset" => return format!("{text}[data]\n{line}\n"),
        _ if setting.table().is_empty() => text.push_str(&format!("{line}\n")),
        _ => {}
    }
    text.push_str(&format!("[data]\ndataset = \"{dataset}\"\n"));
    match setting.table() {
        "" => {}
        "data" => text.push_str(&format!("{line}\n")),
        table => text.push_str(&format!("[{table}]\n{beside}{line}\n")),
    }
    text
}

/// A value that the setting takes, or would take if the file were there.
fn good_value(setting: &Setting) -> String {
    match setting.kind {
        Kind::Switch => "false".to_owned(),
        Kind::Count { min, .. } | Kind::CountOrCounts { min, .. } => min.max(2).to_string(),
        Kind::Number(_) => "0.5".to_owned(),
        Kind::Name => "\"a\"".to_owned(),
        Kind::Line { .. } => "\"b\"".to_owned(),
        Kind::Path(_) => "\"/\"".to_owned(),
        Kind::Choice(choices) => format!("\"{}\"", choices[0].name),
        Kind::Choices(choices) => format!("[\"{}\"]", choices[0].name),
        Kind::Counts { .. } => "[8, 16]".to_owned(),
        Kind::Numbers { .. } => "[0.5, 2]".to_owned(),
        Kind::Word(word) => format!("{:?}", word.example),
        Kind::NumberOr(..) => "0.5".to_owned(),
        Kind::Limits => "{ max = 1 }".to_owned(),
    }
}

/// Twelve kinds of typo at a few places of a name; those that leave no key, or another setting's
/// key, are left out by the caller.
fn typos(name: &str) -> Vec<(&'static str, String)> {
    let chars: Vec<char> = name.chars().collect();
    let n = chars.len();
    let text = |chars: &[char]| chars.iter().collect::<String>();
    let mut out = Vec::new();
    for at in [0, n / 2, n - 1] {
        let mut deleted = chars.clone();
        deleted.remove(at);
        out.push(("deletion", text(&deleted)));
        let mut inserted = chars.clone();
        inserted.insert(at, 'q');
        out.push(("insertion", text(&inserted)));
        let mut doubled = chars.clone();
        doubled.insert(at, chars[at]);
        out.push(("doubling", text(&doubled)));
        let mut replaced = chars.clone();
        replaced[at] = 'x';
        out.push(("substitution", text(&replaced)));
        if at + 1 < n {
            let mut swapped = chars.clone();
            swapped.swap(at, at + 1);
            out.push(("swap", text(&swapped)));
        }
    }
    out.push(("upper case", name.to_uppercase()));
    let mut capital = chars.clone();
    capital[0] = capital[0].to_ascii_uppercase();
    out.push(("capital", text(&capital)));
    out.push(("hyphen", name.replace('_', "-")));
    out.push(("no underscore", name.replace('_', "")));
    out.push(("plural", format!("{name}s")));
    out.push(("trailing underscore", format!("{name}_")));
    out.push(("camel case", camel(name)));
    out
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1);
        out.push_str(&first.to_uppercase());
        out.push_str(rest);
    }
    out
}

fn refused(text: &str) -> Diagnostics {
    match parse(text, "x.toml", Path::new("/"), &[]) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error,
    }
}

/// Line and column of the line that was put in, found in the text by itself.
fn place_of(text: &str, line: &str) -> (usize, usize) {
    let at = text.lines().position(|it| it == line).expect(line);
    (at + 1, 1)
}

#[test]
fn suggests_settings_for_typos() {
    let (mut tried, mut suggested) = (0, 0);
    let mut wrong = Vec::new();
    for setting in settings() {
        for (kind, typo) in typos(setting.name()) {
            // Another setting's name (`images` of `image`...) or none at all is no typo.
            let is_key = |it: &Setting| it.table() == setting.table() && it.name() == typo;
            if typo.is_empty() || settings().any(is_key) {
                continue;
            }
            let line = format!("{typo} = {}", good_value(setting));
            let text = around(setting, &line);
            let error = refused(&text);
            // A pair of limits is a table.
            let is_unknown = |message: &str| {
                ["unknown key", "unknown table"]
                    .iter()
                    .any(|it| message.contains(it))
            };
            tried += 1;
            let place = place_of(&text, &line);
            let found = error
                .iter()
                .find(|it| (it.line, it.column) == place && is_unknown(&it.message))
                .unwrap_or_else(|| panic!("{kind} of {}: wrong place\n{error}", setting.key));
            // `optimizer.adam` does not count: its settings are told apart by their tables.
            let hint = found.hint.clone().unwrap_or_default();
            if hint == format!("did you mean `{}`?", setting.name()) {
                suggested += 1;
            } else {
                wrong.push(format!("{kind}: `{typo}` for `{}`: {hint}", setting.key));
            }
        }
    }
    println!("{tried} settings with typos");
    assert!(tried >= 1_400, "only {tried} typos");
    assert!(
        suggested * 100 >= tried * 95,
        "{suggested} of {tried}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn suggests_tables_for_typos() {
    let (mut tried, mut suggested) = (0, 0);
    for table in schema().first_level().map(|it| it.name.as_str()) {
        for (_, typo) in typos(table) {
            if typo == table || typo.is_empty() || schema().find(&typo).is_some() {
                continue;
            }
            let text = format!("name = \"a\"\n[data]\ndataset = \"mnist\"\n[{typo}]\n");
            let text = text.replace("[data]\n", if table == "data" { "" } else { "[data]\n" });
            let error = refused(&text);
            let line = text
                .lines()
                .position(|it| it == format!("[{typo}]"))
                .unwrap()
                + 1;
            let found = error.iter().find(|it| it.line == line && it.column == 2);
            let found = found.unwrap_or_else(|| panic!("{typo}: wrong place\n{error}"));
            tried += 1;
            suggested += usize::from(found.hint == Some(format!("did you mean `{table}`?")));
        }
    }
    assert!(suggested * 100 >= tried * 95, "{suggested} of {tried}");
}

#[test]
fn suggests_optimizers_schedules_and_metrics_for_typos() {
    let names = schema().tables.iter().flat_map(|table| {
        let names = match &table.form {
            Form::OneOf { members, .. } => members.as_slice(),
            Form::Names { names, .. } => names.as_slice(),
            _ => &[],
        };
        names.iter().map(move |name| (table, *name))
    });
    let (mut tried, mut suggested) = (0, 0);
    let mut wrong = Vec::new();
    for (table, name) in names {
        for (_, typo) in typos(name) {
            let key = format!("{}.{typo}", table.name);
            if schema().find(&key).is_some() || schema().table(&key).is_some() || typo.is_empty() {
                continue;
            }
            let is_names = matches!(table.form, Form::Names { .. });
            let line = match is_names {
                true => format!("[{}]\n{typo} = {{ max = 1 }}", table.name),
                false => format!("[{key}]"),
            };
            let text =
                format!("name = \"a\"\n[data]\ndataset = \"mnist\"\nvalidation = 0.1\n{line}\n");
            let error = refused(&text);
            let column = match is_names {
                true => 1,
                false => table.name.len() + 3,
            };
            let last = text.lines().count();
            assert!(
                error
                    .iter()
                    .any(|it| (it.line, it.column) == (last, column)),
                "{error}"
            );
            tried += 1;
            let wanted = Some(format!("did you mean `{name}`?"));
            if error.iter().any(|it| it.hint == wanted) {
                suggested += 1;
            } else {
                wrong.push(format!("{typo} for {name}"));
            }
        }
    }
    assert!(
        suggested * 100 >= tried * 95,
        "{suggested} of {tried}: {wrong:?}"
    );
}

#[test]
fn rejects_wrong_types() {
    let values = [
        ("true", "switch"),
        ("\"nonsense value\"", "text"),
        ("3", "integer"),
        ("0.5", "float"),
        ("1979-05-27", "date"),
        ("[\"x\"]", "list"),
        ("[0.5]", "list"),
        ("[true]", "list"),
        ("[[1]]", "list"),
        ("{ x = 1 }", "table"),
        ("nan", "odd"),
        ("-inf", "odd"),
    ];
    let mut tried = 0;
    for setting in settings() {
        for (value, what) in values {
            let right = match setting.kind {
                Kind::Switch => what == "switch",
                Kind::Count { .. } | Kind::CountOrCounts { .. } => what == "integer",
                Kind::Number(_) => matches!(what, "integer" | "float"),
                Kind::Line { .. } => what == "text",
                Kind::Numbers { .. } => value == "[0.5]",
                Kind::NumberOr(span, _) => {
                    what == "float" && span.holds(0.5) || what == "integer" && span.holds(3.0)
                }
                _ => false,
            };
            if right {
                continue;
            }
            let line = format!("{} = {value}", setting.name());
            let text = around(setting, &line);
            let error = refused(&text);
            let (number, _) = place_of(&text, &line);
            let start = setting.name().len() + 4;
            let place = |it: &&crate::config::Diagnostic| {
                it.line == number && (start..start + value.len()).contains(&it.column)
            };
            let found = error.iter().find(place);
            let found = found.unwrap_or_else(|| panic!("{line}: wrong place\n{error}"));
            assert!(
                found.expected.is_some(),
                "{line}: nothing expected\n{error}"
            );
            assert!(
                found.message.contains(&setting.key),
                "{line}: {}",
                found.message
            );
            tried += 1;
        }
    }
    println!("{tried} values of a wrong type");
    assert!(tried >= 800, "{tried}");
}

#[test]
fn rejects_values_just_outside_the_range() {
    use std::ops::Bound::{Excluded, Included};
    let mut tried = 0;
    for setting in settings() {
        let (bad, good): (Vec<String>, Vec<String>) = match setting.kind {
            Kind::Count { min, max } => {
                let low = i128::from(min) - 1;
                let high = i128::from(max) + 1;
                // One past the end of TOML's integers is a syntax error in some readers, a large
                // number in ours; it has to be refused either way.
                (
                    vec![
                        low.to_string(),
                        high.to_string(),
                        "9".repeat(40),
                        format!("-{}", "9".repeat(40)),
                    ],
                    vec![min.to_string(), max.to_string()],
                )
            }
            Kind::Number(span) | Kind::NumberOr(span, _) => {
                let (bad_low, good_low) = match span.min {
                    Included(min) => (min.next_down(), min),
                    Excluded(min) => (min, min.next_up()),
                    _ => unreachable!(),
                };
                let (bad_high, good_high) = match span.max {
                    Included(max) => (max.next_up(), max),
                    Excluded(max) => (max, max.next_down()),
                    _ => unreachable!(),
                };
                let words = match setting.kind {
                    Kind::NumberOr(_, words) => words,
                    _ => &[],
                };
                let mut good = vec![format!("{good_low:?}"), format!("{good_high:?}")];
                good.extend(words.iter().map(|word| format!("{word:?}")));
                (
                    vec![
                        format!("{bad_low:?}"),
                        format!("{bad_high:?}"),
                        "-1".into(),
                        "1e300".into(),
                    ],
                    good,
                )
            }
            Kind::Counts { fewest, most, max } => {
                let list =
                    |n: usize, item: u64| format!("[{}]", vec![item.to_string(); n].join(","));
                let mut bad = vec![
                    list(most + 1, 1),
                    list(1, 0),
                    list(1, max + 1),
                    "[-1]".into(),
                ];
                if fewest > 0 {
                    bad.push(list(fewest - 1, 1));
                }
                (bad, vec![list(fewest, 1), list(most, max)])
            }
            Kind::CountOrCounts { min, max, most, .. } => {
                let list =
                    |n: usize, item: u64| format!("[{}]", vec![item.to_string(); n].join(","));
                let low = i128::from(min) - 1;
                (
                    vec![
                        low.to_string(),
                        (max + 1).to_string(),
                        format!("[{low}]"),
                        list(1, max + 1),
                        list(most + 1, max),
                        "[]".into(),
                    ],
                    vec![min.to_string(), max.to_string()],
                )
            }
            Kind::Numbers { fewest, most, .. } => {
                let list = |n: usize, item: &str| format!("[{}]", vec![item; n].join(","));
                let bad = vec![
                    list(most + 1, "1"),
                    list(fewest - 1, "1"),
                    list(1, "-1"),
                    list(1, "1e300"),
                ];
                (bad, vec![list(fewest, "1"), list(most, "0.5")])
            }
            _ => continue,
        };
        for value in bad {
            let line = format!("{} = {value}", setting.name());
            let text = around(setting, &line);
            let error = refused(&text);
            let (number, _) = place_of(&text, &line);
            assert!(
                error
                    .iter()
                    .any(|it| it.line == number && it.column > setting.name().len()),
                "{line}\n{error}"
            );
            tried += 1;
        }
        for value in good {
            let line = format!("{} = {value}", setting.name());
            let text = around(setting, &line);
            if let Err(error) = parse(&text, "x.toml", Path::new("/"), &[]) {
                // Rules between settings may still object; the range may not.
                for it in error.iter() {
                    assert!(
                        !it.message.contains("range") && !it.message.contains("items"),
                        "{error}"
                    );
                }
            }
        }
    }
    println!("{tried} values out of range");
    assert!(tried >= 180, "{tried}");
}
