//! The classes of a data set: their names, and which of them no image is trained on.

use super::error::DataError;
use super::loader::{Labelled, Request};
use super::places::Places;
use super::set::DataSet;
use super::table::Data;

/// The classes of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// Their names, in the order of the labels.
    pub names: Vec<String>,
    /// Labels of those of which no image is trained on, as far as that is known.
    pub without_images: Vec<u16>,
}

impl Classes {
    /// Of these names, with the labels of the images that are trained on.
    fn of(names: Vec<String>, trained: impl Iterator<Item = u16>) -> Self {
        let mut has_images = vec![false; names.len()];
        for label in trained {
            if let Some(has_images) = has_images.get_mut(usize::from(label)) {
                *has_images = true;
            }
        }
        let labels = (0..=u16::MAX).zip(has_images);
        Self {
            names,
            without_images: labels.filter(|(_, has)| !has).map(|it| it.0).collect(),
        }
    }

    /// The label of a class by its name or, where no class has that name, by its number.
    pub fn find(&self, name_or_number: &str) -> Option<u16> {
        let names = self.names.iter();
        let by_name = names.clone().position(|name| name == name_or_number);
        let number = || name_or_number.parse().ok().filter(|&i| i < names.len());
        by_name.or_else(number).and_then(|i| u16::try_from(i).ok())
    }

    /// The name of a class, or its number where it has none.
    pub fn name(&self, label: u16) -> String {
        let name = self.names.get(usize::from(label));
        name.map_or_else(|| label.to_string(), Clone::clone)
    }

    /// The classes with their numbers, for a person: `0 square, 1 ellipse`.
    pub fn list(&self) -> String {
        /// Of more classes, the first ones.
        const MOST: usize = 20;
        let named = self.names.iter().enumerate().take(MOST);
        let named = named.map(|(label, name)| match name.parse() == Ok(label) {
            true => name.clone(),
            false => format!("{label} {name}"),
        });
        let list = named.collect::<Vec<_>>().join(", ");
        match self.names.len().saturating_sub(MOST) {
            0 => list,
            more => format!("{list} and {more} more"),
        }
    }

    /// Says of which classes no image is trained on; nothing where there is none.
    pub fn missing(&self) -> Option<String> {
        /// Of more classes, the first ones.
        const MOST: usize = 10;
        let missing = self.without_images.iter().take(MOST);
        let list: Vec<String> = missing.map(|&it| format!("`{}`", self.name(it))).collect();
        let more = match self.without_images.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let list = list.join(", ");
        (!list.is_empty()).then(|| format!("no image is trained on of the classes {list}{more}"))
    }
}

impl DataSet {
    /// Its classes.
    pub fn classes(&self) -> Classes {
        let images = &self.images;
        let label = |&image: &u32| images.labels[image as usize];
        Classes::of(images.classes.clone(), self.train.iter().map(label))
    }
}

/// The classes that [`load`](super::load) would give, without reading pixels or downloading anything.
///
/// # Errors
/// As [`load`](super::load), where that can be known without reading pixels.
pub fn classes(data: &Data, seed: u64) -> Result<Classes, DataError> {
    let (division, places) = (data.division(), Places::of_process());
    let request = Request {
        division: &division,
        seed,
        places: &places,
    };
    let Labelled { names, images } = data.dataset.loader().labels(&request)?;
    Ok(match images {
        None => Classes {
            names,
            without_images: vec![],
        },
        Some((labels, shares)) => {
            let (train, _) = division.indices(&shares, seed);
            let label = |&image: &u32| labels.get(image as usize).copied();
            Classes::of(names, train.iter().filter_map(label))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Classes {
        let names = ["square", "1", "heart"].map(String::from);
        Classes::of(names.to_vec(), [0, 0, 2].into_iter())
    }

    #[test]
    fn finds_classes_by_name_before_number() {
        let found = ["heart", "0", "1", "2", "3", "-1", "Heart", ""].map(|it| three().find(it));
        let expected = [Some(2), Some(0), Some(1), Some(2), None, None, None, None];
        assert_eq!(found, expected);
        assert_eq!(
            (three().name(2), three().name(7)),
            ("heart".into(), "7".into())
        );
    }

    #[test]
    fn lists_classes_and_those_without_images() {
        assert_eq!(three().list(), "0 square, 1, 2 heart");
        assert_eq!(three().without_images, [1]);
        let text = three().missing().unwrap();
        assert_eq!(text, "no image is trained on of the classes `1`");
        let many = Classes::of((0..30).map(|i| i.to_string()).collect(), 0..19);
        assert!(many.list().ends_with("18, 19 and 10 more"));
        assert!(many.missing().unwrap().ends_with("`28` and 1 more"));
        assert_eq!(
            Classes::of(vec!["a".into()], [0].into_iter()).missing(),
            None
        );
    }
}
