//! Reading a generation on: what counts, and what is void.

use serde::Deserialize;

use super::body::{OUT_OF_RANGE, Place, StoredEntry, is_in_range};
use super::file::{Generation, ReadError};
use crate::log::chain::{Chain, Link};
use crate::log::record::{Record, Scanned, Sum, Tag, scan};
use crate::seam::FileSystem;
use mesh_core::{Entry, Limits, escape};
use planted::{Bug, promise, sound};

/// How much is read at first of what is only looked through.
const PIECE: usize = 4 << 10;

/// What stands in a generation, whether it counts or not.
pub(crate) enum Loose {
    /// A whole valid record.
    Record {
        at: u64,
        sum: Sum,
        prev: Sum,
        tag: Option<Tag>,
        body: Vec<u8>,
    },
    /// Bytes that are none.
    Junk { at: u64, bytes: Vec<u8> },
}

/// What the next record of a generation turned out to be.
#[derive(Debug)]
pub(crate) enum Step {
    /// An entry that counts.
    Entry(Entry, Sum),
    /// The end of the generation.
    Sealed(Sum),
    /// A record that lost its race, or bytes that are none.
    Void,
    /// Nothing more right now.
    End,
}

impl<F: FileSystem> Generation<F> {
    /// Takes the next step towards the end of the file.
    pub(crate) async fn step(&mut self, fs: &F) -> Result<Step, ReadError> {
        if self.standing.chain.sealed {
            return Ok(Step::End);
        }
        loop {
            let (step, link, sum, len) = match scan(self.rest()) {
                Scanned::Record(record, len) => {
                    match judge(self.limits, &self.standing.chain, &record) {
                        Ok((step, link)) => (step, link, record.sum, len),
                        Err(Verdict::Gap(durable)) => return Err(self.breaks_off(durable)),
                        Err(Verdict::Damaged(what)) => return Err(self.damaged(&what)),
                        Err(Verdict::Newer(what)) => return Err(self.newer(&what)),
                    }
                }
                Scanned::Void(len) => (Step::Void, None, Sum::default(), len),
                Scanned::Unfinished | Scanned::End => {
                    if self.fill(fs).await? {
                        continue;
                    }
                    let unread = self.rest().len();
                    self.unfinished = sound!(unread > 0, Bug::UnfinishedIsVoid => {
                        self.consume(unread);
                        if unread > 0 {
                            self.accept_here(unread);
                        }
                        false
                    });
                    promise!(
                        self.rest().len() == unread,
                        "unfinished bytes are left for the next look"
                    );
                    return Ok(Step::End);
                }
            };
            self.consume(len);
            promise!(
                link.is_some() != matches!(step, Step::Void),
                "a record counts, or it is void"
            );
            if let Some(link) = link {
                self.standing.accept(sum, link);
                self.accept_here(len);
            }
            return Ok(step);
        }
    }

    /// Where the generation ends for good, if it is sealed: looks on behind what was read,
    /// and takes nothing of it in.
    pub(crate) async fn find_end(&self, fs: &F) -> Result<Option<Chain>, ReadError> {
        let mut chain = self.standing.chain;
        let (mut buffer, mut used) = (Vec::new(), 0);
        let mut offset = self.accepted_end;
        while !chain.sealed {
            let len = match scan(&buffer[used..]) {
                Scanned::Record(record, len) => {
                    if let Ok((_, Some(link))) = judge(self.limits, &chain, &record) {
                        chain.extend(record.sum, link);
                    }
                    len
                }
                Scanned::Void(len) => len,
                Scanned::Unfinished | Scanned::End => {
                    buffer.drain(..std::mem::take(&mut used));
                    if buffer.len() > self.limits.record_bytes {
                        return Ok(None);
                    }
                    let held = buffer.len();
                    buffer.resize(2 * held + PIECE, 0);
                    let got = fs.read_at(&self.file, offset, &mut buffer[held..]).await?;
                    buffer.truncate(held + got);
                    offset += got as u64;
                    if got == 0 {
                        return Ok(None);
                    }
                    0
                }
            };
            used += len;
        }
        Ok(Some(chain))
    }

    /// The next thing in the file, whether it counts or not: for who looks for what can
    /// be saved of a damaged generation.
    pub(crate) async fn next_loose(&mut self, fs: &F) -> Result<Option<Loose>, ReadError> {
        let at = self.position;
        loop {
            let (loose, len) = match scan(self.rest()) {
                Scanned::Record(record, len) => {
                    let loose = Loose::Record {
                        at,
                        sum: record.sum,
                        prev: record.prev,
                        tag: record.tag,
                        body: record.body.to_vec(),
                    };
                    (loose, len)
                }
                Scanned::Void(len) => {
                    let bytes = self.rest()[..len].to_vec();
                    (Loose::Junk { at, bytes }, len)
                }
                Scanned::Unfinished | Scanned::End => {
                    if self.fill(fs).await? {
                        continue;
                    }
                    let bytes = self.rest().to_vec();
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let len = bytes.len();
                    (Loose::Junk { at, bytes }, len)
                }
            };
            self.consume(len);
            return Ok(Some(loose));
        }
    }
}

enum Verdict {
    /// This entry was durable, and is not in front.
    Gap(u64),
    Damaged(String),
    Newer(String),
}

/// What a whole valid record means behind `chain`.
///
/// Every record, also one that lost its race, carries the newest entry that its
/// writer knew to be durable. That entry must be in front of it: if the chain does not
/// reach it, something in between is gone.
fn judge(
    limits: &Limits,
    chain: &Chain,
    record: &Record<'_>,
) -> Result<(Step, Option<Link>), Verdict> {
    let link = match record.tag {
        Some(Tag::Entry) if record.prev == chain.last => {
            return judge_next(limits, chain, record);
        }
        Some(Tag::Entry) => {
            let place = parse::<Place>(record)?;
            reaches(chain, place.durable)?;
            Link::Entry { seq: place.seq }
        }
        Some(Tag::Seal) => {
            let place = parse::<Place>(record)?;
            reaches(chain, place.durable)?;
            Link::Seal { seq: place.seq }
        }
        Some(_) => {
            return Err(Verdict::Damaged(
                "has a checkpoint in its middle".to_owned(),
            ));
        }
        None if record.prev == chain.last => {
            return Err(Verdict::Newer("has a record of an unknown kind".to_owned()));
        }
        None => return Ok((Step::Void, None)),
    };
    if !chain.accepts(record.prev, link) {
        return Ok((Step::Void, None));
    }
    Ok((Step::Sealed(record.sum), Some(link)))
}

/// The same for an entry that carries the right checksum: it is read as a whole.
fn judge_next(
    limits: &Limits,
    chain: &Chain,
    record: &Record<'_>,
) -> Result<(Step, Option<Link>), Verdict> {
    let stored = match parse::<StoredEntry>(record) {
        Err(newer) => {
            return sound!(Err(newer), Bug::NewerEventPassedOver => Ok((Step::Void, None)));
        }
        Ok(stored) => stored,
    };
    reaches(chain, stored.durable)?;
    let link = Link::Entry { seq: stored.seq };
    if !chain.accepts(record.prev, link) {
        return Ok((Step::Void, None));
    }
    let in_range = is_in_range(limits, stored.seq, &stored.events);
    if !sound!(in_range, Bug::NumberNotBounded => true) {
        return Err(Verdict::Damaged(OUT_OF_RANGE.to_owned()));
    }
    Ok((Step::Entry(stored.into(), record.sum), Some(link)))
}

fn reaches(chain: &Chain, durable: u64) -> Result<(), Verdict> {
    if durable <= chain.seq {
        return Ok(());
    }
    Err(Verdict::Gap(durable))
}

fn parse<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Result<T, Verdict> {
    serde_json::from_slice(record.body).map_err(|error| {
        let error = escape(&error.to_string());
        Verdict::Newer(format!(
            "has a record that this mesh does not know: {error}"
        ))
    })
}
