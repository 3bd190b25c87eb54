//! Free bytes of a disk.

use std::path::Path;

/// Bytes that this user can still write below a path, which need not be there yet; nothing where the
/// system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(feature = "faults")]
    if let Some(bytes) = crate::fs::fault_injection::free_bytes() {
        return Some(bytes);
    }
    let path = std::path::absolute(path).ok()?;
    path.ancestors()
        .find(|folder| folder.exists())
        .and_then(of_folder)
}

#[cfg(unix)]
fn of_folder(folder: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(not(unix))]
fn of_folder(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// `df` asks the same of the system by other means.
    #[test]
    fn reads_the_free_bytes_that_df_reports() {
        let folder = tempfile::tempdir().unwrap();
        let df = || {
            let output = std::process::Command::new("df")
                .args(["--output=avail", "-B1"])
                .arg(folder.path())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().nth(1).unwrap().trim().parse::<u64>().unwrap()
        };
        // Others write to the same disk meanwhile.
        let close = (0..50).any(|_| {
            let (before, found, after) = (df(), free_bytes(folder.path()).unwrap(), df());
            (before.min(after)..=before.max(after)).contains(&found)
        });
        assert!(close);
        let deep = folder.path().join("not/there/yet");
        assert!(free_bytes(&deep).unwrap() > 0);
    }
}
