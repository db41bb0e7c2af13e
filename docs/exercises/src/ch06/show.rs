//! The demonstration: three things that go wrong behind a plain append, with real records.

use mesh::backends::fs::{Chain, Link, Scanned, Sum, Tag, encode, scan};
use mesh::core::Limits;

/// What stands in front of everything here: entry 4, and its checksum.
const BEFORE: Sum = Sum(4);

/// A record, and what it says.
struct Entry {
    seq: u64,
    says: &'static str,
    bytes: Vec<u8>,
    sum: Sum,
}

impl Entry {
    /// The record of an entry that was decided on the one whose checksum is `prev`.
    fn new(seq: u64, says: &'static str, prev: Sum) -> Self {
        // A number and a text have a JSON form.
        let (bytes, sum) =
            encode(&Limits::PRODUCTION, prev, Tag::Entry, &(seq, says)).unwrap_or_default();
        Self {
            seq,
            says,
            bytes,
            sum,
        }
    }
}

/// All three.
pub(super) fn show() {
    two_for_one_place();
    half_a_record();
    the_ground_goes_away();
}

fn two_for_one_place() {
    println!("Two for one place: both writers have read up to entry 4");
    let ann = Entry::new(5, "granted to ann", BEFORE);
    let bob = Entry::new(5, "granted to bob", BEFORE);
    let file = [ann.bytes.as_slice(), &bob.bytes].concat();
    count(&file, &[&ann, &bob], Chain::accepts);
    println!("  Both writes returned without an error.\n");
}

fn half_a_record() {
    println!("Half a record: a writer is killed after 40 bytes, and another one goes on");
    let cut = Entry::new(5, "granted to ann", BEFORE);
    let whole = Entry::new(5, "granted to bob", BEFORE);
    let line = [&cut.bytes[1..41], &whole.bytes[1..]].concat();
    let is_one = matches!(
        scan(&[&[0x1e], line.as_slice()].concat()),
        Scanned::Record(..)
    );
    let what = if is_one {
        "an entry"
    } else {
        "no entry at all"
    };
    println!(
        "  as lines, each with a newline behind it: one line of {} bytes, {what}",
        line.len()
    );
    println!("  as records, each with a separator in front of it:");
    let file = [&cut.bytes[..40], &whole.bytes].concat();
    count(&file, &[&cut, &whole], Chain::accepts);
    println!();
}

fn the_ground_goes_away() {
    println!("The ground goes away: bob decides entry 6 on ann's entry 5");
    let ann = Entry::new(5, "granted to ann", BEFORE);
    let cem = Entry::new(5, "granted to cem", BEFORE);
    let bob = Entry::new(6, "released by ann", ann.sum);
    let mut file = [ann.bytes.as_slice(), &cem.bytes, &bob.bytes].concat();
    let entries = [&ann, &cem, &bob];
    count(&file, &entries, Chain::accepts);
    println!(
        "  The power fails; of what was not synced, the first page is gone. By the numbers alone:"
    );
    file[..ann.bytes.len()].fill(0);
    count(&file, &entries, |chain, _, link| {
        chain.accepts(chain.last, link)
    });
    println!("  By the numbers and the chain:");
    count(&file, &entries, Chain::accepts);
}

/// Reads a file as every process does, and tells of each record whether it counts.
fn count(file: &[u8], entries: &[&Entry], accepts: impl Fn(&Chain, Sum, Link) -> bool) {
    let mut chain = Chain::after_checkpoint(4, BEFORE, BEFORE);
    let mut at = 0;
    loop {
        let len = match scan(&file[at..]) {
            Scanned::End => return,
            Scanned::Unfinished => {
                println!("  byte {at:>3}  unfinished");
                return;
            }
            Scanned::Void(len) => {
                println!("  byte {at:>3}  void: {len} bytes that are no record");
                len
            }
            Scanned::Record(record, len) => {
                let Some(entry) = entries.iter().find(|entry| entry.sum == record.sum) else {
                    return;
                };
                let link = Link::Entry { seq: entry.seq };
                let counts = accepts(&chain, record.prev, link);
                if counts {
                    chain.extend(record.sum, link);
                }
                let verdict = if counts { "counts" } else { "void" };
                println!(
                    "  byte {at:>3}  {verdict}: entry {}, {}",
                    entry.seq, entry.says
                );
                len
            }
        };
        at += len;
    }
}
