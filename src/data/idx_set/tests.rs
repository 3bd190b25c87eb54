//! Whole data sets of IDX files: small ones made here, and the real Fashion-MNIST where it lies.

use std::fs;

use super::*;
use crate::data::idx::tests::gzip;
use crate::data::locate::locate;
use crate::data::set::tests::data;
use crate::data::set::{load, load_in, survey};
use crate::experiment::{Dataset, Validation};

fn idx(lengths: &[u32], items: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, lengths.len() as u8];
    bytes.extend(lengths.iter().flat_map(|length| length.to_be_bytes()));
    bytes.extend(items);
    bytes
}

/// Six images of 2 x 3 to train on (gzip), two to test with (plain).
fn folder() -> (tempfile::TempDir, Data) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Some(path)
    };
    let spec = Data {
        images: file("a", gzip(&idx(&[6, 2, 3], 0..36))),
        labels: file("b", idx(&[6], [0, 1, 2, 1, 0, 1].into_iter())),
        test_images: file("c", idx(&[2, 2, 3], 100..112)),
        test_labels: file("d", gzip(&idx(&[2], [4, 0].into_iter()))),
        ..data(Dataset::Idx)
    };
    (folder, spec)
}

fn error(spec: &Data) -> DataError {
    load(spec, 1, &mut |_| {}).unwrap_err()
}

#[test]
fn splits_are_joined_in_the_order_of_the_spec() {
    let (_folder, spec) = folder();
    let spec = Data {
        splits: vec![Split::Train, Split::Test],
        ..spec
    };
    let set = load(&spec, 1, &mut |_| {}).unwrap();
    let images = &set.images;
    assert_eq!((images.height, images.width, images.channels), (2, 3, 1));
    assert!(images.pixels.iter().copied().eq((0..36).chain(100..112)));
    assert_eq!(images.labels, [0, 1, 2, 1, 0, 1, 4, 0]);
    assert_eq!(images.classes, ["0", "1", "2", "3", "4"]);
    assert_eq!(set.train, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(set.sources.len(), 4);
    assert_eq!(set.sources[3].bytes, 10);

    let spec = Data {
        splits: vec![Split::Test, Split::Train],
        limit: Some(3),
        ..spec
    };
    let limited = load(&spec, 1, &mut |_| {}).unwrap();
    assert!(
        limited
            .images
            .pixels
            .iter()
            .copied()
            .eq((100..112).chain(0..6))
    );
    assert_eq!(limited.images.labels, [4, 0, 0]);
    // Digests are of the whole files.
    assert_eq!(limited.sources[2], set.sources[0]);
}

#[test]
fn the_test_split_is_held_out_whole_and_the_survey_knows_it() {
    let (_folder, spec) = folder();
    let spec = Data {
        validation: Validation::Test,
        limit: Some(5),
        ..spec
    };
    let set = load(&spec, 1, &mut |_| {}).unwrap();
    assert_eq!(set.train, [0, 1, 2, 3, 4]);
    assert_eq!(set.validation, [5, 6]);
    assert!(
        set.images
            .pixels
            .iter()
            .copied()
            .eq((0..30).chain(100..112))
    );
    let survey = survey(&spec).unwrap();
    assert_eq!((survey.train, survey.validation), (5, 2));
    assert_eq!((survey.height, survey.width, survey.channels), (2, 3, 1));
    assert_eq!((survey.bytes(), survey.found), (42, true));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (folder, spec) = folder();
    let swapped = Data {
        labels: spec.test_labels.clone(),
        ..spec.clone()
    };
    assert!(matches!(
        error(&swapped),
        DataError::CountsDiffer {
            images: 6,
            labels: 2,
            ..
        }
    ));
    let other = folder.path().join("other");
    fs::write(&other, idx(&[2, 3, 2], 0..12)).unwrap();
    let turned = Data {
        test_images: Some(other),
        validation: Validation::Test,
        ..spec.clone()
    };
    assert!(matches!(
        error(&turned),
        DataError::SizesDiffer {
            first: [2, 3, 1],
            second: [3, 2, 1],
            ..
        }
    ));
    let unset = Data {
        labels: None,
        ..spec.clone()
    };
    assert!(matches!(
        error(&unset),
        DataError::Missing {
            key: "data.labels",
            ..
        }
    ));
    let nowhere = Data {
        images: Some(folder.path().join("nothing")),
        ..spec.clone()
    };
    assert!(matches!(
        error(&nowhere),
        DataError::NoSuchPath {
            key: "data.images",
            ..
        }
    ));
    let too_many = Data {
        limit: Some(7),
        ..spec
    };
    assert_eq!(
        error(&too_many).to_string(),
        "`data.limit` is 7, but there are only 6 training images"
    );
}

#[test]
fn damage_in_any_file_stops_the_load() {
    let (folder, spec) = folder();
    for name in ["a", "b", "c", "d"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        let spec = Data {
            validation: Validation::Test,
            ..spec.clone()
        };
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(error(&spec).exit_code(), 65, "{name} cut at {cut}");
        }
        fs::write(&path, &whole).unwrap();
        load(&spec, 1, &mut |_| {}).unwrap();
    }
}

/// Four files with the shapes of a known set; images black, all labels `label`.
fn known_files(folder: &Path, label: u8) {
    let black = |count| gzip(&idx(&[count, 28, 28], (0..count * 784).map(|_| 0)));
    let labels = |count| idx(&[count], (0..count).map(|_| label));
    fs::write(folder.join("train-images.idx3-ubyte"), black(60_000)).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte.gz"), labels(60_000)).unwrap();
    fs::write(folder.join("t10k-images-idx3-ubyte.gz"), black(10_000)).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), labels(10_000)).unwrap();
}

#[test]
fn a_known_set_is_checked_by_its_digests_or_at_least_its_structure() {
    let folder = tempfile::tempdir().unwrap();
    known_files(folder.path(), 9);
    let spec = |dataset| Data {
        path: Some(folder.path().to_path_buf()),
        validation: Validation::Test,
        limit: Some(100),
        ..data(dataset)
    };
    let around = Surroundings::default();
    let set = load_in(&spec(Dataset::Kmnist), 1, &around, &mut |_| {}).unwrap();
    assert_eq!((set.train.len(), set.validation.len()), (100, 10_000));
    assert_eq!(set.images.classes[9], "wo");

    let error = load_in(&spec(Dataset::FashionMnist), 1, &around, &mut |_| {}).unwrap_err();
    let path = folder.path().join("train-images.idx3-ubyte");
    assert!(matches!(&error, DataError::Digest { path: p, .. } if *p == path));
    let text = error.to_string();
    assert!(text.contains("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"));
    assert!(error.hint().unwrap().contains("remove"));

    known_files(folder.path(), 10);
    let error = load_in(&spec(Dataset::Mnist), 1, &around, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}`: at byte 8: label 10, expected 0 to 9",
            folder.path().join("train-labels-idx1-ubyte.gz").display()
        )
    );
}

#[test]
fn a_known_set_of_another_size_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    known_files(folder.path(), 0);
    let path = folder.path().join("train-images.idx3-ubyte");
    fs::write(&path, gzip(&idx(&[60_000, 2, 2], (0..240_000).map(|_| 0)))).unwrap();
    let spec = Data {
        path: Some(folder.path().to_path_buf()),
        ..data(Dataset::Mnist)
    };
    let error = load_in(&spec, 1, &Surroundings::default(), &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}`: at byte 8: the height is 2, expected 28",
            path.display()
        )
    );
}

/// The sums are of the published files, by numpy.
#[test]
fn the_real_fashion_mnist_is_loaded_and_verified_where_it_is_found() {
    let spec = Data {
        splits: vec![Split::Train, Split::Test],
        ..data(Dataset::FashionMnist)
    };
    if !survey(&spec).unwrap().found {
        eprintln!("skipped: Fashion-MNIST is not on this machine");
        return;
    }
    let set = load(&spec, 1, &mut |_| {}).unwrap();
    assert_eq!((set.images.len(), set.train.len()), (70_000, 70_000));
    let sum = |images: std::ops::Range<usize>| {
        let pixels = &set.images.pixels[images.start * 784..images.end * 784];
        pixels.iter().map(|&v| u64::from(v)).sum::<u64>()
    };
    assert_eq!(sum(0..60_000), 3_431_114_169);
    assert_eq!(sum(60_000..70_000), 573_469_082);
    assert_eq!(set.images.labels[..10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
    assert_eq!(
        set.images.labels[60_000..60_010],
        [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    );
    assert_eq!(set.images.image(0)[14 * 28 + 14], 217);
    assert_eq!(set.images.classes[9], "Ankle boot");
    let located = locate("fashion-mnist", &mut |_| {}).unwrap();
    assert!(located.files.iter().all(|file| file.verified));
    let digests = located.files.iter().map(|file| &file.source);
    assert!(digests.eq(&set.sources));

    // Its files would fit MNIST in every way but their digests.
    let folder = located.folder.unwrap();
    let spec = Data {
        path: Some(folder),
        ..data(Dataset::Mnist)
    };
    assert!(matches!(
        load_in(&spec, 1, &Surroundings::default(), &mut |_| {}),
        Err(DataError::OtherSet {
            other: "fashion-mnist",
            ..
        })
    ));
}
