//! How one record stands in a file, and how it is told from what is none.
//!
//! A record is a JSON text sequence element (RFC 7464): the separator 0x1E, one JSON
//! object, a newline. Its first member is a checksum over all that follows it, its
//! second the checksum of the record before it, which makes the file a chain:
//!
//! ```text
//! ␞{"sum":"88a1c0f3d2b4e596","prev":"17fe0a9b3c5d7e21","entry":{"seq":7,…}}␊
//! ```
//!
//! The separator stands in *front*, so that a writer's bytes always begin by ending
//! whatever an earlier, cut write left behind: they can make it invalid, never complete
//! it. Neither separator nor newline occurs inside, since JSON escapes both.
//!
//! Bytes that are not a whole valid record are void only once a separator follows
//! them. Until then they are unfinished, whatever they look like: another process may
//! be in the middle of its write, or a reader may see only a part of it.

use std::fmt;

use memchr::{memchr, memchr2};
use mesh_core::Limits;
use planted::{Bug, promise, sound};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

/// The record separator of RFC 7464.
const SEPARATOR: u8 = 0x1E;

/// The checksum of a record: XXH3, 64 bits, printed as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sum(pub u64);

impl Sum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxh3_64(bytes))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let lower = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|t| t.as_bytes().iter().all(lower))?;
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let sum = Self::parse(text.as_bytes()).filter(|_| text.len() == 16);
        sum.ok_or_else(|| serde::de::Error::custom("a checksum is 16 hexadecimal digits"))
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The first record of a generation.
    Checkpoint,
    /// A piece of the state at the checkpoint.
    Part,
    /// The end of the checkpoint.
    Ready,
    /// An entry of the log.
    Entry,
    /// The end of the generation.
    Seal,
}

impl Tag {
    const ALL: [Self; 5] = [
        Self::Checkpoint,
        Self::Part,
        Self::Ready,
        Self::Entry,
        Self::Seal,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Part => "part",
            Self::Ready => "ready",
            Self::Entry => "entry",
            Self::Seal => "seal",
        }
    }
}

/// A whole valid record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its checksum.
    pub sum: Sum,
    /// The checksum of the record before it.
    pub prev: Sum,
    /// What it is. `None`: of a kind that only a newer mesh knows.
    pub tag: Option<Tag>,
    /// The JSON behind the tag.
    pub body: &'a [u8],
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned<'a> {
    /// A whole valid record, and how many bytes it takes.
    Record(Record<'a>, usize),
    /// So many bytes that never were, and never will be, a record.
    Void(usize),
    /// Bytes that may still become a record: look again when there are more.
    Unfinished,
    /// No bytes.
    End,
}

const SUM: &[u8] = b"{\"sum\":\"";
const PREV: &[u8] = b"\",\"prev\":\"";
const DIGITS: usize = 16;

/// Builds a record behind `prev`, and gives its checksum too.
///
/// # Errors
///
/// Where the record would be too long for its readers, and where `body` has no
/// JSON form, which none of the backend's types lacks.
pub fn encode(prev: Sum, tag: Tag, body: &impl Serialize) -> serde_json::Result<(Vec<u8>, Sum)> {
    encode_within(&Limits::PRODUCTION, prev, tag, body)
}

/// The same, for a log that stays within `limits`.
pub(crate) fn encode_within(
    limits: &Limits,
    prev: Sum,
    tag: Tag,
    body: &impl Serialize,
) -> serde_json::Result<(Vec<u8>, Sum)> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(SEPARATOR);
    bytes.extend_from_slice(SUM);
    let digits = bytes.len();
    bytes.extend_from_slice(&[b'0'; DIGITS]);
    let covered = bytes.len();
    bytes.extend_from_slice(PREV);
    bytes.extend_from_slice(prev.to_string().as_bytes());
    bytes.extend_from_slice(b"\",\"");
    bytes.extend_from_slice(tag.name().as_bytes());
    bytes.extend_from_slice(b"\":");
    serde_json::to_writer(&mut bytes, body)?;
    bytes.push(b'}');
    if sound!(bytes.len() >= limits.record_bytes, Bug::RecordTooLong => false) {
        // No reader would take it.
        let (len, most) = (bytes.len(), limits.record_bytes);
        let message = format!("a record of {len} bytes is too long, since {most} are too many");
        return Err(serde::ser::Error::custom(message));
    }
    let sum = Sum::of(&bytes[covered..]);
    bytes[digits..covered].copy_from_slice(sum.to_string().as_bytes());
    promise!(
        memchr2(SEPARATOR, b'\n', &bytes[1..]).is_none(),
        "neither separator nor newline stands inside a record"
    );
    bytes.push(b'\n');
    Ok((bytes, sum))
}

/// Looks at the beginning of `bytes`, which go up to the present end of the file or
/// of what was read of it. Linear in the bytes that it passes over.
pub fn scan(bytes: &[u8]) -> Scanned<'_> {
    let Some(first) = bytes.first() else {
        return Scanned::End;
    };
    if *first == SEPARATOR {
        let end = memchr2(SEPARATOR, b'\n', &bytes[1..]);
        let Some(end) = end.map(|at| at + 1) else {
            return Scanned::Unfinished;
        };
        if bytes[end] == b'\n'
            && let Some(record) = parse(&bytes[1..end])
        {
            return Scanned::Record(record, end + 1);
        }
    }
    match memchr(SEPARATOR, &bytes[1..]) {
        Some(at) => Scanned::Void(at + 1),
        None => Scanned::Unfinished,
    }
}

/// The record in `json`, if its checksum is right.
fn parse(json: &[u8]) -> Option<Record<'_>> {
    let rest = json.strip_prefix(SUM)?;
    let (sum, covered) = rest.split_at_checked(DIGITS)?;
    let sum = Sum::parse(sum)?;
    if Sum::of(covered) != sum {
        return None;
    }
    let rest = covered.strip_prefix(PREV)?;
    let (prev, rest) = rest.split_at_checked(DIGITS)?;
    let prev = Sum::parse(prev)?;
    let rest = rest.strip_prefix(b"\",\"")?.strip_suffix(b"}")?;
    let known = Tag::ALL.into_iter().find_map(|tag| {
        let body = rest
            .strip_prefix(tag.name().as_bytes())?
            .strip_prefix(b"\":")?;
        Some((tag, body))
    });
    Some(Record {
        sum,
        prev,
        tag: known.map(|(tag, _)| tag),
        body: known.map_or(rest, |(_, body)| body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Vec<u8> {
        encode(Sum(1), Tag::Entry, &text).unwrap().0
    }

    #[test]
    fn a_record_reads_back() {
        let (bytes, sum) = encode(Sum(7), Tag::Seal, &"x\n\u{1e}").unwrap();
        let Scanned::Record(record, len) = scan(&bytes) else {
            panic!("no record")
        };
        assert_eq!(
            (record.sum, record.prev, record.tag),
            (sum, Sum(7), Some(Tag::Seal))
        );
        assert_eq!(
            serde_json::from_slice::<String>(record.body).unwrap(),
            "x\n\u{1e}"
        );
        assert_eq!(len, bytes.len());
    }

    /// G7: a cut write is unfinished at every length, and void once a record follows.
    #[test]
    fn a_cut_record_is_unfinished_until_a_separator_follows() {
        let whole = record("first");
        for cut in 1..whole.len() {
            assert_eq!(scan(&whole[..cut]), Scanned::Unfinished, "cut at {cut}");
            let followed = [&whole[..cut], &record("second")].concat();
            assert_eq!(scan(&followed), Scanned::Void(cut), "cut at {cut}");
        }
    }

    /// G7: no single changed bit leaves a record valid.
    #[test]
    fn a_flipped_bit_is_never_valid() {
        let whole = record("first");
        for at in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(!matches!(scan(&flipped), Scanned::Record(..)), "bit {at}");
        }
    }

    #[test]
    fn garbage_is_unfinished_until_a_separator_follows() {
        assert_eq!(scan(&[0; 64]), Scanned::Unfinished);
        let followed = [vec![0; 64], record("x")].concat();
        assert_eq!(scan(&followed), Scanned::Void(64));
        assert_eq!(scan(b""), Scanned::End);
    }
}
