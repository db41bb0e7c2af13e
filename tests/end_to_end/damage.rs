//! Damage, as an agent gets to read of it, and what is no damage (rule G7).

use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::json;
use tests::{Sandbox, run};

use crate::refusal::every_call_is_refused_with;

/// A folder in which ten messages were acknowledged, and nobody works any more.
async fn used() -> Sandbox {
    let sandbox = Sandbox::new().await;
    let client = sandbox.client("a").await;
    for n in 0..10 {
        client.post("b", &format!("message {n}"), json!({})).await;
    }
    client.kill();
    sandbox
}

/// The record that contains `text`: where it begins, and where the next one does.
fn record_with(journal: &[u8], text: &str) -> Range<usize> {
    let at = journal
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .expect("the journal has it");
    let separator = |byte: &u8| *byte == 0x1E;
    let start = journal[..at].iter().rposition(separator);
    let end = journal[at..].iter().position(separator);
    start.expect("a record")..end.map_or(journal.len(), |length| at + length)
}

/// The file, line and byte that an error names.
fn place_in(said: &str) -> (&str, usize, usize) {
    let (place, _) = said
        .split_once(": ")
        .expect("a place, and what is wrong with it");
    let mut parts = place.split(", ");
    let file = parts.next().expect("a file");
    let mut number = |unit: &str| {
        let number = parts.next().and_then(|part| part.strip_prefix(unit));
        let number = number.and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("no {unit}in {said}"))
    };
    (file, number("line "), number("byte "))
}

/// G7: a bit that flipped in what was acknowledged is found, and named by file, line and
/// byte; nothing is changed.
#[test]
fn a_damaged_journal_is_named_by_file_line_and_byte_in_every_answer() {
    run(async {
        for text in ["message 4", "message 9"] {
            let sandbox = used().await;
            let journal = sandbox.mesh().join("journal.1");
            let mut bytes = fs::read(&journal).unwrap();
            let damaged = record_with(&bytes, text);
            bytes[damaged.start + 100] ^= 1;
            fs::write(&journal, &bytes).unwrap();
            let client = sandbox.client("a").await;
            let said = every_call_is_refused_with(&client).await;
            let (file, line, byte) = place_in(&said);
            assert_eq!(file, "journal.1", "{said}");
            // Either the record itself, or the one behind it that gives it away.
            assert!(
                damaged.start <= byte && byte <= damaged.end,
                "{damaged:?}: {said}"
            );
            let lines = bytes[..byte].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(line, lines + 1, "{said}");
            assert!(said.contains("mesh doctor"), "what to run next: {said}");
            client.leave().await;
            assert_eq!(fs::read(&journal).unwrap(), bytes, "nothing was changed");
        }
    });
}

/// G7: what is cut off, zeroed or gone is not replaced by less.
#[test]
fn a_truncated_zeroed_or_removed_journal_is_refused_and_left_alone() {
    run(async {
        type Damage = (&'static str, fn(&Path));
        let damages: [Damage; 4] = [
            ("truncated", |journal| {
                let bytes = fs::read(journal).unwrap();
                fs::write(journal, &bytes[..bytes.len() / 2]).unwrap();
            }),
            ("zeroed", |journal| {
                let length = fs::read(journal).unwrap().len();
                fs::write(journal, vec![0; length]).unwrap();
            }),
            ("emptied", |journal| fs::write(journal, b"").unwrap()),
            ("removed", |journal| fs::remove_file(journal).unwrap()),
        ];
        for (damage, apply) in damages {
            let sandbox = used().await;
            let journal = sandbox.mesh().join("journal.1");
            apply(&journal);
            let before = fs::read(&journal).ok();
            let client = sandbox.client("a").await;
            let said = every_call_is_refused_with(&client).await;
            assert!(said.contains("journal"), "{damage}: {said}");
            assert!(said.contains("nothing was changed"), "{damage}: {said}");
            client.leave().await;
            assert_eq!(
                fs::read(&journal).ok(),
                before,
                "{damage}: it was left alone"
            );
        }
    });
}

/// G7: a torn tail was never acknowledged; it is healed without a word.
#[test]
fn a_torn_tail_is_healed() {
    run(async {
        let sandbox = used().await;
        let journal = sandbox.mesh().join("journal.1");
        let mut bytes = fs::read(&journal).unwrap();
        bytes.extend_from_slice(b"\x1e{\"sum\":\"0123");
        fs::write(&journal, &bytes).unwrap();
        let client = sandbox.client("b").await;
        assert_eq!(client.whole_inbox(&[]).await.len(), 10);
        client.post("b", "one more", json!({})).await;
        client.leave().await;
        let client = sandbox.client("b").await;
        assert_eq!(client.whole_inbox(&[]).await.len(), 11);
    });
}
