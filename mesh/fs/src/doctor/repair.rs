//! Making a folder that servers refuse usable again.
//!
//! Agents may be at work meanwhile, with the damaged files open, and must not be told
//! anything that the repaired folder does not know. So the order is that of a rotation:
//!
//! 1. `format` is there before anything moves: without it, and without a journal, the
//!    folder would look new.
//! 2. The generations lose their names, lowest first, and the watermark last. From then
//!    on nobody acknowledges anything: before it does, a process looks for its file's name.
//! 3. The directory is synced, and temporary files are swept: no rotation that was paused
//!    brings a generation back.
//! 4. *Then* the files that were put aside are read. What was acknowledged up to step 2 is
//!    in them.
//! 5. What was saved becomes the next generation, of a log of its own: its places lie above
//!    all that the old log ever had, and no process takes it for a continuation.
//!
//! A repair that was cut short is gone on with; until it is through, servers refuse the
//! folder. Nothing is ever overwritten or removed but leftovers: where a file is back under
//! the name of one that was put aside, the repair goes on under the next free number, and
//! takes along whatever was put aside and is not back.

use std::collections::BTreeSet;
use std::io;

use crate::error::{ignore_missing, is_no_file};
use crate::folder::export;
use crate::folder::format::Format;
use crate::folder::names;
use crate::lock::{LockKind, StoreLock};
use crate::log::generation::{CheckpointHead, RECORD_VERSION, checkpoint_pieces};
use crate::log::record::Sum;
use crate::read_only::ReadOnly;

use super::examine::examine;
use super::names as given;
use super::refusal::{failed, is_unread, newer, no_number};
use super::report::{Remedy, Repair, Report};
use super::salvage::{Salvage, salvage};
use crate::folder::write::{write_over, write_whole};
use crate::log::watermark::WATERMARK;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::Nonces;
use mesh_coordinator::ports::{Clock, Lock, StorageError};
use mesh_core::escape;

/// How often generations are put aside that others have made meanwhile.
const MOST_SWEEPS: usize = 64;

/// Repairs the folder behind `fs`, as far as that is possible, and says what was done and
/// what was lost. Does nothing where nothing is wrong. `seed` makes its nonces: no other
/// process may have the same.
///
/// # Errors
///
/// [`Newer`](mesh_coordinator::ports::StorageErrorKind::Newer) where a newer mesh wrote a part
/// of the folder, which this one cannot judge; otherwise what the file system could not do. A
/// file that cannot be read stops a repair before anything moves. A repair that fails leaves
/// every file in the folder, and can be run again.
pub async fn repair<F: FileSystem, C: Clock + Clone>(
    fs: &F,
    clock: &C,
    seed: u64,
) -> Result<Repair, StorageError> {
    let mut nonces = Nonces::new(seed);
    let kind = lock_kind(fs).await?;
    // Where it cannot be had, the order of the steps keeps everybody safe.
    let mut lock = StoreLock::new(fs.clone(), clock.clone(), kind, nonces.draw());
    lock.acquire().await;
    let mut report = examine(fs, clock).await;
    let repaired = match report.unread.take() {
        _ if report.newer => Err(newer()),
        Some(error) => Err(error),
        None => Work::new(fs, clock, nonces).run(&report).await,
    };
    lock.release().await;
    repaired
}

/// The kind of lock that the folder uses, as far as anything tells.
async fn lock_kind<F: FileSystem>(fs: &F) -> Result<LockKind, StorageError> {
    match Format::read(fs).await {
        Ok(Some(format)) => return Ok(format.lock),
        Err(error) if is_unread(&error) => return Err(error),
        Ok(None) | Err(_) => {}
    }
    let none = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    match fs.list(Some("lock")).await {
        Ok(_) => Ok(LockKind::Directory),
        Err(error) if none.contains(&error.kind()) || is_no_file(&error) => Ok(LockKind::Kernel),
        Err(error) => Err(failed("list", "lock", &error)),
    }
}

struct Work<'a, F: FileSystem, C> {
    fs: &'a F,
    clock: &'a C,
    nonces: Nonces,
    /// Which repair of this folder it is.
    number: u64,
    repair: Repair,
}

impl<'a, F: FileSystem, C: Clock> Work<'a, F, C> {
    fn new(fs: &'a F, clock: &'a C, nonces: Nonces) -> Self {
        Self {
            fs,
            clock,
            nonces,
            number: 0,
            repair: Repair::default(),
        }
    }

    async fn run(mut self, report: &Report) -> Result<Repair, StorageError> {
        let ended = self.end_what_is_through(report).await?;
        let names = self.names().await?;
        let cut_short = given::unfinished(&names);
        let salvages = report.needs(&Remedy::Salvage) && !ended;
        self.number = match cut_short {
            Some(n) if !self.is_taken(&names, n, report).await? => n,
            _ => given::next_repair(&names).ok_or_else(no_number)?,
        };
        if salvages && cut_short.is_none() {
            self.try_salvage().await?;
        }
        if cut_short.is_some() {
            self.take_along(&names).await?;
        }
        if report.needs(&Remedy::RenewFormat)
            || salvages && !names.iter().any(|name| name == names::FORMAT)
        {
            self.renew_format().await?;
        }
        if salvages {
            self.salvage().await?;
        } else if report.needs(&Remedy::SetAside) {
            self.put_aside(WATERMARK).await?;
        }
        self.sweep(report).await?;
        if !self.repair.kept.is_empty() && self.repair.generation.is_none() {
            self.draft().await?;
            self.end_cut_short().await?;
        }
        Ok(self.repair)
    }

    /// A repair that was cut short once its generation was there lacks its report alone:
    /// whether there was one.
    async fn end_what_is_through(&mut self, report: &Report) -> Result<bool, StorageError> {
        let names = self.names().await?;
        match given::unfinished(&names) {
            Some(number) if report.contents.is_some() && given::is_followed(&names, number) => {
                self.number = number;
                self.end_cut_short().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn names(&self) -> Result<Vec<String>, StorageError> {
        let listed = self.fs.list(None).await;
        let mut names = listed.map_err(|e| failed("list", "the folder", &e))?;
        names.sort();
        Ok(names)
    }

    fn temporary(&mut self) -> String {
        names::temporary(0, self.nonces.draw())
    }

    /// Whether a file that is to be put aside has come back: repair `n` kept another one of
    /// that name.
    async fn is_taken(
        &self,
        names: &[String],
        n: u64,
        report: &Report,
    ) -> Result<bool, StorageError> {
        for name in names {
            let moves = match name.as_str() {
                names::FORMAT => report.needs(&Remedy::RenewFormat),
                WATERMARK | names::STATE => true,
                name => names::parse_journal(name).is_some(),
            };
            let kept = given::set_aside(name, n);
            if moves && names.contains(&kept) && !self.is_same(name, &kept).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether both are names of one file.
    async fn is_same(&self, name: &str, other: &str) -> Result<bool, StorageError> {
        let mut ids = Vec::new();
        for name in [name, other] {
            let stat = self.fs.stat_name(name).await;
            ids.push(stat.map_err(|e| failed("look at", name, &e))?.id);
        }
        Ok(ids[0] == ids[1])
    }

    /// Gives what repairs that were cut short put aside this one's number, so that it is
    /// read with the rest; of a name that is back, or was put aside twice, the newest file.
    async fn take_along(&mut self, names: &[String]) -> Result<(), StorageError> {
        let mut known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut earlier = given::unfinished_files(names);
        earlier.retain(|(_, n)| *n != self.number);
        earlier.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (name, n) in earlier {
            let kept = given::set_aside(name, self.number);
            if !names.contains(&kept) && known.insert(name) {
                self.rename_free(&given::set_aside(name, n), &kept).await?;
            }
        }
        self.sync_names().await
    }

    /// Renames `from` to `to`, which no file may have. Whether that is so is looked at
    /// first: only a repair makes such names, and it has the store's lock.
    async fn rename_free(&self, from: &str, to: &str) -> Result<(), StorageError> {
        match self.fs.stat_name(to).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                let taken = io::Error::from(io::ErrorKind::AlreadyExists);
                let error = found.err().unwrap_or(taken);
                return Err(failed("put aside as", to, &error));
            }
        }
        match self.fs.rename(from, to).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(failed("find", from, &error))
            }
            Err(error) => Err(failed("put aside", from, &error)),
            Ok(()) => Ok(()),
        }
    }

    /// Writes `format` anew. The lock's kind is the one that was in use.
    ///
    /// The damaged one gets a second name first, and is renamed over: at no moment is there
    /// none, which a server would take for a new folder's and fill with its own defaults.
    async fn renew_format(&mut self) -> Result<(), StorageError> {
        let kind = lock_kind(self.fs).await?;
        let temporary = self.temporary();
        let json = serde_json::to_vec(&Format::new(kind)).map_err(io::Error::from);
        let line = json.map(|mut json| {
            json.push(b'\n');
            json
        });
        write_whole(self.fs, &temporary, std::iter::once(line))
            .await
            .map_err(|e| failed("write", &temporary, &e))?;
        let mut renewed = self.keep_format().await;
        if renewed.is_ok() {
            let renamed = self.fs.rename(&temporary, names::FORMAT).await;
            renewed = renamed.map_err(|e| failed("write", names::FORMAT, &e));
        }
        self.or_discard(&temporary, renewed).await?;
        self.sync_names().await?;
        self.repair
            .done
            .push("wrote the file format anew".to_owned());
        Ok(())
    }

    /// Gives the damaged `format` the name under which it is kept, beside its own. What has
    /// no second name, such as a directory, is no `format` either, and put aside.
    async fn keep_format(&mut self) -> Result<(), StorageError> {
        let kept = given::set_aside(names::FORMAT, self.number);
        match self.fs.link(names::FORMAT, &kept).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A repair that was cut short came as far as this.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => match self.fs.open(names::FORMAT, Access::Read).await {
                Err(opened) if is_no_file(&opened) => return self.put_aside(names::FORMAT).await,
                _ => return Err(failed("put aside", names::FORMAT, &error)),
            },
        }
        self.sync_names().await?;
        self.repair.done.push("put format aside".to_owned());
        self.repair.kept.push(kept);
        Ok(())
    }

    /// Gives `name` the name under which it is kept. A symbolic link or a directory is
    /// renamed like a file, and not followed.
    async fn put_aside(&mut self, name: &str) -> Result<(), StorageError> {
        let kept = given::set_aside(name, self.number);
        match self.fs.stat_name(name).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            _ => self.rename_free(name, &kept).await?,
        }
        self.repair.done.push(format!("put {name} aside"));
        self.repair.kept.push(kept);
        Ok(())
    }

    /// What came of a file in the making; where that is nothing, it goes again.
    async fn or_discard(
        &self,
        temporary: &str,
        made: Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        if made.is_err() {
            // The first error is the one to report.
            let _ = self.fs.remove(temporary).await;
        }
        made
    }

    async fn sync_names(&self) -> Result<(), StorageError> {
        let synced = self.fs.sync_dir().await;
        synced.map_err(|e| failed("sync", "the folder", &e))
    }

    /// Steps 2 to 5.
    async fn salvage(&mut self) -> Result<(), StorageError> {
        let here = ReadOnly::new(self.fs.clone());
        self.clear_names().await?;
        let aside = ReadOnly::with_suffix(self.fs.clone(), given::suffix(self.number));
        let kept = self.kept_by_others().await?;
        let saved = salvage(&aside, &kept, &here, self.clock.now()).await?;
        self.write_generation(saved).await
    }

    /// Nothing is moved before it is clear that it can be read, and will be of use.
    async fn try_salvage(&self) -> Result<(), StorageError> {
        let here = ReadOnly::new(self.fs.clone());
        let tried = salvage(&here, &[], &here, self.clock.now()).await;
        tried.map(drop)
    }

    /// What repairs that were cut short keep under names that came back: it could not be
    /// taken along, and is evidence all the same.
    async fn kept_by_others(&self) -> Result<Vec<ReadOnly<F>>, StorageError> {
        let names = self.names().await?;
        let kept = given::unfinished_files(&names).into_iter();
        let numbers: BTreeSet<u64> = kept.map(|(_, n)| n).filter(|n| *n != self.number).collect();
        let view = |n| ReadOnly::with_suffix(self.fs.clone(), given::suffix(n));
        Ok(numbers.into_iter().map(view).collect())
    }

    async fn clear_names(&mut self) -> Result<(), StorageError> {
        // Whoever still writes may make another generation, but none from one that is gone.
        for _ in 0..MOST_SWEEPS {
            let names = self.names().await?;
            let mut generations: Vec<u64> = names
                .iter()
                .filter_map(|name| names::parse_journal(name))
                .collect();
            generations.sort_unstable();
            if generations.is_empty() {
                self.put_aside(WATERMARK).await?;
                return self.sync_names().await;
            }
            for number in generations {
                self.put_aside(&names::journal(number)).await?;
            }
            self.sync_names().await?;
            for name in self.names().await? {
                if names::parse_temporary(&name).is_some() {
                    let removed = ignore_missing(self.fs.remove(&name).await);
                    removed.map_err(|e| failed("remove", &name, &e))?;
                }
            }
        }
        let error = io::Error::other("others make new generations all the time");
        Err(failed("put aside", "the journal", &error))
    }

    async fn write_generation(&mut self, saved: Salvage) -> Result<(), StorageError> {
        let number = saved.generation + 1;
        let name = names::journal(number);
        let head = CheckpointHead {
            version: RECORD_VERSION,
            log: Sum(self.nonces.draw()),
            generation: number,
            seq: saved.snapshot.seq,
            tip: Sum::default(),
        };
        let temporary = names::temporary(number, self.nonces.draw());
        let pieces = checkpoint_pieces(head, &saved.snapshot);
        let written = write_whole(self.fs, &temporary, pieces).await;
        written.map_err(|e| failed("write", &temporary, &e))?;
        self.repair.generation = Some(number);
        self.repair.lost = saved.lost;
        self.repair.done.push(format!(
            "wrote {name} with {} agents, {} claims, {} messages; {} entries were saved behind \
             the newest whole checkpoint",
            saved.snapshot.state.agents().count(),
            saved.snapshot.state.resources().count(),
            saved.snapshot.state.mail().len(),
            saved.entries,
        ));
        let mut made = self.draft().await;
        if made.is_ok() {
            let linked = self.fs.link(&temporary, &name).await;
            made = linked.map_err(|e| failed("create", &name, &e));
        }
        self.or_discard(&temporary, made).await?;
        self.sync_names().await?;
        // It has served, and the sweep of another repair takes what stays.
        let _ = self.fs.remove(&temporary).await;
        self.export(&saved.snapshot).await;
        self.end_cut_short().await
    }

    /// Writes `state.json`, which mesh does at every checkpoint; the old one is kept.
    async fn export(&mut self, snapshot: &mesh_core::Snapshot) {
        let kept = given::set_aside(names::STATE, self.number);
        let mut written = Ok(());
        match self.fs.link(names::STATE, &kept).await {
            Ok(()) => self.repair.kept.push(kept),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A repair that was cut short came as far as this.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // What has no second name is not written over.
            Err(error) => written = Err(error),
        }
        if written.is_ok() {
            let temporary = self.temporary();
            let pieces = export::pieces(snapshot);
            written = write_over(self.fs, &temporary, names::STATE, pieces).await;
        }
        if let Err(error) = written {
            // It is a copy for people, and written again at the next checkpoint.
            let what = format!("state.json could not be written: {error}");
            self.repair.done.push(what);
        }
    }

    /// Writes the report under its name of before the repair is through.
    async fn draft(&mut self) -> Result<(), StorageError> {
        let temporary = self.temporary();
        let draft = given::draft(self.number);
        let json = serde_json::to_vec_pretty(&self.repair).map_err(io::Error::from);
        let written = write_over(self.fs, &temporary, &draft, std::iter::once(json)).await;
        written.map_err(|e| failed("write", &draft, &e))
    }

    /// The repair is through: its report gets its name.
    async fn end_cut_short(&mut self) -> Result<(), StorageError> {
        let report = given::report(self.number);
        match self.fs.rename(&given::draft(self.number), &report).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.draft().await?;
                let renamed = self.fs.rename(&given::draft(self.number), &report).await;
                renamed.map_err(|e| failed("write", &report, &e))?;
            }
            Err(error) => return Err(failed("write", &report, &error)),
        }
        self.sync_names().await?;
        self.repair.done.push(format!("wrote the report {report}"));
        Ok(())
    }

    /// Removes leftovers, by names that mesh itself makes and never uses twice. Who is
    /// still at work with one loses a race, and begins again.
    async fn sweep(&mut self, report: &Report) -> Result<(), StorageError> {
        for finding in report.findings.iter().filter(|f| f.remedy == Remedy::Sweep) {
            let Some(name) = &finding.file else { continue };
            let removed = match self.fs.list(Some(name)).await {
                Ok(inside) => self.remove_directory(name, &inside).await,
                // A directory that cannot be listed cannot be removed so, and that is told.
                Err(_) => self.fs.remove(name).await,
            };
            match removed {
                Ok(()) => self.repair.done.push(format!("removed {}", escape(name))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("remove", name, &error)),
            }
        }
        Ok(())
    }

    async fn remove_directory(&self, name: &str, inside: &[String]) -> io::Result<()> {
        for file in inside {
            ignore_missing(self.fs.remove(&format!("{name}/{file}")).await)?;
        }
        self.fs.remove_dir(name).await
    }
}
