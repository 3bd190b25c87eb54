//! `runner bench` and the estimate of `runner check`: consistent in themselves, and nothing is written. How fast the
//! machine is, no test asks.

mod common;

use std::time::Instant;

use common::{Ended, Lab, plain};
use serde_json::Value;

/// Runs `bench spec.toml` for a moment; it leaves everything as it was.
#[track_caller]
fn bench(lab: &Lab, args: &[&str]) -> Ended {
    let before = lab.listing();
    let mut all = vec!["bench", "spec.toml", "--seconds", "0.1"];
    all.extend(args);
    let ended = lab.runner(&all);
    assert_eq!(lab.listing(), before, "something was written");
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
    ended
}

#[track_caller]
fn json(lab: &Lab, args: &[&str]) -> Value {
    let ended = bench(lab, &[&["--json"], args].concat()).with_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:#?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[track_caller]
fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no number `{key}` in {value:#}"))
}

#[track_caller]
fn assert_close(got: f64, want: f64) {
    assert!(
        (got - want).abs() <= 1e-9 * want.abs(),
        "{got} is not {want}"
    );
}

fn names(report: &Value) -> Vec<&str> {
    let rows = report["layers"].as_array().unwrap();
    rows.iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[test]
fn prints_a_consistent_json_object() {
    let lab = Lab::with(&plain());
    let started = Instant::now();
    let report = json(&lab, &["--threads", "2"]);
    let wall = started.elapsed().as_secs_f64();
    let get = |key: &str| number(&report, key);

    assert_eq!(report["name"], "tiny");
    assert_eq!(report["batch_size"], 64);
    assert_eq!(report["threads"], 2);
    assert_eq!(report["epochs"], 2);
    assert_eq!(report["steps_per_epoch"], 5);
    let paths = ["avx512", "avx2", "neon", "portable"];
    assert!(paths.contains(&report["kernel_path"].as_str().unwrap()));
    assert!(get("steps") >= 1.0);
    assert!(get("peak_gflops") > 0.0);
    let first = get("start_to_first_step_s");
    assert!(first > 0.0 && first < wall, "{first} of {wall}");
    if cfg!(target_os = "linux") {
        assert!(get("peak_rss_mb") > 1.0);
    }

    // By hand: 12 x 12 becomes 6 x 6, that 3 x 3; multiply-adds an image of kernel taps, channels and places. The first
    // layer has two products, the others three.
    let first = 9 * 4 * 36;
    let others = 9 * 4 * 8 * 9
        + 72 * 16
        + 2 * 16 * 2
        + 2 * 72
        + 9 * 8 * 8 * 9
        + 9 * 8 * 4 * 36
        + 9 * 4 * 144;
    let gflop = f64::from(64 * 2 * (2 * first + 3 * others)) / 1e9;
    assert_close(get("gflop_per_step"), gflop);

    let step = get("step_ms");
    assert_close(get("gflops"), gflop / step * 1e3);
    assert_close(get("share_of_peak"), get("gflops") / get("peak_gflops"));
    assert_close(get("floor_ms"), gflop / get("peak_gflops") * 1e3);
    assert_close(get("step_over_floor"), step / get("floor_ms"));
    assert_close(get("images_per_second"), 64.0 / step * 1e3);
    let [low, high] = [0, 1].map(|i| report["step_quartiles_ms"][i].as_f64().unwrap());
    let best = get("step_best_ms");
    assert!(best <= low && low <= step && step <= high, "{report:#}");
    // 300 images in batches of 64, two epochs, nothing held out.
    assert_close(get("run_s"), 2.0 * 300.0 / 64.0 * step / 1e3);
}

#[test]
fn adds_parts_and_rest_to_the_whole_step() {
    let lab = Lab::with(&plain());
    let report = json(&lab, &[]);
    assert_eq!(
        names(&report),
        [
            "batch",
            "encoder.conv0",
            "encoder.conv1",
            "encoder.hidden",
            "encoder.z_log_var",
            "encoder.z_mean",
            "sampling",
            "decoder.hidden",
            "decoder.conv0",
            "decoder.conv1",
            "decoder.output",
            "loss",
            "gradient norm",
            "optimizer",
            "rest",
        ]
    );
    let rows = report["layers"].as_array().unwrap();
    let (mut time, mut share) = (0.0, 0.0);
    for row in rows {
        let (name, both) = (
            &row["name"],
            number(row, "forward_ms") + number(row, "backward_ms"),
        );
        time += both;
        share += number(row, "share");
        let is_layer = name.as_str().unwrap().contains('.');
        assert_eq!(row["kind"].is_string(), is_layer, "{row}");
        assert!(number(row, "forward_ms") > 0.0, "{row}");
        let differentiated = is_layer || name == "sampling" || name == "loss";
        assert_eq!(number(row, "backward_ms") > 0.0, differentiated, "{row}");
        if is_layer {
            let of_peak = number(row, "gflops") / number(&report, "peak_gflops");
            assert_close(number(row, "share_of_peak"), of_peak);
        } else {
            assert!(
                row["gflops"].is_null() && row["share_of_peak"].is_null(),
                "{row}"
            );
        }
    }
    assert_close(time, number(&report, "step_ms"));
    assert_close(share, 1.0);
    // Operations of the layers: speed times time.
    let flops = |row: &Value| {
        let time = number(row, "forward_ms") + number(row, "backward_ms");
        row["gflops"].as_f64().unwrap_or(0.0) * time / 1e3
    };
    assert_close(
        rows.iter().map(flops).sum(),
        number(&report, "gflop_per_step"),
    );
}

#[test]
fn names_all_layers_of_a_deeper_network() {
    let lab = Lab::with(&plain());
    let deep = [
        "--set",
        "model.conv_filters=[3, 4, 5]",
        "--set",
        "model.hidden=[9, 8, 7]",
        "--set",
        "model.activation=\"gelu\"",
        "--set",
        "training.batch_size=7",
    ];
    let report = json(&lab, &deep);
    let names = names(&report);
    for layer in [
        "encoder.conv2",
        "encoder.hidden",
        "encoder.hidden1",
        "encoder.hidden2",
        "decoder.conv2",
    ] {
        assert!(names.contains(&layer), "no {layer} in {names:?}");
    }
    // Three convolutions each way, three dense layers, two heads, the decoder's dense layer and its output, and six
    // parts that are no layers.
    assert_eq!(names.len(), 2 * 3 + 3 + 2 + 2 + 6, "{names:?}");
    let flat = json(&lab, &["--set", "model.hidden=[]"]);
    assert!(!names_of_hidden(&flat), "{flat:#}");
}

fn names_of_hidden(report: &Value) -> bool {
    names(report)
        .iter()
        .any(|name| name.starts_with("encoder.hidden"))
}

#[test]
fn measures_an_epoch_of_one_step_and_left_over_images() {
    let lab = Lab::with(&plain());
    for (batch, steps) in [(300, 1), (299, 2), (1, 300)] {
        let set = format!("training.batch_size={batch}");
        let report = json(&lab, &["--set", &set, "--set", "training.epochs=1"]);
        assert_eq!(report["batch_size"], batch);
        assert_eq!(report["steps_per_epoch"], steps);
        assert!(number(&report, "steps") >= 1.0);
    }
}

#[test]
fn counts_the_evaluation_of_held_out_images() {
    let lab = Lab::with(&plain());
    let report = json(
        &lab,
        &["--set", "data.validation=0.5", "--set", "training.epochs=1"],
    );
    let steps = 150.0 / 64.0 * number(&report, "step_ms") / 1e3;
    let run = number(&report, "run_s");
    assert!(run > steps && run < 2.0 * steps, "{run} {steps}");
}

#[test]
fn prints_a_table() {
    let lab = Lab::with(&plain());
    let ended = bench(&lab, &["--threads", "1"]).with_code(0);
    assert_eq!(ended.stderr, "");
    for part in [
        "tiny: batch 64, 1 thread, ",
        "\nstep ",
        "\npeak ",
        "\nfloor ",
        "\nmemory ",
        "\nfirst step ",
        "\nwhole run ",
        "\nencoder.conv0 (Conv2D) ",
        "\ndecoder.output (Conv2DTranspose) ",
        "\nrest ",
    ] {
        ended.prints(part);
    }
}

#[test]
fn rejects_errors_before_any_step() {
    let lab = Lab::with("name = \"a\"\n[data]\ndataset = \"sprites\"\n[model]\nlatnet_dim = 8\n");
    let checked = lab.runner(&["check", "spec.toml"]).with_code(2);
    let ended = bench(&lab, &["--json"]).with_code(2);
    assert_eq!((ended.stdout.as_str(), ended.stderr), ("", checked.stderr));

    let lab = Lab::with(&plain());
    let refused = |args: &[&str], code: i32, says: &str| {
        let ended = bench(&lab, args).with_code(code);
        assert_eq!(ended.says(says).stdout, "");
    };
    refused(&["--set", "training.batch_size=301"], 2, "batch of 301");
    refused(&["--set", "training.epochs=0"], 2, "training.epochs");
    refused(&["--device", "cuda"], 69, "`cuda`");
    refused(
        &[
            "--set",
            "data.dataset=\"idx\"",
            "--set",
            "data.images=\"no\"",
        ],
        2,
        "",
    );
    for seconds in ["0", "-1", "nan", "1e9", "soon"] {
        let argument = format!("--seconds={seconds}");
        let ended = lab.runner(&["bench", "spec.toml", &argument]).with_code(2);
        assert!(ended.stderr.contains("seconds above 0"), "{ended:#?}");
    }
    lab.runner(&["bench"]).with_code(2);
    lab.runner(&["bench", "nowhere.toml"]).says("nowhere.toml");
}

#[test]
fn stops_at_a_non_finite_loss() {
    let lab = Lab::with(&plain());
    let spec = plain() + "[optimizer.sgd]\nlearning_rate = 100\n";
    lab.write("spec.toml", spec);
    let ended = bench(&lab, &["--json"]).with_code(1);
    assert_eq!(ended.says("is not finite").stdout, "");
    // `check` estimates the time all the same.
    let checked = lab.runner(&["check", "spec.toml"]).with_code(0);
    assert!(checked.stdout.contains("made-up images"), "{checked:#?}");
}

#[test]
fn check_estimates_what_a_run_takes() {
    let lab = Lab::with(&plain());
    let before = lab.listing();
    let ended = lab
        .runner(&["check", "spec.toml", "--threads", "2"])
        .with_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(lab.listing(), before);
    let mut lines = ended
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("time "));
    let (time, basis) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(
        time.contains("about ") && time.ends_with(" ms a step"),
        "{time}"
    );
    assert!(
        basis.ends_with(" made-up images each, 2 threads"),
        "{basis}"
    );

    // `check` does not make thirty million weights.
    let large = [
        "--set",
        "model.hidden=[65536]",
        "--set",
        "model.latent_dim=128",
    ];
    let large = lab
        .runner(&[&["check", "spec.toml"], &large[..]].concat())
        .with_code(0);
    assert!(large.stdout.contains(", a guess"), "{large:#?}");
}
