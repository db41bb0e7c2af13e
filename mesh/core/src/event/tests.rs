//! How events stand in the log, to the byte: what is written there is read for ever.

use serde_json::{Value, json};

use super::*;
use crate::trail::TrailRecord;

/// One event of each kind, with all of its fields.
const FULL: [&str; 18] = [
    r#"{"kind":"registered","agent_id":"a","branch":"main","prompt_ptr":"issue:1","role":"reviewer","ttl_ms":60000,"expires_at":61000,"epoch":1,"session":"s"}"#,
    r#"{"kind":"heartbeat","agent_id":"a","expires_at":61000,"epoch":2}"#,
    r#"{"kind":"registration_cut","agent_id":"a","expires_at":61000}"#,
    r#"{"kind":"granted","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","fence":7,"mode":"exclusive","lease_ms":120000,"expires_at":121000,"note":"n"}"#,
    r#"{"kind":"renewed","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","mode":"shared","lease_ms":120000,"expires_at":121000,"note":"n"}"#,
    r#"{"kind":"upgraded","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","fence":8,"lease_ms":120000,"expires_at":121000,"note":"n"}"#,
    r#"{"kind":"queued","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","mode":"exclusive","lease_ms":120000,"expires_at":121000,"note":"n"}"#,
    r#"{"kind":"ticket_renewed","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","lease_ms":120000,"expires_at":121000,"note":"n"}"#,
    r#"{"kind":"promoted","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","fence":9,"expires_at":121000}"#,
    r#"{"kind":"released","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
    r#"{"kind":"cancelled","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
    r#"{"kind":"lapsed","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","reason":"death"}"#,
    r#"{"kind":"lease_cut","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","expires_at":121000}"#,
    r#"{"kind":"posted","message_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","from":"a","to":"b","subject":"s","body":"\"quoted\"\n","reply_to":"m","expires_at":61000,"key":"k","fanout":1}"#,
    r#"{"kind":"cursor_moved","agent_id":"a","cursor":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
    r#"{"kind":"expired","message_ids":["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}"#,
    r#"{"kind":"keys_forgotten","message_ids":["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}"#,
    r#"{"kind":"adopted","resource":"r","agent_id":"a","fence":3,"event":"grant"}"#,
];

fn read(text: &str) -> Result<Event, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What an error says, without where in the text that is.
fn refusal(text: &str) -> String {
    let error = read(text).expect_err(text);
    let (what, _) = error.rsplit_once(" at line").unwrap_or((&error, ""));
    what.to_owned()
}

#[test]
fn every_kind_keeps_its_bytes() {
    assert_eq!(FULL.len(), Event::KINDS.len());
    for (text, kind) in FULL.iter().zip(Event::KINDS) {
        let event = read(text).expect(text);
        assert_eq!(event.kind(), *kind);
        assert_eq!(serde_json::to_string(&event).unwrap(), *text);
        let record = format!(r#"{{"seq":1,"at":2,{}"#, &text[1..]);
        let read: TrailRecord = serde_json::from_str(&record).expect(&record);
        assert_eq!(read.event, event);
        assert_eq!(serde_json::to_string(&read).unwrap(), record);
    }
}

/// A field that is null or left out is either optional, and not written at all, or refused.
#[test]
fn a_field_is_optional_or_required_in_each_kind() {
    let optional = [
        "role",
        "session",
        "note",
        "subject",
        "reply_to",
        "expires_at",
        "key",
    ];
    for text in FULL {
        let full: Value = serde_json::from_str(text).unwrap();
        for name in full.as_object().unwrap().keys() {
            let mut null = full.clone();
            null[name] = Value::Null;
            let mut without = full.clone();
            without.as_object_mut().unwrap().remove(name);
            let may = optional.contains(&name.as_str())
                && (name != "expires_at" || full["kind"] == "posted");
            let null = read(&null.to_string());
            let left_out = read(&without.to_string());
            assert_eq!(
                (null.is_ok(), left_out.is_ok()),
                (may, may),
                "{name}: {text}"
            );
            if let Ok(event) = null {
                assert_eq!(serde_json::to_value(&event).unwrap(), without);
                assert_eq!(left_out, Ok(event));
            }
        }
    }
}

#[test]
fn members_are_read_in_any_order_and_unknown_ones_passed_over() {
    for text in FULL {
        let event = read(text);
        let full: Value = serde_json::from_str(text).unwrap();
        // serde_json sorts the members: all but one kind have some in front of theirs.
        assert_eq!(read(&full.to_string()), event);
        let mut more = full.clone();
        more["colour"] = json!({"deep": [1.5, null]});
        assert_eq!(read(&more.to_string()), event);
        assert_eq!(
            read(&format!(r#"{},"colour":"red"}}"#, &text[..text.len() - 1])),
            event
        );
    }
}

/// The kinds that a reader of the log knows are those that are listed.
#[test]
fn the_listed_kinds_are_those_that_can_be_read() {
    let message = refusal(r#"{"kind": "teleported"}"#);
    let known: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    assert_eq!(known[0], "teleported", "{message}");
    assert!(message.starts_with("unknown variant `teleported`, expected one of"));
    assert_eq!(Event::KINDS, &known[1..], "{message}");
}

#[test]
fn what_is_no_event_is_refused_with_a_reason() {
    for (text, reason) in [
        ("{}", "missing field `kind`"),
        (r#"{"agent_id":"a"}"#, "missing field `kind`"),
        (
            r#"{"kind":"heartbeat","epoch":1}"#,
            "missing field `agent_id`",
        ),
        (
            r#"{"kind":"released","resource":"r","agent_id":"a"}"#,
            "missing field `claim_id`",
        ),
        (
            r#"{"kind":"promoted","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","fence":-1,"expires_at":1}"#,
            "invalid value: integer `-1`, expected u64",
        ),
        (
            r#"{"kind":"lapsed","resource":"r","agent_id":"a","claim_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","reason":"boredom"}"#,
            "unknown variant `boredom`, expected `lease` or `death`",
        ),
        (
            r#"{"kind":"released","resource":"r","agent_id":"a","claim_id":"x"}"#,
            "invalid length",
        ),
        (
            r#""granted""#,
            "invalid type: string \"granted\", expected internally tagged enum Event",
        ),
    ] {
        assert_eq!(refusal(text), reason, "{text}");
    }
}

/// What an event says of itself is what stands in its fields, in every kind.
#[test]
fn an_event_says_of_itself_what_stands_in_its_fields() {
    for text in FULL {
        let event = read(text).expect(text);
        let full: Value = serde_json::from_str(text).unwrap();
        let grants = full["kind"] != "adopted";
        assert_eq!(
            event.fence(),
            full["fence"].as_u64().filter(|_| grants),
            "{text}"
        );
        assert_eq!(
            event.claim().is_some(),
            full["claim_id"].is_string(),
            "{text}"
        );
        assert_eq!(event.terms().is_some(), full["lease_ms"].is_u64(), "{text}");
        assert_eq!(
            event.resource().map(|r| json!(r)),
            full.get("resource").cloned(),
            "{text}"
        );
        let whose = full.get("agent_id").or(full.get("from"));
        assert_eq!(event.agent_id().map(|a| json!(a)), whose.cloned(), "{text}");
    }
}

/// A fence or an epoch may be as large as the limit, and no larger, wherever one stands.
#[test]
fn every_fence_and_epoch_is_held_to_the_limit() {
    let limits = Limits::PRODUCTION;
    for text in FULL {
        let mut full: Value = serde_json::from_str(text).unwrap();
        for name in ["fence", "epoch"] {
            if full.get(name).is_none() {
                continue;
            }
            for (count, may) in [(limits.count, true), (limits.count + 1, false)] {
                full[name] = json!(count);
                let event = read(&full.to_string()).unwrap();
                assert_eq!(event.is_in_range(&limits), may, "{full}");
            }
        }
    }
}
