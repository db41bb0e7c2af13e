//! The answer: a save that says what it is based on, and is refused if that is gone.

use super::{Saved, SharedFile};

/// Adds a line to the file, unless it was written since the agent has seen it.
pub fn save(file: &mut SharedFile, seen: &SharedFile, line: &str) -> Saved {
    if file.version != seen.version {
        return Saved::Refused;
    }
    file.lines.push(line.to_owned());
    file.version += 1;
    Saved::Done
}
