//! The answer: a store that remembers the highest fence.

use super::TooLate;

/// A text, and the highest fence that came with a write.
#[derive(Debug, Default)]
pub struct Store {
    text: String,
    highest: u64,
}

impl super::Store for Store {
    // anchor: write
    fn write(&mut self, fence: u64, text: &str) -> Result<(), TooLate> {
        if fence < self.highest {
            return Err(TooLate { seen: self.highest });
        }
        self.highest = fence;
        text.clone_into(&mut self.text);
        Ok(())
    }
    // end: write

    fn read(&self) -> &str {
        &self.text
    }
}
