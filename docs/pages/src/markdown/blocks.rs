//! The fenced blocks of a page, with their lines.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::{events, line_at};

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the opening fence: `console`, `rust`, or nothing.
    pub info: String,
    /// The number of the line with the opening fence; the first line of a page is 1.
    pub line: usize,
    /// How far the block is indented, as a block of a list item is.
    pub indent: String,
    /// The text between the fences, without that indentation.
    pub text: String,
}

impl Block {
    /// Where the lines between the fences are, counted from 0.
    pub fn inside(&self) -> Range<usize> {
        self.line..self.line + self.text.lines().count()
    }
}

/// All fenced blocks of a page, in their order. One that does not end goes on to the last
/// line, as it does for a reader.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (event, range) in events(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                open = Some(Block {
                    info: info.into_string(),
                    line: line_at(page, range.start),
                    indent: before(page, range.start).to_owned(),
                    text: String::new(),
                });
            }
            Event::Text(part) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

/// What stands before an offset in its line.
fn before(page: &str, offset: usize) -> &str {
    let (before, _) = page.split_at(offset);
    before.rsplit('\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_lines() {
        let page = "# A\n\n```rust\nfn a() {}\n```\ntext\n- item\n  ````text\n  ```\n  b\n  ````\n";
        let [rust, text] = &blocks(page)[..] else {
            panic!("{:?}", blocks(page));
        };
        assert_eq!((rust.info.as_str(), rust.line), ("rust", 3));
        assert_eq!((rust.text.as_str(), rust.inside()), ("fn a() {}\n", 3..4));
        assert_eq!((text.info.as_str(), text.line), ("text", 8));
        assert_eq!((text.text.as_str(), text.inside()), ("```\nb\n", 8..10));
        assert_eq!(text.indent, "  ");
    }

    #[test]
    fn a_block_without_an_end_goes_on_to_the_last_line() {
        let found = blocks("```console\n$ true\n");
        assert_eq!(found[0].text, "$ true\n");
    }
}
