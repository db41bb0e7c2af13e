//! Who holds a rule: read from the sources, from the models, and from the planted bugs.

use std::collections::{BTreeMap, BTreeSet};

use model::cases::{self, Bounds};
use model::claims::Claims;
use model::commit::Commit;
use model::messages::Messages;
use sim::explore::planted::Mutant;
use stateright::{Expectation, Model, Property};
use tests::citations::{Rule, in_script, in_tests, is_id, mentioned, rules};

use super::Kind;
use crate::tree::Tree;

/// What holds one rule, as Markdown, by kind and in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proofs {
    found: BTreeMap<Kind, Vec<String>>,
}

impl Proofs {
    /// What there is of a kind.
    pub(crate) fn of(&self, kind: Kind) -> &[String] {
        self.found.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Adds a proof, once.
    pub(crate) fn add(&mut self, kind: Kind, proof: String) {
        let found = self.found.entry(kind).or_default();
        if !found.contains(&proof) {
            found.push(proof);
        }
    }
}

/// All rules in the contract's order, with what holds them.
pub(crate) fn gather(tree: &Tree) -> Vec<(Rule, Proofs)> {
    let contract = tree.read("docs/contract.md").expect("a contract");
    let mut all: BTreeMap<String, Proofs> = BTreeMap::new();
    let mut add = |ids: &BTreeSet<String>, kind, proof: &str| {
        for id in ids {
            let proofs = all.entry(id.clone()).or_default();
            proofs.add(kind, proof.to_owned());
        }
    };
    for path in tree.files("") {
        for (kind, ids, proof) in in_file(tree, &path) {
            add(&ids, kind, &proof);
        }
    }
    for (ids, name) in properties() {
        add(&ids, Kind::Model, &name);
    }
    for (ids, name) in bugs() {
        add(&ids, Kind::Bug, &name);
    }
    let rules = rules(&contract).into_iter();
    rules
        .map(|rule| {
            let proofs = all.remove(&rule.id).unwrap_or_default();
            (rule, proofs)
        })
        .collect()
}

type Found = Vec<(Kind, BTreeSet<String>, String)>;

/// What a file holds.
fn in_file(tree: &Tree, path: &str) -> Found {
    if let Some(name) = path.strip_prefix("tests/rules/golden/") {
        let cited = in_script(&tree.read(path).unwrap_or_default());
        return vec![(Kind::Golden, cited, link(name, path))];
    }
    if let Some(name) = path.strip_prefix("tests/rules/parity/") {
        let cited = in_script(&tree.read(path).unwrap_or_default());
        return vec![(Kind::Test, cited, link(&format!("parity/{name}"), path))];
    }
    if !path.ends_with(".rs") {
        return Vec::new();
    }
    let source = tree.read(path).unwrap_or_default();
    let mut found = vec![(Kind::Test, in_tests(&source), link(path, path))];
    let production = production(&source);
    if path.starts_with("mesh/") && path.contains("/src/") && !is_test(path) {
        let name = link(&path["mesh/".len()..].replacen("src/", "", 1), path);
        found.extend(asserted(production, &name));
        found.extend(kept(production, &name));
    }
    if path.starts_with("sim/src/") && path != "sim/src/explore/planted.rs" {
        let name = link(path.trim_start_matches("sim/src/"), path);
        found.push((Kind::Checker, literals(production), name));
    }
    found
}

/// A link from `docs/invariants.md`.
fn link(name: &str, path: &str) -> String {
    format!("[`{name}`](../{path})")
}

/// The source without its tests, which come last.
fn production(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod ").next().unwrap_or(source)
}

/// Whether a file of mesh is there for tests, or breaks rules on purpose.
fn is_test(path: &str) -> bool {
    let parts = [
        "/tests/",
        "/testing/",
        "tests.rs",
        "/conformance/",
        "mesh/planted/",
        "/benches/",
        "/examples/",
    ];
    parts.iter().any(|part| path.contains(part))
}

/// Assertions: a literal that begins with the id of the rule that it finds broken.
fn asserted(source: &str, file: &str) -> Found {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in source.lines() {
        for literal in line.split('"').skip(1).step_by(2) {
            if let Some((id, sentence)) = literal.split_once(": ")
                && is_id(id)
            {
                let sentences = found.entry(id.to_owned()).or_default();
                sentences.push(format!("“{}”", plain(sentence)));
            }
        }
    }
    let proofs = found.into_iter().map(|(id, sentences)| {
        let proof = format!("{file}: {}", sentences.join(", "));
        (Kind::Asserted, BTreeSet::from([id]), proof)
    });
    proofs.collect()
}

/// A format string as a sentence: `{resource}` is what stands for a resource.
fn plain(sentence: &str) -> String {
    sentence.replace("{}", "…").replace(['{', '}'], "")
}

/// The items whose comments cite a rule.
fn kept(source: &str, file: &str) -> Found {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut items: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut at = 0;
    while at < lines.len() {
        let is_comment = |line: &&&str| line.starts_with("//");
        let height = lines[at..].iter().take_while(is_comment).count();
        let comment = lines[at..at + height].join(" ");
        let is_inner = lines[at].starts_with("//!");
        at += height;
        let below = lines.get(at).copied().unwrap_or_default();
        at += usize::from(height == 0);
        for id in mentioned(&comment) {
            let places = items.entry(id).or_default();
            if !is_inner {
                places.extend(named(&lines[at..], below));
            }
        }
    }
    let proofs = items.into_iter().map(|(id, mut places)| {
        places.dedup();
        let proof = match places.is_empty() {
            true => file.to_owned(),
            false => format!("{file}: {}", places.join(", ")),
        };
        (Kind::Kept, BTreeSet::from([id]), proof)
    });
    proofs.collect()
}

/// The name of the item below a comment, if one is there.
fn named(lines: &[&str], below: &str) -> Option<String> {
    let head = match below.starts_with("#[") {
        true => lines.iter().copied().find(|line| !line.starts_with("#["))?,
        false => below,
    };
    let words: Vec<&str> = head.split(' ').collect();
    let is_kind =
        |word: &str| matches!(word, "fn" | "struct" | "enum" | "trait" | "const" | "type");
    let kind = words.iter().rposition(|word| is_kind(word))?;
    let name = words.get(kind + 1)?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(format!("`{}`", &name[..end.unwrap_or(name.len())]))
}

/// Literals that are nothing but an id: `ensure(holds, "C2", ...)`.
fn literals(source: &str) -> BTreeSet<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    literals
        .filter(|text| is_id(text))
        .map(str::to_owned)
        .collect()
}

/// What the models ask in every state. A name begins with the ids of its rules.
fn properties() -> Vec<(BTreeSet<String>, String)> {
    let mut all = Vec::new();
    for case in cases::small() {
        let names = match case.bounds.clone() {
            Bounds::Claims(bounds) => always(&Claims::new(bounds).properties()),
            Bounds::Messages(bounds) => always(&Messages::new(bounds).properties()),
            Bounds::Commit(bounds) => always(&Commit::new(bounds).properties()),
            Bounds::Naive(_) => Vec::new(),
        };
        for name in names {
            let words: Vec<&str> = name.split(' ').collect();
            let ids: BTreeSet<String> = words
                .iter()
                .take_while(|word| is_id(word))
                .map(|word| (*word).to_owned())
                .collect();
            let rest = words[ids.len()..].join(" ");
            all.push((ids, format!("{} “{rest}”", case.model())));
        }
    }
    all
}

fn always<M: Model>(properties: &[Property<M>]) -> Vec<&'static str> {
    let always = |property: &&Property<M>| matches!(property.expectation, Expectation::Always);
    let asked = properties.iter().filter(always);
    asked.map(|property| property.name).collect()
}

/// The bugs that can be planted in mesh, with the rules that they break.
fn bugs() -> Vec<(BTreeSet<String>, String)> {
    let mutants = Mutant::all().into_iter().filter_map(|mutant| match mutant {
        Mutant::Mesh(bug) => {
            let ids = bug.breaks().iter().map(|id| (*id).to_owned()).collect();
            let what = bug.description().trim().trim_end_matches('.');
            Some((ids, format!("`{}` ({what})", bug.name())))
        }
        Mutant::Sim(_) => None,
    });
    mutants.collect()
}

mod sources {
    use super::*;

    const SOURCE: &str = r#"//! Settles (rule C9).

/// Rule C8: promotes.
#[must_use]
pub(crate) fn promote() {
    // Not before its turn (C6).
    ensure(holds, || format!("C2: {resource} has {} holders"))?;
    ensure(holds, "C3", || "C4 is no literal of its own")
}

#[cfg(test)]
mod tests {
    /// C7: a test.
    #[test]
    fn a() { ensure("C5") }
}
"#;

    fn ids<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
        ids.map(str::to_owned).into()
    }

    #[test]
    fn a_source_tells_what_it_asserts_keeps_and_tests() {
        let tree = Tree::of(&[("mesh/src/a.rs", SOURCE), ("sim/src/b.rs", SOURCE)]);
        let a = "[`a.rs`](../mesh/src/a.rs)";
        let found = in_file(&tree, "mesh/src/a.rs");
        let proof = |kind, id, proof: &str| (kind, ids([id]), proof.to_owned());
        let expected = [
            proof(Kind::Test, "C7", "[`mesh/src/a.rs`](../mesh/src/a.rs)"),
            proof(
                Kind::Asserted,
                "C2",
                &format!("{a}: “resource has … holders”"),
            ),
            proof(Kind::Kept, "C6", a),
            proof(Kind::Kept, "C8", &format!("{a}: `promote`")),
            proof(Kind::Kept, "C9", a),
        ];
        assert_eq!(found, expected);
        let found = in_file(&tree, "sim/src/b.rs");
        let b = "[`b.rs`](../sim/src/b.rs)".to_owned();
        assert!(
            found.contains(&(Kind::Checker, ids(["C3"]), b)),
            "{found:?}"
        );
    }

    #[test]
    fn models_and_bugs_are_asked_themselves() {
        let exclusion = (ids(["C2"]), "claims “exclusion”".to_owned());
        assert!(properties().contains(&exclusion));
        let told = (
            ids(["G4", "G5"]),
            "commit “what was told is never lost”".to_owned(),
        );
        assert!(properties().contains(&told));
        let bugs = bugs();
        let last = bugs
            .iter()
            .find(|(_, name)| name.starts_with("`LifoPromotion`"));
        assert_eq!(last.unwrap().0, ids(["C6", "C8"]));
    }
}
