//! What this machine says about a folder and everything in it, for the doctor.
//!
//! Only `stat` and `readdir`: nothing is opened but the folder itself, and nothing is
//! followed or changed.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self, Access, AtFlags, Dir, FileType};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Folder, OsFileSystem, file_stat, folder, watch};
use crate::folder::names;
use crate::seam::FileId;
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
    /// Why opening the folder is refused, where it is (rules S4 and S6).
    pub refused: Option<StorageError>,
    /// Whether it has no `format` yet: then what is in it need not be mesh's.
    pub fresh: bool,
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
    /// Which file it is: two names of one file have the same.
    pub id: FileId,
    /// How many names it has.
    pub links: u64,
    /// Why this user may not both read and write it, where that is so.
    pub denied: Option<io::ErrorKind>,
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
    /// `explicit` as in [`open`](Self::open), whose very checks are made.
    ///
    /// # Errors
    ///
    /// Where the system does not let this user look.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        reason = "the widths of these fields differ between systems"
    )]
    pub fn survey(&self, explicit: bool) -> io::Result<Survey> {
        let folder = self.folder();
        let stat = fs::fstat(&folder.dir)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match fs::statat(&folder.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            let file = file_stat(&stat);
            entries.push(SurveyEntry {
                name: name.to_string_lossy().into_owned(),
                kind: kind(FileType::from_raw_mode(stat.st_mode)),
                owner: stat.st_uid,
                mode: stat.st_mode as u32 & 0o7777,
                id: file.id,
                links: file.links,
                denied: denied(folder.dir.as_fd(), name),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Survey {
            me: geteuid().as_raw(),
            owner: stat.st_uid,
            mode: stat.st_mode as u32 & 0o7777,
            refused: folder::refuse(folder.dir.as_fd(), &self.path, explicit).err(),
            fresh: !entries.iter().any(|entry| entry.name == names::FORMAT),
            unwatched: watch::why_not(&self.path),
            entries,
        })
    }
}

/// Only what speaks of permissions is one: a system without the call says nothing.
fn denied(dir: BorrowedFd<'_>, name: &CStr) -> Option<io::ErrorKind> {
    let wanted = Access::READ_OK | Access::WRITE_OK;
    match fs::accessat(dir, name, wanted, AtFlags::EACCESS) {
        Err(error @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => {
            Some(io::Error::from(error).kind())
        }
        _ => None,
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
