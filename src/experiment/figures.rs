//! `[figures]`: which figures a run draws.

use std::path::PathBuf;

use crate::config::section::section;
use crate::config::{Interval, Kind, PathKind, Section, Setting, TableValues, Value};
use crate::figures::{Grid, Switch, switches};

section! {
    /// Which pictures the run folder gets, and their numbers
    pub struct Figures {
        with drawn: Switches;
        /// The manifold and the samples are `n` by `n` images
        pub n: usize = 10, Kind::Count { min: 2, max: 50 }, unit("images");
        /// The manifold runs from `-scale` to `scale` on each axis
        pub scale: f64 = 2.0, Kind::Number(Interval::above(0.0, 100.0));
        /// How the manifold's images are spaced on each axis
        pub grid: Grid = Grid::Linear, Kind::Choice(Grid::CHOICES), added_in(2), also(&["spacing"]);
        /// The class of the manifold or the traversals of a conditional network, by its name or its number
        pub label: Option<String>, Kind::Line { max: 255 }, unset("the first class that has images"), added_in(2),
            also(&["class"]);
        /// CSV file with the columns `epoch` and `loss`, drawn over the loss curves. Relative to the spec's folder
        pub published: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), also(&["reference"]);
        /// What the legend calls that curve
        pub published_name: String = "published", Kind::Line { max: 80 }, needs("published");
    }
}

impl Figures {
    /// Whether a figure's setting is on.
    pub fn asks_for(&self, switch: &Switch) -> bool {
        let set = self.drawn.0.iter().find(|(name, _)| *name == switch.name);
        set.map_or(switch.default, |(_, is_on)| *is_on)
    }
}

/// A setting for each figure that may be asked for: whether it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Switches(Vec<(&'static str, bool)>);

impl Section for Switches {
    const DOC: &'static str = "";

    fn settings() -> Vec<Setting> {
        let setting = |it: &Switch| {
            Setting::new(it.name, Kind::Switch, it.doc).default(Value::Switch(it.default))
        };
        switches().map(setting).collect()
    }

    fn read(values: &TableValues<'_>) -> Option<Self> {
        let read = |it: &'static Switch| match values.get(it.name)? {
            Value::Switch(is_on) => Some((it.name, is_on)),
            _ => None,
        };
        switches().map(read).collect::<Option<_>>().map(Self)
    }

    fn write(&self) -> Vec<(&'static str, Option<Value>)> {
        let value = |(name, is_on): &(&'static str, bool)| (*name, Some(Value::Switch(*is_on)));
        self.0.iter().map(value).collect()
    }
}
