//! Fuzzing, where a nightly compiler is found.

use std::path::Path;
use std::process::Command;

use crate::run::{answers, root, run};

/// What cargo-fuzz would pass: coverage for libFuzzer, and the address sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address -Ccodegen-units=1 -Cdebug-assertions";

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Fuzzes the targets, each for some seconds. What is new in coverage joins the corpus's working copy in
/// `target/fuzz`; a crash is left in `fuzz/artifacts`.
pub(crate) fn fuzz(arguments: &[&str]) -> Result<(), String> {
    let (seconds, names) = match arguments {
        [first, rest @ ..] if first.parse::<u32>().is_ok() => (*first, rest),
        all => ("60", all),
    };
    if !answers("rustup", "--version") || !nightly() {
        return Err("fuzzing needs a nightly compiler: `rustup toolchain install nightly`; `cargo xtask test` replays the corpora \
                    without one"
            .to_owned());
    }
    let folder = root().join("target/fuzz");
    let mut build = Command::new("cargo");
    build
        .current_dir(root())
        .args([
            "+nightly",
            "build",
            "--locked",
            "--release",
            "--package=keyporch-fuzz",
            "--features=libfuzzer",
            "--bin=fuzz",
        ])
        .arg(format!("--target={TARGET}"))
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", FLAGS);
    run(&mut build)?;
    let all = targets()?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| names.is_empty() || names.contains(&name.as_str()))
        .collect();
    if chosen.is_empty() {
        return Err(format!(
            "there is no such target; there are {}",
            all.join(", ")
        ));
    }
    let program = folder.join(TARGET).join("release/fuzz");
    for name in chosen {
        one(&program, &folder, name, seconds)?;
    }
    Ok(())
}

fn one(program: &Path, folder: &Path, name: &str, seconds: &str) -> Result<(), String> {
    let grown = folder.join("corpus").join(name);
    let crashes = root().join("fuzz/artifacts").join(name);
    for folder in [&grown, &crashes] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let words = root().join("fuzz/words").join(format!("{name}.dict"));
    let mut fuzz = Command::new(program);
    if words.is_file() {
        fuzz.arg(format!("-dict={}", words.display()));
    }
    fuzz.env("KEYPORCH_FUZZ_TARGET", name)
        .arg(grown)
        .arg(root().join("fuzz/corpus").join(name))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .args([
            "-rss_limit_mb=4096",
            "-timeout=20",
            "-max_len=8192",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-max_total_time={seconds}"));
    run(&mut fuzz).map_err(|why| {
        format!("target {name} found something: {why}; the input lies in fuzz/artifacts/{name}")
    })
}

/// The targets are the folders of the corpus; a test holds them against the table.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/corpus");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn nightly() -> bool {
    let version = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    version.is_ok_and(|output| output.status.success())
}
