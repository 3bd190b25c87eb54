//! Every folder gets a status, whatever is in it.

use std::fs;

use super::*;
use crate::run::checkpoint::tests::example;
use crate::run::folder::RunFolder;
use crate::run::folder::tests::new_run;

fn a_run(runs: &Path) -> RunFolder {
    let mut folder = RunFolder::create(runs, &new_run("x")).unwrap();
    for _ in 0..2 {
        folder.commit(&example(), false).unwrap();
    }
    folder
}

#[test]
fn shows_what_the_writer_wrote() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = a_run(runs.path());
    for name in ["manifold.svg", "loss.png", "notes.txt"] {
        folder.write_figure(name, b"").unwrap();
    }
    folder
        .finish(Status::Diverged, Some("kl is not finite".to_owned()))
        .unwrap();
    let view = RunView::open(folder.path());
    assert_eq!(
        (view.status(), view.why()),
        (RunStatus::Diverged, Some("kl is not finite"))
    );
    assert_eq!(view.manifest(), Some(folder.manifest()));
    assert_eq!(view.id().unwrap().name, "x");
    assert_eq!(view.id().unwrap().to_string(), view.folder_name());
    let losses: Vec<_> = view
        .history()
        .iter()
        .map(|row| row.scalar("loss").unwrap())
        .collect();
    assert_eq!(losses, [301.94, 259.97, 0.1 + 0.2]);
    assert_eq!(view.best().unwrap().epoch, 2);
    assert_eq!(view.summary().unwrap().progress.step_in_epoch, 17);
    let names: Vec<_> = view
        .figures()
        .iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["loss.png", "manifold.svg"]);
    assert!(view.problems().is_empty());
}

/// A folder of somebody else's may hold what a terminal would obey.
#[test]
fn escapes_terminal_codes_of_a_manifest() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = a_run(runs.path());
    let why = "all is well\u{1b}[2J\nerror: none";
    folder.finish(Status::Failed, Some(why.to_owned())).unwrap();
    let view = RunView::open(folder.path());
    assert_eq!(view.why(), Some("all is well\\u{1b}[2J\\nerror: none"));
    let odd = runs.path().join("20261123-202815_x_3f9a\u{1b}[2J");
    fs::create_dir(&odd).unwrap();
    let view = RunView::open(&odd);
    let texts = view.problems().iter().map(String::as_str).chain(view.why());
    assert!(texts.clone().count() > 0);
    assert!(texts.clone().all(|text| !text.contains('\u{1b}')));
}

#[test]
fn shows_a_running_run_without_a_lock_as_interrupted() {
    let runs = tempfile::tempdir().unwrap();
    let folder = a_run(runs.path());
    let path = folder.path().to_owned();
    assert_eq!(RunView::open(&path).status(), RunStatus::Running);
    // What a kill does: the lock goes, nothing else changes.
    drop(folder);
    let view = RunView::open(&path);
    assert_eq!(view.status(), RunStatus::Interrupted);
    assert_eq!(view.why(), Some("its process ended without a word"));
    fs::remove_file(path.join(LOCK)).unwrap();
    assert_eq!(RunView::open(&path).status(), RunStatus::Interrupted);
    assert!(!path.join(LOCK).exists(), "a reader wrote");
}

#[test]
fn shows_each_status_as_written() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = a_run(runs.path());
    for (status, shown) in [
        (Status::Completed, RunStatus::Completed),
        (Status::Interrupted, RunStatus::Interrupted),
        (Status::Diverged, RunStatus::Diverged),
        (Status::Failed, RunStatus::Failed),
        (Status::Running, RunStatus::Running),
    ] {
        folder.finish(status, None).unwrap();
        assert_eq!(RunView::open(folder.path()).status(), shown);
        assert_eq!(status.to_string(), shown.to_string());
    }
}

#[test]
fn names_what_is_broken_in_a_folder() {
    let runs = tempfile::tempdir().unwrap();
    let broken = |what: &dyn Fn(&Path), expected: &str| {
        let path = a_run(runs.path()).path().to_owned();
        what(&path);
        let view = RunView::open(&path);
        assert_eq!(view.status(), RunStatus::Broken, "{expected}");
        assert!(view.why().unwrap().contains(expected), "{:?}", view.why());
        view
    };
    let view = broken(
        &|run| fs::remove_file(run.join(MANIFEST)).unwrap(),
        "there is no `manifest.json`",
    );
    assert_eq!(
        view.history().len(),
        3,
        "what is whole is shown all the same"
    );
    broken(
        &|run| fs::write(run.join(MANIFEST), "{\"format_version\": 1").unwrap(),
        "is not a valid manifest",
    );
    broken(
        &|run| fs::write(run.join(MANIFEST), "{\"format_version\": 7}").unwrap(),
        "the format version 7",
    );
    broken(
        &|run| {
            fs::write(run.join("checkpoints/last.safetensors"), "").unwrap();
            fs::write(run.join("checkpoints/previous.safetensors"), "").unwrap();
        },
        "previous.safetensors` is damaged: it has 0 bytes",
    );
    broken(
        &|run| {
            fs::remove_file(run.join(MANIFEST)).unwrap();
            fs::create_dir(run.join(MANIFEST)).unwrap();
        },
        "is not a regular file",
    );
    let view = RunView::open(&runs.path().join("nothing"));
    assert_eq!(
        (view.status(), view.history().len()),
        (RunStatus::Broken, 0)
    );
    fs::write(runs.path().join("file"), "").unwrap();
    assert_eq!(
        RunView::open(&runs.path().join("file")).status(),
        RunStatus::Broken
    );
}

#[test]
fn notes_a_damaged_last_checkpoint_as_a_problem() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = a_run(runs.path());
    folder.finish(Status::Completed, None).unwrap();
    fs::write(folder.path().join("checkpoints/last.safetensors"), "").unwrap();
    let view = RunView::open(folder.path());
    assert_eq!(
        (view.status(), view.history().len()),
        (RunStatus::Completed, 3)
    );
    assert!(
        view.problems()[0].contains("last.safetensors` is damaged"),
        "{:?}",
        view.problems()
    );
}

#[test]
fn accepts_a_run_without_a_checkpoint() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(runs.path(), &new_run("x")).unwrap();
    let view = RunView::open(folder.path());
    assert_eq!(
        (view.status(), view.history().len(), view.best()),
        (RunStatus::Running, 0, None)
    );
}

#[test]
fn shows_a_folder_being_made_as_running() {
    let runs = tempfile::tempdir().unwrap();
    let folder = a_run(runs.path());
    fs::remove_file(folder.path().join(MANIFEST)).unwrap();
    assert_eq!(RunView::open(folder.path()).status(), RunStatus::Running);
}

#[cfg(unix)]
#[test]
fn finds_runs_at_any_depth_and_follows_no_loops() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let first = a_run(root.path()).path().to_owned();
    let second = a_run(&root.path().join("sweep/deep")).path().to_owned();
    let empty = root.path().join("20200101-000000_dead_0000");
    fs::create_dir(&empty).unwrap();
    let renamed = root.path().join("renamed by hand");
    fs::rename(a_run(root.path()).path(), &renamed).unwrap();
    fs::create_dir(root.path().join("not a run")).unwrap();
    symlink(root.path(), root.path().join("sweep/loop")).unwrap();
    let named_loop = root.path().join("sweep/20200101-000000_loop_0000");
    symlink(&named_loop, &named_loop).unwrap();

    let mut expected = [first.clone(), second, empty, renamed, named_loop.clone()];
    let mut found = find_runs(root.path());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(find_runs(&first), [first]);
    assert!(find_runs(&root.path().join("nothing")).is_empty());
    assert!(
        RunView::open(&named_loop)
            .why()
            .unwrap()
            .contains("symbolic links")
    );
}
