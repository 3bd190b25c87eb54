use super::*;
use crate::data::division::tests::whole;
use crate::data::division::{Division, Validation};
use crate::data::idx::tests::gzip;
use crate::data::load::tests::{load, survey};
use crate::fs::digest::sha256_hex;
use crate::numeric::random::{Purpose, Stream};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Option<PathBuf> {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Some(path)
    }

    fn kind(&self, name: &str, bytes: &[u8]) -> Csv {
        Csv {
            path: None,
            images: self.put(name, bytes),
            test_images: None,
            label_column: LabelColumn::Auto,
            image_shape: None,
            range: None,
        }
    }
}

const KAGGLE: &str = "label,pixel0,pixel1,pixel2,pixel3\n3,0,128,255,7\n0,1,2,3,4\n";

#[test]
fn reads_the_forms_that_tables_have() {
    let folder = Folder::new();
    let read = |name: &str, bytes: &[u8]| {
        let set = load(folder.kind(name, bytes), whole()).unwrap();
        (set.images.pixels, set.images.labels)
    };
    let expected = (vec![0, 128, 255, 7, 1, 2, 3, 4], vec![3, 0]);
    let forms: [(&str, &[u8]); 7] = [
        ("a.csv", KAGGLE.as_bytes()),
        (
            "a.csv",
            b"pixel0,pixel1,pixel2,pixel3,Label\r\n0,128,255,7,3\r\n\r\n1,2,3,4,0",
        ),
        (
            "a.csv",
            b"\xef\xbb\xbf\"y\";\"a\";\"b\";\"c\";\"d\"\n3;0;128;255;7\n0;1;2;3;4\n",
        ),
        ("a.csv", b"3\t0\t128\t255\t7\n0\t1\t2\t3\t4\n"),
        ("a.txt", b"3 0 128 255 7\n0 1 2 3 4\n"),
        ("a.amat", b"  0.0  128  2.55e2 7 3.0\n1 2 3 4 0\n"),
        ("a.csv", b"\"3\",\"0\",\"128\",\"255\",\"7\"\n0,1.2,2,3,4\n"),
    ];
    for (name, bytes) in forms {
        assert_eq!(
            read(name, bytes),
            expected,
            "{}",
            String::from_utf8_lossy(bytes)
        );
        assert_eq!(read(name, &gzip(bytes)), expected);
    }
    let unlabelled = (vec![0, 128, 255, 7], vec![0]);
    assert_eq!(read("a.csv", b"0,128,255,7\n"), unlabelled);
    let unit = (vec![0, 128, 255, 77], vec![1]);
    assert_eq!(read("a.amat", b"0 0.5 1 .3 1\n"), unit);
}

#[test]
fn holds_out_the_test_table_and_keeps_the_first_images() {
    let folder = Folder::new();
    let kind = Csv {
        test_images: folder.put("b.csv", b"label,a,b,c,d\n1,9,8,7,6\n"),
        ..folder.kind("a.csv", KAGGLE.as_bytes())
    };
    let division = Division {
        validation: Validation::Test,
        limit: Some(1),
        ..whole()
    };
    let set = load(kind.clone(), division.clone()).unwrap();
    assert_eq!(set.images.pixels, [0, 128, 255, 7, 9, 8, 7, 6]);
    assert_eq!(set.images.labels, [3, 1]);
    assert_eq!((set.train, set.validation), (vec![0], vec![1]));
    assert_eq!(set.sources[0].sha256, sha256_hex(KAGGLE.as_bytes()));
    let found = survey(kind, division).unwrap();
    assert_eq!((found.train, found.validation, found.height), (1, 1, 2));
}

#[test]
fn says_what_is_wrong_in_which_line() {
    let folder = Folder::new();
    let refused = |bytes: &[u8]| {
        let error = load(folder.kind("a.csv", bytes), whole()).unwrap_err();
        assert_eq!(error.exit_code(), 65);
        error.to_string().split_once("`: ").unwrap().1.to_owned()
    };
    let cases: [(&[u8], &str); 10] = [
        (b"", "no line of numbers"),
        (b"\xef\xbb\xbf\n1,2\n", "no line of numbers"),
        (b"label,a,b,c,d\n\n", "no line of numbers"),
        (
            b"1,2,3,4\n1,2,3\n",
            "line 2: 3 columns, expected 4 as in the first line",
        ),
        (
            b"1,2,3,4\n1,2,x,4\n",
            "line 2: `x` in column 3 is not a number",
        ),
        (
            b"1,2,3,4\n1,2,nan,4\n",
            "line 2: `nan` in column 3 is not a number",
        ),
        (
            b"0.5,1,2,3,4\n",
            "line 1: label 0.5, expected a whole number from 0 to 65535",
        ),
        (
            b"1,2,3,4\n-1,2,3,400\n",
            "line 2: the value -1 lies outside 0 to 255; values are from -1 to 400",
        ),
        (
            b"1,2,3,4,5,6,7,8\n",
            "8 columns are neither the pixels of a square nor these and a label",
        ),
        (b"\x1f\x8b\x08", "the packed data is damaged: it is cut off"),
    ];
    for (bytes, text) in cases {
        assert_eq!(refused(bytes), text);
    }
    let shaped = |label_column, bytes: &[u8]| Csv {
        image_shape: Some(vec![2, 1, 3]),
        label_column,
        ..folder.kind("a.csv", bytes)
    };
    let wide = shaped(LabelColumn::Last, b"1,2,3,4,5,6,7\n");
    let images = load(wide, whole()).unwrap().images;
    assert_eq!((images.height, images.width, images.channels), (2, 1, 3));
    assert_eq!(
        (images.pixels, images.labels),
        (vec![1, 2, 3, 4, 5, 6], vec![7])
    );
    let error = load(shaped(LabelColumn::None, b"1,2\n"), whole()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("2 columns are not those of images of [2, 1, 3] pixels")
    );
}

/// Nothing panics or takes long, whatever the bytes.
#[test]
fn survives_damaged_files() {
    let folder = Folder::new();
    let mut stream = Stream::new(0, Purpose::Sample, 0, 0);
    for packed in [KAGGLE.as_bytes().to_vec(), gzip(KAGGLE.as_bytes())] {
        for _ in 0..4_000 {
            let mut bytes = packed.clone();
            for _ in 0..=stream.below(3) {
                let at = stream.below(bytes.len() as u64) as usize;
                match stream.below(3) {
                    0 => bytes[at] = stream.next_u32() as u8,
                    1 => bytes.truncate(at + 1),
                    _ => bytes[at] = b"0,;. \n\"-e"[at % 9],
                }
            }
            if let Err(error) = load(folder.kind("a.csv", &bytes), whole()) {
                assert_eq!(error.exit_code(), 65, "{error}");
            }
        }
    }
}
