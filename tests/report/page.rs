//! The page in a real browser.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::common::{Lab, tiny};
use super::made::{Made, history};

/// The names under which systems have it.
fn browser() -> Option<&'static str> {
    let runs = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|it| it.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(runs)
}

/// Real runs with real figures, and one with a name for its data that tries to leave its element.
fn lab() -> Lab {
    let lab = Lab::with(&tiny());
    for latent in [
        "model.latent_dim=2",
        "model.latent_dim=3",
        "model.latent_dim=10",
    ] {
        for seed in ["seed=0", "seed=1"] {
            lab.train(&["--set", latent, "--set", seed]);
        }
    }
    let hostile = Made {
        data:
            "</td><script>window.hostile = true</script><img src=x onerror='window.hostile = true'>"
                .to_owned(),
        ..Made::new(&[], history(&[160.0, 150.0]))
    };
    hostile.make(&lab.path().join("runs"));
    std::fs::create_dir(lab.path().join("runs/20200101-000000_empty_0000")).unwrap();
    lab
}

#[test]
fn writes_a_page_that_needs_no_other_file() {
    let lab = lab();
    lab.runner(&["report", "--format", "html", "--out", "report.html"])
        .with_code(0);
    let html = std::fs::read_to_string(lab.path().join("report.html")).unwrap();
    for text in [
        "<h1>7 runs</h1>",
        " over epochs</h3>",
        " against model.latent_dim</h3>",
        "Rate against distortion",
        "Latent manifolds",
        "Reconstructions",
        "<h2>Means</h2>",
        "<h2>What ran</h2>",
        "<h2>Left out</h2>",
        "20200101-000000_empty_0000",
        "Content-Security-Policy",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("<script>window.hostile"));
    for away in ["http:", "https:", "url(", "@import", "<iframe", "file:"] {
        assert!(!html.contains(away), "{away}");
    }
    // Every source of a picture is in the page.
    assert!(html.matches("src=\"data:image/png;base64,").count() > 6);
    assert_eq!(
        html.matches("src=\"").count(),
        html.matches("src=\"data:").count()
    );
}

#[test]
fn writes_a_page_that_works_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: no chromium (apt-get install chromium)");
        return;
    };
    let lab = lab();
    lab.runner(&["report", "--format", "html", "--out", "report.html"])
        .with_code(0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/page.py");
    // Pictures of the page for whoever wants to look at them.
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-page");
    std::fs::create_dir_all(&shots).unwrap();
    let output = Command::new("python3")
        .args([
            script.as_os_str(),
            browser.as_ref(),
            lab.path().join("report.html").as_os_str(),
            shots.as_os_str(),
        ])
        .current_dir(lab.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();

    assert_eq!(found["errors"], serde_json::json!([]), "{found:#}");
    assert_eq!(found["requests"], serde_json::json!([]), "{found:#}");
    assert_eq!(found["hostile"], Value::Null);
    let numbers = |name: &str| -> Vec<f64> {
        let values = found[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name}: {found:#}"));
        values
            .iter()
            .map(|value| value.as_str().unwrap().parse().unwrap())
            .collect()
    };
    let (before, up, down) = (numbers("before"), numbers("up"), numbers("down"));
    let mut sorted = before.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(up, sorted);
    assert_ne!(before, up, "there was nothing to sort");
    sorted.reverse();
    assert_eq!(down, sorted);
    assert_eq!(
        found["sorted"],
        serde_json::json!(["ascending", "descending"])
    );
    // Pointing at a row lights up its curve and its dot.
    assert!(found["lit"].as_u64().unwrap() >= 3, "{found:#}");
    assert_eq!(found["charts_with_marks"], found["charts"]);
    assert!(found["charts"].as_u64().unwrap() >= 3, "{found:#}");
    assert_eq!(found["broken_images"], 0);
    assert!(found["images"].as_u64().unwrap() > 6);
    // Readable on a phone: nothing but tables and galleries, which scroll by themselves, is wider than it.
    assert_eq!(found["phone_width"], 360);
    assert!(found["phone_text"].as_f64().unwrap() >= 9.5, "{found:#}");
    for (name, least) in [
        ("light_contrast", 4.5),
        ("dark_contrast", 4.5),
        ("print_contrast", 4.5),
    ] {
        assert!(found[name].as_f64().unwrap() >= least, "{name}: {found:#}");
    }
    assert_ne!(found["light_paper"], found["dark_paper"]);
    assert_eq!(found["print_paper"], found["light_paper"], "paper is white");
}
