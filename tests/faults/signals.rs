//! Signals at chosen moments: while files are made, while a checkpoint is saved, and a second one behind the first.

use crate::common::Lab;
use crate::trace::operations;
use crate::{SPEC, assert_promises, digest, each, run_of, told, with_faults};

#[test]
fn resumes_after_signals_between_file_operations() {
    let lab = Lab::with(SPEC);
    let trace = lab.path().join("trace");
    with_faults(&lab, "", Some(&trace), &["spec.toml"]).with_code(0);
    let end = digest(&run_of(&lab).unwrap());
    let operations = operations(&trace);
    let count = operations.len() as u64;
    // Twenty places from the first operation to the last, and the saving of the second epoch with two signals.
    let mut cases = vec![];
    for i in 0..20 {
        let place = 1 + i * (count - 1) / 19;
        let (name, code) = [("sigint", 130), ("sigterm", 143)][i as usize % 2];
        cases.push((format!("{name}@{place}"), code));
    }
    let saving: Vec<_> = operations
        .iter()
        .filter(|it| it.path.to_string_lossy().contains("checkpoints/"))
        .collect();
    for i in 0..20 {
        let place = saving[i * (saving.len() - 1) / 19].number;
        let (first, second, code) = [("sigint", "sigterm", 143), ("sigterm", "sigint", 130)][i % 2];
        cases.push((format!("{first}@{place},{second}@{place}"), code));
    }
    each(40, cases, |(fault, code)| {
        let lab = Lab::with(SPEC);
        let trace = lab.path().join("trace");
        let ended = with_faults(&lab, &fault, Some(&trace), &["spec.toml"]);
        assert_eq!(ended.code, code, "{fault}: {ended:#?}");
        if let Some((_, place)) = fault
            .split_once(',')
            .and_then(|(one, _)| one.split_once('@'))
        {
            // The second one leaves at once: this operation is never done.
            let last = crate::trace::operations(&trace).last().unwrap().number;
            assert_eq!(last + 1, place.parse::<u64>().unwrap(), "{fault}");
        }
        assert_promises(&lab, told(&ended.stdout), &end, &fault);
    });
}
