//! Every rule of the contract has a test that says so, and what is cited is promised; see
//! [`tests::citations`] for how tests cite.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tests::citations::{in_script, in_tests, rules};

/// What is promised is tested, and what is cited is promised.
#[test]
fn each_rule_of_the_contract_is_cited_by_a_test() {
    let contract = fs::read_to_string(root().join("docs/contract.md")).expect("a contract");
    let rules: BTreeSet<String> = rules(&contract).into_iter().map(|rule| rule.id).collect();
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
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    if !is_script && !is_rust {
        return BTreeSet::new();
    }
    let text = fs::read_to_string(path).expect("a readable file");
    if is_rust {
        return in_tests(&text);
    }
    let cited = in_script(&text);
    assert!(
        !cited.is_empty(),
        "{} cites no rule in its first line",
        path.display()
    );
    cited
}
