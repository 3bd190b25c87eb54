//! Small data sets of IDX files.

use std::fs;

use super::*;
use crate::data::division::tests::whole;
use crate::data::division::{Division, Validation};
use crate::data::idx::tests::{gzip, idx_file};
use crate::data::load::tests::{load, survey};

/// Six images of 2 x 3 to train on (gzip), two to test with (plain).
fn folder() -> (tempfile::TempDir, Idx) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Some(path)
    };
    let kind = Idx {
        path: None,
        images: file("a", gzip(&idx_file(&[6, 2, 3], 0..36))),
        labels: file("b", idx_file(&[6], [0, 1, 2, 1, 0, 1])),
        test_images: file("c", idx_file(&[2, 2, 3], 100..112)),
        test_labels: file("d", gzip(&idx_file(&[2], [4, 0]))),
    };
    (folder, kind)
}

fn error(kind: Idx) -> DataError {
    let division = Division {
        validation: Validation::Test,
        ..whole()
    };
    load(kind, division).unwrap_err()
}

#[test]
fn joins_parts_in_the_order_of_the_spec() {
    let (_folder, kind) = folder();
    let splits = vec![Split::Train, Split::Test];
    let set = load(kind.clone(), Division { splits, ..whole() }).unwrap();
    let images = &set.images;
    assert_eq!((images.height, images.width, images.channels), (2, 3, 1));
    assert!(images.pixels.iter().copied().eq((0..36).chain(100..112)));
    assert_eq!(images.labels, [0, 1, 2, 1, 0, 1, 4, 0]);
    assert_eq!(images.classes, ["0", "1", "2", "3", "4"]);
    assert_eq!(set.train, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(set.sources.len(), 4);
    assert_eq!(set.sources[3].bytes, 10);

    let division = Division {
        splits: vec![Split::Test, Split::Train],
        limit: Some(3),
        ..whole()
    };
    let limited = load(kind, division).unwrap();
    let pixels = limited.images.pixels.iter().copied();
    assert!(pixels.eq((100..112).chain(0..6)));
    assert_eq!(limited.images.labels, [4, 0, 0]);
    // Digests are of the whole files.
    assert_eq!(limited.sources[2], set.sources[0]);
}

#[test]
fn holds_out_the_test_part() {
    let (_folder, kind) = folder();
    let division = Division {
        validation: Validation::Test,
        limit: Some(5),
        ..whole()
    };
    let set = load(kind.clone(), division.clone()).unwrap();
    assert_eq!(set.train, [0, 1, 2, 3, 4]);
    assert_eq!(set.validation, [5, 6]);
    let pixels = set.images.pixels.iter().copied();
    assert!(pixels.eq((0..30).chain(100..112)));
    let survey = survey(kind, division).unwrap();
    assert_eq!((survey.train, survey.validation), (5, 2));
    assert_eq!((survey.height, survey.width, survey.channels), (2, 3, 1));
    assert!(survey.found);
}

#[test]
fn refuses_files_that_do_not_belong_together() {
    let (folder, kind) = folder();
    let path = |name: &str| folder.path().join(name);
    let text = |kind: Idx| error(kind).to_string();
    let shown = |name: &str| path(name).display().to_string();
    let swapped = Idx {
        labels: kind.test_labels.clone(),
        ..kind.clone()
    };
    let expected = format!(
        "`{}` holds 6 images, but `{}` holds 2 labels",
        shown("a"),
        shown("d")
    );
    assert_eq!(text(swapped), expected);
    fs::write(path("other"), idx_file(&[2, 3, 2], 0..12)).unwrap();
    let turned = Idx {
        test_images: Some(path("other")),
        ..kind.clone()
    };
    let expected = format!(
        "the images of `{}` are 2 x 3 x 1, those of `{}` are 3 x 2 x 1",
        shown("a"),
        shown("other")
    );
    assert_eq!(text(turned), expected);
    let unset = Idx {
        labels: None,
        ..kind.clone()
    };
    let expected = "`data.labels` is not set, and `dataset = \"idx\"` needs it";
    assert_eq!(text(unset), expected);
    let nowhere = Idx {
        images: Some(path("nothing")),
        ..kind
    };
    let expected = format!(
        "`data.images` names `{}`, which is not a file",
        shown("nothing")
    );
    assert_eq!(text(nowhere), expected);
}

#[test]
fn refuses_more_images_than_there_are() {
    let (_folder, kind) = folder();
    let division = Division {
        limit: Some(7),
        ..whole()
    };
    let error = load(kind, division).unwrap_err();
    let text = "`data.limit` is 7, but there are only 6 training images";
    assert_eq!(error.to_string(), text);
    let hint = "leave `data.limit` out, or set it to 6 or less";
    assert_eq!(error.hint().unwrap(), hint);
}

#[test]
fn refuses_damage_in_any_file() {
    let (folder, kind) = folder();
    for name in ["a", "b", "c", "d"] {
        let path = folder.path().join(name);
        let sound = fs::read(&path).unwrap();
        for cut in 0..sound.len() {
            fs::write(&path, &sound[..cut]).unwrap();
            let error = error(kind.clone());
            assert_eq!(error.exit_code(), 65, "{name} cut at {cut}");
        }
        fs::write(&path, &sound).unwrap();
        load(kind.clone(), whole()).unwrap();
    }
}
