//! What `docs/file-format.md` says is what stands in the files.

use super::{Folder, block_on};
use crate::Sum;

const DOCS: &str = include_str!("../../../../docs/file-format.md");

#[test]
fn the_journal_in_the_docs_is_a_journal() {
    let lines = DOCS.lines().filter(|line| line.starts_with('␞'));
    let text: String = lines.collect();
    let bytes = text.replace('␞', "\u{1e}").replace('␊', "\n");
    let folder = Folder::new();
    folder.write("journal.1", bytes);
    folder.write("watermark", "");
    let mut opener = folder.open();
    block_on(opener.catch_up()).unwrap();
    assert_eq!(opener.bodies(), ["hello"]);
    assert_eq!(opener.snapshot.seq, 1);
    assert!(
        !folder.names().contains(&"journal.2".to_owned()),
        "read only"
    );
    assert_eq!(block_on(opener.look()).unwrap(), ["hello"]);

    // The mark in the docs is the one that this journal gets.
    let watermark = String::from_utf8(folder.read("watermark")).unwrap();
    let mark = watermark.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    assert!(DOCS.contains(mark), "the docs lack {mark}");
}

#[test]
fn the_format_in_the_docs_is_what_a_new_folder_gets() {
    let folder = Folder::with(&[]);
    let format = String::from_utf8(folder.read("format")).unwrap();
    assert!(DOCS.contains(format.trim_end()), "the docs lack {format}");
}

#[test]
fn the_checksum_in_the_docs_is_xxh3() {
    assert_eq!(Sum::of(b"").to_string(), "2d06800538d394c2");
    assert!(DOCS.contains("2d06800538d394c2"));
}
