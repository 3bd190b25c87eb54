//! Claims of another machine whose process is gone, as its batch system says.

use std::path::Path;

use super::Claimant;
use crate::fs::digest::sha256_hex;
use crate::fs::files::{self, FileError};

/// Takes the claim of a process away that is known to be gone: of the batch system, or of its machine's kernel where it had a
/// batch job, so that the two ways do not cross. Gives whether it was this call that did.
///
/// Several workers may come to know of it at the same moment, and one of them may hold the claim anew when another one
/// gets here. So each dead claimant is buried once: whoever makes the file of that name, which must not be there, takes the
/// claim away, and the others leave it alone. The file stays. A worker that dies between the two steps leaves a claim
/// that only [`release`](super::release) frees.
///
/// # Errors
/// The file system refuses.
pub fn free_of_gone(path: &Path, claimant: &Claimant) -> Result<bool, FileError> {
    let note = serde_json::to_string(claimant).unwrap_or_default();
    let digest = sha256_hex(note.as_bytes());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let grave = path.with_file_name(format!("{name}.gone-{}", &digest[..12]));
    match files::create_lock(&grave) {
        Ok(_) => files::remove_if_there(path).map(|()| true),
        Err(error) if error.is_already_there() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, BatchJob, Claim};
    use super::*;

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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trial");
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

    /// The kernel of the dead one's machine knows too, and may come first or second; whoever came second left the claim alone.
    #[test]
    fn removes_a_claimant_with_a_job_once_on_its_own_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trial");
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
        // Its grave is there, and who made it has yet to take the claim away.
        write();
        assert!(matches!(Claim::take(&path).unwrap(), Attempt::Held(Some(it)) if it == dead));
    }
}
