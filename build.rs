//! Tells the program what it was built from: `BONGSU_REVISION` (from the environment, else, in an
//! optimised build, from git) and the compiler's version. Builds without either say `unknown`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BONGSU_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    // A developer's build is not rebuilt for each commit.
    let shipped = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if shipped {
        println!("cargo::rerun-if-changed=.git/HEAD");
        println!("cargo::rerun-if-changed=.git/refs/heads");
        // A word for each address that the loader has to mend would be 6 % of the program; packed,
        // they are a few kilobytes. glibc can read that since 2.36.
        if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
    let revision = std::env::var("BONGSU_REVISION")
        .ok()
        .filter(|revision| !revision.is_empty())
        .or_else(|| {
            shipped.then(|| first_line("git", &["rev-parse", "--short=12", "HEAD"])).flatten()
        })
        .unwrap_or_else(|| "unknown".into());
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let rust = first_line(&compiler, &["--version"])
        .and_then(|line| line.split(' ').nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=BONGSU_REVISION={revision}");
    println!("cargo::rustc-env=BONGSU_RUST_VERSION={rust}");
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
}
