//! What this machine says about a folder and everything in it, for the doctor.
//!
//! Only `stat` and `readdir`: nothing is opened but the folder itself, and nothing is
//! followed or changed.

use std::path::Path;

use rustix::fs::{self, AtFlags, Dir, FileType};
use rustix::process::geteuid;

use super::{Folder, OsFileSystem, file_system, folder, watch};
use mesh_coordinator::ports::StorageError;

/// A folder as the system sees it.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The user that this process acts for.
    pub me: u32,
    /// The user that owns the folder.
    pub owner: u32,
    /// The permissions of the folder, e.g. `0o700`.
    pub mode: u32,
    /// The name of the file system, if mesh refuses to live there (rule S6).
    pub refused_file_system: Option<String>,
    /// Why the system does not tell of changes here, where it could and does not: whoever
    /// waits then looks now and then.
    pub unwatched: Option<String>,
    /// Everything in the folder, sorted by name.
    pub entries: Vec<SurveyEntry>,
}

/// Something in a folder.
#[derive(Clone, Debug)]
pub struct SurveyEntry {
    /// Its name; what is no UTF-8 is replaced.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// The user that owns it.
    pub owner: u32,
    /// Its permissions.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
}

/// What a name leads to, without following it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a socket, a FIFO.
    Other,
}

impl OsFileSystem {
    /// Opens the folder `path` to look at it: it is not made, not tightened, and nothing in
    /// it is written. `None`: there is no such folder.
    ///
    /// # Errors
    ///
    /// [`Refused`](mesh_coordinator::ports::StorageErrorKind::Refused) for a symbolic link or a file
    /// of that name; [`Io`](mesh_coordinator::ports::StorageErrorKind::Io) where it cannot be opened.
    pub fn inspect(path: &Path) -> Result<Option<Self>, StorageError> {
        let Some(dir) = folder::open_to_inspect(path)? else {
            return Ok(None);
        };
        let folder = Folder::of(dir, path)?;
        Ok(Some(Self::with(folder, path, true)))
    }

    /// Looks at the folder and at everything in it. What disappears meanwhile is left out.
    ///
    /// # Errors
    ///
    /// Where the system does not let this user look.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        reason = "the widths of these fields differ between systems"
    )]
    pub fn survey(&self) -> std::io::Result<Survey> {
        let folder = self.folder();
        let stat = fs::fstat(&folder.dir)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = fs::statat(&folder.dir, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            entries.push(SurveyEntry {
                name: name.to_string_lossy().into_owned(),
                kind: kind(FileType::from_raw_mode(stat.st_mode)),
                owner: stat.st_uid,
                mode: stat.st_mode as u32 & 0o7777,
                links: stat.st_nlink as u64,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Survey {
            me: geteuid().as_raw(),
            owner: stat.st_uid,
            mode: stat.st_mode as u32 & 0o7777,
            refused_file_system: file_system::refused(std::os::fd::AsFd::as_fd(&folder.dir))?,
            unwatched: watch::why_not(&self.path),
            entries,
        })
    }
}

fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}
