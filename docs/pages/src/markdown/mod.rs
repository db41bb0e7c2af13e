//! Markdown, as far as the pages of this repository are read by a program: where they lead
//! ([`contents`], [`follow`]), and what stands in their fenced blocks ([`blocks`]).
//!
//! One parser finds both, the one that mdBook uses, so a link or a block is one exactly if it
//! is one in the built book.

mod blocks;
mod links;

use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser};

pub use blocks::{Block, blocks};
pub use links::{Contents, Link, Target, contents, follow};

/// What a page consists of, and where in its text that is.
fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    // `[text][name]` is meant as a link; a lone `[text]` is not.
    let unknown = |link: BrokenLink<'_>| {
        let meant = link.link_type == LinkType::Reference;
        meant.then(|| (CowStr::from(link.reference.to_string()), CowStr::from("")))
    };
    Parser::new_with_broken_link_callback(text, options, Some(unknown)).into_offset_iter()
}

/// The number of a line; the first line of a page is 1.
fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}
