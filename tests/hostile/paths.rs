//! Names and settings that lead elsewhere, and run folders that were prepared to make the program write elsewhere: the
//! tree outside is byte by byte as it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::common::{Ended, Lab, Session, copy_folder, folders, plain, table};
use crate::{LITTLE, bounded, harmless, snapshot};

/// A lab whose folder `outside` has something to lose, and whose folder `inside` is where the program may write.
struct Fence {
    lab: Lab,
    outside: PathBuf,
    inside: PathBuf,
}

impl Fence {
    fn new() -> Self {
        let lab = Lab::new();
        for name in [
            "precious.txt",
            "last.safetensors",
            "loss.png",
            "log.txt",
            "deep/er/file",
        ] {
            lab.write(&format!("outside/{name}"), "precious\n");
        }
        lab.write("inside/spec.toml", plain());
        let (outside, inside) = (lab.path().join("outside"), lab.path().join("inside"));
        symlink("precious.txt", outside.join("link")).unwrap();
        Self {
            lab,
            outside,
            inside,
        }
    }

    fn runner(&self, args: &[&str]) -> Ended {
        let mut command = self.lab.command(args);
        command.current_dir(&self.inside);
        Session::spawn(command).end()
    }

    /// Runs the program in `inside`; afterwards `outside` is as it was, and nothing is new beside the two.
    #[track_caller]
    fn holds(&self, args: &[&str], codes: &[i32]) -> Ended {
        let before = snapshot(&self.outside);
        let around = names(self.lab.path());
        let ended = self.runner(args);
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

#[test]
fn rejects_names_that_lead_elsewhere() {
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
fn only_reads_files_that_settings_name() {
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

/// Parts of a run folder, and what lies outside to which they are links.
const LINKS: &str = "
checkpoints | .
figures | .
log.txt | log.txt
log.txt | new.txt
lock | precious.txt
lock | new-lock
manifest.json.tmp | precious.txt
metrics.parquet | precious.txt
metrics.parquet | new.parquet
metrics.parquet.tmp | precious.txt
checkpoints/last.safetensors.tmp | last.safetensors
checkpoints/best.safetensors | last.safetensors
checkpoints/best.safetensors.tmp | new.safetensors
checkpoints/previous.safetensors | last.safetensors
checkpoints/previous.safetensors.tmp | last.safetensors
figures/loss.png | loss.png
figures/loss.png.tmp | loss.png
figures/loss.svg | new.svg
figures/loss.svg.tmp | deep
spec.toml | precious.txt
";

/// A run folder of a stranger, in which parts are links to elsewhere.
#[test]
fn writes_through_no_link_in_a_run_folder() {
    let fence = Fence::new();
    let figures = plain().replace("loss = false", "loss = true");
    fs::write(fence.inside.join("spec.toml"), figures).unwrap();
    let made = fence.runner(&["spec.toml", "--quiet"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let run = folders(&fence.inside.join("runs")).remove(0);
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
    for [part, target] in table(LINKS) {
        copy_folder(&kept, &run);
        let at = run.join(part);
        if at.is_dir() {
            fs::remove_dir_all(&at).unwrap();
        } else if at.exists() {
            fs::remove_file(&at).unwrap();
        }
        symlink(out(target), &at).unwrap();
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
        for (file, codes) in [(&manifest, &[0, 65][..]), (&resolved, &[2])] {
            copy_folder(&kept, &run);
            let text = fs::read_to_string(file).unwrap();
            let other = text.replacen("\"tiny\"", &format!("\"{name}\""), 1);
            fs::write(file, other).unwrap();
            fence.holds(&["resume", &path], codes);
            fs::remove_dir_all(&run).unwrap();
        }
    }
}

#[test]
fn rejects_a_runs_folder_that_cannot_be_one() {
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
