//! What the files of a mesh folder are called.
//!
//! | name | what it is |
//! |---|---|
//! | `journal.<g>` | generation g of the log: a checkpoint, and the entries after it |
//! | `format` | proof that the folder is not new, and how it may be used |
//! | `watermark` | how far the log was durable once |
//! | `state.json` | the state, for people |
//! | `state.node.json` | what an adopted predecessor left |
//! | `lock`, `lock.flock` | the store's lock, of either kind |
//! | `sync.flock` | held by who syncs for all |
//! | `tmp.<g>.<nonce>` | a file in the making, of no use once generation g is retired |

use mesh_core::MAX_COUNT;

/// Proof that the folder is not new.
pub(crate) const FORMAT: &str = "format";
/// The state, for people; before adoption, the predecessor's.
pub(crate) const STATE: &str = "state.json";
/// What an adopted predecessor left.
pub(crate) const STATE_NODE: &str = "state.node.json";
/// The predecessor's lock directory.
pub(crate) const NODE_LOCK: &str = ".lock";

/// The file of a generation.
pub(crate) fn journal(generation: u64) -> String {
    format!("journal.{generation}")
}

/// The generation of the journal that a file name stands for, if it is one that mesh
/// makes.
pub fn parse_journal(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("journal.")?;
    let generation = digits.parse().ok()?;
    ((1..=MAX_COUNT).contains(&generation) && journal(generation) == name).then_some(generation)
}

/// The newest generation of the journal among the names in a folder.
pub(crate) fn newest_journal(names: &[String]) -> Option<u64> {
    names.iter().filter_map(|name| parse_journal(name)).max()
}

/// The oldest one.
pub(crate) fn lowest_journal(names: &[String]) -> Option<u64> {
    names.iter().filter_map(|name| parse_journal(name)).min()
}

/// A file in the making. The nonce makes it nobody else's; the generation tells when
/// it may be swept away.
pub(crate) fn temporary(generation: u64, nonce: u64) -> String {
    format!("tmp.{generation}.{nonce:016x}")
}

/// The generation in the name of a temporary file.
pub(crate) fn parse_temporary(name: &str) -> Option<u64> {
    let (generation, nonce) = name.strip_prefix("tmp.")?.split_once('.')?;
    let generation = generation.parse().ok()?;
    let is_nonce = nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit());
    is_nonce.then_some(generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_making_are_recognised() {
        assert_eq!(parse_journal(&journal(12)), Some(12));
        assert_eq!(parse_temporary(&temporary(3, 0xabc)), Some(3));
        for foreign in [
            "journal.0",
            "journal.01",
            "journal.+1",
            "journal.1.bak",
            "journal.",
            "journal.18446744073709551615",
            "journal.99999999999999999999",
            "journal.../x",
        ] {
            assert_eq!(parse_journal(foreign), None, "{foreign}");
        }
        assert_eq!(parse_temporary("tmp.3.notes"), None);
    }
}
