//! The answer: a save that says what it is based on, and is refused if that is gone.

use super::{Saved, SharedFile};

/// Replaces what stands in the file, if that still is what the agent has read.
pub fn save(file: &mut SharedFile, seen: u64, lines: Vec<String>) -> Saved {
    if file.version != seen {
        return Saved::Refused;
    }
    file.lines = lines;
    file.version += 1;
    Saved::Done
}
