//! The outline of the book: every page has its place, and can be reached from the map.
//!
//! `docs/SUMMARY.md`, which mdBook wants, is written by this test (`BLESS=1`): the parts are
//! here, the titles are the pages' own. A page that no part names is a failure, since nobody
//! would find it. `docs/README.md`, the map, is written by hand; from there, links lead to
//! every page.

use std::collections::BTreeSet;

use pages::markdown::{Target, contents, follow};

use crate::tree::{Page, Problem, Tree, alone};

/// The page that mdBook takes its contents from.
const SUMMARY: &str = "docs/SUMMARY.md";

/// The map.
const MAP: &str = "docs/README.md";

/// The parts of the book: a title, and its pages in their order. What ends in a slash is all
/// pages of that folder, its README first.
const PARTS: &[(&str, &[&str])] = &[
    ("The book", &["book/"]),
    (
        "Reference",
        &[
            "contract.md",
            "invariants.md",
            "file-format.md",
            "ports.md",
            "command-line.md",
            "configuration.md",
            "errors.md",
            "fencing.md",
            "claude-code.md",
            "security.md",
        ],
    ),
    (
        "How it is built, and how that is known",
        &[
            "design.md",
            "extending.md",
            "simulator.md",
            "planted-bugs.md",
            "models.md",
            "torture.md",
            "benchmarks.md",
            "benchmarks/",
        ],
    ),
    ("Decisions", &["decisions/"]),
    ("Sources", &["references.md"]),
];

#[test]
fn the_summary_has_every_page() {
    let _alone = alone();
    let tree = Tree::repository();
    tree.hold(summary_problems(&tree));
}

#[test]
fn every_page_can_be_reached_from_the_map() {
    let tree = Tree::repository();
    tree.hold(unreachable(&tree.pages("docs")));
}

/// What mdBook's summary lacks, or has in another way.
fn summary_problems(tree: &Tree) -> Vec<Problem> {
    let pages = tree.pages("docs");
    let mut placed = BTreeSet::from([SUMMARY.to_owned(), MAP.to_owned()]);
    let should = summary(&pages, &mut placed);
    let homeless = pages.iter().filter(|page| !placed.contains(&page.path));
    let mut problems: Vec<_> = homeless
        .map(|page| {
            let should = "a place in PARTS of docs/exercises/tests/book/outline.rs";
            Problem::new(page, 1, "a page in no part of the book", should)
        })
        .collect();
    let stands = tree.read(SUMMARY).unwrap_or_default();
    let (mut old, mut new) = (stands.lines(), should.lines());
    for line in 1..=old.clone().count().max(new.clone().count()) {
        let (old, new) = (old.next(), new.next());
        if old != new {
            let page = Page {
                path: SUMMARY.to_owned(),
                text: String::new(),
            };
            let end = "(the end of the page)";
            let problem = Problem::new(&page, line, old.unwrap_or(end), new.unwrap_or(end));
            problems.push(problem.mended_by(0..stands.lines().count(), should.clone()));
            break;
        }
    }
    problems
}

/// The summary of the pages that there are. Notes which have a place in it.
fn summary(pages: &[Page], placed: &mut BTreeSet<String>) -> String {
    let mut text = String::from("# Summary\n\n[The map](README.md)\n");
    for (part, names) in PARTS {
        let members: Vec<&Page> = names.iter().flat_map(|name| named(pages, name)).collect();
        if members.is_empty() {
            continue;
        }
        text.push_str(&format!("\n# {part}\n\n"));
        for page in members {
            placed.insert(page.path.clone());
            let title = contents(&page.text).title.unwrap_or_default();
            let path = page.path.strip_prefix("docs/").unwrap_or(&page.path);
            let indent = if is_below(page, pages) { "  " } else { "" };
            text.push_str(&format!("{indent}- [{title}]({path})\n"));
        }
    }
    text
}

/// Whether a page's folder has a README, below which it stands.
fn is_below(page: &Page, pages: &[Page]) -> bool {
    let (folder, name) = page.path.rsplit_once('/').unwrap_or(("", &page.path));
    let readme = format!("{folder}/README.md");
    folder != "docs" && name != "README.md" && pages.iter().any(|page| page.path == readme)
}

/// The page of a name, or all of a folder.
fn named<'a>(pages: &'a [Page], name: &str) -> Vec<&'a Page> {
    let path = format!("docs/{name}");
    let is = |page: &&Page| match path.ends_with('/') {
        true => {
            page.path.rsplit_once('/').map(|(folder, _)| folder) == Some(path.trim_end_matches('/'))
        }
        false => page.path == path,
    };
    let mut found: Vec<&Page> = pages.iter().filter(is).collect();
    found.sort_by_key(|page| (!page.path.ends_with("/README.md"), &page.path));
    found
}

/// The pages that no links lead to, from the map on.
fn unreachable(pages: &[Page]) -> Vec<Problem> {
    let mut reached = BTreeSet::new();
    let mut next = vec![MAP.to_owned()];
    while let Some(path) = next.pop() {
        let Some(page) = pages.iter().find(|page| page.path == path) else {
            continue;
        };
        if !reached.insert(path) {
            continue;
        }
        for link in contents(&page.text).links {
            if let Target::Here { path, .. } = follow(&page.path, &link.target) {
                next.push(path);
            }
        }
    }
    let lost = pages
        .iter()
        .filter(|page| page.path != SUMMARY && !reached.contains(&page.path));
    let should = format!("a link to it on {MAP}, or on a page that is reached from there");
    lost.map(|page| Problem::new(page, 1, "a page that no links lead to", should.as_str()))
        .collect()
}

mod bad_pages {
    use super::*;

    #[test]
    fn a_summary_that_lacks_a_page_is_bad_and_can_be_mended() {
        let tree = Tree::of(&[
            ("docs/README.md", "# Map\n"),
            ("docs/book/01-a.md", "# 1. A\n"),
            ("docs/book/02-b.md", "# 2. B\n"),
            ("docs/decisions/0001-a.md", "# First\n"),
            ("docs/decisions/README.md", "# All\n"),
            (
                SUMMARY,
                "# Summary\n\n[The map](README.md)\n\n# The book\n\n- [1. A](book/01-a.md)\n",
            ),
        ]);
        let problems = summary_problems(&tree);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(
            (problems[0].line, problems[0].should.as_str()),
            (8, "- [2. B](book/02-b.md)")
        );
        tree.mend(&problems);
        assert_eq!(summary_problems(&tree), []);
        let summary = tree.read(SUMMARY).unwrap();
        let decisions = "- [All](decisions/README.md)\n  - [First](decisions/0001-a.md)\n";
        assert!(summary.ends_with(decisions), "{summary}");
    }

    #[test]
    fn a_page_without_a_place_is_bad() {
        let tree = Tree::of(&[
            ("docs/README.md", "# Map\n"),
            ("docs/stray.md", "# Stray\n"),
            (SUMMARY, "# Summary\n\n[The map](README.md)\n"),
        ]);
        let problems = summary_problems(&tree);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].page, "docs/stray.md");
    }

    #[test]
    fn a_page_that_no_links_lead_to_is_bad() {
        let tree = Tree::of(&[
            ("docs/README.md", "[a](a.md)"),
            ("docs/a.md", "[b](book/b.md#x)"),
            ("docs/book/b.md", "# X"),
            ("docs/book/c.md", "[a](../a.md)"),
            (SUMMARY, "[c](book/c.md)"),
        ]);
        let lost = unreachable(&tree.pages("docs"));
        let lost: Vec<_> = lost.iter().map(|problem| problem.page.as_str()).collect();
        assert_eq!(lost, ["docs/book/c.md"]);
    }
}
