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

/// Writes `temporary` from `pieces`, and renames it to `name`. Where that fails, nothing of
/// it stays, as far as that goes.
pub(crate) async fn write_over<F: FileSystem>(
    fs: &F,
    temporary: &str,
    name: &str,
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> io::Result<()> {
    write_whole(fs, temporary, pieces).await?;
    let renamed = fs.rename(temporary, name).await;
    if renamed.is_err() {
        let _ = fs.remove(temporary).await;
    }
    renamed
}

async fn write_pieces<F: FileSystem>(
    fs: &F,
    file: &F::File,
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> io::Result<()> {
    for piece in pieces {
        let piece = piece?;
        let landed = fs.append(file, &piece).await?;
        if landed.written < piece.len() {
            return Err(fs.why_short(landed.end));
        }
    }
    sound!(fs.sync(file).await, Bug::CheckpointNotSynced => Ok(()))
}
