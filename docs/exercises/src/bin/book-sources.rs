//! A preprocessor of mdBook: the sources that pages link to become pages of the book.
//!
//! Pages link to sources by their paths in the repository, which is what reads well there. A
//! built book is a site of its own, in which these paths lead nowhere. So each file that some
//! page links to is added at the end of the book, and the links lead there. mdBook
//! gives the book as JSON on standard input, and takes it back from standard output;
//! `book-sources supports RENDERER` is its question whether this is of use, which it is for all.
//!
//! Guarantees: nothing but links changes on a page, and a link to a file that is not there
//! stays as it is: the tests of the book find those.

#![allow(
    clippy::disallowed_methods,
    reason = "a tool of the repository, which reads its files as they are"
)]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::{Read, stdin, stdout};
use std::path::{Path, PathBuf};

use pages::markdown::{Target, contents, follow};
use serde_json::{Value, json};

/// What the page is called that has the sources below it.
const TITLE: &str = "Code that the pages link to";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("supports") {
        return Ok(());
    }
    let mut given = String::new();
    stdin().read_to_string(&mut given)?;
    let given: Value = serde_json::from_str(&given)?;
    let [context, book] = given.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err("mdBook gives a context and a book".into());
    };
    let docs = context["root"].as_str().ok_or("the context has a root")?;
    let repository = fs::canonicalize(Path::new(docs).join(".."))?;
    let sources = Sources {
        repository,
        linked: BTreeSet::new(),
    };
    serde_json::to_writer(stdout(), &sources.add_to(book.clone())?)?;
    Ok(())
}

/// The files that pages link to.
struct Sources {
    repository: PathBuf,
    linked: BTreeSet<String>,
}

impl Sources {
    /// The book with its links led to the sources, and with the sources.
    fn add_to(mut self, mut book: Value) -> Result<Value, Box<dyn Error>> {
        let items = book["items"].as_array_mut();
        let items = items.ok_or("the book has items: is this mdBook 0.5?")?;
        for item in items.iter_mut() {
            self.lead(item);
        }
        if !self.linked.is_empty() {
            items.push(self.overview()?);
        }
        Ok(book)
    }

    /// Leads the links of a chapter, and of those below it.
    fn lead(&mut self, item: &mut Value) {
        let Some(chapter) = item.get_mut("Chapter") else {
            return;
        };
        if let (Some(path), Some(text)) = (chapter["path"].as_str(), chapter["content"].as_str()) {
            chapter["content"] = self.led(&format!("docs/{path}"), text).into();
        }
        for item in chapter["sub_items"].as_array_mut().into_iter().flatten() {
            self.lead(item);
        }
    }

    /// The text of a page with its links to sources led to their pages.
    fn led(&mut self, page: &str, text: &str) -> String {
        let mut text = text.to_owned();
        let up = "../".repeat(page.matches('/').count() - 1);
        for link in contents(&text).links {
            let Target::Here { path, .. } = follow(page, &link.target) else {
                continue;
            };
            if !self.is_source(&path) {
                continue;
            }
            let target = format!("{up}{}", place(&path));
            for (before, after) in [("](", ")"), ("](", " \""), ("]: ", "\n"), ("href=\"", "\"")] {
                let written = format!("{before}{}{after}", link.target);
                text = text.replace(&written, &format!("{before}{target}{after}"));
            }
            self.linked.insert(path);
        }
        text
    }

    /// Whether it is in the repository, and neither a page nor a picture of the book.
    fn is_source(&self, path: &str) -> bool {
        let in_book = path.starts_with("docs/") && path.ends_with(".md");
        let is_picture = path.ends_with(".svg") || path.ends_with(".png");
        !in_book && !is_picture && self.repository.join(path).exists()
    }

    /// A page that lists all sources, with their pages below it.
    fn overview(&self) -> Result<Value, Box<dyn Error>> {
        let paths = self.linked.iter();
        let list = paths.map(|path| format!("- [{path}]({path}.md)\n"));
        let pages: Result<Vec<Value>, _> = self.linked.iter().map(|path| self.page(path)).collect();
        Ok(json!({ "Chapter": {
            "name": TITLE,
            "content": format!("# {TITLE}\n\n{}", list.collect::<String>()),
            "number": null,
            "sub_items": pages?,
            "path": "sources/all.md",
            "source_path": null,
            "parent_names": [],
        } }))
    }

    /// The page of a source.
    fn page(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let file = self.repository.join(path);
        let content = match file.is_dir() {
            true => listing(&file)?,
            false => listing_of(path, &fs::read_to_string(&file)?),
        };
        Ok(json!({ "Chapter": {
            "name": path,
            "content": format!("# {path}\n\n{content}"),
            "number": null,
            "sub_items": [],
            "path": place(path),
            "source_path": null,
            "parent_names": [TITLE],
        } }))
    }
}

/// Where the page of a source is, from `docs/`.
fn place(path: &str) -> String {
    format!("sources/{path}.md")
}

/// What a directory has in it.
fn listing(directory: &Path) -> Result<String, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(format!("- {}\n", entry?.file_name().display()));
    }
    names.sort();
    Ok(names.concat())
}

/// A file as a block of code, in a fence that nothing in it can end.
fn listing_of(path: &str, text: &str) -> String {
    // By its extension, also for Rust: in a block of `rust` mdBook hides lines.
    let language = path
        .rsplit_once('.')
        .map_or("text", |(_, extension)| extension);
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// How many backticks stand side by side, at most.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In this repository, of which the tests know some files.
    fn sources() -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Sources {
            repository: fs::canonicalize(root).unwrap(),
            linked: BTreeSet::new(),
        }
    }

    #[test]
    fn links_to_sources_lead_to_their_pages() {
        let text = "[a](../../mesh/src/lib.rs) [b](../contract.md#claims) [c][d]\n\
             [e](https://example.org) [f](../../none.rs) [g](../../mesh/src)\n\n\
             [d]: ../../Cargo.toml\n";
        let mut sources = sources();
        let led = "[a](../sources/mesh/src/lib.rs.md) [b](../contract.md#claims) [c][d]\n\
             [e](https://example.org) [f](../../none.rs) [g](../sources/mesh/src.md)\n\n\
             [d]: ../sources/Cargo.toml.md\n";
        assert_eq!(sources.led("docs/book/01-a.md", text), led);
        let linked: Vec<_> = sources.linked.iter().map(String::as_str).collect();
        assert_eq!(linked, ["Cargo.toml", "mesh/src", "mesh/src/lib.rs"]);
    }

    #[test]
    fn sources_come_last() {
        let chapter = json!({ "Chapter": {
            "name": "A", "path": "a.md", "sub_items": [],
            "content": "[a](../clippy.toml)",
        } });
        let book = sources().add_to(json!({ "items": [chapter] })).unwrap();
        let items = book["items"].as_array().unwrap();
        assert_eq!(
            items[0]["Chapter"]["content"],
            "[a](sources/clippy.toml.md)"
        );
        let overview = &items[1]["Chapter"];
        let list = "# Code that the pages link to\n\n- [clippy.toml](clippy.toml.md)\n";
        assert_eq!(overview["content"], list);
        let page = &overview["sub_items"][0]["Chapter"];
        assert_eq!(page["path"], "sources/clippy.toml.md");
        let content = page["content"].as_str().unwrap();
        assert!(
            content.starts_with("# clippy.toml\n\n```toml\n# What must"),
            "{content}"
        );
    }

    #[test]
    fn nothing_in_a_file_ends_its_block() {
        assert!(listing_of("a.md", "```\n").starts_with("````md\n```\n"));
    }
}
