//! `docs/invariants.md`: for each rule of the contract, everything that holds it.
//!
//! The page is written by this test (`BLESS=1`) from the contract, the sources, the models
//! and the planted bugs, so nothing on it can be out of date. Where a rule has nothing of a
//! kind, the page gives the reason of [`reasons`]; a hole without a reason is a failure, and so
//! is a reason without a hole.

mod gather;
mod reasons;

use std::fmt::Write;

use tests::citations::Rule;

use self::gather::{Proofs, gather};
use self::reasons::{REASONS, Reasons};
use crate::tree::{Page, Problem, Tree, alone};

/// The page.
const PAGE: &str = "docs/invariants.md";

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An assertion that runs in debug builds, the simulator and the models.
    Asserted,
    /// The code that keeps the rule.
    Kept,
    /// A golden script.
    Golden,
    /// Another test.
    Test,
    /// A checker of the simulator.
    Checker,
    /// A property of a model.
    Model,
    /// A planted bug that breaks the rule.
    Bug,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Asserted,
        Self::Kept,
        Self::Golden,
        Self::Test,
        Self::Checker,
        Self::Model,
        Self::Bug,
    ];

    fn heading(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Kept => "kept by",
            Self::Golden => "golden scripts",
            Self::Test => "other tests",
            Self::Checker => "checkers",
            Self::Model => "model properties",
            Self::Bug => "planted bugs",
        }
    }

    /// The heading, for a narrow column.
    fn column(self) -> &'static str {
        match self {
            Self::Golden => "golden",
            Self::Test => "tests",
            Self::Model => "models",
            Self::Bug => "bugs",
            Self::Asserted | Self::Kept | Self::Checker => self.heading(),
        }
    }
}

#[test]
fn the_page_of_invariants_tells_what_holds_each_rule() {
    let _alone = alone();
    let tree = Tree::repository();
    let gathered = gather(&tree);
    assert!(gathered.len() >= 45, "{} rules", gathered.len());
    let mut problems = unreasonable(&gathered, REASONS);
    problems.extend(difference(&tree, &page(&gathered)));
    tree.hold(problems);
}

/// Holes without a reason, and reasons without a hole.
fn unreasonable(gathered: &[(Rule, Proofs)], reasons: Reasons<'_>) -> Vec<Problem> {
    let table = Page {
        path: "docs/exercises/tests/book/invariants/reasons.rs".to_owned(),
        text: String::new(),
    };
    let mut problems = Vec::new();
    for (rule, proofs) in gathered {
        for kind in Kind::ALL {
            let (id, what) = (&rule.id, kind.heading());
            let given = reasons_for(reasons, kind, id).count();
            let (stands, should) = match (proofs.of(kind).is_empty(), given) {
                (true, 1) | (false, 0) => continue,
                (true, 0) => (format!("no reason why {id} has no {what}"), "a reason"),
                (true, _) => (format!("several reasons why {id} has no {what}"), "one"),
                (false, _) => (format!("a reason why {id} has no {what}"), "none: it has"),
            };
            problems.push(Problem::new(&table, 1, stands, should));
        }
    }
    let known = |id: &str| gathered.iter().any(|(rule, _)| rule.id == id);
    for (_, ids, _) in reasons {
        for id in ids.split(' ').filter(|id| !known(id)) {
            let stands = format!("a reason for {id}");
            problems.push(Problem::new(&table, 1, stands, "a rule of the contract"));
        }
    }
    problems
}

/// The reasons for a hole.
fn reasons_for<'a>(reasons: Reasons<'a>, kind: Kind, id: &'a str) -> impl Iterator<Item = &'a str> {
    let speaks = move |(of, ids, _): &&(Kind, &str, &str)| {
        *of == kind && ids.split(' ').any(|other| other == id)
    };
    reasons.iter().filter(speaks).map(|(_, _, why)| *why)
}

/// The reason that the page gives for a hole.
fn reason(kind: Kind, id: &str) -> &str {
    reasons_for(REASONS, kind, id).next().unwrap_or_default()
}

/// Where the page that stands differs from the one that should.
fn difference(tree: &Tree, should: &str) -> Option<Problem> {
    let stands = tree.read(PAGE).unwrap_or_default();
    if stands == should {
        return None;
    }
    let page = Page {
        path: PAGE.to_owned(),
        text: String::new(),
    };
    let end = "(the end of the page)";
    let same = stands.lines().zip(should.lines());
    let same = same.take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or(end).to_owned();
    let problem = Problem::new(&page, same + 1, line(&stands), line(should));
    Some(problem.mended_by(0..stands.lines().count(), should.to_owned()))
}

/// The page, as it should be.
fn page(gathered: &[(Rule, Proofs)]) -> String {
    let mut text = String::from(INTRODUCTION);
    let kinds = Kind::ALL.map(Kind::column).join(" | ");
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "| rule | {kinds} |\n|---|{}\n",
        "--:|".repeat(Kind::ALL.len())
    );
    for (rule, proofs) in gathered {
        let counts = Kind::ALL.map(|kind| match proofs.of(kind).len() {
            0 => "–".to_owned(),
            number => number.to_string(),
        });
        let anchor = rule.id.to_lowercase();
        let _ = writeln!(
            text,
            "| [{}](#{anchor}) | {} |",
            rule.id,
            counts.join(" | ")
        );
    }
    let mut part = "";
    for (rule, proofs) in gathered {
        if part != rule.part {
            part = &rule.part;
            let _ = write!(text, "\n## {part}\n");
        }
        let _ = write!(text, "\n### {}\n\n{}\n\n", rule.id, short(&rule.text));
        for kind in Kind::ALL {
            let held = proofs.of(kind);
            let said = match held.is_empty() {
                true => format!("none. {}", reason(kind, &rule.id)),
                false => held.join(kind.between()),
            };
            let _ = writeln!(text, "- *{}*: {said}", kind.heading());
        }
    }
    text
}

impl Kind {
    /// What stands between two proofs.
    fn between(self) -> &'static str {
        match self {
            Self::Asserted | Self::Kept | Self::Bug => "; ",
            Self::Golden | Self::Test | Self::Checker | Self::Model => ", ",
        }
    }
}

const INTRODUCTION: &str = "\
# Where each rule is held

Each rule of [the contract](contract.md), and all that holds mesh to it:

- *asserted*: the assertion that names the rule, run after every entry in debug builds, in the
  simulator, and in each state of the models;
- *kept by*: the code whose comments cite the rule;
- *golden scripts* and *other tests* that cite it in their first line;
- *checkers*: the simulator's code that reports a breach of the rule
  ([the simulator](simulator.md));
- *model properties*: what is asked in every state of a model ([the models](models.md));
- *planted bugs*: bugs that break the rule, planted to show that somebody looks
  ([planted bugs](planted-bugs.md)).

Where there is nothing of a kind, the reason is given. This page is written by
`BLESS=1 cargo test -p exercises --test book`, and a test holds it to the sources.

";

/// The beginning of a rule: its first sentence, or what it is about.
fn short(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text);
    let call = sentence.split(" \u{2192} ").next().unwrap_or(sentence);
    let clause = match (call.len() > 150, call.find(": ")) {
        (true, Some(colon)) if colon > 20 => &call[..colon],
        _ => call,
    };
    format!("{}.", clause.trim_end_matches(['.', ',']))
}

mod bad_pages {
    use super::*;

    fn rule(id: &str, text: &str) -> Rule {
        Rule {
            id: id.to_owned(),
            text: text.to_owned(),
            part: "Claims".to_owned(),
        }
    }

    #[test]
    fn a_rule_begins_with_its_first_sentence() {
        assert_eq!(
            short("Exclusion: one holder. Always."),
            "Exclusion: one holder."
        );
        assert_eq!(
            short("`gc {agent_id?}` \u{2192} `{reclaimed}`: drops."),
            "`gc {agent_id?}`."
        );
    }

    #[test]
    fn a_page_that_is_out_of_date_is_bad_and_can_be_mended() {
        let tree = Tree::of(&[(PAGE, "# Where each rule is held\n\nOld.\n")]);
        let gathered = [(rule("C2", "Exclusion."), Proofs::default())];
        let should = page(&gathered);
        let problem = difference(&tree, &should).unwrap();
        assert_eq!((problem.page.as_str(), problem.line), (PAGE, 3));
        assert_eq!(problem.stands, "Old.");
        tree.mend(&[problem]);
        assert_eq!(tree.read(PAGE).unwrap(), should);
        assert_eq!(difference(&tree, &should), None);
    }

    #[test]
    fn a_hole_without_a_reason_is_bad() {
        let gathered = [(rule("C2", "Exclusion."), Proofs::default())];
        let reasons: Reasons<'_> = &[(Kind::Golden, "C2", "For a reason.")];
        let said = unreasonable(&gathered, reasons).into_iter();
        let said: Vec<_> = said.map(|problem| problem.stands).collect();
        let holes = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Golden);
        let holes = holes.map(|kind| format!("no reason why C2 has no {}", kind.heading()));
        assert_eq!(said, holes.collect::<Vec<_>>());
    }

    #[test]
    fn a_reason_without_a_hole_is_bad() {
        let mut proofs = Proofs::default();
        for kind in Kind::ALL {
            proofs.add(kind, "held".to_owned());
        }
        let gathered = [(rule("C2", "Exclusion."), proofs)];
        let reasons: Reasons<'_> = &[(Kind::Model, "C2 Z9", "For a reason.")];
        let said = unreasonable(&gathered, reasons).into_iter();
        let said: Vec<_> = said.map(|problem| problem.stands).collect();
        let expected = ["a reason why C2 has no model properties", "a reason for Z9"];
        assert_eq!(said, expected);
    }
}
