//! Being told by the system when somebody writes to the journal (rule W2).
//!
//! A watch is of use only to whoever waits, and costs every process that has one a
//! thread that wakes whenever anybody does anything to what is watched. So it is made when
//! somebody begins to wait, and let go of soon after nobody does any more; and it is over
//! the one file that matters, since in the folder every commit has a mark as well.

use std::path::Path;
use std::sync::Once;

use async_channel::{Receiver, Sender};
use notify::event::RemoveKind;
use notify::{Config, Event, EventHandler, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::POLL;
use crate::folder::names;
use crate::seam::FileId;

/// Whoever waits in this process is told once that it is not woken by the system.
static TOLD: Once = Once::new();

/// A watch over one folder, or the knowledge that there can be none.
#[derive(Debug)]
pub(super) struct Watch {
    /// The folder that it is over, or the file in it.
    folder: FileId,
    name: Option<String>,
    /// Has one item when something changed; `None` where the system does not tell.
    pub(super) changes: Option<Receiver<()>>,
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Begins to watch. What happened before goes unnoticed.
    pub(super) fn over(folder: FileId, path: &Path, name: Option<&str>) -> Self {
        let (sender, changes) = async_channel::bounded(1);
        if cfg!(target_os = "macos") {
            // Its watch on a folder tells of names that come and go, not of a file in it
            // that grows.
            return Self::none(folder, name);
        }
        let path = name.map_or_else(|| path.to_owned(), |name| path.join(name));
        match watch(&path, Bell(sender)) {
            Ok(watcher) => Self {
                folder,
                name: name.map(str::to_owned),
                changes: Some(changes),
                _watcher: Some(watcher),
            },
            Err(error) => {
                let path = path.display();
                tracing::debug!("{path} cannot be watched, and is looked at instead: {error}");
                if !is_missing(&error) {
                    TOLD.call_once(|| tracing::warn!("{}; {WATCH_MORE}", unwatched(&error)));
                }
                Self::none(folder, name)
            }
        }
    }

    /// Whether it is over this file of this folder; without a name, over the folder.
    pub(super) fn is_over(&self, folder: FileId, name: Option<&str>) -> bool {
        self.folder == folder && self.name.as_deref() == name
    }

    fn none(folder: FileId, name: Option<&str>) -> Self {
        Self {
            folder,
            name: name.map(str::to_owned),
            changes: None,
            _watcher: None,
        }
    }
}

/// What can be done where the system does not tell of changes.
pub(crate) const WATCH_MORE: &str = "end what watches many files, or raise the limit \
                               (sysctl fs.inotify.max_user_instances)";

/// Why the system does not tell of changes in the folder `path`; `None` where it does, and
/// where it never does.
pub(super) fn why_not(path: &Path) -> Option<String> {
    if cfg!(target_os = "macos") {
        return None;
    }
    let (sender, _changes) = async_channel::bounded(1);
    let error = watch(path, Bell(sender)).err()?;
    (!is_missing(&error)).then(|| unwatched(&error))
}

fn watch(path: &Path, bell: Bell) -> notify::Result<RecommendedWatcher> {
    let mut watcher = RecommendedWatcher::new(bell, Config::default())?;
    watcher.watch(path, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

fn unwatched(error: &notify::Error) -> String {
    format!(
        "the system does not tell this user's processes of changes ({error}), so whoever waits \
         looks every {POLL} ms"
    )
}

/// A file that is gone is no lack of the system's: the next look finds that out.
fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Rings when the journal changed.
struct Bell(Sender<()>);

impl EventHandler for Bell {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        // Whatever cannot be told apart counts as a change.
        if event.is_ok_and(|event| !concerns_the_journal(&event)) {
            return;
        }
        // Where it has rung already, nobody has come to look yet.
        let _ = self.0.try_send(());
    }
}

fn concerns_the_journal(event: &Event) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let is_journal = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| names::parse_journal(name).is_some())
    };
    // A folder that is removed takes its journal along.
    matches!(
        event.kind,
        EventKind::Remove(RemoveKind::Folder) | EventKind::Other
    ) || event.need_rescan()
        || event.paths.iter().any(|path| is_journal(path))
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, ModifyKind};

    use super::*;

    /// W2: whatever else goes on in the folder concerns nobody who waits.
    #[test]
    fn only_what_may_be_a_change_of_the_journal_ends_the_wait() {
        let concerns = |kind: EventKind, name: &str| {
            let path = Path::new("/repository/.mesh").join(name);
            concerns_the_journal(&Event::new(kind).add_path(path))
        };
        let (modified, made) = (
            EventKind::Modify(ModifyKind::Any),
            EventKind::Create(CreateKind::File),
        );
        assert!(concerns(modified, "journal.3"));
        assert!(concerns(made, "journal.4"));
        assert!(concerns(EventKind::Remove(RemoveKind::Folder), ""));
        assert!(!concerns(EventKind::Access(AccessKind::Any), "journal.3"));
        for other in [
            "watermark",
            "state.json",
            "lock.flock",
            "sync.flock",
            "tmp.4.00000000000000ff",
        ] {
            assert!(!concerns(modified, other), "{other}");
        }
    }
}
