//! Appending a record, and finding out what became of it (rule G6).

use mesh_coordinator::ports::Append;

use super::standing::Standing;
use crate::log::chain::Link;
use crate::log::record::Sum;
use planted::promise;

/// An append: its value is the step that comes next.
///
/// An append is one write, and its bytes stay in the file whatever comes of it. Where they
/// landed right behind what was read, they won. Otherwise the file tells: the writer reads
/// what came between, and meets either its own record as the next one that counts, or
/// another's.
///
/// A record that lost is void only as long as the record that beat it is there. Until that
/// one is durable, a power cut could take it and let the lost record count. So the loser is
/// *exposed*, and while it is, no error may say that nothing happened before a sync has
/// said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an append that is not driven on appends nothing"]
pub enum Appending {
    /// Write the record, which adds this, to the end of the file.
    Write(Link),
    /// Read to the end of the file: is the record with this checksum among what counts?
    FindWinner(Link, Sum),
    /// Over.
    Over(Append),
}

impl Appending {
    /// An append of what adds `link`. It is lost from the beginning where that is not next.
    pub fn begin(standing: &Standing, link: Link) -> Self {
        if standing.chain.accepts(standing.chain.last, link) {
            Self::Write(link)
        } else {
            Self::Over(Append::Lost)
        }
    }

    /// The record's bytes are all in the file; if `alone`, right behind what was read, with
    /// nothing in between that might yet be a record.
    pub fn landed(self, standing: &mut Standing, sum: Sum, alone: bool) -> Self {
        let link = self.written();
        if !alone {
            return Self::FindWinner(link, sum);
        }
        standing.accept(sum, link);
        Self::Over(Append::Committed)
    }

    /// The write failed without telling how many of the bytes are in the file.
    pub fn unknown(self, sum: Sum) -> Self {
        Self::FindWinner(self.written(), sum)
    }

    /// The file was read to its end, and what counts was taken in: the record was among
    /// that, or it was not.
    pub fn found(self, standing: &mut Standing, won: bool) -> Self {
        let Self::FindWinner(link, sum) = self else {
            panic!("only a record that was written is looked for");
        };
        promise!(
            !won || standing.chain.seq >= link.seq(),
            "a record that won is part of what was read"
        );
        promise!(
            !won || !matches!(link, Link::Seal { .. }) || standing.chain.last == sum,
            "a seal that won is the last record of its generation"
        );
        if won {
            return Self::Over(Append::Committed);
        }
        standing.lose_race();
        Self::Over(Append::Lost)
    }

    fn written(self) -> Link {
        let Self::Write(link) = self else {
            panic!("a record is written once");
        };
        link
    }
}
