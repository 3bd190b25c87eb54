//! Tells the program which commit it was built from, where it is built from a git checkout.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    println!("cargo:rerun-if-changed=src/build.rs");
    let git = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Ok(output) = git
        && output.status.success()
    {
        println!(
            "cargo:rustc-env=RUNNER_GIT_COMMIT={}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
}
