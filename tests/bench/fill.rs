//! Folders in which much has happened.
//!
//! A folder is filled once, through the library, with many posts at the same time that
//! share one entry; measurements then work on copies of it. Half of the messages are for
//! one of a thousand agents each, half for everybody, and the first hundred are for
//! everybody in any case: so whoever looks at its first hundred messages sees as many in
//! every folder, with a backlog behind them that grows with the folder.

use std::fs;
use std::path::{Path, PathBuf};

use ::tests::all;
use futures_executor::block_on;
use mesh::MeshError;
use mesh::core::{Claim, Register};

use crate::error::Result;
use crate::folder::{Folder, message};
use crate::plan::{Plan, remove};

/// How many calls are made at the same time; a coordinator takes as many into an entry.
const BATCH: usize = 256;
/// What each inbox has at least.
const FIRST: usize = 100;
/// Leases and lives that outlast any measurement, in seconds.
const LONG: u64 = 30 * 24 * 3600;

/// What a folder is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// So many messages, beside the first hundred.
    Messages(usize),
    /// So many claims, each held, beside the first hundred messages.
    Claims(usize),
    /// So many registered agents, beside the first hundred messages.
    Agents(usize),
}

/// As in the report: "10 k messages".
impl std::fmt::Display for Fill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Messages(count) => write!(f, "{} messages", rounded(*count)),
            Self::Claims(count) => write!(f, "{} claims", rounded(*count)),
            Self::Agents(count) => write!(f, "{} agents", rounded(*count)),
        }
    }
}

/// A count with thousands and millions.
pub(crate) fn rounded(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{} k", count / 1_000),
        _ => format!("{} M", count / 1_000_000),
    }
}

/// Filled folders, to be copied. The larger ones are made from the smaller ones.
pub(crate) struct Filled {
    place: PathBuf,
}

impl Filled {
    /// No folders yet.
    ///
    /// # Errors
    ///
    /// Where there is no place for them.
    pub(crate) fn new(plan: &Plan) -> Result<Self> {
        let place = plan.fresh("filled")?;
        Ok(Self { place })
    }

    /// A copy of the folder with that much in it, named `name`.
    ///
    /// # Errors
    ///
    /// Where it cannot be filled or copied.
    pub(crate) fn copy(&self, plan: &Plan, fill: Fill, name: &str) -> Result<PathBuf> {
        let original = self.original(plan, fill)?;
        let copy = plan.dir().join(name);
        remove(&copy)?;
        copy_folder(&original, &copy)?;
        Ok(copy)
    }

    /// Removes all of them.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub(crate) fn remove(&self) -> Result<()> {
        remove(&self.place)
    }

    fn original(&self, plan: &Plan, fill: Fill) -> Result<PathBuf> {
        let path = self.path(fill);
        if path.exists() {
            return Ok(path);
        }
        let unfinished = self.place.join("unfinished");
        remove(&unfinished)?;
        let already = match fill {
            Fill::Messages(0) => None,
            Fill::Messages(count) => self.largest_below(count),
            Fill::Claims(_) | Fill::Agents(_) => {
                let first = self.original(plan, Fill::Messages(0))?;
                copy_folder(&first, &unfinished)?;
                None
            }
        };
        let from = match already {
            Some(already) => {
                copy_folder(&self.path(Fill::Messages(already)), &unfinished)?;
                already
            }
            None => 0,
        };
        plan.doing(format_args!("filling a folder with {fill}"));
        let folder = Folder::open(&unfinished)?;
        match fill {
            Fill::Messages(count) => {
                if already.is_none() {
                    post(&folder, 0..FIRST, |_| "*".to_owned())?;
                }
                post(&folder, from..count, address)?;
            }
            Fill::Claims(count) => claim(&folder, count)?,
            Fill::Agents(count) => register(&folder, count)?,
        }
        folder.close();
        fs::rename(&unfinished, &path)?;
        Ok(path)
    }

    fn path(&self, fill: Fill) -> PathBuf {
        self.place.join(fill.to_string().replace(' ', "-"))
    }

    /// The largest fill so far that can be filled further.
    fn largest_below(&self, count: usize) -> Option<usize> {
        let sizes = [100_000, 10_000, 1_000, 0].into_iter();
        let mut there =
            sizes.filter(|size| *size < count && self.path(Fill::Messages(*size)).exists());
        there.next()
    }
}

fn address(index: usize) -> String {
    match index % 2 {
        0 => "*".to_owned(),
        _ => format!("reader-{}", index / 2 % 1000),
    }
}

/// Makes calls, as many at the same time as fit into an entry.
fn in_batches<T, F>(indexes: std::ops::Range<usize>, mut call: impl FnMut(usize) -> F) -> Result<()>
where
    F: Future<Output = std::result::Result<T, MeshError>>,
{
    let mut next = indexes.start;
    while next < indexes.end {
        let batch = next..(next + BATCH).min(indexes.end);
        next = batch.end;
        for answer in block_on(all(batch.map(&mut call))) {
            answer?;
        }
    }
    Ok(())
}

/// Posts messages from many senders, many at the same time.
///
/// # Errors
///
/// Where one is refused.
pub(crate) fn post(
    folder: &Folder,
    indexes: std::ops::Range<usize>,
    to: impl Fn(usize) -> String,
) -> Result<()> {
    in_batches(indexes, |index| {
        let from = format!("writer-{}", index % 1000);
        folder.mesh().post(message(&from, to(index)))
    })
}

fn claim(folder: &Folder, count: usize) -> Result<()> {
    in_batches(0..count, |index| {
        folder.mesh().claim(Claim {
            agent_id: format!("holder-{}", index % 1000),
            resource: format!("held-{index}"),
            lease_seconds: Some(LONG),
            ..Claim::default()
        })
    })
}

fn register(folder: &Folder, count: usize) -> Result<()> {
    in_batches(0..count, |index| {
        folder.mesh().register(Register {
            agent_id: format!("agent-{index}"),
            branch: "main".to_owned(),
            prompt_ptr: "docs/task.md".to_owned(),
            ttl_seconds: Some(LONG),
            ..Register::default()
        })
    })
}

/// Copies the files of a folder, and syncs them, so that nobody pays for it later.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let copy = to.join(entry.file_name());
            fs::copy(entry.path(), &copy)?;
            fs::File::open(copy)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh::core::Inbox;

    #[test]
    fn a_filled_folder_has_what_it_says_and_grows_from_a_smaller_one() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::new(dir.path(), true, 1).unwrap();
        let filled = Filled::new(&plan).unwrap();
        let unread = |fill| {
            let copy = filled.copy(&plan, fill, "copy").unwrap();
            let folder = Folder::open(&copy).unwrap();
            folder.inbox("anybody").unwrap();
            let inbox = Inbox {
                agent_id: "anybody".to_owned(),
                ..Inbox::default()
            };
            block_on(folder.mesh().inbox(inbox)).unwrap().unread
        };
        assert_eq!(unread(Fill::Messages(0)), 0);
        assert_eq!(unread(Fill::Messages(1_000)), 500);
        assert_eq!(unread(Fill::Messages(2_000)), 1_000);
        assert_eq!(unread(Fill::Claims(3)), 0);
        assert_eq!(unread(Fill::Agents(3)), 0);
    }

    #[test]
    fn counts_are_rounded_to_thousands_and_millions() {
        assert_eq!(Fill::Messages(0).to_string(), "0 messages");
        assert_eq!(Fill::Claims(10_000).to_string(), "10 k claims");
        assert_eq!(rounded(1_000_000), "1 M");
    }
}
