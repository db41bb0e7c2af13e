//! The demonstration: five ways to lose a lock on a file system.
//!
//! The first four are played in a folder in memory, with the textbook's lock: the empty
//! directory `lock`. The fifth is played on the real file system, since it is about files that
//! are open, and about the lock that the kernel has for them.

use std::io;

use mesh::backends::fs::{Access, FileSystem, OsFileSystem};
use tempfile::TempDir;

use super::Folder;
use crate::orders::alone;

pub(super) fn show() {
    rmdir_race();
    delayed_thief();
    paused_holder_and_unlock();
    if let Err(error) = unlinked_file() {
        println!("  cannot be shown here: {error}");
    }
}

/// The textbook's lock: made, it is held; removed, it is free.
struct Process {
    folder: Folder,
    name: &'static str,
}

impl Process {
    fn of(folder: &Folder, name: &'static str) -> Self {
        let folder = folder.of(name);
        Self { folder, name }
    }

    /// The folder in memory knows no times, so what is seen is only told.
    fn looks(&self) {
        println!("    {}: stat lock (it is the old one)", self.name);
    }

    fn locks(&self) {
        let made = alone(self.folder.make_dir("lock"));
        self.tell();
        if made {
            println!("  {} is inside", self.name);
        }
    }

    fn unlocks(&self) {
        alone(self.folder.remove_dir("lock"));
        self.tell();
    }

    fn tell(&self) {
        for done in self.folder.story().take() {
            println!("    {done}");
        }
    }
}

/// A folder whose lock a dead process has left, and two others.
fn abandoned() -> [Process; 2] {
    let folder = Folder::default();
    alone(folder.make_dir("lock"));
    folder.story().take();
    ["ann", "bob"].map(|name| Process::of(&folder, name))
}

fn rmdir_race() {
    println!("One: the rmdir race. A dead process has left the lock; ann and bob both steal it.");
    let [ann, bob] = abandoned();
    ann.unlocks();
    ann.locks();
    bob.unlocks();
    bob.locks();
}

fn delayed_thief() {
    println!("\nTwo: the delayed thief. This time bob looks right before he steals.");
    let [ann, bob] = abandoned();
    bob.looks();
    println!("  bob is paused");
    ann.looks();
    ann.unlocks();
    ann.locks();
    println!("  bob goes on");
    bob.unlocks();
    bob.locks();
}

fn paused_holder_and_unlock() {
    println!("\nThree: the paused holder. Nobody makes a mistake.");
    let folder = Folder::default();
    let [ann, bob, carl] = ["ann", "bob", "carl"].map(|name| Process::of(&folder, name));
    ann.locks();
    println!("  ann is paused, for so long that bob takes her for dead");
    bob.unlocks();
    bob.locks();
    println!("  ann goes on, and believes that she is alone");

    println!("\nFour: unlocking somebody else's. Ann has finished.");
    ann.unlocks();
    println!("  carl has waited for that");
    carl.locks();
}

/// Two locks of one name, by the kernel of this machine.
fn unlinked_file() -> io::Result<()> {
    const NAME: &str = "lock.flock";
    println!("\nFive: the unlinked file. The kernel's lock, on the file system of this machine.");
    let place = TempDir::new()?;
    let fs = OsFileSystem::open(place.path(), true).map_err(io::Error::other)?;
    let locks = |name: &str| -> io::Result<_> {
        let file = alone(fs.open(NAME, Access::Overwrite))?;
        let locked = alone(fs.try_lock(&file))?;
        let failed = if locked { "" } else { " (fails)" };
        println!("    {name}: flock {NAME}{failed}");
        if locked {
            println!("  {name} is inside");
        }
        Ok(file)
    };
    let anns = locks("ann")?;
    locks("bob")?;
    alone(fs.remove(NAME))?;
    println!("    carl, tidying up: rm {NAME}");
    let bobs = locks("bob")?;
    let [anns, bobs] = [alone(fs.stat(&anns))?, alone(fs.stat(&bobs))?];
    println!(
        "  two files: ann's has {} names, and bob's has {}",
        anns.links, bobs.links
    );
    Ok(())
}
