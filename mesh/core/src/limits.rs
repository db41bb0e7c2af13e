//! What may be created: the limits of rule G8, in one place.
//!
//! Limits bind what creates (`register`, `claim`, `post`). Whatever only names
//! something (`release`, `read`, `inbox`, `claims`) accepts any name that exists, so
//! a folder adopted from the predecessor stays usable whatever its names look like.

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
/// Message TTLs, in seconds: 10 years.
pub const MAX_MESSAGE_TTL_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// How long a call may be held, in seconds (rule W1): the shortest time-out that clients
/// are known to have is 60.
pub const MAX_WAIT_SECONDS: u64 = 50;
/// Tickets that may wait for one resource.
pub const MAX_TICKETS: usize = 1000;
/// A request to the server, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Messages that one `inbox` reply may hold.
pub const MAX_INBOX_LIMIT: u64 = 1000;
/// Bytes of messages at which an `inbox` reply stops, but not before one (rule M3).
pub const MAX_INBOX_BYTES: usize = 1 << 20;
/// Records of the audit trail that are kept (rule S5).
pub const MAX_TRAIL: usize = 10_000;

/// Fences, epochs, places in the log and generations never exceed this: every reader of
/// JSON tells whole numbers up to here apart (2^53). Beyond it lies only what somebody
/// wrote by hand, and readers refuse it.
pub const MAX_COUNT: u64 = 1 << 53;

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
/// Losses that are remembered, the newest ones: a bound on what a fleet that loses
/// everything all the time leaves behind.
pub(super) const MAX_LOSSES: usize = 10_000;

/// Who sends what agents are told.
pub(super) const MESH: &str = "mesh";
