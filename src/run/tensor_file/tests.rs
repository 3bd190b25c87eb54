//! The reader against sound files of other programs, and against files that mean harm.

use std::time::{Duration, Instant};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::*;

fn tensor(name: &str, shape: &[usize], data: &[f32]) -> NamedTensor {
    NamedTensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        data: data.to_vec(),
    }
}

fn examples() -> Vec<NamedTensor> {
    let kernel: Vec<f32> = (0..200_003).map(|i| (i as f32).sin()).collect();
    vec![
        tensor("decoder.output.bias", &[1], &[-0.0]),
        tensor("encoder.conv0.kernel", &[200_003, 1], &kernel),
        tensor(
            "encoder.conv0.bias",
            &[2, 2],
            &[1.5, f32::INFINITY, f32::MIN_POSITIVE / 8.0, 3.0],
        ),
        tensor("a scalar", &[], &[7.25]),
        tensor("nothing", &[3, 0], &[]),
    ]
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("json".to_owned(), r#"{"image": [28, 28, 1]}"#.to_owned()),
        ("umlaut \"ü\"".to_owned(), "\u{1}\n\t\\".to_owned()),
    ])
}

/// A file made of a header's text and so many zero bytes of data.
fn raw(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// What the reader says of a file, and that it says so within 100 ms of this thread's own time on the
/// processor: what others take of it does not count. One try of five has to.
fn refusal(bytes: &[u8]) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let mut times = Vec::new();
    for _ in 0..5 {
        let before = processor_time();
        let answer = read_tensors(&path);
        times.push(processor_time() - before);
        match answer {
            Err(RunError::Damaged { path: named, fault }) if named == path => {
                if times.last() < Some(&Duration::from_millis(100)) {
                    return fault;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("refused after {times:?}");
}

/// What this thread has had of the processor; on other systems than Linux the time of day.
fn processor_time() -> Duration {
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(
        || Instant::now().duration_since(*START),
        Duration::from_nanos,
    )
}

static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

#[test]
fn reads_back_order_and_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut tensors = examples();
    tensors[0].data[0] = f32::from_bits(0x7fa0_1234); // a signalling NaN with a payload
    write_tensors(&path, &metadata(), &tensors).unwrap();
    let (read_metadata, read) = read_tensors(&path).unwrap();
    assert_eq!(read_metadata, metadata());
    let bits = |tensors: &[NamedTensor]| -> Vec<_> {
        let bits = |t: &NamedTensor| t.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        tensors
            .iter()
            .map(|t| (t.name.clone(), t.shape.clone(), bits(t)))
            .collect()
    };
    assert_eq!(bits(&read), bits(&tensors));
}

#[test]
fn writes_what_the_safetensors_crate_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write_tensors(&path, &metadata(), &examples()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let theirs = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), 5);
    for ours in examples() {
        let view = theirs.tensor(&ours.name).unwrap();
        assert_eq!(
            (view.dtype(), view.shape()),
            (Dtype::F32, ours.shape.as_slice())
        );
        let expected: Vec<u8> = ours.data.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(view.data(), expected);
    }
    let (header, read) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header % 8, 0, "tensors are to lie at multiples of eight");
    let read: BTreeMap<_, _> = read.metadata().clone().unwrap().into_iter().collect();
    assert_eq!(read, metadata());
}

#[test]
fn reads_what_the_safetensors_crate_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let data: Vec<Vec<u8>> = examples()
        .iter()
        .map(|t| t.data.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views: Vec<_> = examples()
        .into_iter()
        .zip(&data)
        .map(|(t, bytes)| (t.name, TensorView::new(Dtype::F32, t.shape, bytes).unwrap()))
        .collect();
    let metadata_in = Some(metadata().into_iter().collect());
    std::fs::write(&path, safetensors::serialize(views, metadata_in).unwrap()).unwrap();
    let (read_metadata, mut read) = read_tensors(&path).unwrap();
    let mut expected = examples();
    for tensors in [&mut read, &mut expected] {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
    }
    assert_eq!((read_metadata, read), (metadata(), expected));

    let value = safetensors::serialize(
        [("w", TensorView::new(Dtype::F64, vec![1], &[0; 8]).unwrap())],
        None,
    );
    let fault = refusal(&value.unwrap());
    assert_eq!(
        fault,
        Fault::Dtype {
            name: "w".to_owned(),
            dtype: "F64".to_owned()
        }
    );
}

#[test]
fn computes_the_same_digest_from_memory_and_disk_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut tensors = examples();
    write_tensors(&path, &metadata(), &tensors).unwrap();
    let from_disk = Container::open(&path, LARGEST_FILE)
        .unwrap()
        .digest()
        .unwrap();
    assert_eq!(digest_tensors(&tensors), from_disk);
    tensors.reverse();
    assert_eq!(digest_tensors(&tensors), from_disk);
    tensors[1].shape = vec![4];
    assert_ne!(digest_tensors(&tensors), from_disk);
    // An independent implementation in Python (hashlib, struct) of the definition.
    let small = [tensor("b", &[2], &[1.0, -2.5]), tensor("a", &[], &[0.1])];
    assert_eq!(
        digest_tensors(&small),
        "66d9c7b598e298499dabe6a95028e81b89095da2c16cb432c1ab8ce2d93bd33c"
    );
}

/// One tensor of four bytes, as `a`.
const A: &str = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;

#[test]
fn rejects_hostile_headers_with_their_place() {
    let many_axes = format!(
        r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#,
        "1,".repeat(9)
    );
    let million_axes = format!(
        r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#,
        "1,".repeat(1_000_000)
    );
    let nested = format!(r#"{{"a":{}"#, "[".repeat(2_000_000));
    let nested_maps = r#"{"a":"#.repeat(500_000);
    let long_name = format!(
        r#"{{"{}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#,
        "n".repeat(300)
    );
    let long_dtype = format!(
        r#"{{"a":{{"dtype":"{}","shape":[1],"data_offsets":[0,4]}}}}"#,
        "F".repeat(3_000_000)
    );
    let many: String = (0..70_000)
        .map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}},"#))
        .collect();
    let many = format!("{{{many}{A}}}");
    let one = |shape: &str, offsets: &str| {
        format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let dtype =
        |dtype: &str| format!(r#"{{"a":{{"dtype":{dtype},"shape":[1],"data_offsets":[0,4]}}}}"#);
    let two = |first: &str, second: &str| {
        format!(
            r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":{first}}},"b":{{"dtype":"F32","shape":[1],"data_offsets":{second}}}}}"#
        )
    };
    let named =
        |name: &str| format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
    let metadata = |metadata: &str| format!(r#"{{"__metadata__":{metadata},{A}}}"#);

    let cases: Vec<(String, usize, &str)> = vec![
        // Offsets that overlap, leave gaps, run backwards or out of the file.
        (
            two("[0,4]", "[0,4]"),
            4,
            "begins at byte 0 of the data, expected 4",
        ),
        (
            two("[0,4]", "[2,6]"),
            6,
            "begins at byte 2 of the data, expected 4",
        ),
        (
            two("[0,4]", "[8,12]"),
            12,
            "begins at byte 8 of the data, expected 4: tensors overlap or leave",
        ),
        (
            two("[4,8]", "[8,12]"),
            12,
            "tensor `a` begins at byte 4 of the data, expected 0",
        ),
        (
            two("[0,4]", "[4,8]"),
            4,
            "has 119 bytes, but header and tensors have 123",
        ),
        (two("[0,4]", "[4,8]"), 12, "but header and tensors have 123"),
        (one("[1]", "[4,0]"), 4, "needs 4 bytes, but has 0"),
        (one("[1]", "[0,3]"), 3, "needs 4 bytes, but has 3"),
        (one("[1]", "[0,8]"), 8, "needs 4 bytes, but has 8"),
        (
            one("[1]", "[0,18446744073709551615]"),
            4,
            "needs 4 bytes, but has 18446744073709551615",
        ),
        (
            one("[1]", "[18446744073709551612,0]"),
            4,
            "needs 4 bytes, but has 0",
        ),
        (
            one("[1]", "[18446744073709551611,18446744073709551615]"),
            4,
            "begins at byte 18446744073709551611",
        ),
        (one("[1]", "[-4,0]"), 4, "invalid value: integer `-4`"),
        (one("[1]", "[0,18446744073709551616]"), 4, "byte "),
        (one("[1]", "[0.0,4.0]"), 4, "invalid type: floating point"),
        (one("[1]", "[0]"), 4, "invalid length 1"),
        (one("[1]", "[0,4,4]"), 4, "byte "),
        (one("[1]", "null"), 4, "invalid type: null"),
        (one("[1]", r#"{"0":0}"#), 4, "invalid type: map"),
        (one("[1]", r#""0,4""#), 4, "invalid type: string"),
        // Shapes that overflow or ask for more memory than anybody has.
        (
            one("[2]", "[0,4]"),
            4,
            "tensor `a` of shape [2] needs 8 bytes, but has 4",
        ),
        (one("[0]", "[0,4]"), 4, "needs 0 bytes, but has 4"),
        (
            one("[1073741824]", "[0,4294967296]"),
            4,
            "but header and tensors have",
        ),
        (
            one("[4611686018427387904]", "[0,0]"),
            0,
            "impossible shape [4611686018427387904]",
        ),
        (
            one("[4294967296,4294967296]", "[0,4]"),
            4,
            "impossible shape",
        ),
        (
            one("[18446744073709551615,18446744073709551615,2]", "[0,4]"),
            4,
            "impossible shape",
        ),
        (
            one("[4294967296,4294967296,0]", "[0,0]"),
            0,
            "impossible shape",
        ),
        (one("[-1]", "[0,4]"), 4, "invalid value: integer `-1`"),
        (one("[1.5]", "[0,4]"), 4, "invalid type: floating point"),
        (one("[1e0]", "[0,4]"), 4, "invalid type: floating point"),
        (one("[\"1\"]", "[0,4]"), 4, "invalid type: string"),
        (one("1", "[0,4]"), 4, "invalid type: integer `1`"),
        (one("[[1]]", "[0,4]"), 4, "invalid type: sequence"),
        (
            many_axes,
            4,
            "byte 54 of the file: a shape of more than 8 axes",
        ),
        (million_axes, 4, "a shape of more than 8 axes"),
        // Types.
        (
            dtype(r#""F64""#),
            4,
            "has values of type `F64`, expected `F32`",
        ),
        (dtype(r#""BF16""#), 4, "has values of type `BF16`"),
        (dtype(r#""f32""#), 4, "has values of type `f32`"),
        (dtype(r#""""#), 4, "has values of type ``"),
        (dtype("7"), 4, "invalid type: integer `7`"),
        (long_dtype, 4, "has values of type `FFFF"),
        // Names.
        (format!("{{{A},{A}}}"), 4, "the name `a` occurs twice"),
        (
            two("[0,4]", "[4,8]").replace("\"b\"", "\"\\u0061\""),
            8,
            "the name `a` occurs twice",
        ),
        (named(""), 4, "\"\" is no name of a tensor"),
        (named("a\\u0000b"), 4, "\"a\\u{0}b\" is no name of a tensor"),
        (
            named("a\\u001b[31m"),
            4,
            "\"a\\u{1b}[31m\" is no name of a tensor",
        ),
        (long_name, 4, "nnnn"),
        (many, 4, "more than 65536 tensors"),
        // Metadata.
        (
            metadata("{\"k\":\"1\",\"k\":\"2\"}"),
            4,
            "metadata key `k` occurs twice",
        ),
        (
            metadata("{},\"__metadata__\":{}"),
            4,
            "`__metadata__` occurs twice",
        ),
        (metadata("{\"k\":1}"), 4, "invalid type: integer `1`"),
        (metadata("{\"k\":null}"), 4, "invalid type: null"),
        (metadata("[]"), 4, "invalid type: sequence"),
        (
            metadata("{\"dtype\":\"F32\",\"shape\":[1]}"),
            4,
            "invalid type: sequence",
        ),
        // Entries and text.
        (format!("{{{A},\"b\":{{}}}}"), 4, "missing field `dtype`"),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}".to_owned(),
            4,
            "missing field `data_offsets`",
        ),
        (
            format!("{{{}}}", A.replace("\"shape\"", "\"shape\":[1],\"shape\"")),
            4,
            "duplicate field `shape`",
        ),
        (
            format!("{{{}}}", A.replace("\"shape\"", "\"x\":1,\"shape\"")),
            4,
            "unknown field `x`",
        ),
        (
            "{}".to_owned(),
            4,
            "has 14 bytes, but header and tensors have 10",
        ),
        ("[]".to_owned(), 0, "byte 8 of the file: expected `{`"),
        (format!(" {{{A}}}"), 4, "byte 8 of the file: expected `{`"),
        (
            format!("{{{A}}}x"),
            4,
            "expected `}` and spaces to the header's end",
        ),
        (
            format!("{{{A}}}\n"),
            4,
            "expected `}` and spaces to the header's end",
        ),
        (
            format!("{{{A}}}\0"),
            4,
            "expected `}` and spaces to the header's end",
        ),
        (
            format!("{{{A}}}{{}}"),
            4,
            "byte 62 of the file: trailing characters",
        ),
        (
            format!("{{{A},}}"),
            4,
            "byte 62 of the file: trailing comma",
        ),
        (
            "{\n\n\"a\":{\"dtype\":\"F32\",,}}".to_owned(),
            4,
            "byte 30 of the file: key must be a string",
        ),
        (nested, 4, "expected `}` and spaces"),
        (
            format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)),
            4,
            "invalid type: sequence",
        ),
        (
            format!("{{\"a\":{{\"dtype\":{}\"F32\"}}}}", "[".repeat(5_000)),
            4,
            "invalid type: sequence",
        ),
        (format!("{nested_maps}0}}"), 4, "byte "),
    ];
    assert!(cases.len() >= 60, "{}", cases.len());
    for (header, data, expected) in cases {
        let text = refusal(&raw(&header, data)).to_string();
        assert!(
            text.contains(expected),
            "{expected:?} expected for {:.200}\ngot {text:.400}",
            header
        );
        assert!(text.len() < 700, "a message of {} bytes", text.len());
    }
}

#[test]
fn rejects_wrong_lengths_before_allocating() {
    for size in 0..8 {
        let fault = refusal(&vec![0; size]);
        assert_eq!(fault, Fault::TooShort { size: size as u64 });
    }
    for length in [1, 9, 1 << 20, 1 << 40, u64::MAX - 7, u64::MAX] {
        let mut bytes = raw("", 0);
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(refusal(&bytes), Fault::HeaderLength { length, limit: 0 });
    }
    // A sparse file: large on paper, without a byte on the disk.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let sparse = |header: &str, size: u64| {
        std::fs::write(&path, raw(header, 0)).unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(size)
            .unwrap();
        read_tensors(&path).unwrap_err().to_string()
    };
    let text = sparse("{}", 1 << 40);
    assert!(
        text.contains("it has 1099511627776 bytes, more than the 4294967296"),
        "{text}"
    );
    let text = sparse("{}", 4 << 30);
    assert!(text.contains("but header and tensors have 10"), "{text}");
    std::fs::write(&path, u64::to_le_bytes(1 << 30)).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(2 << 30)
        .unwrap();
    let text = read_tensors(&path).unwrap_err().to_string();
    assert!(
        text.contains("the header has 1073741824 bytes, but at most 67108864"),
        "{text}"
    );
}

#[test]
fn rejects_a_file_cut_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let small = [tensor("b", &[2], &[1.0, -2.5]), tensor("a", &[], &[0.1])];
    write_tensors(&path, &metadata(), &small).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        refusal(&bytes[..length]);
    }
    refusal(&[&bytes[..], b"\0"].concat());
}

#[test]
fn rejects_what_is_no_file_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        read_tensors(folder.path()),
        Err(RunError::File(FileError::NotAFile { .. }))
    ));
    let error = read_tensors(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.exit_code(), 74);
}

#[test]
fn rejects_writing_what_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    for (tensors, expected) in [
        (
            vec![tensor("a", &[2], &[1.0])],
            "tensor `a` of shape [2] needs 8 bytes, but has 4",
        ),
        (
            vec![tensor("a", &[], &[1.0]), tensor("a", &[], &[1.0])],
            "the name `a` occurs twice",
        ),
        (
            vec![tensor("__metadata__", &[], &[1.0])],
            "is no name of a tensor",
        ),
    ] {
        let error = write_tensors(&path, &BTreeMap::new(), &tensors).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!path.exists());
    }
}
