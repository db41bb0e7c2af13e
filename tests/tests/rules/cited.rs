//! Every rule of the contract has a test that says so.
//!
//! A script cites rules in the first line of its opening comment (`# C6, C8: …`), a Rust
//! test in its doc comment (`/// C6, C8: …`). So one search for an id finds every proof
//! of the rule, and this test finds the rules without one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is promised is tested, and what is cited is promised.
#[test]
fn each_rule_of_the_contract_is_cited_by_a_test() {
    let rules = rules();
    assert!(rules.len() >= 45, "the contract has rules: {rules:?}");
    let mut cited = BTreeSet::new();
    for path in files(&root()) {
        let citations = citations(&path);
        let unknown: Vec<_> = citations.difference(&rules).collect();
        assert!(
            unknown.is_empty(),
            "{} cites {unknown:?}, which the contract does not have",
            path.display()
        );
        cited.extend(citations);
    }
    let uncited: Vec<_> = rules.difference(&cited).collect();
    assert!(uncited.is_empty(), "no test cites {uncited:?}");
}

/// The ids of the contract's rules: what stands in bold at the head of a list item.
fn rules() -> BTreeSet<String> {
    let contract = fs::read_to_string(root().join("docs/contract.md")).expect("a contract");
    let items = contract
        .lines()
        .filter_map(|line| line.strip_prefix("- **"));
    let heads = items.filter_map(|item| item.split_once("**"));
    heads
        .map(|(id, _)| id.to_owned())
        .filter(|id| is_id(id))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, but for what is built or hidden.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn citations(path: &Path) -> BTreeSet<String> {
    let is_script = ["golden", "parity"]
        .iter()
        .any(|folder| path.parent().is_some_and(|p| p.ends_with(folder)));
    if is_script {
        let text = fs::read_to_string(path).expect("a readable script");
        let cited = text.strip_prefix("# ").map(ids).unwrap_or_default();
        assert!(
            !cited.is_empty(),
            "{} cites no rule in its first line",
            path.display()
        );
        return cited;
    }
    match path.extension().is_some_and(|extension| extension == "rs") {
        true => in_rust(&fs::read_to_string(path).expect("a readable source")),
        false => BTreeSet::new(),
    }
}

/// The ids in doc comments of tests: those that a `test` attribute follows.
fn in_rust(source: &str) -> BTreeSet<String> {
    let mut cited = BTreeSet::new();
    let mut pending = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            pending.extend(ids(comment));
        } else if line.starts_with("#[") && line.contains("test") {
            cited.append(&mut pending);
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            pending.clear();
        }
    }
    cited
}

/// The ids before the first colon, if nothing else stands there: `C6, C8: …`.
fn ids(comment: &str) -> BTreeSet<String> {
    let Some((head, _)) = comment.split_once(':') else {
        return BTreeSet::new();
    };
    let ids: BTreeSet<String> = head.split(", ").map(str::to_owned).collect();
    match ids.iter().all(|id| is_id(id)) {
        true => ids,
        false => BTreeSet::new(),
    }
}

/// A letter and a number.
fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && chars.as_str().parse::<u8>().is_ok()
}
