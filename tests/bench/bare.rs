//! The least that is durable: one write at the end of a file, and its sync.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Result;

/// A file that grows.
pub(crate) struct Bare {
    file: File,
    bytes: Vec<u8>,
}

impl Bare {
    /// Opens `path` for appending, `bytes` at a time.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub(crate) fn open(path: &Path, bytes: usize) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = vec![b'b'; bytes];
        Ok(Self { file, bytes })
    }

    /// Appends once, durably: how long that took.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub(crate) fn append(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.file.write_all(&self.bytes)?;
        // `fdatasync`, or what is as good where there is none.
        self.file.sync_data()?;
        Ok(start.elapsed())
    }

    /// How far the file reached after the last append.
    ///
    /// # Errors
    ///
    /// Where the system does not tell.
    pub(crate) fn position(&mut self) -> Result<u64> {
        Ok(self.file.stream_position()?)
    }
}
