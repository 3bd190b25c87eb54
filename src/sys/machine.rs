//! Facts about the machine and this process's memory, for the manifest, the note of a lock and measured times.
//!
//! Plain reads of what the kernel publishes as text; on systems without those files the answers are
//! `unknown`, since nothing depends on them.

use std::fs::File;
use std::io::Read as _;

/// Enough for any of the files read here; `/proc/cpuinfo` has about 1.5 kB a core.
const LIMIT: u64 = 4 << 20;

/// The machine's name in its network.
pub fn host() -> String {
    first_line("/proc/sys/kernel/hostname")
        .or_else(|| first_line("/etc/hostname"))
        .unwrap_or_else(unknown)
}

/// Identifier of this installation of the system (`/etc/machine-id`); nothing where the system has none.
pub fn machine_id() -> Option<String> {
    first_line("/etc/machine-id")
}

/// Identifier of the time since the machine's last start; nothing where the system has none.
pub fn boot_id() -> Option<String> {
    first_line("/proc/sys/kernel/random/boot_id")
}

/// Number of the user that this process acts for; nothing where the system does not say.
pub fn user_id() -> Option<u32> {
    effective_user(&read("/proc/self/status")?)
}

/// From a line such as `Uid:\t1000\t1000\t1000\t1000`: real, effective, saved, for files.
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The processor's name as its maker writes it, and the number of threads that it runs at once.
pub fn cpu() -> String {
    let model = read("/proc/cpuinfo")
        .as_deref()
        .and_then(cpu_model)
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    match std::thread::available_parallelism() {
        Ok(threads) => format!("{model} ({threads} threads)"),
        Err(_) => model,
    }
}

/// Operating system, its release and architecture: `linux 6.18.4 x86_64`.
pub fn os() -> String {
    let release = first_line("/proc/sys/kernel/osrelease").map(|release| format!(" {release}"));
    format!(
        "{}{} {}",
        std::env::consts::OS,
        release.unwrap_or_default(),
        std::env::consts::ARCH
    )
}

/// Memory of the machine in bytes; nothing where the system does not say.
pub fn memory_bytes() -> Option<u64> {
    size(&read("/proc/meminfo")?, "MemTotal:")
}

/// The most memory that this process has held so far, in bytes; nothing where the system does not say.
pub fn peak_memory_bytes() -> Option<u64> {
    size(&read("/proc/self/status")?, "VmHWM:")
}

/// The value in bytes of a line such as `VmHWM:   118272 kB`, in which Linux means units of 1024.
fn size(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        matches!(key.trim(), "model name" | "Model").then(|| value.trim().to_owned())
    })
}

fn first_line(path: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(LIMIT)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_processor_name() {
        let intel = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\n\
                     model name\t: Intel(R) Xeon(R) Platinum 8488C\nstepping\t: 8\n";
        assert_eq!(
            cpu_model(intel).as_deref(),
            Some("Intel(R) Xeon(R) Platinum 8488C")
        );
        let raspberry =
            "processor\t: 0\nBogoMIPS\t: 108.00\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n";
        assert_eq!(
            cpu_model(raspberry).as_deref(),
            Some("Raspberry Pi 4 Model B Rev 1.4")
        );
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn reads_sizes_in_units_of_1024() {
        let text = "VmPeak:\t  300 kB\nVmHWM:\t  118272 kB\nThreads:\t3\n";
        assert_eq!(size(text, "VmHWM:"), Some(121_110_528));
        assert_eq!(size(text, "Threads:"), None);
        assert_eq!(size(text, "VmSwap:"), None);
    }

    #[test]
    fn reads_the_effective_user() {
        let text = "Name:\trunner\nUid:\t1000\t7\t7\t7\nGid:\t5\t5\t5\t5\n";
        assert_eq!(effective_user(text), Some(7));
        assert_eq!(effective_user("Name:\trunner\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn raises_the_peak_with_held_memory() {
        let before = peak_memory_bytes().unwrap();
        let held = std::hint::black_box(vec![1_u8; 200 << 20]);
        let after = peak_memory_bytes().unwrap();
        // Other tests may have held as much before.
        assert!(
            after >= before && after >= held.len() as u64,
            "{before} {after}"
        );
    }

    #[test]
    fn answers_with_one_nonempty_line() {
        for answer in [host(), cpu(), os()] {
            assert!(
                !answer.trim().is_empty() && answer.lines().count() == 1,
                "{answer:?}"
            );
        }
    }
}
