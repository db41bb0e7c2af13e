//! Every relative link of every page leads somewhere, down to the heading.
//!
//! See [`pages::markdown`] for how links and anchors are found. What is checked: the target is there, under this spelling, and inside the
//! repository; an anchor is one of the page's headings; a page of `docs/` links to pages, not
//! to folders, which a built book does not have; and chapters name external sources through
//! `docs/references.md` alone, so that each is described once.

use std::collections::BTreeMap;

use pages::markdown::{Contents, Link, Target, contents, follow};

use crate::tree::{Page, Problem, Tree};

#[test]
fn links_lead_somewhere() {
    let tree = Tree::repository();
    let pages = tree.pages("");
    assert!(
        pages.len() >= 20,
        "the repository has pages: {}",
        pages.len()
    );
    tree.hold(check(&tree, &pages));
}

/// What is wrong with the links of some pages.
pub(crate) fn check(tree: &Tree, pages: &[Page]) -> Vec<Problem> {
    let contents: BTreeMap<&str, Contents> = pages
        .iter()
        .map(|page| (page.path.as_str(), contents(&page.text)))
        .collect();
    let mut problems = Vec::new();
    for page in pages {
        for link in &contents[page.path.as_str()].links {
            let should = judge(tree, &contents, page, link);
            problems.extend(
                should.map(|should| Problem::new(page, link.line, link.target.as_str(), should)),
            );
        }
    }
    problems
}

/// What a link should be, if it is not what it should.
fn judge(
    tree: &Tree,
    contents: &BTreeMap<&str, Contents>,
    page: &Page,
    link: &Link,
) -> Option<String> {
    if link.dangles {
        return Some("a name that a line `[name]: target` explains".to_owned());
    }
    if link.picture.as_ref().is_some_and(String::is_empty) {
        return Some("a picture with a sentence that says what is to be seen".to_owned());
    }
    let (path, anchor) = match follow(&page.path, &link.target) {
        Target::Outside => return Some("a path from this page, within the repository".to_owned()),
        Target::Elsewhere if page.path.starts_with("docs/book/") => {
            return Some("a link to its entry in ../references.md".to_owned());
        }
        Target::Elsewhere => return None,
        Target::Here { path, anchor } => (path, anchor),
    };
    if !tree.has(&path) {
        return Some(format!("something that is there: {path} is not"));
    }
    let in_book = |path: &str| path == "docs" || path.starts_with("docs/");
    if in_book(&page.path) && in_book(&path) && tree.has_directory(&path) {
        return Some(format!(
            "a page, such as {path}/README.md: a book has no folders"
        ));
    }
    let anchor = anchor?;
    let Some(there) = contents.get(path.as_str()) else {
        return Some("no anchor: only pages have them".to_owned());
    };
    let known = there.anchors.contains(&anchor);
    (!known).then(|| format!("one of #{}", there.anchors.join(", #")))
}

mod bad_pages {
    use super::*;

    /// What is said of a page that stands among two others.
    fn wrong(path: &str, text: &str) -> Vec<(usize, String, String)> {
        let tree = Tree::of(&[
            (
                "docs/a.md",
                "# One *two* `three()`\n\n## C1 & C2: x_y\n\n## C1 & C2: x_y\n",
            ),
            ("docs/more/README.md", "# More\n\n<a id=\"by-hand\"></a>\n"),
            ("src/a.rs", "fn a() {}\n"),
            (path, text),
        ]);
        let pages = tree.pages("");
        let problems = check(&tree, &pages).into_iter();
        let said = problems.map(|problem| {
            assert_eq!(problem.page, path);
            (problem.line, problem.stands, problem.should)
        });
        said.collect()
    }

    #[test]
    fn good_links_are_good() {
        let text = "[a](a.md) [b](a.md#one-two-three) [c](a.md#c1--c2-x_y-1) [d](#here)\n\
             [e](../src/a.rs) [f](more/README.md#by-hand) <https://example.org> [g][a]\n\
             ![seen](../src/a.rs) [no link] `[code](none.md)` [h](../src)\n\n\
             ```text\n[block](none.md)\n```\n\n<!-- [comment](none.md) -->\n\n# Here\n\n[a]: a.md\n";
        assert_eq!(wrong("docs/good.md", text), []);
    }

    #[test]
    fn bad_links_are_bad() {
        for (link, line, should) in [
            (
                "[x](none.md)",
                3,
                "something that is there: docs/none.md is not",
            ),
            (
                "[x](a.md#none)",
                3,
                "one of #one-two-three, #c1--c2-x_y, #c1--c2-x_y-1",
            ),
            ("[x](#none)", 3, "one of #bad"),
            (
                "[x](../../etc)",
                3,
                "a path from this page, within the repository",
            ),
            (
                "[x](/docs/a.md)",
                3,
                "a path from this page, within the repository",
            ),
            (
                "[x](more)",
                3,
                "a page, such as docs/more/README.md: a book has no folders",
            ),
            (
                "[x](more/)",
                3,
                "a page, such as docs/more/README.md: a book has no folders",
            ),
            ("[x](../src/a.rs#L1)", 3, "no anchor: only pages have them"),
            (
                "[x][none]",
                3,
                "a name that a line `[name]: target` explains",
            ),
            (
                "![](a.md)",
                3,
                "a picture with a sentence that says what is to be seen",
            ),
            (
                "\n<a href=\"none.md\">x</a>",
                4,
                "something that is there: docs/none.md is not",
            ),
            (
                "a\n[x\ny](none.md)",
                4,
                "something that is there: docs/none.md is not",
            ),
        ] {
            let said = wrong("docs/bad.md", &format!("# Bad\n\n{link}\n"));
            assert_eq!(said.len(), 1, "{link}: {said:?}");
            assert_eq!((said[0].0, said[0].2.as_str()), (line, should), "{link}");
        }
    }

    #[test]
    fn chapters_name_external_sources_through_the_references() {
        let text = "# Chapter\n\nSee [this](https://example.org/paper).\n";
        let said = wrong("docs/book/01-a.md", text);
        let should = "a link to its entry in ../references.md";
        assert_eq!(
            said,
            [(3, "https://example.org/paper".to_owned(), should.to_owned())]
        );
        assert_eq!(wrong("docs/references.md", text), []);
    }
}
