//! What is on the disk after each operation, and what is said where one fails.

use super::*;
use crate::fs::in_folder;
use std::io::Write as _;

fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    list(folder).unwrap().into_iter().map(name).collect()
}

#[test]
fn replaces_the_whole_file_and_leaves_nothing_else() {
    let (folder, path) = in_folder("a.json");
    write_atomic(&path, b"a long first content").unwrap();
    write_atomic(&path, b"short").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"short");
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[test]
fn replaces_a_temporary_file_left_by_a_crash() {
    let (folder, path) = in_folder("a.json");
    fs::write(folder.path().join("a.json.tmp"), b"half of someth").unwrap();
    write_atomic(&path, b"whole").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[cfg(unix)]
#[test]
fn follows_no_link_under_the_temporary_name() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let path = folder.path().join("a.json");
    std::os::unix::fs::symlink(&victim, folder.path().join("a.json.tmp")).unwrap();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn follows_no_link_when_writing_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let path = folder.path().join("log.txt");
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    assert!(matches!(
        append_line(&path, "line"),
        Err(FileError::IsALink { .. })
    ));
    assert!(matches!(open_lock(&path), Err(FileError::IsALink { .. })));
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn keeps_the_old_file_when_a_write_is_abandoned() {
    let (folder, path) = in_folder("a.bin");
    write_atomic(&path, b"old").unwrap();
    let mut file = PendingFile::create(&path, 1_000).unwrap();
    file.write(b"half").unwrap();
    assert_eq!(names(folder.path()), ["a.bin", "a.bin.tmp"]);
    drop(file);
    assert_eq!(names(folder.path()), ["a.bin"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn rotates_the_published_files() {
    let folder = tempfile::tempdir().unwrap();
    let (last, previous) = (folder.path().join("last"), folder.path().join("previous"));
    for content in ["one", "two", "three"] {
        // As after a crash between the two renames.
        fs::write(folder.path().join("previous.tmp"), b"stale").unwrap();
        let mut file = PendingFile::create(&last, 0).unwrap();
        file.write(content.as_bytes()).unwrap();
        file.publish_and_keep(&previous).unwrap();
        assert_eq!(fs::read_to_string(&last).unwrap(), content);
        assert!(!folder.path().join("previous.tmp").exists());
    }
    assert_eq!(fs::read_to_string(&previous).unwrap(), "two");
    assert_eq!(names(folder.path()), ["last", "previous"]);
    // Two files, not two names of one: damage to one must not reach the other.
    fs::write(&last, b"damaged").unwrap();
    assert_eq!(fs::read_to_string(&previous).unwrap(), "two");
}

#[test]
fn keeps_the_newest_file_after_a_failed_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let last = folder.path().join("last");
    let previous = folder.path().join("previous");
    write_atomic(&last, b"one").unwrap();
    // A folder in the way of the kept file.
    fs::create_dir(&previous).unwrap();
    let mut file = PendingFile::create(&last, 3).unwrap();
    file.write(b"two").unwrap();
    let error = file.publish_and_keep(&previous).unwrap_err();
    assert!(error.to_string().starts_with("cannot rename `"), "{error}");
    assert_eq!(fs::read(&last).unwrap(), b"two");
    assert_eq!(names(folder.path()), ["last", "previous"]);
}

#[test]
fn refuses_to_create_a_folder_that_exists() {
    let (_folder, path) = in_folder("run");
    create_dir(&path).unwrap();
    let error = create_dir(&path).unwrap_err();
    assert!(error.is_already_there());
    assert!(
        error.to_string().starts_with("cannot create the folder `"),
        "{error}"
    );
}

#[test]
fn names_operation_path_and_system_message_in_errors() {
    let (folder, path) = in_folder("not/there/a.json");
    let error = write_atomic(&path, b"x").unwrap_err();
    assert!(error.is_not_found());
    let text = error.to_string();
    let expected = format!("cannot create `{}.tmp`: No such file", path.display());
    assert!(text.starts_with(&expected), "{text}");

    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = write_atomic(&file.join("a.json"), b"x").unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NotADirectory));
}

/// `/dev/full` answers every write as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn names_the_bytes_needed_on_a_full_disk() {
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = write_bytes(&mut full, Path::new("/dev/full"), &[0; 77])
        .unwrap_err()
        .needing(77);
    assert!(matches!(error, FileError::NoSpace { bytes: 77, .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("cannot write `/dev/full`: No space left on device"),
        "{text}"
    );
    assert!(text.ends_with("; the file needs 77 bytes"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let mut file = PendingFile::create(&folder.path().join("a.bin"), 123_456).unwrap();
    file.divert(full);
    let text = file.write(&[0; 77]).unwrap_err().to_string();
    assert!(text.ends_with("; the file needs 123456 bytes"), "{text}");
    drop(file);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn appends_lines_and_ends_a_partial_one_first() {
    let (_folder, path) = in_folder("log.txt");
    append_line(&path, "one").unwrap();
    append_line(&path, "two").unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"torn by a power c").unwrap();
    append_line(&path, "three").unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "one\ntwo\ntorn by a power c\nthree\n"
    );
}

#[test]
fn bounds_reading_and_refuses_what_is_no_file() {
    let (folder, path) = in_folder("a");
    fs::write(&path, b"12345").unwrap();
    assert_eq!(read(&path, 5).unwrap(), b"12345");
    assert!(matches!(
        read(&path, 4).unwrap_err(),
        FileError::TooLarge { limit: 4, .. }
    ));
    assert!(matches!(
        read(folder.path(), 4).unwrap_err(),
        FileError::NotAFile { .. }
    ));
    fs::write(&path, b"ab\xff").unwrap();
    assert!(matches!(
        read_text(&path, 9).unwrap_err(),
        FileError::NotText { offset: 2, .. }
    ));
    assert!(
        read(&folder.path().join("b"), 4)
            .unwrap_err()
            .is_not_found()
    );
}

#[cfg(unix)]
#[test]
fn refuses_to_read_an_endless_device() {
    assert!(matches!(
        read(Path::new("/dev/zero"), 9).unwrap_err(),
        FileError::NotAFile { .. }
    ));
}

#[test]
fn removes_temporary_files_only() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.tmp", "b.safetensors.tmp", "c.txt", "tmp"] {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    fs::create_dir(folder.path().join("d.tmp")).unwrap();
    assert_eq!(remove_temporaries(folder.path()).unwrap(), 2);
    assert_eq!(names(folder.path()), ["c.txt", "d.tmp", "tmp"]);
    assert_eq!(
        remove_temporaries(&folder.path().join("not there")).unwrap(),
        0
    );
}

/// A folder in which nothing may be made, also not by root.
#[cfg(target_os = "linux")]
#[test]
fn reports_a_folder_that_is_not_writable() {
    let error = create_dir(Path::new("/proc/self/fdinfo/run")).unwrap_err();
    assert!(!error.is_already_there());
    assert!(
        error.to_string().contains("`/proc/self/fdinfo/run`"),
        "{error}"
    );
}

#[test]
fn creates_a_folder_with_all_its_parents() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    create_dir_all(&deep).unwrap();
    create_dir_all(&deep).unwrap();
    assert!(deep.is_dir());
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = create_dir_all(&folder.path().join("file/x")).unwrap_err();
    assert!(error.to_string().contains("file/x`"), "{error}");
}

/// `--out /dev/null` once put a regular file in its place.
#[cfg(unix)]
#[test]
fn replaces_no_device_and_no_link_by_a_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let write = |path: &Path| {
        let mut pending = create_named(path, 3)?;
        pending.write(b"new")?;
        pending.publish()
    };
    write(&link).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    write(&folder.path().join("fresh")).unwrap();
    // A socket stands for all that is no regular file; never the machine's own devices.
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for other in [folder.path(), &socket] {
        assert!(matches!(write(other), Err(FileError::NotAFile { .. })));
    }
    assert!(!fs::symlink_metadata(&socket).unwrap().is_file());
}
