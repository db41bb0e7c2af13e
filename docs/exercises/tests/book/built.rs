//! The built book, where there is one: every link on its pages leads somewhere.
//!
//! mdBook checks no links, makes its own anchors, and leaves out what it does not know. So
//! what is on the site is followed once more, from page to page, as a browser would.

use std::collections::{BTreeMap, BTreeSet};

use pages::markdown::{Target, follow};

use crate::tree::{Page, Problem, Tree};

/// Where `.ci/book` builds it.
const BUILT: &str = "target/book";

#[test]
#[ignore = "needs a built book: .ci/book builds it, and runs this"]
fn the_built_book_has_no_dead_links() {
    let tree = Tree::repository();
    let pages = html(&tree, BUILT);
    assert!(pages.len() >= 20, "the book has pages: {}", pages.len());
    tree.hold(dead(&tree, &pages));
}

/// The pages below a directory that are written by mdBook from pages. Its page for what is
/// not found is meant for the root of a server.
fn html(tree: &Tree, below: &str) -> Vec<Page> {
    let files = tree.files(below).into_iter();
    let pages = files.filter(|path| path.ends_with(".html") && !path.ends_with("/404.html"));
    pages
        .map(|path| Page {
            text: tree.read(&path).expect("a page is text"),
            path,
        })
        .collect()
}

/// The links that lead nowhere.
fn dead(tree: &Tree, pages: &[Page]) -> Vec<Problem> {
    let anchors: BTreeMap<&str, BTreeSet<&str>> = pages
        .iter()
        .map(|page| {
            (
                page.path.as_str(),
                values(&page.text, "id").map(|(_, id)| id).collect(),
            )
        })
        .collect();
    let mut problems = Vec::new();
    for page in pages {
        let links = values(&page.text, "href").chain(values(&page.text, "src"));
        for (line, link) in links {
            let Target::Here { path, anchor } = follow(&page.path, link) else {
                continue;
            };
            let there = anchors.get(path.as_str());
            let should = match (anchor, there) {
                _ if !tree.has(&path) => "a file of the book",
                (Some(anchor), Some(there)) if !there.contains(anchor.as_str()) => {
                    "an anchor of that page"
                }
                _ => continue,
            };
            problems.push(Problem::new(page, line, link, should));
        }
    }
    problems
}

/// The values of an attribute, with their lines.
fn values<'a>(html: &'a str, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let start = format!(" {name}=\"");
    let lines = (1..).zip(html.lines());
    lines.flat_map(move |(number, line)| {
        let values = line.split(start.as_str()).skip(1).collect::<Vec<_>>();
        let values = values
            .into_iter()
            .filter_map(|rest| Some(rest.split_once('"')?.0));
        values.map(move |value| (number, value))
    })
}

#[test]
fn a_built_page_with_a_dead_link_is_bad() {
    let tree = Tree::of(&[
        (
            "b/a.html",
            "<h1 id=\"a\">\n<a href=\"x/b.html#b\"> <a href=\"none.html\">",
        ),
        (
            "b/x/b.html",
            "<a href=\"../a.html#a\">\n<a href=\"../a.html#b\"> <img src=\"c.svg\">",
        ),
        ("b/404.html", "<a href=\"/none.html\">"),
    ]);
    let said = dead(&tree, &html(&tree, "b"));
    let said: Vec<_> = said
        .iter()
        .map(|p| (&*p.page, p.line, &*p.stands))
        .collect();
    let expected = [
        ("b/a.html", 2, "x/b.html#b"),
        ("b/a.html", 2, "none.html"),
        ("b/x/b.html", 2, "../a.html#b"),
        ("b/x/b.html", 2, "c.svg"),
    ];
    assert_eq!(said, expected);
}
