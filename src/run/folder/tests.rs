//! The folder as a whole: what is in it, who may write it, and what a crash leaves.

use std::fs;
use std::process::{Command, Stdio};

use super::*;
use crate::fs::files::FileError;
use crate::fs::lock::LockError;
use crate::run::checkpoint::tests::example;
use crate::run::view::{RunStatus, RunView};

pub(in crate::run) fn new_run(name: &str) -> NewRun<'_> {
    NewRun {
        name,
        spec_text: "name = \"fmnist_vae\"",
        overrides: vec![
            "model.latent_dim=8".to_owned(),
            "x=\"\"\"a\nb\"\"\"".to_owned(),
        ],
        resolved_text: "name = \"fmnist_vae\"\nseed = 0\n",
        command_line: vec!["runner".to_owned(), "spec.toml".to_owned()],
        git_commit: Some("0123abcd".to_owned()),
        device_note: "device cpu: asked for",
        compute: Compute {
            device: "cpu".to_owned(),
            threads: 2,
            kernel_path: "avx2".to_owned(),
        },
        data: DataSource {
            name: "sprites".to_owned(),
            place: "built in".to_owned(),
            sources: vec![],
            checksum: "0dd5".to_owned(),
        },
        spec_digest: "5bec".to_owned(),
        parameters: Parameters {
            encoder: 40,
            decoder: 36,
            total: 76,
        },
        epochs: 10,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files::list(folder).unwrap().into_iter().map(name).collect()
}

#[test]
fn writes_all_parts_of_a_new_run() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(runs.path(), &new_run("fmnist_vae")).unwrap();
    let path = folder.path();
    let expected = [
        "checkpoints",
        "figures",
        "lock",
        "log.txt",
        "manifest.json",
        "resolved.toml",
        "spec.toml",
    ];
    assert_eq!(names(path), expected);
    assert_eq!(
        fs::read_to_string(path.join(SPEC)).unwrap(),
        "name = \"fmnist_vae\"\n\n# Overrides given on the command line:\n#   model.latent_dim=8\n#   \
         x=\"\"\"a\n#   b\"\"\"\n"
    );
    assert_eq!(
        read_resolved(path).unwrap(),
        "name = \"fmnist_vae\"\nseed = 0\n"
    );
    let manifest = Manifest::read(path).unwrap();
    assert_eq!(manifest, *folder.manifest());
    assert_eq!(manifest.status, Status::Running);
    assert_eq!(manifest.sessions.len(), 1);
    assert_eq!(manifest.overrides.len(), 2);
    let id = id::RunId::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
    assert!((manifest.created - id.started).num_seconds() <= 1);
}

#[test]
fn keeps_a_spec_without_overrides_as_given() {
    for text in ["", "name = \"x\"", "# comment\r\nname = \"x\"\r\n"] {
        assert_eq!(with_overrides(text, &[]), text);
    }
    let hostile = with_overrides("", &["a=\"\r\u{b}[x]\ny = 1\"".to_owned()]);
    assert!(
        hostile
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#')),
        "{hostile:?}"
    );
    assert!(!hostile.contains('\r'));
}

#[test]
fn records_each_status_of_a_run() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), &new_run("x")).unwrap();
    let path = folder.path().to_owned();
    assert_eq!(folder.load_latest().unwrap(), None);
    let checkpoint = example();
    folder.commit(&checkpoint, true).unwrap();
    folder.write_metrics(&checkpoint.history).unwrap();
    folder.write_figure("loss.png", b"png").unwrap();
    folder
        .finish(Status::Interrupted, Some("SIGINT".to_owned()))
        .unwrap();
    assert_eq!(folder.manifest().finished, None);
    drop(folder);

    let mut folder = RunFolder::open_for_resume(&path).unwrap();
    let loaded = folder.load_latest().unwrap().unwrap();
    assert_eq!(loaded.checkpoint.progress, checkpoint.progress);
    let compute = Compute {
        device: "cpu".to_owned(),
        threads: 1,
        kernel_path: "avx2".to_owned(),
    };
    folder.begin_session(compute.clone(), 3, 20).unwrap();
    assert_eq!(RunView::open(&path).status(), RunStatus::Running);
    folder.finish(Status::Completed, None).unwrap();
    drop(folder);

    let manifest = Manifest::read(&path).unwrap();
    assert_eq!((manifest.status, manifest.why), (Status::Completed, None));
    assert!(manifest.finished.unwrap() >= manifest.created);
    assert_eq!(
        (manifest.sessions[1].from_epoch, manifest.sessions[1].epochs),
        (3, 20)
    );
    assert_eq!(manifest.compute, compute);
    assert!(path.join(METRICS_FILE).is_file() && crate::run::best_path(&path).is_file());
    let log = fs::read_to_string(path.join(LOG)).unwrap();
    let events: Vec<_> = log.lines().map(|line| &line[26..]).collect();
    let version = env!("CARGO_PKG_VERSION");
    let created = format!("created by runner {version}; device cpu: asked for");
    assert_eq!(
        events,
        [created.as_str(), "interrupted: SIGINT", "completed"]
    );
}

#[test]
fn removes_leftovers_of_a_crash() {
    let runs = tempfile::tempdir().unwrap();
    let path = RunFolder::create(runs.path(), &new_run("x"))
        .unwrap()
        .path()
        .to_owned();
    let left = [
        "manifest.json.tmp",
        "checkpoints/last.safetensors.tmp",
        "figures/loss.png.tmp",
    ];
    for name in left {
        fs::write(path.join(name), b"half").unwrap();
    }
    // A copy of a run folder by a tool that leaves out empty folders.
    fs::remove_file(path.join("figures/loss.png.tmp")).unwrap();
    fs::remove_dir(path.join(FIGURES)).unwrap();
    let folder = RunFolder::open_for_resume(&path).unwrap();
    assert!(left.iter().all(|name| !path.join(name).exists()));
    folder.write_figure("loss.png", b"png").unwrap();
}

#[test]
fn logs_a_warning_about_a_damaged_checkpoint() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), &new_run("x")).unwrap();
    for _ in 0..2 {
        folder.commit(&example(), false).unwrap();
    }
    fs::write(folder.path().join("checkpoints/last.safetensors"), b"short").unwrap();
    let loaded = folder.load_latest().unwrap().unwrap();
    let log = fs::read_to_string(folder.path().join(LOG)).unwrap();
    assert!(
        log.contains(&format!("  warning: {}", loaded.warning.unwrap())),
        "{log}"
    );
}

const ROLE: &str = "RUNNER_TEST_RUN_FOLDER";

/// Not a test of its own: the second process of the test below.
#[test]
fn second_process() {
    if let Some(path) = std::env::var_os(ROLE) {
        let code = match RunFolder::open_for_resume(Path::new(&path)) {
            Ok(_) => 0,
            Err(error) => {
                eprintln!("{error}");
                error.exit_code()
            }
        };
        std::process::exit(code.into());
    }
}

#[test]
fn rejects_a_second_writer_with_exit_code_75_and_admits_readers() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(runs.path(), &new_run("x")).unwrap();
    let second = || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "run::folder::tests::second_process",
                "--nocapture",
            ])
            .env(ROLE, folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let start = clock::monotonic();
    let output = second();
    assert!(start.elapsed().as_secs() < 5);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let expected = format!("is being written by process {} on `", std::process::id());
    assert!(text.contains(&expected), "{text}");
    assert_eq!(RunView::open(folder.path()).status(), RunStatus::Running);
    // The refused one changed nothing, not even the note of who holds the lock.
    let Err(RunError::Lock(LockError::Held {
        holder: Some(holder),
        ..
    })) = RunFolder::open_for_resume(folder.path())
    else {
        panic!("two writers");
    };
    assert_eq!(holder.pid, std::process::id());
}

#[test]
fn rejects_a_folder_that_is_no_run_and_leaves_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        RunFolder::open_for_resume(folder.path()),
        Err(RunError::NotARun { .. })
    ));
    assert!(names(folder.path()).is_empty());
    fs::write(
        folder.path().join("manifest.json"),
        "{\"format_version\": 9}",
    )
    .unwrap();
    assert!(matches!(
        RunFolder::open_for_resume(folder.path()),
        Err(RunError::Newer { .. })
    ));
    assert_eq!(names(folder.path()), ["manifest.json"]);
}

#[cfg(unix)]
#[test]
fn rejects_a_folder_whose_parts_lead_out_of_it() {
    use std::os::unix::fs::symlink;
    let runs = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim.tmp");
    for part in [CHECKPOINTS, FIGURES, LOCK] {
        fs::write(&victim, b"precious").unwrap();
        let path = RunFolder::create(runs.path(), &new_run("x"))
            .unwrap()
            .path()
            .to_owned();
        if part == LOCK {
            fs::remove_file(path.join(part)).unwrap();
            symlink(&victim, path.join(part)).unwrap();
        } else {
            fs::remove_dir(path.join(part)).unwrap();
            symlink(outside.path(), path.join(part)).unwrap();
        }
        let error = RunFolder::open_for_resume(&path).unwrap_err();
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}

#[test]
fn makes_nothing_for_names_that_lead_elsewhere() {
    let outer = tempfile::tempdir().unwrap();
    let runs = outer.path().join("runs");
    for name in ["..", "../x", "a/b", "/tmp/x", ""] {
        let error = RunFolder::create(&runs, &new_run(name)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
    assert!(names(outer.path()).is_empty());
    let folder = RunFolder::create(&runs, &new_run("x")).unwrap();
    for name in ["../x.png", "/tmp/x.png", "..", ""] {
        assert!(folder.write_figure(name, b"").is_err());
    }
}

#[test]
fn leaves_nothing_where_it_cannot_write() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = RunFolder::create(&file.join("runs"), &new_run("x")).unwrap_err();
    assert_eq!(error.exit_code(), 74);
    assert!(error.to_string().contains("file/runs`"), "{error}");

    #[cfg(target_os = "linux")]
    {
        let error = RunFolder::create(Path::new("/proc/self"), &new_run("x")).unwrap_err();
        assert_eq!(error.exit_code(), 74);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = outer.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
        // Root writes everywhere; then there is nothing to see here.
        if let Err(error) = RunFolder::create(&closed, &new_run("x")) {
            assert_eq!(error.exit_code(), 74);
            assert!(matches!(error, RunError::File(FileError::System { .. })));
            assert!(names(&closed).is_empty());
        }
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[test]
fn bounds_a_checkpoint_by_its_network() {
    let largest = |total| {
        largest_checkpoint(&Parameters {
            encoder: 0,
            decoder: 0,
            total,
        })
    };
    assert_eq!(largest(0), (64 << 20) + (1 << 20));
    assert_eq!(largest(134_165), (65 << 20) + 134_165 * 32);
    assert_eq!(largest(u64::MAX), 4 << 30);
}

#[test]
fn removes_a_folder_that_could_not_be_filled() {
    let runs = tempfile::tempdir().unwrap();
    let path = runs.path().join("run");
    fs::create_dir(&path).unwrap();
    let error = filled_or_gone(&path, |path| {
        files::write_atomic(&path.join(SPEC), b"whole")?;
        Ok(files::write_atomic(&path.join("no/such/folder"), b"")?)
    })
    .unwrap_err();
    assert!(error.to_string().contains("no/such/folder.tmp`"), "{error}");
    assert!(names(runs.path()).is_empty());
}
