//! What must hold in the evening. Written against the diaries, the trail and the
//! contract alone: nothing here asks mesh whether it was right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mesh::core::{Event, MAX_TRAIL, Mode, Snapshot};
use serde_json::{Value, json};
use tests::Client;

use super::diary::{Claimed, Diary, Posted};
use super::{LEASE_SECONDS, TOPIC, text};

/// A resource as the trail tells of it.
#[derive(Debug, Default)]
struct Resource {
    fence: u64,
    /// Claim id and mode.
    holders: Vec<(String, Mode)>,
    queue: Vec<(String, Mode)>,
    /// The entry of the newest promotion, and whether it was a shared one.
    promoted: Option<(u64, Mode)>,
}

/// Fences are unique and rise by one, queues are served in order, and nobody overtakes
/// (C2, C3, C6, C8); and what was acknowledged is in the log (G4).
pub(super) fn trail(snapshot: &Snapshot, diary: &Diary) {
    assert!(
        snapshot.trail.len() < MAX_TRAIL,
        "the whole day is in the trail"
    );
    let mut resources: BTreeMap<String, Resource> = BTreeMap::new();
    let mut granted: BTreeSet<(String, u64)> = BTreeSet::new();
    let mut queued: BTreeSet<String> = BTreeSet::new();
    let mut promotions = 0;
    for record in snapshot.trail.iter() {
        let event = &record.event;
        let Some(claim) = event.claim() else {
            continue;
        };
        let resource = resources.entry(claim.resource.to_string()).or_default();
        let claim_id = claim.claim_id.to_string();
        match event {
            Event::Granted { mode, fence, .. } => {
                resource.grant(&claim_id, *mode, *fence);
                granted.insert((claim_id, *fence));
            }
            Event::Queued { mode, .. } => {
                resource.queue.push((claim_id.clone(), *mode));
                queued.insert(claim_id);
            }
            Event::Promoted { fence, .. } => {
                resource.promote(&claim_id, *fence, record.seq);
                granted.insert((claim_id, *fence));
                promotions += 1;
            }
            Event::Released { .. } | Event::Cancelled { .. } | Event::Lapsed { .. } => {
                resource.leave(&claim_id);
            }
            Event::Renewed { mode, .. } => {
                assert!(
                    resource.holders.contains(&(claim_id, *mode)),
                    "C4: only holders renew: {record:?}"
                );
            }
            Event::TicketRenewed { .. } => {}
            other => panic!("nobody did that today: {other:?}"),
        }
    }
    assert!(promotions > 0, "somebody's turn came");
    for claim in &diary.claims {
        let known = match claim.fence {
            Some(fence) => granted.contains(&(claim.claim_id.clone(), fence)),
            None => queued.contains(&claim.claim_id),
        };
        assert!(known, "G4: the log knows nothing of {claim:?}");
    }
    positions_never_rise(diary);
}

impl Resource {
    fn grant(&mut self, claim_id: &str, mode: Mode, fence: u64) {
        assert!(self.queue.is_empty(), "C6: {claim_id} overtook {self:?}");
        self.admit(claim_id, mode);
        assert_eq!(fence, self.fence + 1, "C3: the next fence of {self:?}");
        self.fence = fence;
    }

    fn promote(&mut self, claim_id: &str, fence: u64, seq: u64) {
        let (head, mode) = self.queue.remove(0);
        assert_eq!(
            head, claim_id,
            "C8: the head of the queue is served, not another"
        );
        self.admit(claim_id, mode);
        let same_run = mode == Mode::Shared && self.promoted == Some((seq, Mode::Shared));
        let expected = self.fence + u64::from(!same_run);
        // One entry may promote twice where a batch shares it; then the fence rises.
        let another_run = same_run && fence == self.fence + 1;
        assert!(
            fence == expected || another_run,
            "C3: {fence} after {self:?}"
        );
        self.fence = fence;
        self.promoted = Some((seq, mode));
    }

    fn admit(&mut self, claim_id: &str, mode: Mode) {
        let alone = self.holders.is_empty();
        let shared = mode == Mode::Shared && self.holders.iter().all(|(_, m)| *m == Mode::Shared);
        assert!(alone || shared, "C2: {claim_id} joins {self:?}");
        self.holders.push((claim_id.to_owned(), mode));
    }

    fn leave(&mut self, claim_id: &str) {
        let before = self.holders.len() + self.queue.len();
        self.holders.retain(|(id, _)| id != claim_id);
        self.queue.retain(|(id, _)| id != claim_id);
        let after = self.holders.len() + self.queue.len();
        assert_eq!(after + 1, before, "{claim_id} was there to leave");
    }
}

/// C6: whoever waits only ever moves forward.
fn positions_never_rise(diary: &Diary) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for claim in &diary.claims {
        if let Some(position) = claim.position {
            let before = last.insert(&claim.claim_id, position).unwrap_or(u64::MAX);
            assert!(
                position <= before,
                "from {before} back to {position}: {claim:?}"
            );
        }
    }
}

/// The time during which a claim was held beyond doubt: from its first acknowledgement
/// to the end of the lease that the last acknowledged call asked for, counted from when
/// that was sent, or to when its release was sent.
struct Hold<'a> {
    claim: &'a Claimed,
    from: Instant,
    to: Instant,
}

/// C2, by the agents' own clock.
pub(super) fn holds_never_overlap(diary: &Diary) {
    // A server counts whole milliseconds.
    let lease = Duration::from_secs(LEASE_SECONDS) - Duration::from_millis(2);
    let mut holds: BTreeMap<(&str, u64), Hold<'_>> = BTreeMap::new();
    for claim in &diary.claims {
        let Some(fence) = claim.fence else { continue };
        let (from, to) = (claim.span.acked, claim.span.sent + lease);
        let hold = holds.entry((&claim.claim_id, fence));
        let hold = hold.or_insert(Hold { claim, from, to });
        hold.from = hold.from.min(from);
        hold.to = hold.to.max(to);
    }
    for release in &diary.releases {
        let of = |((id, _), _): &(&(&str, u64), &mut Hold<'_>)| *id == release.claim_id;
        for (_, hold) in holds.iter_mut().filter(of) {
            hold.to = hold.to.min(release.sent);
        }
    }
    let holds: Vec<Hold<'_>> = holds.into_values().filter(|h| h.from < h.to).collect();
    assert!(holds.len() > 20, "there were holds");
    for (n, one) in holds.iter().enumerate() {
        for other in &holds[n + 1..] {
            let conflict = one.claim.resource == other.claim.resource
                && one.claim.claim_id != other.claim.claim_id
                && !(one.claim.shared && other.claim.shared);
            let apart = one.to <= other.from || other.to <= one.from;
            let overlap = one
                .to
                .min(other.to)
                .saturating_duration_since(one.from.max(other.from));
            assert!(
                !conflict || apart,
                "C2: held at the same time for {overlap:?}:\n{:?}\n{:?}",
                one.claim,
                other.claim
            );
        }
    }
}

/// C3: who was granted after another had been told of its fence has a higher one. What
/// counts is the first call of a claim, answered or not: a promotion happens at any time
/// after it.
pub(super) fn fences_follow_time(diary: &Diary) {
    let mut grants: BTreeMap<(&str, &str), (u64, Instant, Instant)> = BTreeMap::new();
    let mut asked: BTreeMap<&str, Instant> = BTreeMap::new();
    for claim in &diary.claims {
        let sent = *asked.entry(&claim.claim_id).or_insert(claim.span.sent);
        let unknown = diary
            .unknown_claims
            .iter()
            .filter(|(agent_id, resource, _)| {
                *agent_id == claim.agent_id && *resource == claim.resource
            });
        let sent = unknown
            .map(|(_, _, sent)| *sent)
            .chain([sent])
            .min()
            .unwrap_or(sent);
        if let Some(fence) = claim.fence {
            let grant = (fence, sent, claim.span.acked);
            grants
                .entry((&claim.resource, &claim.claim_id))
                .or_insert(grant);
        }
    }
    let all: Vec<_> = grants.into_iter().collect();
    for ((resource, _), (fence, _, acked)) in &all {
        for ((same, _), (later, sent, _)) in &all {
            let after = resource == same && acked < sent;
            assert!(
                !after || later > fence,
                "C3: {resource}: {later} came after {fence}"
            );
        }
    }
}

/// M2: a message that was sent after another was acknowledged has a higher id.
pub(super) fn messages_follow_time(diary: &Diary) {
    let mut acked: Vec<_> = diary
        .posts
        .iter()
        .filter_map(|p| p.acked.as_ref())
        .collect();
    acked.sort_by(|a, b| a.0.cmp(&b.0));
    let mut latest_sent = None;
    for (id, span) in acked {
        assert!(
            latest_sent <= Some(span.acked),
            "M2: {id} was acknowledged before a lower one was sent"
        );
        latest_sent = latest_sent.max(Some(span.sent));
    }
}

/// M5: whoever comes late gets every broadcast, and every message of a topic that it
/// names, once and in order; M6: and nothing else.
pub(super) async fn mail(newcomer: &Client, diary: &Diary) {
    let history = newcomer.whole_inbox(&[TOPIC]).await;
    exactly_what_was_posted(&newcomer.agent_id, &history, diary, |post| {
        post.to == "*" || post.to == TOPIC
    });
}

/// M3, M4, M5, M6: an agent's mail is all there, and what its processes saw of it, one
/// after the other, is that mail up to its cursor: nothing missing, nothing twice.
pub(super) async fn mailbox(reader: &Client, diary: &Diary) {
    let name = &reader.agent_id;
    let history = reader.whole_inbox(&[TOPIC]).await;
    exactly_what_was_posted(name, &history, diary, |post| {
        post.to == *name || post.to == "*" || post.to == TOPIC
    });
    let inbox = reader.inbox(json!({"limit": 1})).await;
    let cursor = text(&inbox, "cursor");
    let ids = history.iter().map(|message| text(message, "message_id"));
    let read: Vec<String> = ids.filter(|id| *id <= cursor).collect();
    let (_, mailbox) = diary
        .mailboxes
        .iter()
        .find(|(of, _)| of == name)
        .expect("a mailbox");
    let seen: Vec<String> = mailbox
        .seen
        .iter()
        .filter(|id| **id <= cursor)
        .cloned()
        .collect();
    assert_eq!(seen, read, "M4: what {name} saw up to its cursor {cursor}");
}

/// W5: what mesh says of its own accord is of a promotion or a loss of the reader.
fn told_by_mesh(reader: &str, message: &Value) {
    assert_eq!(message["to"], json!(reader), "M6: {message}");
    let body: Value = serde_json::from_str(&text(message, "body")).expect("W5: JSON");
    let reasons: &[&str] = match text(message, "subject").as_str() {
        "granted" => &["promoted"],
        "lost" => &["lease", "death"],
        _ => &[],
    };
    assert!(
        reasons.contains(&text(&body, "reason").as_str()),
        "W5: {message}"
    );
    assert!(body["fence"].as_u64() > Some(0), "W5: {message}");
}

fn exactly_what_was_posted(
    reader: &str,
    history: &[Value],
    diary: &Diary,
    addressed: impl Fn(&Posted) -> bool,
) {
    let posts: Vec<&Posted> = diary.posts.iter().filter(|post| addressed(post)).collect();
    let by_body: BTreeMap<&str, &Posted> = posts.iter().map(|p| (p.body.as_str(), *p)).collect();
    let mut found = BTreeSet::new();
    let mut last = String::new();
    for message in history {
        let (id, body) = (text(message, "message_id"), text(message, "body"));
        assert!(id > last, "M2: {id} is shown after {last}");
        assert!(found.insert(body.clone()), "M7: twice: {message}");
        last.clone_from(&id);
        if message["from"] == json!("mesh") {
            told_by_mesh(reader, message);
            continue;
        }
        let post = by_body.get(body.as_str());
        let post =
            post.unwrap_or_else(|| panic!("M6: nobody posted this to this reader: {message}"));
        assert_eq!(
            (&message["from"], &message["to"]),
            (&json!(post.from), &json!(post.to))
        );
        if let Some((acked, _)) = &post.acked {
            assert_eq!(id, *acked, "M1: the id that was acknowledged");
        }
    }
    for post in posts {
        let missing = post.acked.is_some() && !found.contains(&post.body);
        assert!(!missing, "G4, M5: acknowledged and gone: {post:?}");
    }
}
