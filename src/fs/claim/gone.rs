//! Claims of another machine whose process is gone, as its batch system says.

use std::path::Path;

use super::Claimant;
use crate::fs::digest::sha256_hex;
use crate::fs::files::{self, FileError};

/// Removes the claim of a process that has ended, as its batch system says or, for a process with a batch job, the
/// kernel of its machine. Gives whether this call removed it.
///
/// Several workers may learn of the end at the same moment, and one of them may hold the claim anew before another one
/// gets here. So each claim is removed once: the worker that creates the marker file `NAME.gone-DIGEST`, which must not
/// exist yet, removes the claim, and the others leave it alone. The marker stays. A worker that is killed between the
/// two steps leaves a claim that only [`release`](super::release) frees.
///
/// # Errors
/// The file system refuses.
pub fn free_of_gone(path: &Path, claimant: &Claimant) -> Result<bool, FileError> {
    let note = serde_json::to_string(claimant).unwrap_or_default();
    let digest = sha256_hex(note.as_bytes());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let marker = path.with_file_name(format!("{name}.gone-{}", &digest[..12]));
    match files::create_lock(&marker) {
        Ok(_) => files::remove_if_there(path).map(|()| true),
        Err(error) if error.is_already_there() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, BatchJob, Claim};
    use super::*;
    use crate::fs::in_folder;

    fn elsewhere(pid: u32) -> Claimant {
        Claimant {
            host: "elsewhere".to_owned(),
            machine_id: Some("other".to_owned()),
            boot_id: Some("other".to_owned()),
            pid,
            since: "2026-11-24T12:00:00.000Z".to_owned(),
            ..Claimant::this_process()
        }
    }

    #[test]
    fn removes_a_dead_claimant_once_and_keeps_the_next_claim() {
        let (_folder, path) = in_folder("trial");
        std::fs::write(&path, serde_json::to_string(&elsewhere(1)).unwrap()).unwrap();
        let Attempt::Held(Some(seen)) = Claim::take(&path).unwrap() else {
            panic!("not held")
        };
        assert_eq!(seen, elsewhere(1));
        assert!(free_of_gone(&path, &seen).unwrap());
        let Attempt::Mine(_claim) = Claim::take(&path).unwrap() else {
            panic!("not free")
        };
        // Another worker that saw the dead one too, a moment later.
        assert!(!free_of_gone(&path, &seen).unwrap());
        assert!(path.exists());
        // A later claimant of the same place is another one.
        std::fs::write(&path, serde_json::to_string(&elsewhere(2)).unwrap()).unwrap();
        assert!(free_of_gone(&path, &elsewhere(2)).unwrap());
        assert!(!path.exists());
    }

    /// The kernel of the process's machine may find the claim before or after the batch system does; the second of the
    /// two leaves it alone.
    #[test]
    fn removes_a_claimant_with_a_job_once_on_its_own_machine() {
        let (_folder, path) = in_folder("trial");
        let mut dead = Claimant::this_process();
        dead.pid += 1;
        dead.job = BatchJob::of(|name| (name == "SLURM_JOB_ID").then(|| "7".to_owned()));
        let write = || std::fs::write(&path, serde_json::to_string(&dead).unwrap()).unwrap();
        write();
        let Attempt::Mine(_claim) = Claim::take(&path).unwrap() else {
            panic!("not free")
        };
        assert!(!free_of_gone(&path, &dead).unwrap());
        assert!(path.exists());
        // The marker is there, and the worker that made it has yet to remove the claim.
        write();
        assert!(matches!(Claim::take(&path).unwrap(), Attempt::Held(Some(it)) if it == dead));
    }
}
