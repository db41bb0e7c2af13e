//! Saying what is wrong with a folder: which file, which line, which byte, and what to
//! do next (rule G7).

use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

/// What helps against damage.
pub(crate) const NEXT: &str = "nothing was changed: keep a copy of the folder and run `mesh \
                               doctor`; then stop all mesh processes, and restore the file \
                               from a backup or delete the folder to start over";

/// What helps where the journal is gone.
pub(crate) const RESTORE: &str = "nothing was changed: stop all mesh processes, then restore \
                                  journal.* from a backup, save what is left with `mesh doctor \
                                  --repair`, or delete the whole folder to start over";

/// A finding about one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    kind: StorageErrorKind,
    file: String,
    byte: u64,
    what: String,
}

impl Damage {
    /// Something that was acknowledged is missing or altered at `byte` of `file`.
    pub(crate) fn at(file: &str, byte: u64, what: &str) -> Self {
        Self::of(StorageErrorKind::Damaged, file, byte, what)
    }

    /// A newer mesh wrote what stands at `byte` of `file`.
    pub(crate) fn newer(file: &str, byte: u64, what: &str) -> Self {
        Self::of(StorageErrorKind::Newer, file, byte, what)
    }

    fn of(kind: StorageErrorKind, file: &str, byte: u64, what: &str) -> Self {
        Self {
            kind,
            file: file.to_owned(),
            byte,
            what: what.to_owned(),
        }
    }

    /// The file that it is about.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The byte at which it was noticed.
    pub(crate) fn byte(&self) -> u64 {
        self.byte
    }

    /// What is wrong there.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Whether it is no damage, but the work of a newer mesh.
    pub(crate) fn is_newer(&self) -> bool {
        self.kind == StorageErrorKind::Newer
    }

    /// The error to report. Reads the file up to the byte to count its lines.
    pub(crate) async fn report<F: FileSystem>(self, fs: &F) -> StorageError {
        let line = line_of(fs, &self.file, self.byte).await;
        let next = match self.kind {
            StorageErrorKind::Newer => "install a newer mesh; nothing was changed",
            _ => NEXT,
        };
        StorageError {
            kind: self.kind,
            what: format!(
                "{}, line {line}, byte {}: {}",
                self.file, self.byte, self.what
            ),
            next: next.to_owned(),
            outcome: Outcome::NoEffect,
        }
    }
}

/// The error for a directory, symbolic link or device in the place of a file.
pub(crate) fn no_file(name: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!("{name}, line 1, byte 0: is not a file, but something else of that name"),
        next: NEXT.to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// The line, from 1, in which a byte stands; as far as the file can be read.
pub(crate) async fn line_of<F: FileSystem>(fs: &F, name: &str, byte: u64) -> usize {
    let mut line = 1;
    let Ok(file) = fs.open(name, Access::Read).await else {
        return line;
    };
    let mut offset = 0;
    let mut buffer = vec![0; 64 << 10];
    while offset < byte {
        let wanted = buffer.len().min((byte - offset) as usize);
        let Ok(read @ 1..) = fs.read_at(&file, offset, &mut buffer[..wanted]).await else {
            break;
        };
        line += buffer[..read].iter().filter(|b| **b == b'\n').count();
        offset += read as u64;
    }
    line
}

/// The error of a folder that has `witness`, and so had a journal.
pub(crate) fn missing_journal(witness: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!("the journal is missing, although there is a file {witness} beside it"),
        next: RESTORE.to_owned(),
        outcome: Outcome::NoEffect,
    }
}
