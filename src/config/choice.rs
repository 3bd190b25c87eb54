//! Enumerations whose variants a spec names in quotes.
//!
//! The name a user types, the variant the program matches on and the sentence the documentation
//! prints are one line of the enumeration; everything else (checking, JSON Schema, the settings'
//! table, `resolved.toml`) reads them from there.

/// Defines an enumeration together with its names: `name()`, `from_name()` and `CHOICES`.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $type:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $type {
            /// Every name that a spec may give, in the order of the documentation.
            pub const CHOICES: &'static [$crate::config::Choice] = &[
                $($crate::config::Choice {
                    name: $name,
                    doc: concat!($($doc),+).trim_ascii(),
                },)+
            ];

            /// The name as a spec writes it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The variant of a name; `None` for a name that does not exist.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl $crate::config::Named for $type {
            fn name(self) -> &'static str {
                self.name()
            }

            fn from_name(name: &str) -> Option<Self> {
                Self::from_name(name)
            }
        }

        impl $crate::config::FieldValue for $type {
            type Literal = Self;

            fn default_value(literal: Self) -> $crate::config::Value {
                $crate::config::Value::Text(literal.name().into())
            }

            fn from_value(value: $crate::config::Value) -> Option<Self> {
                match value {
                    $crate::config::Value::Text(text) => Self::from_name(&text),
                    _ => None,
                }
            }

            fn to_value(&self) -> Option<$crate::config::Value> {
                Some(Self::default_value(*self))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use choices;

#[cfg(test)]
mod tests {
    choices! {
        /// A test's enumeration.
        pub enum Fruit {
            /// Round.
            Apple = "apple",
            /// Long,
            /// and bent.
            Banana = "ba-nana",
        }
    }

    #[test]
    fn maps_names_to_variants_and_docs() {
        assert_eq!(Fruit::from_name("ba-nana"), Some(Fruit::Banana));
        assert_eq!(Fruit::from_name("Banana"), None);
        assert_eq!(Fruit::Apple.to_string(), "apple");
        let docs: Vec<_> = Fruit::CHOICES.iter().map(|choice| choice.doc).collect();
        assert_eq!(docs, ["Round.", "Long, and bent."]);
    }
}
