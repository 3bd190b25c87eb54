//! Files with the shapes of known sets, and the real Fashion-MNIST where it lies.

use std::fs;

use super::*;
use crate::data::division::tests::whole;
use crate::data::division::{Division, Validation};
use crate::data::idx::tests::{gzip, idx_file};
use crate::data::kinds::fashion_mnist::FashionMnist;
use crate::data::kinds::kmnist::Kmnist;
use crate::data::kinds::mnist::Mnist;
use crate::data::load::tests::load;
use crate::data::load::{load_in, locate, survey_in};

/// Four files with the shapes of a known set; images black, all labels `label`.
fn known_files(folder: &Path, label: u8) {
    let put = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    let black = |count: usize| idx_file(&[count as u32, 28, 28], vec![0; count * 784]);
    let labels = |count: usize| idx_file(&[count as u32], vec![label; count]);
    put("train-images.idx3-ubyte", black(60_000));
    put("train-labels-idx1-ubyte.gz", labels(60_000));
    put("t10k-images-idx3-ubyte.gz", black(10_000));
    put("t10k-labels-idx1-ubyte", labels(10_000));
}

fn first_hundred() -> Division {
    Division {
        validation: Validation::Test,
        limit: Some(100),
        ..whole()
    }
}

#[test]
fn checks_a_known_set_by_its_digests_or_at_least_its_structure() {
    let folder = tempfile::tempdir().unwrap();
    known_files(folder.path(), 9);
    let path = Some(folder.path().to_path_buf());
    let kmnist = Kmnist { path: path.clone() };
    let set = load(kmnist, first_hundred()).unwrap();
    assert_eq!((set.train.len(), set.validation.len()), (100, 10_000));
    assert_eq!(set.images.classes[9], "wo");

    let fashion_mnist = FashionMnist { path: path.clone() };
    let error = load(fashion_mnist, first_hundred()).unwrap_err();
    let images = folder.path().join("train-images.idx3-ubyte");
    let text = error.to_string();
    let expected = format!(
        "`{}` is not the published file of fashion-mnist: SHA-256 ",
        images.display()
    );
    assert!(text.starts_with(&expected), "{text}");
    let digest = "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888";
    assert!(text.ends_with(digest), "{text}");
    assert!(error.hint().unwrap().contains("remove"));

    let error = load(Mnist { path: path.clone() }, first_hundred()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("is not the published file of mnist"),
        "{text}"
    );

    let packed = gzip(&fs::read(&images).unwrap());
    fs::write(&images, packed).unwrap();
    let error = load(Kmnist { path: path.clone() }, first_hundred()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("(compressed), expected 51467d22"), "{text}");

    known_files(folder.path(), 10);
    let error = load(Mnist { path }, first_hundred()).unwrap_err();
    let labels = folder.path().join("train-labels-idx1-ubyte.gz");
    let expected = format!(
        "`{}`: at byte 8: label 10, expected 0 to 9",
        labels.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn refuses_a_known_set_of_another_size_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    known_files(folder.path(), 0);
    let images = folder.path().join("train-images.idx3-ubyte");
    fs::write(&images, gzip(&idx_file(&[60_000, 2, 2], [0; 240_000]))).unwrap();
    let path = Some(folder.path().to_path_buf());
    let error = load(Mnist { path }, whole()).unwrap_err();
    let expected = format!(
        "`{}`: at byte 8: the height is 2, expected 28",
        images.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn refuses_a_path_that_is_no_folder_even_if_the_data_is_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let kind = Mnist {
        path: Some(folder.path().join("missing")),
    };
    let error = load(kind, whole()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("which is not a folder"));
}

/// The sums are of the published files, by numpy.
#[test]
fn loads_and_verifies_the_real_fashion_mnist_where_it_is_found() {
    let division = Division {
        splits: vec![Split::Train, Split::Test],
        ..whole()
    };
    let kind = FashionMnist { path: None }.into();
    let places = Places::of_process();
    if !survey_in(&kind, &division, &places).unwrap().found {
        eprintln!("skipped: Fashion-MNIST is not on this machine");
        return;
    }
    let set = load_in(&kind, &division, 1, &places, &mut |_| {}).unwrap();
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
    let path = located.folder;
    let error = load(Mnist { path }, whole()).unwrap_err();
    assert!(
        error.to_string().contains("belongs to fashion-mnist"),
        "{error}"
    );
}
