//! Writing a whole file that nobody knows yet.

use std::io;

use crate::seam::FileSystem;
use planted::{Bug, sound};

/// Creates `name` from `pieces` and syncs it. Where that fails, the file is removed
/// again, as far as that goes. Holds one piece at a time.
pub(crate) async fn write_whole<F: FileSystem>(
    fs: &F,
    name: &str,
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> io::Result<()> {
    let file = fs.create(name).await?;
    let written = write_pieces(fs, &file, pieces).await;
    if written.is_err() {
        // The first error is the one to report; a leftover is swept with its generation.
        let _ = fs.remove(name).await;
    }
    written
}

async fn write_pieces<F: FileSystem>(
    fs: &F,
    file: &F::File,
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> io::Result<()> {
    for piece in pieces {
        let piece = piece?;
        if fs.append(file, &piece).await?.written < piece.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
    }
    sound!(fs.sync(file).await, Bug::CheckpointNotSynced => Ok(()))
}
