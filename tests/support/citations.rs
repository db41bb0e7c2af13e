//! The rules of the contract, and who cites them.
//!
//! A rule has an id, a letter and a number, which stands in bold at the head of its item in
//! `docs/contract.md`. A script cites rules in the first line of its opening comment
//! (`# C6, C8: ...`), a Rust test in its doc comment (`/// C6, C8: ...`), other code in any
//! comment (`rules C8, C9 and C12`, `C1 to C9`). So one search for an id finds every proof of
//! the rule.

use std::collections::BTreeSet;

/// A rule of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id, such as `C2`.
    pub id: String,
    /// What it says, on one line.
    pub text: String,
    /// The heading that it stands under.
    pub part: String,
}

/// The rules, in the contract's order: the items of its lists that begin with an id in bold.
pub fn rules(contract: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut part = String::new();
    let mut within = false;
    for line in contract.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut part);
        }
        let item = line
            .strip_prefix("- **")
            .and_then(|item| item.split_once("**"));
        match (item, rules.last_mut()) {
            (Some((id, text)), _) if is_id(id) => {
                within = true;
                rules.push(Rule {
                    id: id.to_owned(),
                    text: text.trim().to_owned(),
                    part: part.clone(),
                });
            }
            (_, Some(rule)) if within && line.starts_with("  ") => {
                rule.text.extend([" ", line.trim()]);
            }
            _ => within = false,
        }
    }
    rules
}

/// What a golden script cites: the ids in its first line.
pub fn in_script(script: &str) -> BTreeSet<String> {
    script.strip_prefix("# ").map(ids).unwrap_or_default()
}

/// The ids in doc comments of tests: those that a `test` attribute follows.
pub fn in_tests(source: &str) -> BTreeSet<String> {
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

/// The ids anywhere in a comment, also those between the two of `C1 to C9`.
pub fn mentioned(comment: &str) -> BTreeSet<String> {
    let words = comment.split(|c: char| !c.is_alphanumeric() && c != '\u{2013}');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut cited: BTreeSet<String> = words
        .iter()
        .filter(|word| is_id(word))
        .map(|word| (*word).to_owned())
        .collect();
    let to = words.windows(3).filter(|window| window[1] == "to");
    let pairs = to.map(|window| (window[0], window[2]));
    let dashes = words.iter().filter_map(|word| word.split_once('\u{2013}'));
    for (first, last) in pairs.chain(dashes) {
        cited.extend(between(first, last));
    }
    cited
}

/// `C1` to `C3`: all three. Nothing where these are no ids of one letter.
fn between(first: &str, last: &str) -> Vec<String> {
    if !is_id(first) || !is_id(last) || first[..1] != last[..1] {
        return Vec::new();
    }
    let number = |id: &str| id[1..].parse::<u8>().unwrap_or_default();
    (number(first)..=number(last))
        .map(|number| format!("{}{number}", &first[..1]))
        .collect()
}

/// The ids before the first colon, if nothing else stands there: `C6, C8: ...`.
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

/// Whether a text is a letter and a number.
pub fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && chars.as_str().parse::<u8>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
        ids.map(str::to_owned).into()
    }

    #[test]
    fn rules_have_their_text_and_part() {
        let contract = "# The contract\n\n## Claims\n\n- **C1** One\n  goes on.\n- **C2** Two.\n\nText.\n  More.\n- **no** rule\n";
        let found = rules(contract);
        let found: Vec<_> = found.iter().map(|r| (&*r.id, &*r.text, &*r.part)).collect();
        assert_eq!(
            found,
            [("C1", "One goes on.", "Claims"), ("C2", "Two.", "Claims")]
        );
    }

    #[test]
    fn scripts_and_tests_cite_before_a_colon() {
        assert_eq!(
            in_script("# C6, C8: a story\n# C9: no\n"),
            set(["C6", "C8"])
        );
        assert_eq!(in_script("# A story of C6: no\n"), set([]));
        let source = "/// C1: yes\n/// more\n#[test]\nfn a() {}\n/// C2: no\nfn b() {}\n";
        assert_eq!(in_tests(source), set(["C1"]));
    }

    #[test]
    fn comments_cite_anywhere() {
        assert_eq!(
            mentioned("Reaps (rules C8, C9 and C12)."),
            set(["C8", "C9", "C12"])
        );
        assert_eq!(mentioned("(rules C1 to C3)"), set(["C1", "C2", "C3"]));
        assert_eq!(mentioned("A1\u{2013}A3, A6"), set(["A1", "A2", "A3", "A6"]));
        assert_eq!(mentioned("XXH3 and UTF8, C300"), set([]));
    }
}
