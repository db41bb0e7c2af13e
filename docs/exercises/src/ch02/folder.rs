//! A folder in memory that is shared by processes: directories, and files in them.
//!
//! Each operation is one step, and others may take theirs before it. It happens as a whole or
//! not at all, as POSIX has it. What was done is told in the words of a shell.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::orders::{Story, turn};

/// A directory: the names of its files.
type Directory = BTreeSet<String>;

/// The folder, as one process has it before its eyes. All clones share what is in it.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    directories: Rc<RefCell<BTreeMap<String, Directory>>>,
    story: Story,
    who: String,
}

impl Folder {
    /// The same folder, in the hands of another process.
    pub fn of(&self, who: &str) -> Self {
        Self {
            who: who.to_owned(),
            ..self.clone()
        }
    }

    /// What was done in it.
    pub fn story(&self) -> Story {
        self.story.clone()
    }

    /// Makes the empty directory `dir`; `false` where there is one.
    pub async fn make_dir(&self, dir: &str) -> bool {
        let make = |all: &mut BTreeMap<String, Directory>| {
            let free = !all.contains_key(dir);
            if free {
                all.insert(dir.to_owned(), Directory::new());
            }
            free
        };
        self.step(format!("mkdir {dir}"), make).await
    }

    /// Makes the file `dir/file`; `false` where there is no such directory.
    pub async fn make_file(&self, dir: &str, file: &str) -> bool {
        let make = |all: &mut BTreeMap<String, Directory>| {
            let found = all.get_mut(dir);
            found.map(|files| files.insert(file.to_owned())).is_some()
        };
        self.step(format!("touch {dir}/{file}"), make).await
    }

    /// Renames the directory `from` to `to`; `false` where `to` has files in it, or `from` is
    /// missing. An empty `to` is replaced.
    pub async fn rename(&self, from: &str, to: &str) -> bool {
        let rename = |all: &mut BTreeMap<String, Directory>| {
            let taken = all.get(to).is_some_and(|files| !files.is_empty());
            let moved = if taken { None } else { all.remove(from) };
            moved
                .map(|files| all.insert(to.to_owned(), files))
                .is_some()
        };
        self.step(format!("mv -T {from} {to}"), rename).await
    }

    /// Removes the file `dir/file`; `false` where there is none.
    pub async fn remove_file(&self, dir: &str, file: &str) -> bool {
        let remove = |all: &mut BTreeMap<String, Directory>| {
            all.get_mut(dir).is_some_and(|files| files.remove(file))
        };
        self.step(format!("rm {dir}/{file}"), remove).await
    }

    /// Removes the directory `dir`; `false` where it has files in it, or is missing.
    pub async fn remove_dir(&self, dir: &str) -> bool {
        let remove = |all: &mut BTreeMap<String, Directory>| {
            let empty = all.get(dir).is_some_and(BTreeSet::is_empty);
            empty && all.remove(dir).is_some()
        };
        self.step(format!("rmdir {dir}"), remove).await
    }

    /// Removes the directory `dir` with all files in it, in one step, which a real file system
    /// cannot even do; `false` where it is missing.
    pub async fn remove_all(&self, dir: &str) -> bool {
        let remove = |all: &mut BTreeMap<String, Directory>| all.remove(dir).is_some();
        self.step(format!("rm -r {dir}"), remove).await
    }

    /// The files in `dir`, sorted; none where it is missing.
    pub async fn list(&self, dir: &str) -> Vec<String> {
        turn().await;
        let files = self.directories.borrow().get(dir).cloned();
        let files: Vec<String> = files.into_iter().flatten().collect();
        self.story
            .tell(format!("{}: ls {dir} ({})", self.who, files.join(" ")));
        files
    }

    /// Does something in one step.
    async fn step(
        &self,
        told: String,
        act: impl FnOnce(&mut BTreeMap<String, Directory>) -> bool,
    ) -> bool {
        turn().await;
        let done = act(&mut self.directories.borrow_mut());
        let failed = if done { "" } else { " (fails)" };
        self.story.tell(format!("{}: {told}{failed}", self.who));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::alone;

    #[test]
    fn a_directory_is_renamed_only_over_an_empty_one() {
        let folder = Folder::default();
        let made = ["a", "b"].map(|dir| alone(folder.make_dir(dir)));
        assert_eq!(made, [true, true]);
        assert!(!alone(folder.make_dir("a")));
        assert!(alone(folder.make_file("a", "x")));
        assert!(!alone(folder.rename("b", "a")), "a is not empty");
        assert!(alone(folder.rename("a", "b")), "b is");
        assert_eq!(alone(folder.list("b")), ["x"]);
        assert!(!alone(folder.rename("a", "b")), "there is no a any more");
    }

    #[test]
    fn what_is_removed_is_gone() {
        let folder = Folder::default();
        assert!(!alone(folder.make_file("a", "x")), "there is no a");
        assert!(alone(folder.make_dir("a")) && alone(folder.make_file("a", "x")));
        assert!(!alone(folder.remove_dir("a")), "it is not empty");
        assert!(alone(folder.remove_file("a", "x")));
        assert!(!alone(folder.remove_file("a", "x")));
        assert!(alone(folder.remove_dir("a")));
        assert!(!alone(folder.remove_all("a")));
        assert_eq!(folder.story().told().matches("(fails)").count(), 4);
    }
}
