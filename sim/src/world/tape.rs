//! The tape: the one source of every choice that the simulated world makes.
//!
//! Schedule, faults and knobs are draws from a tape. A seed extends it without end; a
//! stored tape ends, and past its end every draw is zero. **Zero always means the
//! harmless choice**: run the next one, no fault, the smallest world. So a failing run
//! shrinks by deleting and lowering entries, and the empty tape is the calmest run.
//!
//! What is *not* drawn from here cannot differ between two runs: that is the whole
//! argument for determinism.

use std::fmt::Write;

use mesh::coordinator::Nonces;

/// A sequence of choices that is being played.
#[derive(Clone, Debug)]
pub struct Tape {
    drawn: Vec<u32>,
    at: usize,
    /// The generator that extends the tape, unless it is a stored one.
    seed: Option<Nonces>,
}

impl Tape {
    /// The endless tape of a seed.
    pub fn from_seed(seed: u64) -> Self {
        let start = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x6d65_7368;
        Self {
            drawn: Vec::new(),
            at: 0,
            seed: Some(Nonces::new(start)),
        }
    }

    /// A tape that begins with these entries, and goes on as that of a seed.
    pub fn begun(entries: Vec<u32>, seed: u64) -> Self {
        Self {
            drawn: entries,
            ..Self::from_seed(seed)
        }
    }

    /// A stored tape, with zeros past its end.
    pub fn stored(entries: Vec<u32>) -> Self {
        Self {
            drawn: entries,
            at: 0,
            seed: None,
        }
    }

    /// The next choice.
    pub fn draw(&mut self) -> u32 {
        if self.at == self.drawn.len() {
            match &mut self.seed {
                Some(nonces) => self.drawn.push(choice(nonces.draw())),
                None => return 0,
            }
        }
        self.at += 1;
        self.drawn[self.at - 1]
    }

    /// A choice below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.draw() % bound
    }

    /// One of `choices`; the first is the harmless one.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.draw() as usize % choices.len()]
    }

    /// True in `times` of 65,536 draws, and never for zero.
    pub fn chance(&mut self, times: u32) -> bool {
        (self.draw() & 0xffff) >= 0x1_0000 - times.min(0xffff)
    }

    /// What was drawn so far.
    pub fn entries(&self) -> &[u32] {
        &self.drawn[..self.at]
    }
}

/// The choice in a nonce: its upper half, with the last step of the mixing taken back. That
/// step is for the lower half, and the numbers of seeds that anybody has written down stand
/// for the worlds that come without it.
fn choice(nonce: u64) -> u32 {
    ((nonce >> 32) ^ (nonce >> 63)) as u32
}

/// A tape as text: entries in hexadecimal, runs of zeros as `*count`, lines of at most
/// some 100 characters.
pub fn print(entries: &[u32]) -> String {
    let mut text = String::new();
    let mut line = 0;
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let zeros = rest.iter().take_while(|entry| **entry == 0).count();
        let before = text.len();
        // Writing to a String cannot fail.
        if zeros > 1 {
            let _ = write!(text, "*{zeros}");
        } else {
            let _ = write!(text, "{first:x}");
        }
        rest = &rest[zeros.max(1)..];
        line += text.len() - before + 1;
        text.push(if line > 96 { '\n' } else { ' ' });
        if line > 96 {
            line = 0;
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Reads what [`print`](fn@print) wrote; lines that begin with `#` are comments.
///
/// # Errors
///
/// Names the first word that is no entry.
pub fn parse(text: &str) -> Result<Vec<u32>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut entries = Vec::new();
    for word in lines.flat_map(str::split_whitespace) {
        let bad = |_| format!("a tape has hexadecimal entries and *counts, not {word:?}");
        match word.strip_prefix('*') {
            Some(count) => {
                let count: usize = count.parse().map_err(bad)?;
                entries.resize(entries.len() + count, 0);
            }
            None => entries.push(u32::from_str_radix(word, 16).map_err(bad)?),
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_that_was_recorded_replays_and_ends_in_zeros() {
        let mut played = Tape::from_seed(7);
        let draws: Vec<u32> = (0..50).map(|_| played.draw()).collect();
        let mut replayed = Tape::stored(played.entries().to_vec());
        let again: Vec<u32> = (0..50).map(|_| replayed.draw()).collect();
        assert_eq!(draws, again);
        assert_eq!(replayed.draw(), 0);
    }

    #[test]
    fn zero_is_never_a_fault() {
        let mut tape = Tape::stored(Vec::new());
        assert!(!tape.chance(0xffff));
        assert_eq!(tape.pick(&["calm", "storm"]), "calm");
    }

    #[test]
    fn a_tape_reads_back_from_its_text() {
        let entries = vec![0, 0, 0, 7, 0, 0xdead_beef, 0, 0];
        assert_eq!(parse(&print(&entries)), Ok(entries));
        assert!(parse("12 zebra").is_err());
    }
}
