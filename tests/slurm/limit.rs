//! A time limit that Slurm itself enforces.

use super::cluster::{Cluster, ends, lab, locally, one, spec};
use super::common;

/// Slurm looks about every 30 s, so that a limit of a minute, with a notice a minute before it, cuts within half a minute.
#[test]
#[ignore = "waits for minutes: cargo test --release --test slurm limit -- --ignored --nocapture"]
fn saves_and_requeues_at_the_time_limit() {
    let _one = one();
    let Some(cluster) = Cluster::start(1, None) else {
        return;
    };
    // More than a minute of work, on a fast machine too.
    let text = spec(300, "[0]")
        .replace("[2, 3]", "[2]")
        .replace("count = 200", "count = 8000")
        .replace("cpus = 1", "cpus = 1\ntime = \"1\"");
    let lab = lab(&text);
    let expected = locally(&lab);
    cluster.runner(&lab, &["spec.toml", "--quiet"]).with_code(0);
    cluster.wait_until_empty();
    let sweep = lab.path().join("runs/many.sweep");
    assert_eq!(ends(&sweep), expected);
    for name in expected.keys() {
        let sessions = common::manifest(&sweep.join(name))["sessions"].clone();
        let froms: Vec<u64> = sessions
            .as_array()
            .unwrap()
            .iter()
            .map(|session| session["from_epoch"].as_u64().unwrap())
            .collect();
        eprintln!("{name}: sessions from epoch {froms:?}");
        assert!(froms.len() > 1, "{name} was not cut");
    }
    for entry in std::fs::read_dir(sweep.join("slurm")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            !text.contains("DUE TO TIME LIMIT"),
            "{}: {text}",
            path.display()
        );
    }
}
