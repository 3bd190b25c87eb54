//! Files written by NumPy (`make.py`), and damaged ones.

use super::*;
use crate::data::array_file::BadFile;
use crate::data::idx::tests::gzip;
use crate::numeric::random::{Purpose, Stream};

const GRAY: &[u8] = include_bytes!("gray.npy");
const LABELS: &[u8] = include_bytes!("labels.npy");

type Read = (Vec<u8>, [usize; 3]);

fn read(bytes: &[u8], content: Content) -> Result<Read, DataError> {
    let file = ArrayFile::from_bytes(Path::new("file"), bytes)?;
    let mut file = with_header(file, content, None)?;
    let mut items = vec![0; file.axes().count * file.axes().item_values()];
    match content {
        Content::Images => file.pixels(&mut items, None)?,
        Content::Labels | Content::Factors => {
            let mut at = items.iter_mut();
            let count = at.len();
            file.numbers(count, |value| *at.next().unwrap() = value as u8)?;
        }
    }
    let size = file.axes().size();
    file.finish()?;
    Ok((items, size))
}

fn gray() -> Vec<u8> {
    (0..60).map(|i| (i * 7 % 256) as u8).collect()
}

#[test]
fn reads_what_numpy_wrote() {
    let expected = (gray(), [4, 5, 1]);
    let versions: [&[u8]; 3] = [
        GRAY,
        include_bytes!("gray_2.npy"),
        include_bytes!("gray_3.npy"),
    ];
    for file in versions {
        assert_eq!(read(file, Content::Images).unwrap(), expected);
        assert_eq!(read(&gzip(file), Content::Images).unwrap(), expected);
    }
    let rgb: Vec<u8> = (0..120).map(|i| (i * 11 % 256) as u8).collect();
    let file = include_bytes!("rgb.npy");
    assert_eq!(read(file, Content::Images).unwrap(), (rgb, [4, 5, 3]));
    for file in [LABELS, include_bytes!("int64.npy")] {
        let labels = read(file, Content::Labels).unwrap();
        assert_eq!(labels, (vec![2, 0, 1], [1, 1, 1]));
    }
    // The same images, their channels as planes.
    let file = include_bytes!("channels_first.npy");
    let interleaved = read(include_bytes!("rgb.npy"), Content::Images).unwrap();
    assert_eq!(read(file, Content::Images).unwrap(), interleaved);
}

#[test]
fn refuses_other_arrays_with_the_way_out() {
    let cases: [(&[u8], Content, &str, &str); 4] = [
        (
            include_bytes!("fortran.npy"),
            Content::Images,
            "at byte 44: the elements are in Fortran order, expected C order",
            "save `np.ascontiguousarray(array)`",
        ),
        (
            GRAY,
            Content::Labels,
            "at byte 60: the shape is (3, 4, 5), expected (labels,)",
            "",
        ),
        (
            b"PK\x03\x04 is how an .npz file begins",
            Content::Images,
            "at byte 0: a zip archive, expected an .npy file",
            "name an `.npz` archive by `file = \"file\"`, and arrays in it by `images` and the others",
        ),
        (
            b"not NumPy's at all",
            Content::Images,
            "at byte 0: not an .npy file: it does not begin with 93 4e 55 4d 50 59 (`\\x93NUMPY`)",
            "",
        ),
    ];
    for (bytes, content, text, hint) in cases {
        let error = read(bytes, content).unwrap_err();
        assert_eq!(error.exit_code(), 65);
        assert_eq!(error.to_string(), format!("`file`: {text}"));
        assert_eq!(error.hint().unwrap_or_default(), hint);
    }
    for (file, name) in [
        (&include_bytes!("object.npy")[..], "object"),
        (include_bytes!("struct.npy"), "a structure"),
    ] {
        let error = read(file, Content::Labels).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// A file with this dictionary, of as many zeros.
fn file(dictionary: &str, zeros: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dictionary.len() as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.resize(bytes.len() + zeros, 0);
    bytes
}

#[test]
fn reads_every_way_to_write_the_dictionary_and_no_other() {
    let good = [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1), }\n",
        "{'shape':(2,1,1),'fortran_order':False,'descr':'<u1'}   \n",
        "{ \"shape\" : ( 2 , 1 , 1 , ) , 'descr' : '>u1' , 'fortran_order' : False }\n",
    ];
    for dictionary in good {
        let read = read(&file(dictionary, 2), Content::Images);
        assert_eq!(read.unwrap().0, [0, 0], "{dictionary}");
    }
    let bad = [
        "",
        "\n",
        "{}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1), }\n\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1)\n",
        "{'descr': '|u1', 'fortran_order': False}\n",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1)}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1), 'more': 1}\n",
        "{'descr': '|u1', 'fortran_order': 0, 'shape': (2, 1, 1)}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': [2, 1, 1]}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 01, 1)}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, -1, 1)}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,, 1, 1)}\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2 1 1)}\n",
        "{'descr': '|u1, 'fortran_order': False, 'shape': (2, 1, 1)}\n",
        "{'descr': '\\x7cu1', 'fortran_order': False, 'shape': (2, 1, 1)}\n",
        "{'descr': '', 'fortran_order': False, 'shape': (2, 1, 1)}\n",
        "{'descr' '|u1', 'fortran_order': False, 'shape': (2, 1, 1)}\n",
        "{'descr': '|u1' 'fortran_order': False, 'shape': (2, 1, 1)}\n",
    ];
    for dictionary in bad {
        assert!(
            read(&file(dictionary, 2), Content::Images).is_err(),
            "{dictionary}"
        );
    }
}

#[test]
fn bounds_memory_by_the_length_of_the_file() {
    for shape in [
        "(99999999999999999999999999, 4, 5)",
        "(4294967295, 16384, 16384)",
        "(9999, 28, 28)",
    ] {
        let dictionary = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n");
        for bytes in [file(&dictionary, 60), gzip(&file(&dictionary, 60))] {
            assert!(read(&bytes, Content::Images).is_err(), "{shape}");
        }
    }
    let error = read(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", Content::Images).unwrap_err();
    let text = "`file`: at byte 8: a header of 4294967295 bytes, expected at most 65535";
    assert_eq!(error.to_string(), text);
}

/// A change of one byte or a cut is refused, or says the same in another way, or that elements are signed.
#[test]
fn survives_damaged_files() {
    let is_bad = |error: &DataError| error.downcast_ref::<BadFile>().is_some();
    let header = GRAY.len() - 60;
    let sound = read(GRAY, Content::Images).unwrap();
    for at in 0..header {
        for value in 0..=u8::MAX {
            let mut bytes = GRAY.to_vec();
            bytes[at] = value;
            match read(&bytes, Content::Images) {
                Ok(read) => {
                    let is_int8 = bytes[at.saturating_sub(1)..].starts_with(b"|i1");
                    assert!(is_int8 || read == sound, "byte {at} = {value}");
                }
                Err(error) => assert!(is_bad(&error), "{error}"),
            }
        }
    }
    for cut in 0..GRAY.len() {
        assert!(is_bad(&read(&GRAY[..cut], Content::Images).unwrap_err()));
    }
    let mut stream = Stream::new(0, Purpose::Sample, 0, 0);
    for _ in 0..20_000 {
        let mut bytes = GRAY.to_vec();
        for _ in 0..=stream.below(6) {
            let at = stream.below(header as u64) as usize;
            let from = stream.below(GRAY.len() as u64) as usize;
            match stream.below(3) {
                0 => bytes[at] = stream.next_u32() as u8,
                1 => bytes[at] = GRAY[from],
                _ => drop(bytes.splice(at..at, GRAY[from..].iter().copied().take(9))),
            }
        }
        if let Err(error) = read(&bytes, Content::Images) {
            assert!(is_bad(&error), "{error}");
        }
    }
}
