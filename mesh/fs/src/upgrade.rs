//! Raising a folder to the format of this mesh.
//!
//! A newer mesh reads older folders and goes on writing what older ones understand, so
//! that a fleet can be upgraded one by one. Once all of it is, the folder is raised, and
//! only then may be written what older binaries would refuse. What has no format yet is
//! brought to the present one: a predecessor's `state.json` is taken over (rule S3).

use std::path::Path;

use crate::folder::format::Format;
use crate::folder::names;
use crate::lock::StoreLock;
use crate::log::storage::FsStorage;
use crate::options::FsOptions;
use crate::os::OsFileSystem;
use crate::seam::FileSystem;
use crate::{SystemClock, seed};
use mesh_coordinator::Nonces;
use mesh_coordinator::ports::{Lock, News, Storage, StorageError};

/// What an upgrade came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// There is no folder, so its first use will make one of the newest format.
    Nothing,
    /// The folder has the newest format already.
    Current(Format),
    /// A folder without a format got one; `adopted`: from a predecessor's state.
    Made {
        /// Its format.
        format: Format,
        /// Whether there was a predecessor's state.
        adopted: bool,
    },
    /// The folder was raised.
    Raised {
        /// What it was before.
        from: Format,
        /// What it is now.
        to: Format,
    },
}

/// Raises the folder `path`; `explicit` as in [`OsFileSystem::open`]. Agents may be at
/// work, but those with an older mesh are refused from then on.
///
/// # Errors
///
/// [`Newer`](mesh_coordinator::ports::StorageErrorKind::Newer) where the folder is beyond this mesh,
/// [`Damaged`](mesh_coordinator::ports::StorageErrorKind::Damaged) where it has to be repaired first,
/// and what the file system could not do.
pub fn upgrade_folder(path: &Path, explicit: bool) -> Result<Upgrade, StorageError> {
    if OsFileSystem::inspect(path)?.is_none() {
        return Ok(Upgrade::Nothing);
    }
    let fs = OsFileSystem::open(path, explicit)?;
    futures_executor::block_on(upgrade(&fs))
}

/// How many pieces of news are read: what others append meanwhile is none of this one's business.
const MOST_NEWS: usize = 1_000_000;

async fn upgrade(fs: &OsFileSystem) -> Result<Upgrade, StorageError> {
    let before = Format::read(fs).await?;
    // The log is read to its end: a damaged one must not be raised.
    let clock = SystemClock::new();
    let mut storage = FsStorage::new(fs.clone(), clock, FsOptions::default(), seed());
    for _ in 0..MOST_NEWS {
        if matches!(storage.read_on().await?, News::CaughtUp) {
            break;
        }
    }
    let Some(from) = before else {
        let format = Format::read(fs).await?;
        let format = format.unwrap_or_else(|| Format::new(FsOptions::default().lock));
        let adopted = fs.stat_name(names::STATE_NODE).await.is_ok();
        return Ok(Upgrade::Made { format, adopted });
    };
    if !from.is_behind() {
        return Ok(Upgrade::Current(from));
    }
    let mut nonces = Nonces::new(seed());
    let mut lock = StoreLock::new(fs.clone(), clock, from.lock, nonces.draw());
    lock.acquire().await;
    let raised = from.raise(fs, &names::temporary(0, nonces.draw())).await;
    lock.release().await;
    Ok(Upgrade::Raised { from, to: raised? })
}
