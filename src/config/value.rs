//! A setting's value once it has been read and checked.

/// A checked value, or a default.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Switch(bool),
    /// An integer of 0 or more.
    Count(u64),
    /// A finite number.
    Number(f64),
    /// A name, a path, one of several choices.
    Text(String),
    /// Several integers.
    Counts(Vec<u64>),
    /// Several finite numbers.
    Numbers(Vec<f64>),
    /// Several names.
    Texts(Vec<String>),
    /// A pair of limits, of which at least one is there.
    Limits {
        /// The least allowed value.
        min: Option<f64>,
        /// The greatest allowed value.
        max: Option<f64>,
    },
}

impl Value {
    /// The value in TOML, so that reading it gives exactly the value again.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Switch(switch) => switch.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => number_to_toml(*number),
            Self::Text(text) => text_to_toml(text),
            Self::Counts(counts) => list(counts.iter().map(u64::to_string)),
            Self::Numbers(numbers) => list(numbers.iter().map(|number| number_to_toml(*number))),
            Self::Texts(texts) => list(texts.iter().map(|text| text_to_toml(text))),
            Self::Limits { min, max } => {
                let min = min.map(|it| format!("min = {}", number_to_toml(it)));
                let max = max.map(|it| format!("max = {}", number_to_toml(it)));
                let both: Vec<_> = min.into_iter().chain(max).collect();
                format!("{{ {} }}", both.join(", "))
            }
        }
    }

    /// The value in JSON, for the schema.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Switch(switch) => (*switch).into(),
            Self::Count(count) => (*count).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Counts(counts) => counts.as_slice().into(),
            Self::Numbers(numbers) => numbers.as_slice().into(),
            Self::Texts(texts) => texts.as_slice().into(),
            Self::Limits { min, max } => serde_json::json!({ "min": min, "max": max }),
        }
    }
}

/// Rust's debug form of a float is the shortest text that reads back as the same bits, and is valid
/// TOML: it always has a point or an exponent.
fn number_to_toml(number: f64) -> String {
    format!("{number:?}")
}

/// A TOML string, escaped.
pub(crate) fn text_to_toml(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_toml_forms() {
        assert_eq!(Value::Number(1e-7).to_toml(), "1e-7");
        assert_eq!(Value::Number(2.0).to_toml(), "2.0");
        assert_eq!(
            Value::Text("a\"b\n".into())
                .to_toml()
                .parse::<toml::Value>()
                .unwrap(),
            toml::Value::from("a\"b\n")
        );
        assert_eq!(Value::Counts(vec![32, 64]).to_toml(), "[32, 64]");
        assert_eq!(Value::Numbers(vec![0.1, 2.0]).to_toml(), "[0.1, 2.0]");
        assert_eq!(Value::Texts(vec!["train".into()]).to_toml(), "[\"train\"]");
        let limits = Value::Limits {
            min: None,
            max: Some(253.5),
        };
        assert_eq!(limits.to_toml(), "{ max = 253.5 }");
    }

    #[test]
    fn keeps_bits_of_odd_floats() {
        for number in [0.1, 1e16, 1e300, 5e-324, f64::MIN_POSITIVE, -0.0, 1.0 / 3.0] {
            let text = format!("x = {}", Value::Number(number).to_toml());
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(
                table["x"].as_float().unwrap().to_bits(),
                number.to_bits(),
                "{text}"
            );
        }
    }
}
