//! The figures, one group a file.

mod contention;
mod durable;
mod idle;
mod predecessor;
mod scale;
mod start;
mod wakeup;
mod written;

use crate::error::Result;
use crate::fill::Filled;
use crate::plan::Plan;
use crate::report::Group;

/// What a group is taken by.
pub(crate) type Take = fn(&Plan, &Filled) -> Result<Group>;

/// All groups: the name of the subcommand, what it measures, and how it is taken.
pub(crate) const ALL: [(&str, &str, Take); 9] = [
    (
        "durable",
        "A durable claim and release, beside bare syncs and through MCP",
        |plan, _| durable::take(plan),
    ),
    (
        "processes",
        "Many processes on resources of their own, beside SQLite",
        |plan, _| contention::distinct(plan),
    ),
    (
        "handover",
        "Many processes on one resource, beside a polled lock directory",
        |plan, _| contention::shared(plan),
    ),
    (
        "wakeup",
        "How soon a waiting process wakes, and what waiting costs",
        |plan, _| wakeup::take(plan),
    ),
    (
        "idle",
        "What a child costs that has nothing to do",
        |plan, _| idle::take(plan),
    ),
    (
        "scale",
        "Calls in folders in which much has happened",
        scale::take,
    ),
    (
        "predecessor",
        "The predecessor's protocol, at 10 k messages",
        predecessor::take,
    ),
    (
        "start",
        "The first reply of a new process, and its memory",
        start::take,
    ),
    (
        "written",
        "Bytes written for each operation, checkpoints included",
        written::take,
    ),
];
