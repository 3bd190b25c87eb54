//! Malformed IDX files: every cut, every changed byte of a header, and each kind of error by name.

use std::io::Write;

use super::*;
use crate::data::array_file::{ArrayError, Axes, BadFile};
use crate::data::source::Source;

/// An IDX file of 3 images, 4 x 5, pixel values 0, 1, 2 ...
fn images() -> Vec<u8> {
    let header = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5];
    header.into_iter().chain(0..60).collect()
}

fn labels() -> Vec<u8> {
    vec![0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]
}

/// An IDX file of these bytes.
pub(in crate::data) fn idx_file(lengths: &[u32], items: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, lengths.len() as u8];
    bytes.extend(lengths.iter().flat_map(|length| length.to_be_bytes()));
    bytes.extend(items);
    bytes
}

pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads a file to its end as the loaders do.
fn read(bytes: &[u8], content: Content) -> Result<(Axes, Vec<u8>, Source), DataError> {
    let mut file = from_bytes(bytes, content)?;
    let axes = file.axes();
    let mut items = vec![0; axes.count * axes.item_values()];
    file.fill(&mut items)?;
    Ok((axes, items, file.finish()?))
}

fn from_bytes(bytes: &[u8], content: Content) -> Result<ArrayFile<'_>, DataError> {
    with_header(ArrayFile::from_bytes(Path::new("file"), bytes)?, content)
}

fn is_bad(error: &DataError) -> bool {
    error.downcast_ref::<BadFile>().is_some()
}

fn problem<E: std::error::Error + Clone + 'static>(error: &DataError) -> E {
    let bad: &BadFile = error.downcast_ref().unwrap();
    let problem: &dyn std::error::Error = &*bad.problem;
    problem
        .downcast_ref::<E>()
        .unwrap_or_else(|| panic!("{error}"))
        .clone()
}

fn error<E: std::error::Error + Clone + 'static>(bytes: &[u8], content: Content) -> E {
    problem(&read(bytes, content).unwrap_err())
}

#[test]
fn reads_plain_and_gzip_files_alike() {
    let plain = read(&images(), Content::Images).unwrap();
    let (axes, items, source) = &plain;
    assert_eq!((axes.count, axes.size()), (3, [4, 5, 1]));
    assert!(items.iter().copied().eq(0..60));
    assert_eq!(source.bytes, 76);
    assert_eq!(
        source.sha256,
        crate::fs::digest::sha256_hex(&images()),
        "the digest is of the uncompressed file"
    );
    let again = read(&gzip(&images()), Content::Images).unwrap();
    assert_eq!((again.0, &again.1, &again.2), (plain.0, items, source));
    let (axes, items, _) = read(&labels(), Content::Labels).unwrap();
    assert_eq!((axes.count, items), (3, vec![7, 0, 9]));
}

#[test]
fn reads_a_fourth_axis_of_colour_images() {
    let header = [
        0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6,
    ];
    let (axes, items, _) = read(&header, Content::Images).unwrap();
    assert_eq!((axes.channels, items), (3, vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn takes_the_digest_of_what_is_not_kept_too() {
    let all = read(&images(), Content::Images).unwrap().2;
    let bytes = images();
    let mut file = from_bytes(&bytes, Content::Images).unwrap();
    file.fill(&mut [0; 20]).unwrap();
    assert_eq!(file.finish().unwrap(), all);
}

#[test]
fn refuses_a_file_cut_anywhere() {
    for whole in [images(), labels(), gzip(&images()), gzip(&labels())] {
        let content = if whole.len() > 60 && !whole.ends_with(&[7, 0, 9]) {
            Content::Images
        } else {
            Content::Labels
        };
        for cut in 0..whole.len() {
            for content in [content, Content::Images, Content::Labels] {
                match read(&whole[..cut], content) {
                    Err(error) if is_bad(&error) => {}
                    other => panic!("cut at {cut}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(
        error::<ArrayError>(&images()[..70], Content::Images),
        ArrayError::Short {
            offset: 70,
            expected: 76
        }
    );
    assert_eq!(
        error::<ArrayError>(&images()[..10], Content::Images),
        ArrayError::Short {
            offset: 10,
            expected: 16
        }
    );
    let cut = gzip(&images()).len() - 3;
    assert!(matches!(
        error::<ArrayError>(&gzip(&images())[..cut], Content::Images),
        ArrayError::Gzip { offset, reason, .. } if offset == cut as u64 && reason == "it is cut off"
    ));
}

#[test]
fn reads_two_gzip_members_as_one_file() {
    let (first, second) = (gzip(&images()[..30]), gzip(&images()[30..]));
    let both = [first, second].concat();
    let (_, items, _) = read(&both, Content::Images).unwrap();
    assert!(items.iter().copied().eq(0..60));
    for cut in 0..both.len() {
        assert!(read(&both[..cut], Content::Images).is_err(), "cut at {cut}");
    }
}

#[test]
fn refuses_more_data_behind_the_array() {
    for extra in [&[0][..], &[0; 300], &[0x1f], &[0x1f, 0x8b, 8]] {
        let plain = [&images(), extra].concat();
        assert_eq!(
            error::<ArrayError>(&plain, Content::Images),
            ArrayError::Long { offset: 76 }
        );
        let packed = [&gzip(&images()), extra].concat();
        assert!(matches!(
            error::<ArrayError>(&packed, Content::Images),
            ArrayError::Gzip { .. } | ArrayError::Long { .. }
        ));
        let inside = gzip(&[&images(), extra].concat());
        assert_eq!(
            error::<ArrayError>(&inside, Content::Images),
            ArrayError::Long { offset: 76 }
        );
        let member = [gzip(&images()), gzip(extra)].concat();
        assert_eq!(
            error::<ArrayError>(&member, Content::Images),
            ArrayError::Long { offset: 76 }
        );
    }
}

/// Any other header than the true one contradicts the file's length, so no change may pass but the one to int8.
#[test]
fn refuses_every_changed_header() {
    let mut refused = 0;
    for (whole, content, header_bytes) in [
        (images(), Content::Images, 16),
        (labels(), Content::Labels, 8),
    ] {
        for position in 0..header_bytes {
            for value in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[position] = value;
                if changed == whole || (position, value) == (2, 9) {
                    continue;
                }
                for file in [changed.clone(), gzip(&changed)] {
                    match read(&file, content) {
                        Err(error) if is_bad(&error) => refused += 1,
                        other => panic!("byte {position} = {value}: {other:?}"),
                    }
                }
            }
        }
    }
    assert_eq!(refused, ((16 + 8) * 255 - 2) * 2);
}

/// A changed byte of a gzip file either is refused or leaves the content as it was (the time in
/// gzip's own header, or another code for the same content).
#[test]
fn refuses_changed_gzip_bytes_that_change_the_content() {
    let whole = gzip(&images());
    let (_, items, source) = read(&whole, Content::Images).unwrap();
    let mut refused = 0;
    for position in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[position] = value;
            match read(&changed, Content::Images) {
                Ok((_, read_items, read_source)) => {
                    assert_eq!((&read_items, &read_source), (&items, &source));
                }
                Err(error) if is_bad(&error) => refused += 1,
                Err(other) => panic!("byte {position} = {value}: {other:?}"),
            }
        }
    }
    println!("{refused} changed bytes are refused");
    assert!(refused >= 20_000, "{refused}");
}

#[test]
fn names_the_byte_of_each_mistake() {
    let with = |position: usize, value: u8| {
        let mut changed = images();
        changed[position] = value;
        let error = read(&changed, Content::Images).unwrap_err().to_string();
        error.strip_prefix("`file`: ").unwrap().to_owned()
    };
    assert_eq!(
        with(0, 1),
        "at byte 0: not an IDX file: it begins with 01 00, expected 00 00"
    );
    assert_eq!(
        with(2, 0x0a),
        "at byte 2: element type 0x0a, expected 0x08, 0x09 or 0x0b to 0x0e"
    );
    assert_eq!(
        with(3, 2),
        "at byte 3: 2 axes, expected 3 (images, rows, columns) or 4 (with channels)"
    );
    assert_eq!(
        with(7, 0),
        "at byte 4: the number of images is 0, expected at least 1"
    );
    assert_eq!(
        with(8, 1),
        "at byte 8: the height is 16777220, expected 1 to 16384"
    );
    assert_eq!(
        with(15, 0),
        "at byte 12: the width is 0, expected 1 to 16384"
    );
    assert_eq!(with(7, 4), "at byte 76: the data ends, expected 96 bytes");
    assert_eq!(
        with(7, 2),
        "at byte 56: more data follows where the header says that the file ends"
    );
    assert!(matches!(
        error(&labels(), Content::Images),
        IdxError::Axes { found: 1, .. }
    ));
    assert!(matches!(
        error(&images(), Content::Labels),
        IdxError::Axes { found: 3, .. }
    ));
}

#[test]
fn refuses_sizes_that_overflow() {
    let file = |lengths: [u32; 4]| idx_file(&lengths, []);
    for lengths in [[u32::MAX, 16_384, 16_384, 3], [u32::MAX, 2, 1, 1]] {
        for bytes in [file(lengths), gzip(&file(lengths))] {
            assert!(matches!(
                error::<ArrayError>(&bytes, Content::Images),
                ArrayError::TooLarge { .. }
            ));
        }
    }
    let lengths = [5, 5, 5, u32::MAX];
    assert!(matches!(
        error::<ArrayError>(&file(lengths), Content::Images),
        ArrayError::Axis { offset: 16, .. }
    ));
}

#[test]
fn refuses_much_memory_for_a_small_gzip_file() {
    let packed = gzip(&idx_file(&[60_000, 28, 28], []));
    assert_eq!(
        error::<ArrayError>(&packed, Content::Images),
        ArrayError::Impossible {
            offset: 4,
            declared: 47_040_016,
            length: packed.len() as u64
        }
    );
}

#[test]
fn reads_no_further_than_the_header_says() {
    let bomb = gzip(&[images(), vec![0; 20_000_000]].concat());
    let mut file = from_bytes(&bomb, Content::Images).unwrap();
    file.fill(&mut [0; 60]).unwrap();
    assert!(file.file_position() < 2_000);
    let long: ArrayError = problem(&file.finish().unwrap_err());
    assert_eq!(long, ArrayError::Long { offset: 76 });
}

#[test]
fn names_the_file_and_chooses_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let missing = open(&path, Content::Images).map(|_| ()).unwrap_err();
    assert_eq!(missing.exit_code(), 74);
    std::fs::write(&path, b"text").unwrap();
    let wrong = open(&path, Content::Images).map(|_| ()).unwrap_err();
    assert_eq!(wrong.exit_code(), 65);
    assert!(wrong.to_string().contains(path.to_str().unwrap()));
}
