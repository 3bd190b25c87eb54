//! Names and settings that lead elsewhere, and run folders that were prepared to make the program write elsewhere: the
//! tree outside is byte by byte as it was.

mod common;
mod hostile;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{Ended, Lab, Session, copy_folder, plain};
use hostile::{LITTLE, bounded, harmless, snapshot};

/// A lab whose folder `outside` has something to lose, and whose folder `inside` is where the program may write.
struct Fence {
    lab: Lab,
    outside: PathBuf,
    inside: PathBuf,
}

impl Fence {
    fn new() -> Self {
        let lab = Lab::new();
        lab.write("outside/precious.txt", "precious");
        lab.write("outside/last.safetensors", "precious");
        lab.write("outside/loss.png", "precious");
        lab.write("outside/manifest.json", "precious");
        lab.write("outside/log.txt", "precious\n");
        lab.write("outside/deep/er/file", "precious");
        lab.write("inside/spec.toml", plain());
        let (outside, inside) = (lab.path().join("outside"), lab.path().join("inside"));
        symlink("precious.txt", outside.join("link")).unwrap();
        Self {
            lab,
            outside,
            inside,
        }
    }

    /// Runs the program in `inside`; afterwards `outside` is as it was, and nothing is new beside the two.
    #[track_caller]
    fn holds(&self, args: &[&str], codes: &[i32]) -> Ended {
        let before = snapshot(&self.outside);
        let around = names(self.lab.path());
        let inner = InFolder {
            lab: &self.lab,
            folder: &self.inside,
        };
        let ended = inner.run(args);
        harmless(&ended);
        assert!(codes.contains(&ended.code), "{args:?}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        assert_eq!(snapshot(&self.outside), before, "{args:?}: {ended:#?}");
        assert_eq!(names(self.lab.path()), around, "{args:?}: {ended:#?}");
        ended
    }
}

/// What lies in the lab itself (the user's cache aside, which may be made).
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "cache")
        .collect();
    names.sort();
    names
}

struct InFolder<'a> {
    lab: &'a Lab,
    folder: &'a Path,
}

impl InFolder<'_> {
    fn run(&self, args: &[&str]) -> Ended {
        let script = format!("cd '{}' && exec \"$@\"", self.folder.display());
        let program = self.lab.command(&[]).get_program().to_owned();
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &script, "sh"])
            .arg(program)
            .args(args)
            .env_remove("RUNNER_DATA_DIR")
            .env("HOME", self.lab.path())
            .env("XDG_CACHE_HOME", self.lab.path().join("cache"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        Session::spawn(command).end()
    }
}

#[test]
fn names_that_lead_elsewhere() {
    let fence = Fence::new();
    let absolute = fence.outside.join("x").display().to_string();
    let long = "n".repeat(65);
    for name in [
        "..",
        ".",
        "../outside",
        "../../outside/x",
        &absolute,
        "a/../../outside",
        "a/b",
        "/",
        "//",
        "./x",
        "~",
        "~/x",
        "a\\..\\b",
        "..\\outside",
        "C:\\x",
        "a\nb",
        "a\0b",
        "a\u{2215}b",
        "\u{2024}\u{2024}",
        "%2e%2e%2f",
        ".hidden",
        "-rf",
        "x.",
        "",
        " ",
        &long,
    ] {
        // As the file says it, and where it can be an argument as the command line does.
        let quoted = serde_json::to_string(name).unwrap();
        let text = plain().replace("\"tiny\"", &quoted);
        fs::write(fence.inside.join("spec.toml"), text).unwrap();
        fence.holds(&["spec.toml"], &[2]);
        fs::write(fence.inside.join("spec.toml"), plain()).unwrap();
        if !name.contains('\0') {
            let option = format!("--name={name}");
            fence.holds(&["spec.toml", &option], &[2]);
        }
        assert!(!fence.inside.join("runs").exists(), "{name:?}");
    }
}

#[test]
fn settings_that_name_files_elsewhere_only_read_them() {
    let fence = Fence::new();
    let spec = fence.inside.join("spec.toml");
    for line in [
        "published = \"../outside/precious.txt\"",
        "published = \"../outside\"",
        "published = \"../outside/nothing\"",
        "published = \"../outside/link\"",
    ] {
        fs::write(&spec, format!("{}{line}\n", plain())).unwrap();
        fence.holds(&["spec.toml"], &[2]);
    }
    for data in [
        "dataset = \"images\"\npath = \"../outside\"",
        "dataset = \"images\"\npath = \"../outside/link\"",
        "dataset = \"idx\"\nimages = \"../outside/precious.txt\"\nlabels = \"../outside/precious.txt\"",
        "dataset = \"idx\"\npath = \"../outside\"\nimages = \"precious.txt\"\nlabels = \"log.txt\"",
        "dataset = \"mnist\"\npath = \"../outside/link\"",
        "dataset = \"mnist\"\npath = \"../outside/nothing\"",
    ] {
        fs::write(&spec, format!("name = \"a\"\n[data]\n{data}\n")).unwrap();
        fence.holds(&["spec.toml"], &[2, 65]);
        fence.holds(&["check", "spec.toml"], &[2, 65]);
    }
    assert!(!fence.inside.join("runs").exists());
}

/// A run folder of a stranger, in which parts are links to elsewhere.
#[test]
fn links_in_a_run_folder_are_not_written_through() {
    let fence = Fence::new();
    let inner = InFolder {
        lab: &fence.lab,
        folder: &fence.inside,
    };
    let figures = plain().replace("loss = false", "loss = true");
    fs::write(fence.inside.join("spec.toml"), figures).unwrap();
    let made = inner.run(&["spec.toml", "--quiet"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let run = common::folders(&fence.inside.join("runs")).remove(0);
    let path = run.display().to_string();
    let manifest = run.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("completed", "interrupted", 1)).unwrap();
    let resolved = run.join("resolved.toml");
    let text = fs::read_to_string(&resolved).unwrap();
    fs::write(&resolved, text.replacen("epochs = 2", "epochs = 3", 1)).unwrap();
    let kept = fence.inside.join("kept");
    fs::rename(&run, &kept).unwrap();
    let out = |name: &str| fence.outside.join(name);
    for (part, target) in [
        ("checkpoints", out("")),
        ("figures", out("")),
        ("log.txt", out("log.txt")),
        ("log.txt", out("new.txt")),
        ("lock", out("precious.txt")),
        ("lock", out("new-lock")),
        ("manifest.json.tmp", out("precious.txt")),
        ("metrics.parquet", out("precious.txt")),
        ("metrics.parquet", out("new.parquet")),
        ("metrics.parquet.tmp", out("precious.txt")),
        ("checkpoints/last.safetensors.tmp", out("last.safetensors")),
        ("checkpoints/best.safetensors", out("last.safetensors")),
        ("checkpoints/best.safetensors.tmp", out("new.safetensors")),
        ("checkpoints/previous.safetensors", out("last.safetensors")),
        (
            "checkpoints/previous.safetensors.tmp",
            out("last.safetensors"),
        ),
        ("figures/loss.png", out("loss.png")),
        ("figures/loss.png.tmp", out("loss.png")),
        ("figures/loss.svg", out("new.svg")),
        ("figures/loss.svg.tmp", out("deep")),
        ("spec.toml", out("precious.txt")),
    ] {
        copy_folder(&kept, &run);
        let at = run.join(part);
        if at.is_dir() {
            fs::remove_dir_all(&at).unwrap();
        } else if at.exists() {
            fs::remove_file(&at).unwrap();
        }
        symlink(&target, &at).unwrap();
        fence.holds(&["resume", &path], &[0, 65, 74]);
        fs::remove_dir_all(&run).unwrap();
    }
    // A manifest, a spec and a checkpoint that are links are read, and then replaced.
    for part in [
        "manifest.json",
        "resolved.toml",
        "checkpoints/last.safetensors",
    ] {
        copy_folder(&kept, &run);
        let away = out("of_a_run");
        fs::copy(run.join(part), &away).unwrap();
        fs::remove_file(run.join(part)).unwrap();
        symlink(&away, run.join(part)).unwrap();
        fence.holds(&["resume", &path], &[0, 65, 74]);
        fs::remove_dir_all(&run).unwrap();
    }
    // The folder itself as a link is the user's own choice.
    copy_folder(&kept, &run);
    symlink(&run, fence.inside.join("short")).unwrap();
    fence.holds(&["resume", "short"], &[0]);
    // Names in the manifest and in the spec inside of it decide no path.
    fs::remove_dir_all(&run).unwrap();
    for name in ["../../outside/x", "/tmp/x", ".."] {
        copy_folder(&kept, &run);
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(
            &manifest,
            text.replacen("\"tiny\"", &format!("\"{name}\""), 1),
        )
        .unwrap();
        fence.holds(&["resume", &path], &[0, 65]);
        copy_folder(&kept, &run);
        let text = fs::read_to_string(&resolved).unwrap();
        fs::write(
            &resolved,
            text.replacen("\"tiny\"", &format!("\"{name}\""), 1),
        )
        .unwrap();
        fence.holds(&["resume", &path], &[2]);
        fs::remove_dir_all(&run).unwrap();
    }
}

#[test]
fn a_runs_folder_that_cannot_be_one() {
    let fence = Fence::new();
    symlink("nowhere", fence.inside.join("dangling")).unwrap();
    for dir in [
        "../outside/precious.txt",
        "spec.toml",
        "dangling",
        "/dev/null",
        "/proc/nothing",
    ] {
        fence.holds(&["spec.toml", "--runs-dir", dir], &[74]);
    }
    let lab = Lab::with(&plain());
    lab.write("runs", "a file");
    let ended = bounded(&lab, &["spec.toml"], LITTLE);
    assert_eq!(ended.code, 74, "{ended:#?}");
}
