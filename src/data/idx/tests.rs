//! Lies of IDX files: every cut, every changed byte of a header, and the large ones by name.

use std::io::Write;

use super::*;

/// An IDX file of 3 images, 4 x 5, pixel values 0, 1, 2 ...
fn images() -> Vec<u8> {
    let header = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5];
    header.into_iter().chain(0..60).collect()
}

fn labels() -> Vec<u8> {
    vec![0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]
}

pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads a file to its end as the loaders do.
fn read(bytes: &[u8], kind: Kind) -> Result<(Header, Vec<u8>, Source), DataError> {
    let mut file = IdxFile::from_bytes(Path::new("file"), bytes, kind)?;
    let header = file.header();
    let mut items = vec![0; header.count * header.item_bytes()];
    file.fill(&mut items)?;
    Ok((header, items, file.finish()?))
}

fn error(bytes: &[u8], kind: Kind) -> IdxError {
    match read(bytes, kind) {
        Err(DataError::Idx { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_and_gzip_files_read_the_same() {
    let plain = read(&images(), Kind::Images).unwrap();
    let (header, items, source) = &plain;
    assert_eq!([header.count, header.height, header.width], [3, 4, 5]);
    assert!(items.iter().copied().eq(0..60));
    assert_eq!(source.bytes, 76);
    assert_eq!(
        source.sha256,
        crate::fs::digest::sha256_hex(&images()),
        "the digest is of the uncompressed file"
    );
    let again = read(&gzip(&images()), Kind::Images).unwrap();
    assert_eq!((again.0, &again.1, &again.2), (plain.0, items, source));
    let (header, items, _) = read(&labels(), Kind::Labels).unwrap();
    assert_eq!((header.count, items), (3, vec![7, 0, 9]));
}

#[test]
fn colour_images_have_a_fourth_axis() {
    let header = [
        0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6,
    ];
    let (header, items, _) = read(&header, Kind::Images).unwrap();
    assert_eq!((header.channels, items), (3, vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn a_digest_does_not_depend_on_how_much_is_kept() {
    let all = read(&images(), Kind::Images).unwrap().2;
    let bytes = images();
    let mut file = IdxFile::from_bytes(Path::new("file"), &bytes, Kind::Images).unwrap();
    file.fill(&mut [0; 20]).unwrap();
    assert_eq!(file.finish().unwrap(), all);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for whole in [images(), labels(), gzip(&images()), gzip(&labels())] {
        let kind = if whole.len() > 60 && !whole.ends_with(&[7, 0, 9]) {
            Kind::Images
        } else {
            Kind::Labels
        };
        for cut in 0..whole.len() {
            for kind in [kind, Kind::Images, Kind::Labels] {
                match read(&whole[..cut], kind) {
                    Err(DataError::Idx { .. }) => {}
                    other => panic!("cut at {cut}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(
        error(&images()[..70], Kind::Images),
        IdxError::Short {
            offset: 70,
            expected: 76
        }
    );
    assert_eq!(
        error(&images()[..10], Kind::Images),
        IdxError::Short {
            offset: 10,
            expected: 16
        }
    );
    let cut = gzip(&images()).len() - 3;
    assert!(matches!(
        error(&gzip(&images())[..cut], Kind::Images),
        IdxError::Gzip { offset, reason, .. } if offset == cut as u64 && reason == "it is cut off"
    ));
}

#[test]
fn two_gzip_members_count_as_one_file_and_either_may_be_cut() {
    let (first, second) = (gzip(&images()[..30]), gzip(&images()[30..]));
    let both = [first, second].concat();
    let (_, items, _) = read(&both, Kind::Images).unwrap();
    assert!(items.iter().copied().eq(0..60));
    for cut in 0..both.len() {
        assert!(read(&both[..cut], Kind::Images).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_file_with_more_behind_it_is_refused() {
    for extra in [&[0][..], &[0; 300], &[0x1f], &[0x1f, 0x8b, 8]] {
        let plain = [&images(), extra].concat();
        assert_eq!(error(&plain, Kind::Images), IdxError::Long { offset: 76 });
        let packed = [&gzip(&images()), extra].concat();
        assert!(matches!(
            error(&packed, Kind::Images),
            IdxError::Gzip { .. } | IdxError::Long { .. }
        ));
        let inside = gzip(&[&images(), extra].concat());
        assert_eq!(error(&inside, Kind::Images), IdxError::Long { offset: 76 });
        let member = [gzip(&images()), gzip(extra)].concat();
        assert_eq!(error(&member, Kind::Images), IdxError::Long { offset: 76 });
    }
}

/// Any other header than the true one contradicts the file's length, so no change may pass.
#[test]
fn no_changed_header_is_believed() {
    let mut lies = 0;
    for (whole, kind, header_bytes) in [(images(), Kind::Images, 16), (labels(), Kind::Labels, 8)] {
        for position in 0..header_bytes {
            for value in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[position] = value;
                if changed == whole {
                    continue;
                }
                for file in [changed.clone(), gzip(&changed)] {
                    match read(&file, kind) {
                        Err(DataError::Idx { .. }) => lies += 1,
                        other => panic!("byte {position} = {value}: {other:?}"),
                    }
                }
            }
        }
    }
    assert_eq!(lies, (16 + 8) * 255 * 2);
}

/// A changed byte of a gzip file either is refused or leaves the content as it was (the time in
/// gzip's own header, or another code for the same content).
#[test]
fn no_changed_gzip_byte_changes_the_content() {
    let whole = gzip(&images());
    let (_, items, source) = read(&whole, Kind::Images).unwrap();
    let mut refused = 0;
    for position in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[position] = value;
            match read(&changed, Kind::Images) {
                Ok((_, read_items, read_source)) => {
                    assert_eq!((&read_items, &read_source), (&items, &source));
                }
                Err(DataError::Idx { .. }) => refused += 1,
                Err(other) => panic!("byte {position} = {value}: {other:?}"),
            }
        }
    }
    println!("{refused} changed bytes are refused");
    assert!(refused >= 20_000, "{refused}");
}

#[test]
fn each_lie_is_named_with_its_byte() {
    let with = |position: usize, value: u8| {
        let mut changed = images();
        changed[position] = value;
        error(&changed, Kind::Images).to_string()
    };
    assert_eq!(
        with(0, 1),
        "at byte 0: not an IDX file: it begins with 01 00, expected 00 00"
    );
    assert_eq!(
        with(2, 0x0d),
        "at byte 2: element type 0x0d, expected 0x08 (unsigned byte)"
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
        error(&labels(), Kind::Images),
        IdxError::Axes { found: 1, .. }
    ));
    assert!(matches!(
        error(&images(), Kind::Labels),
        IdxError::Axes { found: 3, .. }
    ));
}

#[test]
fn sizes_that_overflow_are_refused_by_the_header_alone() {
    let file = |lengths: [u32; 4]| {
        let mut bytes = vec![0, 0, 8, 4];
        bytes.extend(lengths.into_iter().flat_map(u32::to_be_bytes));
        bytes
    };
    for lengths in [[u32::MAX, 16_384, 16_384, 3], [u32::MAX, 2, 1, 1]] {
        for bytes in [file(lengths), gzip(&file(lengths))] {
            assert!(matches!(
                error(&bytes, Kind::Images),
                IdxError::TooLarge { .. }
            ));
        }
    }
    let lengths = [5, 5, 5, u32::MAX];
    assert!(matches!(
        error(&file(lengths), Kind::Images),
        IdxError::Length { offset: 16, .. }
    ));
}

#[test]
fn a_small_gzip_file_cannot_claim_much_memory() {
    let mut bytes = vec![0, 0, 8, 3];
    bytes.extend([60_000_u32, 28, 28].into_iter().flat_map(u32::to_be_bytes));
    let packed = gzip(&bytes);
    assert_eq!(
        error(&packed, Kind::Images),
        IdxError::Impossible {
            declared: 47_040_016,
            length: packed.len() as u64
        }
    );
}

#[test]
fn a_bomb_behind_an_honest_header_is_read_no_further_than_the_header_says() {
    let bomb = gzip(&[images(), vec![0; 20_000_000]].concat());
    let mut file = IdxFile::from_bytes(Path::new("file"), &bomb, Kind::Images).unwrap();
    file.fill(&mut [0; 60]).unwrap();
    assert!(file.input.file_position() < 2_000);
    assert!(matches!(
        file.finish(),
        Err(DataError::Idx {
            source: IdxError::Long { offset: 76 },
            ..
        })
    ));
}

#[test]
fn errors_name_the_file_and_sort_themselves_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let missing = IdxFile::open(&path, Kind::Images).map(|_| ()).unwrap_err();
    assert_eq!(missing.exit_code(), 74);
    std::fs::write(&path, b"text").unwrap();
    let wrong = IdxFile::open(&path, Kind::Images).map(|_| ()).unwrap_err();
    assert_eq!(wrong.exit_code(), 65);
    assert!(wrong.to_string().contains(path.to_str().unwrap()));
}
