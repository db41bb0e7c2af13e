//! How large and how many: every bound of mesh, in one place.
//!
//! What bounds a quantity that grows (tickets, records, parts of a checkpoint) is a value of
//! [`Limits`], and the state carries it. Production fills it with the constants of this
//! page; a test world makes it small, so that every limit is reached and passed. What only
//! says how an argument may look, or how long something lasts, is a constant and no more.
//!
//! Limits bind what creates (`register`, `claim`, `post`). Whatever only names
//! something (`release`, `read`, `inbox`, `claims`) accepts any name that exists, so
//! a folder adopted from the predecessor stays usable whatever its names look like.

use serde::{Deserialize, Deserializer};

use super::time::Millis;

/// Agent ids, resources, topic names, `reply_to` and sessions, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// `branch`, `prompt_ptr`, `role`, `subject` and `note`, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
/// A message body, in bytes.
pub const MAX_BODY_BYTES: usize = 65_536;
/// A retry key, in bytes (rule M7).
pub const MAX_KEY_BYTES: usize = 256;
/// Leases and agent TTLs, in seconds: 30 days.
pub const MAX_LEASE_SECONDS: u64 = 30 * 24 * 3600;
/// The same, in milliseconds: no hold, ticket or registration lasts longer, whoever wrote it.
pub const MAX_LEASE: Millis = MAX_LEASE_SECONDS * 1000;
/// Message TTLs, in seconds: 10 years.
pub const MAX_MESSAGE_TTL_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// How long a call may be held, in seconds (rule W1): the shortest time-out that clients
/// are known to have is 60.
pub const MAX_WAIT_SECONDS: u64 = 50;
/// A request to the server, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Messages that one `inbox` reply may hold.
pub const MAX_INBOX_LIMIT: u64 = 1000;

/// `ttl_seconds` of `register` when left out.
pub const DEFAULT_TTL_SECONDS: u64 = 60;
/// `lease_seconds` of a new `claim` when left out.
pub const DEFAULT_LEASE_SECONDS: u64 = 120;
/// `limit` of `inbox` when left out.
pub const DEFAULT_INBOX_LIMIT: u64 = 100;

/// How long an agent stays `stale` before it is `dead` (rule A2).
pub(super) const STALE_GRACE: Millis = 30_000;
/// How far a deadline may lie beyond now + its duration before it is cut (rule C12).
pub(super) const CLOCK_TOLERANCE: Millis = 60_000;
/// How long a retry key is remembered (rule M7).
pub(super) const KEY_MEMORY: Millis = 3_600_000;
/// How long an agent is told of a loss (rules W5 and W6).
pub(super) const LOSS_MEMORY: Millis = 3_600_000;

/// Who sends what agents are told.
pub(super) const MESH: &str = "mesh";

/// Tickets that may wait for one resource.
pub const MAX_TICKETS: usize = 1000;
/// Holds and tickets of a resource beside which nobody may share it: so many may hold it at
/// once, since each ticket has a place kept for it.
pub const MAX_SHARERS: usize = 1000;
/// Bytes of messages at which an `inbox` reply stops, but not before one (rule M3).
pub const MAX_INBOX_BYTES: usize = 1 << 20;
/// Records of the audit trail that are kept (rule S5).
pub const MAX_TRAIL: usize = 10_000;
/// Losses that are remembered, the newest ones: a bound on what a fleet that loses
/// everything all the time leaves behind.
const MAX_LOSSES: usize = 10_000;
/// Fences, epochs, places in the log and generations never exceed this: every reader of
/// JSON tells whole numbers up to here apart (2^53). Beyond it lies only what somebody
/// wrote by hand. Readers refuse it, so writers end before it.
pub const MAX_COUNT: u64 = 1 << 53;
/// Commands, and bytes of them, at which no more join the entry.
const BATCH_COMMANDS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
/// Events at which no more commands join the entry.
const BATCH_EVENTS: usize = 4096;
/// Lapses and cuts in one entry. What is due beyond them is reaped by entries of its own.
const REAPED: usize = 1000;
/// Messages, and retry keys, that one entry drops.
const DROPPED: usize = 10_000;
/// Expired messages that wait for a checkpoint or a `gc`: a look at an inbox walks past them.
const EXPIRED: usize = 256;
/// Requests that may wait for the coordinator before callers wait to be queued.
const QUEUE: usize = 256;
/// Entries that one piece of news holds at most.
const NEWS: usize = 1024;
/// Bytes of a record. An entry has a few thousand events of some 3 KiB at most beside 2 MiB of
/// messages, and a part little more than its longest row, so this leaves room for what a
/// predecessor may have stored; and it bounds the memory that a folder of a stranger can make
/// a reader use.
const RECORD_BYTES: usize = 64 << 20;
/// Rows, and bytes of message bodies, at which a part of a checkpoint is full.
const PART_ROWS: usize = 512;
const PART_BYTES: usize = 1 << 18;

/// The limits that a state, and whoever reads and writes it, stays within.
///
/// All who share a log stay within the same: they are no part of what the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tickets that may wait for one resource.
    pub tickets: usize,
    /// Holds and tickets of a resource beside which nobody may share it.
    pub sharers: usize,
    /// Bytes at which an `inbox` reply stops, but not before one message.
    pub inbox_bytes: usize,
    /// Records of the audit trail that are kept.
    pub trail: usize,
    /// Losses that are remembered.
    pub losses: usize,
    /// The largest fence and epoch.
    pub count: u64,
    /// The largest place in the log, and generation. A log ends there, where beyond `count`
    /// only one resource or agent does: so a test world may have a small one of the two.
    pub places: u64,
    /// Commands at which no more join an entry.
    pub batch_commands: usize,
    /// Bytes of commands at which no more join an entry.
    pub batch_bytes: usize,
    /// Events at which no more commands join an entry.
    pub batch_events: usize,
    /// Lapses and cuts in one entry: two at least, so that a resource with one holder and one
    /// ticket is brought up to now in one piece.
    pub reaped: usize,
    /// Messages, and retry keys, that one entry drops.
    pub dropped: usize,
    /// Expired messages that wait for a checkpoint or a `gc`.
    pub expired: usize,
    /// Requests that may wait for the coordinator.
    pub queue: usize,
    /// Entries that one piece of news holds.
    pub news: usize,
    /// Bytes of the longest record.
    pub record_bytes: usize,
    /// Rows at which a part of a checkpoint is full.
    pub part_rows: usize,
    /// Bytes of message bodies at which a part of a checkpoint is full.
    pub part_bytes: usize,
}

impl Default for &Limits {
    fn default() -> Self {
        &Limits::PRODUCTION
    }
}

impl Limits {
    /// What every release stays within.
    pub const PRODUCTION: Self = Self {
        tickets: MAX_TICKETS,
        sharers: MAX_SHARERS,
        inbox_bytes: MAX_INBOX_BYTES,
        trail: MAX_TRAIL,
        losses: MAX_LOSSES,
        count: MAX_COUNT,
        places: MAX_COUNT,
        batch_commands: BATCH_COMMANDS,
        batch_bytes: BATCH_BYTES,
        batch_events: BATCH_EVENTS,
        reaped: REAPED,
        dropped: DROPPED,
        expired: EXPIRED,
        queue: QUEUE,
        news: NEWS,
        record_bytes: RECORD_BYTES,
        part_rows: PART_ROWS,
        part_bytes: PART_BYTES,
    };
}

/// Reads how long a lease or a registration lasts. Nobody may ask for more than
/// [`MAX_LEASE`] (rule G8), so what a folder says beyond it counts as that: a deadline is
/// held against its duration (rule C12), and one that a stranger wrote would else stay for
/// ever. It is cut and not refused, since an adopted lease may have been longer.
pub(super) fn lasting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    Millis::deserialize(deserializer).map(|duration| duration.min(MAX_LEASE))
}
