//! A thousand trials.

use std::collections::BTreeMap;
use std::time::Instant;

use super::cluster::{Cluster, lab, one};
use super::common::{self, plain_with};

const TRIALS: usize = 1_000;

fn tiny() -> String {
    plain_with(&format!(
        "name = \"many\"
        data = {{ count = 10, image_size = 6 }}
        model = {{ conv_filters = [1], hidden = [] }}
        training = {{ epochs = 1, batch_size = 10 }}
        sweep.over.seed = {{ from = 0, to = {} }}
        launcher.slurm = {{ cpus = 1, throttle = 8 }}",
        TRIALS - 1
    ))
}

#[test]
fn runs_a_thousand_trials_once_each() {
    let _one = one();
    let Some(cluster) = Cluster::start(1, Some(8)) else {
        return;
    };
    let lab = lab(&tiny());
    let started = Instant::now();
    let said = cluster.runner(&lab, &["spec.toml"]).with_code(0).stdout;
    let submitted = started.elapsed();
    assert!(
        said.contains("1,000 of 1,000 trials left, submitted as Slurm job ")
            || said.contains("1000 of 1,000 trials left, submitted as Slurm job "),
        "{said}"
    );
    cluster.wait_until_empty();
    let all = started.elapsed();
    let sweep = lab.path().join("runs/many.sweep");
    let mut seeds = BTreeMap::<u64, usize>::new();
    for run in common::folders(&sweep) {
        if !run.join("manifest.json").exists() {
            continue;
        }
        let manifest = common::manifest(&run);
        assert_eq!(manifest["status"], "completed", "{}", run.display());
        assert_eq!(manifest["sessions"].as_array().unwrap().len(), 1);
        let resolved = std::fs::read_to_string(run.join("resolved.toml")).unwrap();
        let seed = resolved
            .lines()
            .find_map(|line| line.strip_prefix("seed = "));
        *seeds.entry(seed.unwrap().parse().unwrap()).or_default() += 1;
    }
    let expected: BTreeMap<u64, usize> = (0..TRIALS as u64).map(|seed| (seed, 1)).collect();
    assert_eq!(seeds, expected);
    // The sweep's own log: who began, who ended.
    let log = std::fs::read_to_string(sweep.join("log.txt")).unwrap();
    let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(
        (count(" begins as process "), count(" ends: completed")),
        (TRIALS, TRIALS)
    );
    assert_eq!(std::fs::read_dir(sweep.join("claims")).unwrap().count(), 0);
    let started = Instant::now();
    let status = cluster.status(&lab);
    let looked = started.elapsed();
    assert_eq!(status.matches(" completed ").count(), TRIALS);
    let logs = std::fs::read_dir(sweep.join("slurm")).unwrap().count();
    eprintln!(
        "{TRIALS} trials: submitted in {submitted:.2?}, done after {all:.2?}, status in {looked:.2?}, {logs} files in slurm/"
    );
}
