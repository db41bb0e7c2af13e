//! The answer: what is removed is named, and what is taken is taken in one step.

use super::{Folder, Lock};

/// A directory that is held if the nonce of its owner is in it.
pub struct Mine;

// anchor: answer
impl Lock for Mine {
    async fn acquire(folder: &Folder, me: &str) -> bool {
        let mine = format!("lock.{me}");
        folder.make_dir(&mine).await;
        folder.make_file(&mine, me).await;
        if folder.rename(&mine, "lock").await {
            return true;
        }
        folder.remove_all(&mine).await;
        false
    }

    async fn release(folder: &Folder, me: &str) {
        folder.remove_file("lock", me).await;
    }

    async fn steal(folder: &Folder, stale: &str) {
        folder.remove_file("lock", stale).await;
    }
}
// end: answer
