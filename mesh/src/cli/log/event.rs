//! One event of the trail, as a line and as JSON.

use serde_json::{Map, Value};

use crate::cli::screen::{Paint, Screen};
use crate::cli::table::cut;
use crate::cli::words::duration;
use crate::core::{Event, LapseReason, Timestamp, TrailRecord, printable};

/// The width of the longest kind.
const KIND: usize = 16;

/// The length of `2026-06-14T`.
const DATE: usize = 11;
/// Below this width, lines leave the date out.
const NARROW: usize = 70;

/// The event as JSON: as the journal has it, but that times are RFC 3339 and durations
/// whole seconds (rule G1), and without the body, which the trail does not keep.
pub(super) fn json(record: &TrailRecord) -> Value {
    let fields = match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let told = fields.into_iter().filter(|(name, _)| name != "body");
    let told: Map<String, Value> = told.map(|(name, value)| translated(name, value)).collect();
    told.into()
}

fn translated(name: String, value: Value) -> (String, Value) {
    let Some(number) = value.as_u64() else {
        return (name, value);
    };
    if name == "at" || name.ends_with("_at") {
        return (name, Timestamp(number).to_string().into());
    }
    match name.strip_suffix("_ms") {
        Some(stem) => (format!("{stem}_seconds"), (number / 1000).into()),
        None => (name, value),
    }
}

/// The event in one line, as wide as the screen at most.
pub(super) fn line(record: &TrailRecord, screen: &Screen) -> String {
    let event = &record.event;
    let at = Timestamp(record.at).to_string();
    // Where there is little room, who did what matters more than the day.
    let at = match screen.columns {
        Some(columns) if columns < NARROW => &at[DATE..],
        _ => &at,
    };
    let kind = format!("{:KIND$}", event.kind());
    let mut told = String::new();
    if let Some(agent_id) = event.agent_id() {
        told.push_str(&printable(agent_id));
    }
    if let Some(resource) = event.resource() {
        told.push_str("  ");
        told.push_str(&printable(resource));
    }
    let rest = particulars(event);
    if !rest.is_empty() {
        told.push_str("  ");
        told.push_str(&rest);
    }
    let room = screen.columns.unwrap_or(usize::MAX);
    let room = room.saturating_sub(at.len() + KIND + 4).max(1);
    format!(
        "{}  {}  {}",
        screen.paint(Paint::Dim, at),
        screen.paint(paint(event), &kind),
        cut(&told, room)
    )
    .trim_end()
    .to_owned()
}

fn paint(event: &Event) -> Paint {
    match event {
        Event::Granted { .. } | Event::Promoted { .. } | Event::Upgraded { .. } => Paint::Good,
        Event::Queued { .. } => Paint::Waiting,
        Event::Lapsed { .. } | Event::LeaseCut { .. } | Event::RegistrationCut { .. } => Paint::Bad,
        Event::Heartbeat { .. } => Paint::Dim,
        _ => Paint::Plain,
    }
}

/// What there is to say beyond who and what.
fn particulars(event: &Event) -> String {
    let until = |end: u64| format!("until {}", Timestamp(end));
    match event {
        Event::Registered { branch, epoch, .. } => {
            format!("epoch {epoch}, branch {}", printable(branch))
        }
        Event::Heartbeat { epoch, .. } => format!("epoch {epoch}"),
        // Its lease begins when it is promoted.
        Event::Queued { .. } => String::new(),
        Event::RegistrationCut { expires_at, .. } | Event::LeaseCut { expires_at, .. } => {
            until(*expires_at)
        }
        Event::Lapsed { reason, .. } => match reason {
            LapseReason::Lease => "the lease ended".to_owned(),
            LapseReason::Death => "the agent is dead".to_owned(),
        },
        Event::Posted { to, subject, .. } => match subject {
            Some(subject) => format!("to {}: {}", printable(to), printable(subject)),
            None => format!("to {}", printable(to)),
        },
        Event::CursorMoved { cursor, .. } => format!("to {cursor}"),
        Event::Expired { message_ids } | Event::KeysForgotten { message_ids } => {
            format!("{} of them", message_ids.len())
        }
        Event::Adopted { event, .. } => printable(event),
        event => fence_and_lease(event),
    }
}

fn fence_and_lease(event: &Event) -> String {
    let fence = event.fence().map(|fence| format!("fence {fence}"));
    let lease = event.terms().map(|terms| terms.lease_ms);
    let lease = lease.map(|lease_ms| format!("lease {}", duration(lease_ms)));
    let told: Vec<String> = fence.into_iter().chain(lease).collect();
    told.join(", ")
}
