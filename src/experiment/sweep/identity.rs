//! What two trials must share to be the same one.

use toml::{Table, Value};

use crate::experiment::{Spec, resolved_toml};

/// Settings that change nothing of a trial: what it is called, where its data lies (digests of the data say what was
/// there) and on how many threads it runs.
const IDLE: [(&str, &[&str]); 2] = [
    (
        "data",
        &["path", "images", "labels", "test_images", "test_labels"],
    ),
    ("training", &["threads"]),
];

/// The resolved spec without name, threads, launcher, figures and paths, as one text that is the same for the same settings.
pub fn identity_text(spec: &Spec) -> String {
    // What the program writes it can read; two specs that could not be read would not be told apart.
    let mut table: Table = resolved_toml(spec).parse().unwrap_or_default();
    table.remove("name");
    table.remove("figures");
    table.remove("launcher");
    for (name, keys) in IDLE {
        if let Some(Value::Table(inner)) = table.get_mut(name) {
            for key in keys {
                inner.remove(*key);
            }
        }
    }
    table.to_string()
}
