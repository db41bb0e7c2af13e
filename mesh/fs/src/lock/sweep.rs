//! Clearing away what killed processes prepared to be the store's lock.
//!
//! A process that is killed while it waits for the lock directory leaves its candidate,
//! `lock.<nonce>/`. Nobody else ever uses that name, so it is in nobody's way, and nobody
//! would ever remove it either: a fleet whose processes are killed for years would leave
//! thousands. So whoever rotates the log removes those whose owner is dead beyond doubt,
//! and those that name no owner: theirs was killed while it wrote its name. Should it only
//! be slow, it finds its candidate gone, and writes once without the lock, which the log
//! is safe against.

use std::io;

use super::directory::{MAX_OWNER_BYTES, inside};
use crate::seam::{Access, FileSystem, ProcessId};

/// Removes from the folder, whose names are `names`, what dead processes prepared.
pub(crate) async fn sweep_candidates<F: FileSystem>(fs: &F, names: &[String]) {
    for name in names.iter().filter(|name| is_candidate(name)) {
        if let Err(error) = sweep(fs, name).await {
            // It may be the lock by now, or gone; if neither, the next rotation tries again.
            tracing::debug!("{name} stays for now: {error}");
        }
    }
}

/// `lock.<seed>-<count>`: what no other file of mesh is called.
fn is_candidate(name: &str) -> bool {
    let nonce = name.strip_prefix("lock.");
    let parts = nonce.and_then(|nonce| nonce.split_once('-'));
    parts.is_some_and(|(seed, count)| {
        seed.len() == 16
            && seed.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !count.is_empty()
            && count.bytes().all(|byte| byte.is_ascii_digit())
    })
}

async fn sweep<F: FileSystem>(fs: &F, candidate: &str) -> io::Result<()> {
    for file in fs.list(Some(candidate)).await? {
        let file = inside(candidate, &file);
        if let Some(owner) = owner(fs, &file).await?
            && !fs.is_dead(&owner).await
        {
            return Ok(());
        }
        fs.remove(&file).await?;
    }
    fs.remove_dir(candidate).await
}

/// The process that a file names; `None` where it was not written to its end.
async fn owner<F: FileSystem>(fs: &F, file: &str) -> io::Result<Option<ProcessId>> {
    let file = fs.open(file, Access::Read).await?;
    let mut buffer = [0; MAX_OWNER_BYTES];
    let length = fs.read_at(&file, 0, &mut buffer).await?;
    Ok(serde_json::from_slice(&buffer[..length]).ok())
}

#[cfg(test)]
mod tests {
    use super::is_candidate;

    #[test]
    fn only_candidates_are_swept() {
        assert!(is_candidate("lock.00000000000000ff-12"));
        for other in [
            "lock",
            "lock.flock",
            "lock.-1",
            "lock.00000000000000ff-",
            "lock.00000000000000ff-x",
            "lock.my-1",
        ] {
            assert!(!is_candidate(other), "{other}");
        }
    }
}
