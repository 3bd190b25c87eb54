//! What is said about a disk that is nearly full.

use crate::common::Lab;
use crate::{SPEC, run_of, with_faults};

#[test]
fn warns_of_little_room_before_a_run() {
    let lab = Lab::with(SPEC);
    let warning = "warning: the disk of `runs` has 1.0 MB free, the run needs about 4.1 MB";
    for command in ["check", "run"] {
        let ended = with_faults(&lab, "free@1000000", None, &[command, "spec.toml"]);
        ended.with_code(0).says(warning);
        let ended = with_faults(&lab, "free@1000000000", None, &[command, "spec.toml"]);
        assert_eq!(ended.with_code(0).stderr, "");
    }
    let lab = Lab::with(SPEC);
    with_faults(&lab, "sigint@step:1", None, &["spec.toml"]).with_code(130);
    let path = run_of(&lab).unwrap().display().to_string();
    with_faults(&lab, "free@100", None, &["resume", &path])
        .with_code(0)
        .says("has 100 B free");
}
