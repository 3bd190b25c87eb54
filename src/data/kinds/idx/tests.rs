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
        range: None,
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

#[test]
fn takes_images_without_labels_as_one_class() {
    let (_folder, kind) = folder();
    let unlabelled = Idx {
        labels: None,
        ..kind
    };
    let set = load(unlabelled, whole()).unwrap();
    assert_eq!(
        (set.images.labels, set.images.classes),
        (vec![0; 6], vec!["0".to_owned()])
    );
    assert_eq!(set.sources.len(), 1);
}

/// Two images of 2 x 2: every element type of the format, and the labels of QMNIST.
#[test]
fn reads_every_element_type() {
    let shades = [0.0, 51.0, 255.0, 102.0, 0.0, 204.0, 153.0, 51.0];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, element: u8, lengths: &[u32], bytes: Vec<u8>| {
        let mut whole = idx_file(lengths, bytes);
        whole[2] = element;
        let path = folder.path().join(name);
        fs::write(&path, whole).unwrap();
        Some(path)
    };
    let images = |element: u8, value: &dyn Fn(f64) -> Vec<u8>| {
        file(
            "images",
            element,
            &[2, 2, 2],
            shades.iter().flat_map(|it| value(*it)).collect(),
        )
    };
    let bytes = Some(Range {
        min: 0.0,
        max: 255.0,
    });
    let cases: [(u8, Option<Range>, &dyn Fn(f64) -> Vec<u8>); 6] = [
        (0x08, None, &|it| vec![it as u8]),
        (0x09, None, &|it| {
            ((it - 128.0) as i8).to_be_bytes().to_vec()
        }),
        (0x0b, bytes, &|it| (it as i16).to_be_bytes().to_vec()),
        (0x0c, bytes, &|it| (it as i32).to_be_bytes().to_vec()),
        (0x0d, None, &|it| (it as f32 / 255.0).to_be_bytes().to_vec()),
        (0x0e, None, &|it| (it / 255.0).to_be_bytes().to_vec()),
    ];
    for (element, range, value) in cases {
        let kind = Idx {
            path: None,
            images: images(element, value),
            labels: file("labels", 0x0c, &[2], vec![0, 0, 0, 3, 0, 0, 0, 1]),
            test_images: None,
            test_labels: None,
            range,
        };
        let set = load(kind, whole()).unwrap();
        assert_eq!(
            set.images.pixels,
            shades.map(|it| it as u8),
            "0x{element:02x}"
        );
        assert_eq!(set.images.labels, [3, 1]);
    }
    let qmnist: Vec<u8> = (0..16_u32).flat_map(u32::to_be_bytes).collect();
    let kind = Idx {
        path: None,
        images: images(0x08, &|it| vec![it as u8]),
        labels: file("labels", 0x0c, &[2, 8], qmnist),
        test_images: None,
        test_labels: None,
        range: None,
    };
    assert_eq!(load(kind.clone(), whole()).unwrap().images.labels, [0, 8]);

    let refused = |kind: &Idx| {
        let error = load(kind.clone(), whole()).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let place = folder.path().display();
    let floats = Idx {
        images: images(0x0d, &|it| (it as f32 / 127.5 - 1.0).to_be_bytes().to_vec()),
        ..kind.clone()
    };
    let (text, hint) = refused(&floats);
    let expected = "at byte 16: the value -1 lies outside 0 to 1; values are from -1 to 1";
    assert_eq!(text, format!("`{place}/images`: {expected}"));
    assert!(
        hint.ends_with("such as `range = { min = -1, max = 1 }` in `[data]`"),
        "{hint}"
    );
    let wide = Idx {
        images: images(0x0c, &|it| (it as i32).to_be_bytes().to_vec()),
        ..kind.clone()
    };
    let (text, hint) = refused(&wide);
    let expected = "of the whole range of int32 the values use 0 to 255 only, which would be one shade of gray";
    assert_eq!(text, format!("`{place}/images`: {expected}"));
    assert!(
        hint.ends_with("such as `range = { min = 0, max = 255 }` in `[data]`"),
        "{hint}"
    );
    let labels = Idx {
        images: images(0x08, &|it| vec![it as u8]),
        labels: file(
            "labels",
            0x0d,
            &[2],
            [1.0_f32, 0.5]
                .iter()
                .flat_map(|it| it.to_be_bytes())
                .collect(),
        ),
        ..kind
    };
    let (text, _) = refused(&labels);
    let expected = "at byte 12: label 0.5, expected 0 to 65535";
    assert_eq!(text, format!("`{place}/labels`: {expected}"));
}
