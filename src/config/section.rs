//! A table of settings as a struct: name, type, default, range, unit, meaning, reading and writing of each setting
//! stand once, in `section!`.

use super::member::Member;
use super::rules::TableRule;
use super::setting::Setting;
use super::value::Value;
use super::values::TableValues;

/// A table of settings. `section!` makes the struct and this together.
pub trait Section: Sized {
    /// What the table is about: the struct's doc comment, whose first paragraph the handbook prints.
    const DOC: &'static str;

    /// Its settings, by their names within the table, in the order of the documentation.
    fn settings() -> Vec<Setting>;

    /// What ties its settings together.
    fn rules() -> Vec<TableRule> {
        Vec::new()
    }

    /// From checked values. `None` where one is missing or was written wrongly, which has been reported then.
    fn read(values: &TableValues<'_>) -> Option<Self>;

    /// The value of each setting; `None` where it is unset.
    fn write(&self) -> Vec<(&'static str, Option<Value>)>;

    /// With these values, and the defaults of the other settings; `None` where one has none.
    fn given(values: &[(&str, Value)]) -> Option<Self> {
        Self::read(&TableValues::Given(&Self::settings(), values))
    }
}

impl Member {
    /// The member that a section is.
    pub const fn of<S: Section>(name: &'static str) -> Self {
        Self {
            name,
            doc: S::DOC,
            settings: S::settings,
            rules: S::rules,
        }
    }
}

/// The name of a field in a spec: that of `r#type` is `type`.
pub(crate) fn plain_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Defines a table of settings: the struct, and [`Section`] for it.
///
/// ```text
/// section! {
///     /// What the table is about; the first paragraph stands in the handbook
///     pub struct Adam: Copy {                       // `: Copy` is optional
///         with drawn: Switches;                     // a `Section` whose settings stand in this table too
///         /// What the setting does; printed in the handbook, so Markdown on one paragraph without a full stop
///         pub beta_1: f64 = 0.9, Kind::Number(Interval::below(0.0, 1.0)), also(&["b1"]);
///         /// Without a default: every spec must say
///         pub name: String, Kind::Name;
///         /// An `Option` is unset by default; `unset` says what holds then
///         pub limit: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all"), unit("images");
///     }
///     rules { nesterov_needs_momentum }             // optional: `fn(&mut Rules)`, what ties settings together
/// }
/// ```
///
/// What stands behind the kind are methods of [`Setting`].
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        pub struct $type:ident $(: $derive:ident)? {
            $(with $group:ident : $group_type:ty;)*
            $(
                $(#[doc = $field_doc:literal])+
                pub $field:ident : $field_type:ty $(= $default:expr)?, $kind:expr
                    $(, $flag:ident ( $($argument:tt)* ))*;
            )*
        }
        $(rules { $($rule:path),+ $(,)? })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq $(, $derive)?)]
        pub struct $type {
            $(
                #[doc = concat!("Settings of the same table: `", stringify!($group_type), "`")]
                pub $group: $group_type,
            )*
            $($(#[doc = $field_doc])+ pub $field: $field_type,)*
        }

        impl $crate::config::Section for $type {
            const DOC: &'static str = concat!($($doc, "\n"),+);

            fn settings() -> Vec<$crate::config::Setting> {
                #[allow(unused_mut)]
                let mut settings = Vec::new();
                $(settings.extend(<$group_type as $crate::config::Section>::settings());)*
                $(
                    settings.push(
                        $crate::config::Setting::new(
                            $crate::config::section::plain_name(stringify!($field)),
                            $kind,
                            concat!($($field_doc),+).trim_ascii(),
                        )
                        $(.default(
                            <$field_type as $crate::config::FieldValue>::default_value($default)
                        ))?
                        $(.$flag($($argument)*))*
                    );
                    settings.extend($crate::config::member::settings_of_words(
                        $crate::config::section::plain_name(stringify!($field)),
                        <$field_type as $crate::config::FieldValue>::WORDS,
                    ));
                )*
                settings
            }

            fn rules() -> Vec<$crate::config::TableRule> {
                #[allow(unused_mut)]
                let mut rules: Vec<$crate::config::TableRule> = vec![$($(($rule as $crate::config::Rule).into()),+)?];
                $(rules.extend($crate::config::member::rules_of_words(
                    $crate::config::section::plain_name(stringify!($field)),
                    <$field_type as $crate::config::FieldValue>::WORDS,
                ));)*
                rules
            }

            #[allow(unused_variables)]
            fn read(values: &$crate::config::TableValues<'_>) -> Option<Self> {
                Some(Self {
                    $($group: $crate::config::Section::read(values)?,)*
                    $($field: $crate::config::FieldValue::read(values, $crate::config::section::plain_name(stringify!($field)))?,)*
                })
            }

            fn write(&self) -> Vec<(&'static str, Option<$crate::config::Value>)> {
                #[allow(unused_mut)]
                #[allow(unused_mut)]
                let mut written = Vec::new();
                $(written.extend($crate::config::Section::write(&self.$group));)*
                $(written.extend(
                    $crate::config::FieldValue::write(&self.$field, $crate::config::section::plain_name(stringify!($field)))
                );)*
                written
            }
        }
    };
}

pub(crate) use section;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::{Interval, Kind};
    use crate::config::members::{Members, members};
    use crate::config::schema::first_paragraph;
    use crate::config::{DefaultValue, Rules};

    section! {
        /// A ball
        ///
        /// Not in the handbook.
        pub struct Ball: Copy {
            /// Across, from one side
            /// to the other
            pub width: f64 = 2.0, Kind::Number(Interval::above(0.0, 9.0)), unit("m"), also(&["size"]);
            /// How many
            pub count: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all");
        }
    }

    section! {
        /// A box
        pub struct Crate {
            /// Sides
            pub sides: Vec<usize> = &[1, 2], Kind::Counts { fewest: 1, most: 3, max: 9 };
            /// How many boxes
            pub count: Option<usize>, Kind::Count { min: 1, max: 9 }, unset("all");
        }
        rules { nothing }
    }

    fn nothing(_: &mut Rules<'_>) {}

    members! {
        /// What is kicked
        pub enum Kicked, default "ball" {
            Ball(Ball) = "ball",
            Crate(Crate) = "crate",
        }
        dispatch($) each
    }

    section! {
        /// A game
        pub struct Game {
            /// What is kicked
            pub kind: Kicked, Kind::Choice(Kicked::choices());
            /// By whom
            pub player: String = "one", Kind::Name, changes_no_result();
        }
    }

    #[test]
    fn describes_the_settings_of_a_struct() {
        let [width, count] = Ball::settings().try_into().unwrap();
        assert_eq!(
            (width.key.as_str(), width.unit, width.also),
            ("width", "m", ["size"].as_slice())
        );
        assert_eq!(width.doc, "Across, from one side to the other");
        assert_eq!(width.default, DefaultValue::Is(Value::Number(2.0)));
        assert_eq!(count.default, DefaultValue::Unset("all"));
        assert_eq!(first_paragraph(Ball::DOC), "A ball");
        assert_eq!((Ball::rules().len(), Crate::rules().len()), (0, 1));
        assert_eq!(Ball::DOC.lines().count(), 3);
    }

    #[test]
    fn writes_members_by_name_with_their_settings() {
        let kicked = Kicked::Crate(Crate {
            sides: vec![3],
            count: None,
        });
        assert_eq!(kicked.name(), "crate");
        assert_eq!(Kicked::DEFAULT, Some("ball"));
        let written = [("sides", Some(Value::Counts(vec![3]))), ("count", None)];
        assert_eq!(kicked.write_member(), written);
        assert_eq!(each!(&kicked, it => it.count), None);
        let names: Vec<_> = Kicked::choices()
            .iter()
            .map(|it| (it.name, it.doc))
            .collect();
        assert_eq!(names, [("ball", "A ball"), ("crate", "A box")]);
    }

    #[test]
    fn brings_settings_of_a_word_into_the_table() {
        let settings = Game::settings();
        let keys: Vec<_> = settings
            .iter()
            .map(|it| (it.key.as_str(), it.only.clone().map_or(vec![], |it| it.1)))
            .collect();
        let expected: [(&str, Vec<&str>); 5] = [
            ("kind", vec![]),
            ("width", vec!["ball"]),
            ("count", vec!["ball", "crate"]),
            ("sides", vec!["crate"]),
            ("player", vec![]),
        ];
        assert_eq!(keys, expected);
        assert!(settings[4].changes_no_result);
        assert_eq!(settings[2].doc, "How many. `crate`: How many boxes");
        assert_eq!(Game::rules().len(), 1);
        assert_eq!(settings[1].only.clone().unwrap().0, "kind");
        assert_eq!(Game::given(&[]), None);
        let word = Value::Text("crate".to_owned());
        let game = Game::given(&[("kind", word), ("sides", Value::Counts(vec![3]))]).unwrap();
        assert!(matches!(&game.kind, Kicked::Crate(it) if it.sides == [3] && it.count.is_none()));
        assert_eq!(Game::given(&[("sides", Value::Switch(true))]), None);
        let names: Vec<_> = game.write().iter().map(|it| it.0).collect();
        assert_eq!(names, ["kind", "sides", "count", "player"]);
    }
}
