//! Reading a folder as a server would, and saying what keeps one from it.

use std::io;

use super::refusal::{failed, is_unread};
use super::report::{Contents, Finding, Remedy, Report, Severity};
use crate::adopt;
use crate::error::{no_generation, no_place};
use crate::folder::damage::Damage;
use crate::folder::format::Format;
use crate::folder::names;
use crate::log::generation::{Generation, ReadError, Step};
use crate::log::watermark::{ANOTHER_LOG, WATERMARK, Watermark};
use crate::read_only::ReadOnly;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, StorageError, StorageErrorKind};
use mesh_core::{Entry, Limits, Millis, Snapshot, escape};

/// How often a folder in which generations come and go is looked at again.
const ATTEMPTS: usize = 16;
/// How often what looks wrong is looked at again, since agents may be at work.
pub(super) const LOOKS: usize = 3;
/// How long a write that is in progress gets before the next look.
pub(super) const PAUSE: Millis = 50;

pub(super) const REFUSED: &str = "servers start, and answer every call with this error";
const UNREAD: &str =
    "what it holds is not known, so nothing is said of it, and nothing is repaired";

/// Examines the folder behind `fs` without changing anything.
///
/// Safe beside agents at work: what looks wrong, or unfinished, is looked at again, and
/// only what stays is reported.
pub async fn examine<F: FileSystem, C: Clock>(fs: &F, clock: &C) -> Report {
    let fs = ReadOnly::new(fs.clone());
    let mut report = look(&fs).await;
    for _ in 1..LOOKS {
        if report.is_healthy() && !report.unfinished {
            break;
        }
        clock.sleep(PAUSE).await;
        report = look(&fs).await;
    }
    report
}

async fn look<F: FileSystem>(fs: &ReadOnly<F>) -> Report {
    for _ in 0..ATTEMPTS {
        let mut examination = Examination::new(fs);
        if examination.run().await.is_some() {
            return examination.report;
        }
    }
    let mut report = Report::default();
    let what = "the generations of the journal keep changing";
    report.add(
        Finding::new(
            Severity::Warning,
            what,
            "it could not be read to its end in time",
        )
        .next("run the doctor again when less is going on"),
    );
    report
}

/// One look at a folder. `None` from a step: the folder changed, look again.
struct Examination<'a, F: FileSystem> {
    fs: &'a ReadOnly<F>,
    marks: Watermark<ReadOnly<F>>,
    has_format: bool,
    report: Report,
}

impl<'a, F: FileSystem> Examination<'a, F> {
    fn new(fs: &'a ReadOnly<F>) -> Self {
        Self {
            fs,
            marks: Watermark::new(),
            has_format: false,
            report: Report::default(),
        }
    }

    async fn run(&mut self) -> Option<()> {
        // In the order of production: a mark made later speaks of what is not read yet.
        self.read_marks().await;
        self.read_format().await;
        let names = match self.fs.list(None).await {
            Ok(names) => names,
            Err(error) => {
                self.unread(None, failed("list", "the folder", &error));
                return Some(());
            }
        };
        if let Some(n) = super::names::unfinished(&names) {
            self.cut_short(n);
        }
        let generations = names.iter().filter_map(|name| names::parse_journal(name));
        match generations.max() {
            Some(newest) => self.read_journal(newest).await?,
            None => self.no_journal().await,
        }
        self.leftovers(&names).await;
        Some(())
    }

    async fn read_marks(&mut self) {
        match self.marks.read_all(self.fs).await {
            Ok(()) => {}
            Err(error) if is_unread(&error) => self.unread(Some(WATERMARK), error),
            Err(error) => {
                let finding = Finding::error(&error, REFUSED).file(WATERMARK);
                self.report.add(finding.remedy(Remedy::SetAside));
            }
        }
        for at in self.marks.torn() {
            let what = "a slot of the watermark says nothing";
            let meaning = "its last write was cut short; the other slots still bound the log";
            let finding = Finding::new(Severity::Note, what, meaning);
            let line = (at / Watermark::<F>::SLOT + 1) as u64;
            self.report
                .add(finding.file(WATERMARK).place(line, at as u64));
        }
    }

    async fn read_format(&mut self) {
        match Format::read(self.fs).await {
            Ok(format) => self.has_format = format.is_some(),
            Err(error) if is_unread(&error) => {
                self.has_format = true;
                self.unread(Some(names::FORMAT), error);
            }
            Err(error) => {
                self.has_format = true;
                let newer = error.kind == StorageErrorKind::Newer;
                self.report.newer |= newer;
                let remedy = match newer {
                    true => Remedy::None,
                    false => Remedy::RenewFormat,
                };
                let finding = Finding::error(&error, REFUSED).file(names::FORMAT);
                self.report.add(finding.remedy(remedy));
            }
        }
    }

    async fn read_journal(&mut self, newest: u64) -> Option<()> {
        let mut builder = None;
        let name = names::journal(newest);
        let mut generation = match Generation::open(
            self.fs,
            &Limits::PRODUCTION,
            newest,
            Some(&mut builder),
        )
        .await
        {
            Ok(generation) => generation,
            Err(error) => return self.unreadable(&name, error).await,
        };
        if !self.has_format {
            let what = "the file `format` is missing";
            let meaning = "a crash came right after the folder was made; the next opening adds it";
            self.report
                .add(Finding::new(Severity::Note, what, meaning).file(names::FORMAT));
        }
        let mut snapshot = builder.unwrap_or_default().finish();
        let (base, mut void) = (snapshot.seq, 0);
        if self.marks.are_of_another(generation.log_id) {
            let error = generation.damaged_from_start(ANOTHER_LOG);
            return self.unreadable(&name, error).await;
        }
        self.marks.belong_to(generation.log_id);
        if self.marks.contradict(base, generation.standing.chain.tip) {
            let error = generation.damaged("begins with another entry than was acknowledged");
            return self.unreadable(&name, error).await;
        }
        loop {
            match generation.step(self.fs).await {
                Ok(Step::Entry(entry, sum)) if self.marks.contradict(entry.seq, sum) => {
                    let what = format!("has another entry {} than was acknowledged", entry.seq);
                    return self.unreadable(&name, generation.damaged(&what)).await;
                }
                Ok(Step::Entry(entry, _)) => fold(&mut snapshot, &entry),
                Ok(Step::Void) => void += 1,
                Ok(Step::Sealed(_) | Step::End) => break,
                Err(error) => return self.unreadable(&name, error).await,
            }
        }
        if let Some(mark) = self.marks.highest()
            && mark.seq > snapshot.seq
        {
            if generation.standing.chain.sealed {
                self.expect_still_newest(newest).await?;
            }
            return self
                .unreadable(&name, generation.breaks_off(mark.seq))
                .await;
        }
        self.judge_end(&name, &generation).await;
        self.judge_state(&snapshot);
        self.judge_numbers(&name, newest, snapshot.seq);
        let bytes = self.fs.stat(&generation.file).await.map_or(0, |s| s.len);
        self.report.contents = Some(Contents {
            generation: newest,
            seq: snapshot.seq,
            entries: snapshot.seq - base,
            void,
            bytes,
            agents: snapshot.state.agents().count() as u64,
            claims: snapshot.state.resources().count() as u64,
            messages: snapshot.state.mail().len() as u64,
            durable: self.marks.highest().map(|mark| mark.seq),
        });
        Some(())
    }

    /// Behind a seal the marks may speak of a generation that came meanwhile.
    async fn expect_still_newest(&self, number: u64) -> Option<()> {
        // Where it cannot be listed any more, the next look says so.
        let names = self.fs.list(None).await.ok()?;
        let mut generations = names.iter().filter_map(|name| names::parse_journal(name));
        (!generations.any(|g| g > number)).then_some(())
    }

    async fn judge_end(&mut self, name: &str, generation: &Generation<ReadOnly<F>>) {
        if generation.standing.chain.sealed {
            let meaning = "a rotation was cut short, or is going on; whoever writes next ends it";
            let what = format!("{name} is sealed, and has no successor yet");
            self.report
                .add(Finding::new(Severity::Note, what, meaning).file(name));
        }
        if generation.unfinished {
            self.report.unfinished = true;
            let meaning = "a write was cut short by a crash, or is going on; it was never \
                           acknowledged, and the next write voids it";
            let what = format!("{name} ends with bytes that are no whole record");
            let line = crate::folder::damage::line_of(self.fs, name, generation.position).await;
            let finding = Finding::new(Severity::Note, what, meaning).file(name);
            self.report
                .add(finding.place(line as u64, generation.position));
        }
    }

    fn judge_state(&mut self, snapshot: &Snapshot) {
        if let Err(broken) = snapshot.state.invariants() {
            let what = format!("the state breaks an invariant: {}", escape(&broken));
            let meaning = "no mesh decided this: the journal was written by a bug or by hand";
            self.report.add(
                Finding::new(Severity::Error, what, meaning)
                    .next("keep a copy of the folder, report the bug, and delete the folder"),
            );
        }
    }

    /// A log whose numbers are used up answers readers, and nobody else.
    fn judge_numbers(&mut self, name: &str, generation: u64, seq: u64) {
        let most = Limits::PRODUCTION.places;
        if seq >= most {
            let meaning = "servers start, and answer every call that writes with this error";
            let finding = Finding::error(&no_place(name, seq), meaning);
            self.report.add(finding.file(name));
        } else if generation >= most {
            let mut finding = Finding::error(&no_generation(name), "no checkpoint can be written");
            finding.severity = Severity::Warning;
            self.report.add(finding.file(name));
        }
    }

    /// A generation that cannot be read. `None`: it was retired, so look again.
    async fn unreadable(&mut self, name: &str, error: ReadError) -> Option<()> {
        match error {
            ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound => return None,
            ReadError::Io(error) => self.unread(Some(name), failed("read", name, &error)),
            ReadError::Damage(damage) => self.damaged(damage).await,
        }
        Some(())
    }

    async fn damaged(&mut self, damage: Damage) {
        let error = damage.report(self.fs).await;
        let newer = error.kind == StorageErrorKind::Newer;
        self.report.newer |= newer;
        let remedy = match newer {
            true => Remedy::None,
            false => Remedy::Salvage,
        };
        self.report
            .add(Finding::error(&error, REFUSED).remedy(remedy));
    }

    /// That something cannot be read is no damage, and has no remedy but what helps against
    /// the error.
    fn unread(&mut self, name: Option<&str>, error: StorageError) {
        let finding = Finding::error(&error, UNREAD);
        self.report.add(match name {
            Some(name) => finding.file(name),
            None => finding,
        });
        self.report.unread.get_or_insert(error);
    }

    fn cut_short(&mut self, n: u64) {
        let what = format!("repair {n} was cut short");
        let meaning = "it had put files aside, and did not come to write the new generation";
        let next = "run mesh doctor --repair again: it goes on from there";
        let finding = Finding::new(Severity::Error, what, meaning).next(next);
        self.report.add(finding.remedy(Remedy::Salvage));
    }

    /// No generation: a new folder, a predecessor's, or a loss.
    async fn no_journal(&mut self) {
        let state = adopt::read_state(self.fs).await;
        let witness = match (self.has_format, self.marks.highest(), &state) {
            (true, ..) => Some(names::FORMAT),
            (false, Some(_), _) => Some(WATERMARK),
            (false, None, Ok(Some(bytes))) if adopt::is_ours(bytes) => Some(names::STATE),
            _ => None,
        };
        if let Some(witness) = witness {
            if let Err(error) = &state
                && is_unread(error)
            {
                self.unread(Some(names::STATE), error.clone());
            }
            let error = crate::folder::damage::missing_journal(witness);
            let finding = Finding::error(&error, REFUSED).file(witness);
            self.report.add(finding.remedy(Remedy::Salvage));
            return;
        }
        match state {
            Err(error) if is_unread(&error) => self.unread(Some(names::STATE), error),
            Err(error) => self.unadoptable(&error),
            Ok(None) => self.report.add(Finding::new(
                Severity::Note,
                "the folder is new: it holds no journal yet",
                "the first call makes it",
            )),
            Ok(Some(bytes)) => self.predecessors(&bytes).await,
        }
    }

    /// A predecessor's `state.json`, with everything that its adoption would refuse.
    async fn predecessors(&mut self, bytes: &[u8]) {
        if let Err(what) = adopt::adopt(&Limits::PRODUCTION, bytes, 0) {
            return self.unadoptable(&adopt::damaged(&what));
        }
        if let Err(error) = adopt::check_surroundings(self.fs).await {
            return self.report.add(Finding::error(&error, REFUSED));
        }
        self.report.add(Finding::new(
            Severity::Note,
            "state.json is a predecessor's",
            "the first call, or mesh upgrade, takes it over and keeps the original",
        ));
    }

    fn unadoptable(&mut self, error: &StorageError) {
        let next = "mend the file, or move it away to start with nothing";
        let finding = Finding::error(error, REFUSED).next(next);
        self.report.add(finding.file(names::STATE));
    }

    async fn leftovers(&mut self, names: &[String]) {
        for name in names {
            let finding = match name.as_str() {
                _ if names::parse_temporary(name).is_some() => Finding::new(
                    Severity::Note,
                    "a file in the making",
                    "somebody is at work, or was killed at it; it means nothing until it is done",
                ),
                _ if name.starts_with("lock.") && name != "lock.flock"
                    || name.starts_with("probe.") =>
                {
                    Finding::new(
                        Severity::Note,
                        "a leftover of an attempt that was cut short",
                        "it is in nobody's way",
                    )
                }
                _ if super::names::parse_set_aside(name).is_some() => {
                    let meaning = "an earlier repair kept it";
                    let finding = Finding::new(Severity::Note, "a damaged file", meaning);
                    let next = "remove it once nobody needs it any more";
                    self.report.add(finding.next(next).file(name));
                    continue;
                }
                _ => continue,
            };
            let next = "mesh doctor --repair removes it";
            self.report
                .add(finding.next(next).file(name).remedy(Remedy::Sweep));
        }
    }
}

/// Folds an entry in, without the assertions that stop a process on a state that breaks
/// its rules: the doctor wants to say so.
pub(super) fn fold(snapshot: &mut Snapshot, entry: &Entry) {
    for event in &entry.events {
        snapshot.state.apply(entry.at, event);
    }
    snapshot.trail.record(entry);
    snapshot.seq = entry.seq;
}
