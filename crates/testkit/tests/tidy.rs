//! Rules about the tree that no linter knows.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that reads the tree's own files"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The tree's own text files, by path from the root.
fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(&root(), &root(), &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if ![
                "target",
                ".git",
                "node_modules",
                ".venv",
                "tmp",
                "__pycache__",
            ]
            .contains(&name.as_str())
            {
                collect(root, &path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.insert(
                path.strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                text,
            );
        }
    }
}

fn rust_files() -> impl Iterator<Item = (String, String)> {
    files()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"))
}

/// Fails with every place that breaks a rule.
fn none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}\n  {}", places.join("\n  "));
}

/// The part of a file before its tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn decisions_neither_wait_nor_ask() {
    let banned = [
        "async fn",
        "async move",
        ".await",
        "tokio",
        "reqwest",
        "Store",
        "now()",
        "Clock",
    ];
    let places: Vec<String> = rust_files()
        .filter(|(path, _)| path.contains("/decide/") || path.ends_with("/decide.rs"))
        .filter(|(path, _)| !path.contains("tests"))
        .flat_map(|(path, text)| {
            let text = without_tests(&text).to_owned();
            banned
                .into_iter()
                .filter(move |word| text.contains(word))
                .map(move |word| format!("{path}: {word}"))
        })
        .collect();
    none("decide/ holds functions of values:", &places);
}

#[test]
fn every_method_of_the_store_is_in_the_contract() {
    let files = files();
    let contract: String = files
        .iter()
        .filter(|(path, _)| path.starts_with("crates/deskbridge-store/src/contract"))
        .map(|(_, text)| text.as_str())
        .collect();
    let nouns = files.iter().filter(|(path, _)| {
        path.starts_with("crates/deskbridge-store/src/") && path.matches('/').count() == 3
    });
    let methods = nouns.flat_map(|(_, text)| {
        text.lines().filter_map(|line| {
            let rest = line.trim().strip_prefix("pub async fn ")?;
            rest.split(['(', '<']).next()
        })
    });
    let methods: Vec<&str> = methods.collect();
    assert!(
        methods.len() > 10,
        "the methods are not where they were: {methods:?}"
    );
    let missing = methods.into_iter().filter(|method| {
        let calls = [format!(".{method}("), format!("::{method}(")];
        !calls.iter().any(|call| contract.contains(call))
    });
    let missing: Vec<String> = missing.map(str::to_owned).collect();
    none(
        "a method of the store needs a test that runs on every back end:",
        &missing,
    );
}

#[test]
fn no_rust_file_has_grown_into_two() {
    const LINES_MAX: usize = 700;
    let long = rust_files().filter(|(path, _)| !path.contains("tests"));
    let long = long.map(|(path, text)| (path, text.lines().count()));
    let long: Vec<String> = long
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    none("what second thing does this file do?", &long);
}

#[test]
fn the_tree_names_no_machine_and_no_package_host() {
    // In pieces, so that this file does not name them either.
    let banned = [
        ["/wo", "rk/"],
        ["/fa", "rm/"],
        ["/ro", "ot/"],
        ["../sh", "ared"],
        ["pypi", ".org"],
        ["registry.npm", "js"],
        ["deb.debian", ".org"],
        ["static.crates", ".io"],
    ]
    .map(|pieces| pieces.concat());
    let places: Vec<String> = files()
        .into_iter()
        .filter(|(path, _)| path != "Cargo.lock" && !path.ends_with("package-lock.json"))
        .flat_map(|(path, text)| {
            let found = banned.iter().filter(|word| text.contains(*word)).cloned();
            found
                .map(|word| format!("{path}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect();
    none(
        "a path of this machine, or a package host, is in the tree:",
        &places,
    );
}

#[test]
fn warnings_are_expected_with_a_reason_and_never_allowed() {
    let allow = ["#[al", "low("].concat();
    let allow_all = ["#![al", "low("].concat();
    let places: Vec<String> = rust_files()
        .filter(|(_, text)| text.contains(&allow) || text.contains(&allow_all))
        .map(|(path, _)| path)
        .collect();
    none("write expect with a reason instead of allow:", &places);
}

/// Which crates of ours a crate may build upon.
const ARROWS: [(&str, &[&str]); 21] = [
    ("ami", &[]),
    ("bitrix24", &[]),
    ("caresoft", &[]),
    ("freshdesk", &[]),
    ("frappe", &[]),
    ("standard-webhooks", &[]),
    ("simulators", &[]),
    ("deskbridge-core", &[]),
    (
        "deskbridge-hooks",
        &["deskbridge-core", "standard-webhooks"],
    ),
    ("deskbridge-identity", &["deskbridge-core"]),
    ("deskbridge-http", &["deskbridge-core"]),
    ("deskbridge-store", &["deskbridge-core"]),
    (
        "deskbridge-journal",
        &["deskbridge-core", "deskbridge-store"],
    ),
    (
        "deskbridge-profile",
        &[
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-journal",
            "deskbridge-hooks",
            "deskbridge-http",
            "deskbridge-identity",
            "bitrix24",
            "frappe",
        ],
    ),
    (
        "deskbridge-sync",
        &[
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-journal",
            "deskbridge-hooks",
            "deskbridge-http",
            "deskbridge-identity",
            "bitrix24",
            "caresoft",
            "frappe",
            "standard-webhooks",
        ],
    ),
    (
        "deskbridge-calls",
        &[
            "ami",
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-journal",
            "deskbridge-hooks",
            "deskbridge-http",
            "deskbridge-identity",
            "bitrix24",
            "frappe",
        ],
    ),
    (
        "deskbridge-import",
        &[
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-hooks",
            "frappe",
            "freshdesk",
        ],
    ),
    (
        "deskbridge-console",
        &[
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-journal",
            "deskbridge-http",
        ],
    ),
    (
        "deskbridge",
        &[
            "ami",
            "deskbridge-calls",
            "deskbridge-console",
            "deskbridge-core",
            "deskbridge-store",
            "deskbridge-journal",
            "deskbridge-hooks",
            "deskbridge-http",
            "deskbridge-import",
            "deskbridge-identity",
            "deskbridge-profile",
            "deskbridge-sync",
            "bitrix24",
            "caresoft",
            "frappe",
            "freshdesk",
            "simulators",
        ],
    ),
    ("testkit", &[]),
    (
        "benches",
        &[
            "ami",
            "bitrix24",
            "caresoft",
            "deskbridge-calls",
            "deskbridge-core",
            "deskbridge-hooks",
            "deskbridge-http",
            "deskbridge-import",
            "deskbridge-journal",
            "deskbridge-store",
            "deskbridge-sync",
            "frappe",
            "freshdesk",
            "simulators",
            "testkit",
        ],
    ),
];

#[test]
fn arrows_between_crates_point_down() {
    let ours: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let mut places = Vec::new();
    for (path, text) in files() {
        let Some(name) = path
            .strip_prefix("crates/")
            .and_then(|path| path.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let manifest: toml::Table = text.parse().unwrap();
        let allowed = ARROWS.iter().find(|(crate_name, _)| *crate_name == name);
        let Some((_, allowed)) = allowed else {
            places.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        let dependencies = manifest
            .get("dependencies")
            .and_then(|found| found.as_table());
        for dependency in dependencies.into_iter().flat_map(|found| found.keys()) {
            if ours.contains(&dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                places.push(format!("{name} builds upon {dependency}"));
            }
        }
    }
    none("an arrow between crates points the wrong way:", &places);
}

/// Licences under which we take a dependency.
const LICENCES: [&str; 9] = [
    "MIT",
    "Apache-2.0",
    "BSD-3-Clause",
    "BSD-2-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
    "CDLA-Permissive-2.0",
];
/// Packages whose licence binds only those who change them, which we do not; the parser of styles below the one that
/// makes HTML safe.
const UNCHANGED: [&str; 2] = ["cssparser", "dtoa-short"];
/// What must not come in, however far below.
const BANNED: [&str; 7] = [
    "openssl",
    "openssl-sys",
    "native-tls",
    "aws-lc-rs",
    "aws-lc-sys",
    "chrono",
    "rustls-pemfile",
];

#[test]
fn dependencies_have_licences_that_we_can_keep() {
    let arguments = [
        "tree",
        "--workspace",
        "--locked",
        "--offline",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let mut places = BTreeSet::new();
    for (package, licence) in tree.lines().filter_map(|line| line.split_once('|')) {
        let name = package.split(' ').next().unwrap_or_default();
        if BANNED.contains(&name) {
            places.insert(format!("{name} is banned"));
        }
        let licence = licence.trim_end_matches(" (*)");
        if !is_kept(licence) && !UNCHANGED.contains(&name) {
            places.insert(format!("{name}: {licence}"));
        }
    }
    assert!(
        tree.lines().count() > 200,
        "the tree of dependencies was not read"
    );
    none("a dependency that we cannot keep:", &Vec::from_iter(places));
}

/// Whether one alternative of a licence consists of licences that we take.
fn is_kept(licence: &str) -> bool {
    let takes = |alternative: &str| {
        alternative.split(" AND ").all(|part| {
            let part = part
                .trim_matches(['(', ')', ' '])
                .trim_end_matches(" WITH LLVM-exception");
            LICENCES.contains(&part)
        })
    };
    licence.replace('/', " OR ").split(" OR ").any(takes)
}
