//! The checkpoint that a generation begins with: written, and read back.

use std::io;
use std::ops::Range;

use serde::Deserialize;

use super::body::{CheckpointHead, OUT_OF_RANGE, RECORD_VERSION, Ready};
use super::file::{Generation, ReadError};
use crate::log::chain::Chain;
use crate::log::protocol::Standing;
use crate::log::record::{Record, Scanned, Sum, Tag, encode_within, scan};
use crate::seam::FileSystem;
use mesh_core::{Part, Snapshot, SnapshotBuilder, escape};

/// A whole valid record in what was read, by its place there.
struct Whole {
    tag: Option<Tag>,
    sum: Sum,
    prev: Sum,
    body: Range<usize>,
    len: usize,
}

impl Whole {
    fn new(record: &Record<'_>, len: usize) -> Self {
        // Behind the body there is the end of the record's object, and a newline.
        let end = len - 2;
        Self {
            tag: record.tag,
            sum: record.sum,
            prev: record.prev,
            body: end - record.body.len()..end,
            len,
        }
    }
}

impl<F: FileSystem> Generation<F> {
    pub(super) async fn read_head(&mut self, fs: &F) -> Result<CheckpointHead, ReadError> {
        let (_, head) = self.expect::<CheckpointHead>(fs, Tag::Checkpoint).await?;
        if head.version != RECORD_VERSION {
            return Err(self.newer("has records of a version that this mesh does not know"));
        }
        if head.seq > self.limits.places {
            return Err(self.damaged(OUT_OF_RANGE));
        }
        if head.generation != self.standing.generation {
            return Err(self.damaged("is the file of another generation"));
        }
        Ok(head)
    }

    pub(super) async fn read_checkpoint(
        &mut self,
        fs: &F,
        builder: Option<&mut Option<SnapshotBuilder>>,
    ) -> Result<(), ReadError> {
        let head = self.read_head(fs).await?;
        let mut snapshot = SnapshotBuilder::within(self.limits, head.seq);
        let keep = builder.is_some();
        let mut parts = 0;
        let (last, ready) = loop {
            let whole = self.whole(fs).await?;
            if whole.as_ref().and_then(|whole| whole.tag) != Some(Tag::Part) {
                break self.take::<Ready>(whole, Tag::Ready)?;
            }
            parts += 1;
            if keep {
                let (_, part) = self.take::<Part>(whole, Tag::Part)?;
                snapshot
                    .add(part)
                    .map_err(|error| self.damaged(&error.to_string()))?;
            } else {
                self.take::<serde::de::IgnoredAny>(whole, Tag::Part)?;
            }
        };
        if ready.parts != parts {
            return Err(self.damaged("has a checkpoint with parts missing"));
        }
        if let Some(builder) = builder {
            *builder = Some(snapshot);
        }
        let chain = Chain::after_checkpoint(head.seq, head.tip, last);
        self.standing = Standing::at_checkpoint(head.generation, chain);
        self.log_id = head.log;
        self.base_end = self.position;
        Ok(())
    }

    /// The next whole record, if there is one. It is looked for, and its checksum
    /// computed, only once: a checkpoint is most of what a new process reads.
    async fn whole(&mut self, fs: &F) -> Result<Option<Whole>, ReadError> {
        loop {
            match scan(self.rest()) {
                Scanned::Record(record, len) => return Ok(Some(Whole::new(&record, len))),
                Scanned::Void(_) => return Ok(None),
                Scanned::Unfinished | Scanned::End => {
                    if !self.fill(fs).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next record of a checkpoint, which was synced as a whole before the file
    /// got its name: anything else is damage.
    async fn expect<T: for<'a> Deserialize<'a>>(
        &mut self,
        fs: &F,
        tag: Tag,
    ) -> Result<(Sum, T), ReadError> {
        let whole = self.whole(fs).await?;
        self.take(whole, tag)
    }

    /// Takes what [`whole`](Self::whole) found, which must be of this kind.
    fn take<T: for<'a> Deserialize<'a>>(
        &mut self,
        whole: Option<Whole>,
        tag: Tag,
    ) -> Result<(Sum, T), ReadError> {
        let Some(record) = whole else {
            return Err(self.damaged("has no whole record here, inside its checkpoint"));
        };
        if record.tag.is_none() && record.prev == self.standing.chain.last {
            return Err(self.newer("has a record of an unknown kind"));
        }
        let linked = tag == Tag::Checkpoint || record.prev == self.standing.chain.last;
        if record.tag != Some(tag) || !linked {
            return Err(self.damaged("has another record here than its checkpoint needs"));
        }
        let sum = record.sum;
        let body = &self.rest()[record.body];
        let value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => {
                let error = escape(&error.to_string());
                let what = format!("has a checkpoint that this mesh does not know: {error}");
                return Err(self.newer(&what));
            }
        };
        self.standing.chain.last = sum;
        self.consume(record.len);
        self.accept_here(record.len);
        Ok((sum, value))
    }
}

/// The bytes of a new generation's checkpoint, piece by piece.
pub(crate) fn checkpoint_pieces(
    head: CheckpointHead,
    snapshot: &Snapshot,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
    let limits = snapshot.state.limits();
    let mut parts = snapshot.parts();
    let mut written = 0;
    let mut last = head.tip;
    let mut stage = 0;
    std::iter::from_fn(move || {
        let encoded = match stage {
            0 => {
                stage = 1;
                encode_within(limits, last, Tag::Checkpoint, &head)
            }
            1 => match parts.next() {
                Some(part) => {
                    written += 1;
                    match part.check(limits) {
                        Ok(()) => encode_within(limits, last, Tag::Part, &part),
                        Err(error) => return Some(Err(io::Error::other(error))),
                    }
                }
                None => {
                    stage = 2;
                    encode_within(limits, last, Tag::Ready, &Ready { parts: written })
                }
            },
            _ => return None,
        };
        Some(encoded.map_err(io::Error::from).map(|(bytes, sum)| {
            last = sum;
            bytes
        }))
    })
}
