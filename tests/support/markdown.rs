//! The fenced blocks of a Markdown page, with their lines.

use std::ops::Range;

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
    let mut open: Option<(Block, &str)> = None;
    for (line, number) in page.lines().zip(1..) {
        let trimmed = line.trim_start();
        match &mut open {
            None => {
                let fence = fence_of(trimmed);
                if let Some(fence) = fence {
                    let block = Block {
                        info: trimmed[fence.len()..].trim().to_owned(),
                        line: number,
                        indent: line[..line.len() - trimmed.len()].to_owned(),
                        text: String::new(),
                    };
                    open = Some((block, fence));
                }
            }
            Some((_, fence))
                if trimmed.starts_with(*fence) && fence_of(trimmed) == Some(trimmed.trim_end()) =>
            {
                blocks.extend(open.take().map(|(block, _)| block));
            }
            Some((block, _)) => {
                let text = line.strip_prefix(&block.indent).unwrap_or(trimmed);
                block.text.extend([text, "\n"]);
            }
        }
    }
    blocks.extend(open.map(|(block, _)| block));
    blocks
}

/// The fence that a line begins with: three or more backticks.
fn fence_of(line: &str) -> Option<&str> {
    let length = line.len() - line.trim_start_matches('`').len();
    (length >= 3).then(|| &line[..length])
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
