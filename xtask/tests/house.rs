//! The rules of the house, read from the repository itself: which way the arrows point, what we
//! build on and under which licences, and that the maps in the documents lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The rows of the house, top to bottom (ARCHITECTURE.md). A crate may use crates of lower rows only.
const ROWS: &[&[&str]] = &[
    &["keyporchd", "keyporch"],
    &["keyporch-lab", "keyporch-testbed"],
    &["keyporch-serve", "keyporch-call", "keyporch-store"],
    &[
        "keyporch-kdc",
        "keyporch-federation",
        "keyporch-tenant",
        "keyporch-authority",
        "keyporch-administration",
        "keyporch-hello",
    ],
    &[
        "keyporch-registration",
        "keyporch-provisioning",
        "keyporch-signin",
    ],
    &["keyporch-policy"],
    &["keyporch-directory"],
    &["keyporch-ticket", "keyporch-token"],
    &["keyporch-trust"],
    &["keyporch-crypto"],
    &["keyporch-wire"],
];

/// Workspace members that stand beside the house: they may use anything, nothing may use them.
const BESIDE: &[&str] = &[
    "xtask",
    "keyporch-interop",
    "keyporch-fuzz",
    "keyporch-bench",
];

/// Licences that may be in what we ship. MPL-2.0 only by name, unmodified, in a crate of its own.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "OpenSSL",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// Crates that must not enter, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "openssl",
        "links the system's C library; aws-lc is our one provider",
    ),
    (
        "openssl-sys",
        "links the system's C library; aws-lc is our one provider",
    ),
    ("ring", "a second provider beside aws-lc inside one rustls"),
    (
        "rsa",
        "RUSTSEC-2023-0071: its private-key operations leak by timing",
    ),
    ("kerberos_crypto", "AGPL"),
    ("native-tls", "brings OpenSSL"),
    ("chrono", "time is our own argument type"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the root")
        .to_path_buf()
}

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform=x86_64-unknown-linux-gnu",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON")
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// Name and licence of every package that is really built for some member. `cargo tree` says it
/// exactly; `cargo metadata` also lists what only a feature that nobody asked for would bring.
fn built() -> Vec<(String, String)> {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--edges=normal,build,dev",
            "--prefix=none",
        ])
        .args(["--format={p}|{l}", "--target=x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let lines = String::from_utf8(out.stdout).expect("cargo tree prints UTF-8");
    let pairs = lines.lines().filter_map(|line| line.split_once('|'));
    let pairs: BTreeSet<(String, String)> = pairs
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap_or_default();
            (name.to_owned(), licence.trim_end_matches(" (*)").to_owned())
        })
        .collect();
    assert!(
        pairs.len() > 50,
        "cargo tree lists only {} packages",
        pairs.len()
    );
    pairs.into_iter().collect()
}

/// The workspace's members, each with the members that it uses other than in its tests.
fn arrows(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let ours: Vec<&Value> = packages(metadata)
        .filter(|package| members.contains(text(package, "id")))
        .collect();
    let names: BTreeSet<&str> = ours.iter().map(|package| text(package, "name")).collect();
    ours.iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().into_iter().flatten();
            let uses = uses.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
            let uses = uses
                .map(|dependency| text(dependency, "name"))
                .filter(|name| names.contains(name))
                .map(str::to_owned);
            (text(package, "name").to_owned(), uses.collect())
        })
        .collect()
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

/// What is wrong with the arrows, a sentence each.
fn wrong_arrows(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, uses) in arrows {
        if BESIDE.contains(&from.as_str()) {
            continue;
        }
        let Some(height) = row(from) else {
            wrong.push(format!("{from} has no row in the house"));
            continue;
        };
        for to in uses {
            match row(to) {
                Some(lower) if lower > height => {}
                Some(lower) if lower == height => wrong.push(format!("sideways: {from} uses {to}")),
                Some(_) => wrong.push(format!("upwards: {from} uses {to}")),
                None => wrong.push(format!("{from} uses {to}, which stands beside the house")),
            }
        }
    }
    wrong
}

#[test]
fn arrows_point_down_only() {
    let wrong = wrong_arrows(&arrows(&metadata()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_arrow_up_or_sideways_is_noticed() {
    let arrow =
        |from: &str, to: &str| BTreeMap::from([(from.to_owned(), BTreeSet::from([to.to_owned()]))]);
    assert_eq!(
        wrong_arrows(&arrow("keyporch-kdc", "keyporch-federation")),
        ["sideways: keyporch-kdc uses keyporch-federation"]
    );
    assert_eq!(
        wrong_arrows(&arrow("keyporch-wire", "keyporch-crypto")),
        ["upwards: keyporch-wire uses keyporch-crypto"]
    );
    assert_eq!(
        wrong_arrows(&arrow("keyporch-kdc", "xtask")),
        ["keyporch-kdc uses xtask, which stands beside the house"]
    );
    assert_eq!(
        wrong_arrows(&arrow("keyporch-new", "keyporch-wire")),
        ["keyporch-new has no row in the house"]
    );
    assert!(wrong_arrows(&arrow("keyporch-kdc", "keyporch-wire")).is_empty());
}

/// Whether an SPDX expression can be met with [`LICENCES`]: `OR` needs one side, `AND` both.
fn acceptable(expression: &str) -> bool {
    let expression = expression
        .trim()
        .trim_start_matches('(')
        .trim_end_matches(')')
        .replace('/', " OR ");
    if let Some((left, right)) = split_outside(&expression, " AND ") {
        return acceptable(&left) && acceptable(&right);
    }
    if let Some((left, right)) = split_outside(&expression, " OR ") {
        return acceptable(&left) || acceptable(&right);
    }
    LICENCES.contains(&expression.trim())
}

fn split_outside(expression: &str, word: &str) -> Option<(String, String)> {
    let mut depth = 0;
    for (at, letter) in expression.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && expression[at..].starts_with(word) => {
                return Some((
                    expression[..at].to_owned(),
                    expression[at + word.len()..].to_owned(),
                ));
            }
            _ => {}
        }
    }
    None
}

#[test]
fn every_licence_is_one_that_we_may_ship() {
    let wrong: Vec<String> = built()
        .into_iter()
        .filter(|(_, licence)| !acceptable(licence))
        .map(|(name, licence)| format!("{name}: {licence:?}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "not on the list of licences:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    assert!(
        acceptable("MIT OR Apache-2.0")
            && acceptable("MIT/GPL-3.0-only")
            && acceptable("(MIT OR GPL-2.0-only) AND ISC")
    );
    assert!(!acceptable("GPL-3.0-only") && !acceptable("MIT AND LGPL-2.1-only") && !acceptable(""));
}

#[test]
fn no_banned_crate_is_built() {
    let present: BTreeSet<String> = built().into_iter().map(|(name, _)| name).collect();
    let banned = BANNED.iter().filter(|(name, _)| present.contains(*name));
    let wrong: Vec<String> = banned.map(|(name, why)| format!("{name}: {why}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every path in backquotes in the second column of the "where is …?" table.
fn places(architecture: &str) -> Vec<String> {
    let table = architecture.split("## Where is").nth(1).unwrap_or_default();
    let rows = table
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'));
    let cells = rows.skip(2).filter_map(|line| line.split('|').nth(2));
    cells
        .flat_map(|cell| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn where_is_leads_to_files_that_exist() {
    let architecture =
        std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let places = places(&architecture);
    assert!(
        places.len() >= 20,
        "the table has only {} places",
        places.len()
    );
    let lost: Vec<&String> = places
        .iter()
        .filter(|place| !root().join(place).exists())
        .collect();
    assert!(
        lost.is_empty(),
        "ARCHITECTURE.md points to nothing: {lost:?}"
    );
}
