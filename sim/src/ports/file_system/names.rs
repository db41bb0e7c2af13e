//! Names: they change in one step, and a listing may miss what comes and goes.

use std::io::{self, ErrorKind};

use super::seam::SimFs;
use crate::trace::{Incident, Seen, Verb};
use crate::world::disk::Node;
use crate::world::{LockOwner, World, restore};

/// Names in the directory that is the store's lock.
const LOCK_PREFIX: &str = "lock/";

impl SimFs {
    pub(super) async fn link_name(&self, from: &str, to: &str) -> io::Result<()> {
        let task = self.task;
        self.change_names(Verb::Link, to, |world| {
            if restore::refuses_links(world, task.process) {
                return Err(ErrorKind::StorageFull.into());
            }
            let inode = world.disk.lookup(from).ok_or(ErrorKind::NotFound)?;
            if world.disk.lookup(to).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.disk.link(inode, to);
            world.note_rotation(task.process, to);
            world.journal_changed();
            Ok(())
        })
        .await
    }

    pub(super) async fn rename_name(&self, from: &str, to: &str) -> io::Result<()> {
        let owner = LockOwner {
            process: self.task.process,
            incarnation: self.incarnation,
            since: 0,
        };
        self.change_names(Verb::Rename, to, |world| {
            let inode = world.disk.lookup(from).ok_or(ErrorKind::NotFound)?;
            match world.disk.lookup(to).map(|at| world.disk.node(at)) {
                Some(Node::Directory(names)) if !names.is_empty() => {
                    return Err(ErrorKind::DirectoryNotEmpty.into());
                }
                _ => {}
            }
            if let Node::Directory(names) = world.disk.node(inode)
                && let Some(nonce) = names.keys().next().cloned()
            {
                let since = world.now;
                world
                    .lock_owners
                    .insert(nonce, LockOwner { since, ..owner });
            }
            let incident = match to {
                "state.json" => Some(Incident::Exported),
                name if name.starts_with("journal.") => Some(Incident::RenamedOver {
                    name: name.to_owned(),
                }),
                _ => None,
            };
            if let Some(incident) = incident {
                world.incident(owner.process, incident);
            }
            world.disk.rename(from, to);
            Ok(())
        })
        .await
    }

    pub(super) async fn remove_name(&self, name: &str) -> io::Result<()> {
        let task = self.task;
        self.change_names(Verb::Remove, name, |world| {
            let nonce = name.strip_prefix(LOCK_PREFIX);
            if world.disk.lookup(name).is_none() {
                nonce.inspect(|nonce| world.lock_gone(task, nonce));
                return Err(ErrorKind::NotFound.into());
            }
            world.disk.remove(name);
            nonce.inspect(|nonce| world.lock_freed(task, nonce));
            Ok(())
        })
        .await
    }

    /// Looks at the names twice, and may miss what was not there both times.
    pub(super) async fn list_names(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        self.operate(Verb::List, name.unwrap_or(".")).await?;
        let racy = {
            let world = self.world.borrow();
            world.knobs.racy_list && world.storm && name.is_none()
        };
        let listed = |world: &World| world.disk.list(name).ok_or(ErrorKind::NotFound);
        let before = listed(&self.world.borrow())?;
        if !racy {
            return Ok(before);
        }
        self.operate(Verb::List, ".").await?;
        let mut world = self.world.borrow_mut();
        let after = listed(&world)?;
        if before == after {
            return Ok(after);
        }
        let mut shown = Vec::new();
        for name in before
            .iter()
            .chain(after.iter().filter(|name| !before.contains(name)))
        {
            let stable = before.contains(name) && after.contains(name);
            if stable || world.tape.below(2) == 0 {
                shown.push(name.clone());
            } else {
                world.seen.hit(Seen::ListingRaced);
            }
        }
        Ok(shown)
    }

    pub(super) async fn make_empty_dir(&self, name: &str) -> io::Result<()> {
        self.change_names(Verb::MakeDir, name, |world| {
            if world.disk.lookup(name).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.disk.make_dir(name);
            Ok(())
        })
        .await
    }

    pub(super) async fn remove_empty_dir(&self, name: &str) -> io::Result<()> {
        self.change_names(Verb::RemoveDir, name, |world| {
            let inode = world.disk.lookup(name).ok_or(ErrorKind::NotFound)?;
            match world.disk.node(inode) {
                Node::Directory(names) if names.is_empty() => {}
                Node::Directory(_) => return Err(ErrorKind::DirectoryNotEmpty.into()),
                Node::File(..) => return Err(ErrorKind::NotADirectory.into()),
            }
            world.disk.remove(name);
            Ok(())
        })
        .await
    }
}
