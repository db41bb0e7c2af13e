//! Code in a page is the code of a source.
//!
//! A `rust` block stands below a comment that says where it comes from:
//! `<!-- code: mesh/core/src/decide/settle.rs fn promote -->`. It is the item, from its line to
//! the line that closes it, without its documentation and its common indentation. `#2`
//! behind the name takes the second item of that name, and `anchor NAME` the lines between
//! `// anchor: NAME` and `// end: NAME`. Code that stands in no source is no `rust` block:
//! what nothing compiles is `text`.

use pages::markdown::{Block, blocks};

use crate::tree::{Page, Problem, Tree, alone};

#[test]
fn code_in_pages_is_that_of_the_sources() {
    let _alone = alone();
    let tree = Tree::repository();
    let pages = tree.pages("docs");
    let problems = pages.iter().flat_map(|page| check(&tree, page));
    tree.hold(problems.collect());
}

/// What is wrong with the code of a page.
fn check(tree: &Tree, page: &Page) -> Vec<Problem> {
    let blocks = blocks(&page.text);
    let lines: Vec<&str> = page.text.lines().collect();
    let mut problems = Vec::new();
    for block in &blocks {
        let above = block.line.checked_sub(2).and_then(|above| lines.get(above));
        let cited = above.and_then(|line| citation(line));
        match cited {
            Some(cited) => problems.extend(compare(tree, page, block, cited)),
            None if is_rust(block) => problems.push(Problem::new(
                page,
                block.line,
                "a `rust` block of unknown origin",
                "`<!-- code: PATH fn NAME -->` right above it, or a `text` block",
            )),
            None => {}
        }
    }
    for (line, number) in lines.iter().zip(1..) {
        let above_block = blocks.iter().any(|block| block.line == number + 1);
        let within = blocks
            .iter()
            .any(|block| block.inside().contains(&(number - 1)));
        if citation(line).is_some() && !above_block && !within {
            let should = "the comment right above the fence of its block";
            problems.push(Problem::new(page, number, *line, should));
        }
    }
    problems
}

fn is_rust(block: &Block) -> bool {
    block.info.split(',').next() == Some("rust")
}

/// What a line says of the block below it.
fn citation(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix("<!-- code:")?;
    Some(inner.strip_suffix("-->")?.trim())
}

fn compare(tree: &Tree, page: &Page, block: &Block, cited: &str) -> Option<Problem> {
    let source = match cited_text(tree, cited) {
        Ok(source) => source,
        Err(should) => return Some(Problem::new(page, block.line - 1, cited, should)),
    };
    if block.text == source {
        return None;
    }
    let stands: Vec<&str> = block.text.lines().collect();
    let should: Vec<&str> = source.lines().collect();
    let longer = stands.len().max(should.len());
    let first = (0..longer).find(|at| stands.get(*at) != should.get(*at));
    let first = first.unwrap_or_default();
    let end = "(the end of the block)";
    let problem = Problem::new(
        page,
        block.line + 1 + first,
        *stands.get(first).unwrap_or(&end),
        *should.get(first).unwrap_or(&end),
    );
    Some(problem.mended_by(block.inside(), indented(&source, &block.indent)))
}

/// The text that a citation speaks of.
fn cited_text(tree: &Tree, cited: &str) -> Result<String, String> {
    let (path, what) = cited
        .split_once(' ')
        .ok_or("a path, and `fn NAME` or another item of it")?;
    let source = tree
        .read(path)
        .ok_or_else(|| format!("a file of the repository: {path} is none"))?;
    let lines: Vec<&str> = source.lines().collect();
    let found = match what.strip_prefix("anchor") {
        Some(name) => anchored(&lines, name.trim_start_matches(':').trim()),
        None => item(&lines, what),
    };
    let found = found.ok_or_else(|| format!("an item of {path}, which has no `{what}`"))?;
    Ok(dedented(found))
}

/// The lines between `// anchor: NAME` and `// end: NAME`.
fn anchored<'a>(lines: &'a [&'a str], name: &str) -> Option<&'a [&'a str]> {
    let is = |line: &&str, word: &str| {
        let text = line.trim().strip_prefix("// ");
        text.and_then(|text| text.strip_prefix(word)).map(str::trim) == Some(name)
    };
    let start = lines.iter().position(|line| is(line, "anchor:"))? + 1;
    let length = lines[start..].iter().position(|line| is(line, "end:"))?;
    Some(&lines[start..start + length])
}

/// The lines of an item: `fn promote`, `impl Store for Trusting`, `fn write #2`.
fn item<'a>(lines: &'a [&'a str], what: &str) -> Option<&'a [&'a str]> {
    let (what, number) = match what.rsplit_once(" #") {
        Some((what, number)) => (what.trim(), number.parse::<usize>().ok()?),
        None => (what, 1),
    };
    let mut heads = (0..lines.len()).filter(|at| begins(lines[*at], what));
    let start = heads.nth(number.checked_sub(1)?)?;
    let end = start + last_line(&lines[start..])?;
    Some(&lines[start..=end])
}

/// Whether a line begins the item, whatever its visibility and qualifiers are.
fn begins(line: &str, what: &str) -> bool {
    let mut rest = visible(line.trim_start());
    loop {
        if let Some(after) = rest.strip_prefix(what) {
            return !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        }
        match rest.split_once(' ') {
            Some(("const" | "async" | "unsafe" | "default", after)) => rest = after,
            _ => return false,
        }
    }
}

/// A line without the visibility that it begins with: `pub`, `pub(in crate::core)`.
fn visible(line: &str) -> &str {
    match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(line, |(_, rest)| rest),
        Some(rest) => rest.strip_prefix(' ').unwrap_or(line),
        None => line,
    }
}

/// The index of the line that closes the item which the first line begins.
fn last_line(lines: &[&str]) -> Option<usize> {
    let first = lines[0].trim_end();
    if first.ends_with([';', '}']) {
        return Some(0);
    }
    if first.ends_with('=') {
        return lines.iter().position(|line| line.trim_end().ends_with(';'));
    }
    let depth = depth(first);
    let closes = |line: &&str| {
        let text = line.trim();
        let closer = text.starts_with([')', ']']) && text.ends_with(';');
        depth == self::depth(line) && (closer || text.starts_with('}'))
    };
    lines.iter().skip(1).position(closes).map(|at| at + 1)
}

/// How far a line is indented.
fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn dedented(lines: &[&str]) -> String {
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let common = full.map(|line| depth(line)).min().unwrap_or_default();
    let cut = lines
        .iter()
        .map(|line| line.get(common..).unwrap_or_default());
    cut.flat_map(|line| [line, "\n"]).collect()
}

fn indented(text: &str, indent: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{indent}{line}\n"),
    });
    lines.collect()
}

mod bad_pages {
    use super::*;

    const SOURCE: &str = "\
/// A thing.
pub struct Thing {
    a: u8,
}

impl Thing {
    /// Doc.
    #[must_use]
    pub(crate) const fn first(
        &self,
    ) -> u8
    where
        u8: Copy,
    {
        self.a
    }

    // anchor: short
    fn short(&self) {}
    // end: short
}

impl Clone for Thing {
    fn clone(&self) -> Self {
        Self { a: self.a }
    }
}

pub const ALL: &[u8] = &[
    1,
];
const LONG: u8 =
    1;
fn first() {}
pub(in crate::core) async fn last() {}
";

    fn text(what: &str) -> Result<String, String> {
        let tree = Tree::of(&[("src/a.rs", SOURCE)]);
        cited_text(&tree, &format!("src/a.rs {what}"))
    }

    #[test]
    fn an_item_goes_from_its_line_to_the_line_that_closes_it() {
        let first = "pub(crate) const fn first(\n    &self,\n) -> u8\nwhere\n    u8: Copy,\n{\n    self.a\n}\n";
        assert_eq!(text("fn first").unwrap(), first);
        assert_eq!(text("fn first #2").unwrap(), "fn first() {}\n");
        let last = "pub(in crate::core) async fn last() {}\n";
        assert_eq!(text("fn last").unwrap(), last);
        assert_eq!(
            text("struct Thing").unwrap(),
            "pub struct Thing {\n    a: u8,\n}\n"
        );
        assert_eq!(text("anchor short").unwrap(), "fn short(&self) {}\n");
        assert_eq!(text("anchor: short").unwrap(), "fn short(&self) {}\n");
        assert_eq!(
            text("const ALL").unwrap(),
            "pub const ALL: &[u8] = &[\n    1,\n];\n"
        );
        assert_eq!(text("const LONG").unwrap(), "const LONG: u8 =\n    1;\n");
        let clone = text("impl Clone for Thing").unwrap();
        assert!(
            clone.starts_with("impl Clone for Thing {\n    fn clone("),
            "{clone}"
        );
        assert!(clone.ends_with("    }\n}\n"), "{clone}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let none = text("fn fir").unwrap_err();
        assert_eq!(none, "an item of src/a.rs, which has no `fn fir`");
        assert!(text("fn first #3").is_err());
        assert!(text("anchor long").is_err());
        let tree = Tree::of(&[]);
        let none = cited_text(&tree, "src/b.rs fn a").unwrap_err();
        assert_eq!(none, "a file of the repository: src/b.rs is none");
    }

    /// A page, and what is said of it.
    fn wrong(page: &str) -> (Tree, Vec<(usize, String, String)>) {
        let tree = Tree::of(&[("src/a.rs", SOURCE), ("docs/bad.md", page)]);
        let problems = check(&tree, &tree.pages("docs")[0]);
        tree.mend(&problems);
        let said = problems.into_iter().map(|p| (p.line, p.stands, p.should));
        let said = said.collect();
        (tree, said)
    }

    #[test]
    fn a_page_whose_code_differs_is_bad_and_can_be_mended() {
        let page = "<!-- code: src/a.rs struct Thing -->\n```rust\npub struct Thing {\n    a: u16,\n}\n```\nend\n";
        let (tree, said) = wrong(page);
        assert_eq!(
            said,
            [(4, "    a: u16,".to_owned(), "    a: u8,".to_owned())]
        );
        let mended = tree.read("docs/bad.md").unwrap();
        assert_eq!(mended, page.replace("u16", "u8"));
        assert_eq!(wrong(&mended).1, []);
    }

    #[test]
    fn a_page_whose_code_is_too_short_is_bad() {
        let page = "<!-- code: src/a.rs struct Thing -->\n```rust\npub struct Thing {\n```\n";
        let (tree, said) = wrong(page);
        let end = "(the end of the block)".to_owned();
        assert_eq!(said, [(4, end, "    a: u8,".to_owned())]);
        assert_eq!(wrong(&tree.read("docs/bad.md").unwrap()).1, []);
    }

    #[test]
    fn a_page_with_code_of_unknown_origin_is_bad() {
        for (page, line) in [
            ("text\n\n```rust\nfn a() {}\n```\n", 3),
            ("<!-- code: src/a.rs fn none -->\n```rust\n```\n", 1),
            ("<!-- code: src/none.rs fn first -->\n```rust\n```\n", 1),
            ("<!-- code: src/a.rs fn first #2 -->\n\n```text\n```\n", 1),
        ] {
            let (_, said) = wrong(page);
            assert_eq!(said.len(), 1, "{page}: {said:?}");
            assert_eq!(said[0].0, line, "{page}");
        }
    }
}
