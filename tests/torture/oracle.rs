//! Holds what fresh processes find against what was acknowledged.
//!
//! Pure: a [`Ledger`] and what was [`Found`] go in, findings come out. Nothing is taken
//! from mesh but its answers. What it catches, each shown by a test below, and those with a
//! star also by breaking mesh for a moment and running the real thing:
//!
//! | rule | broken by |
//! |---|---|
//! | G4, M5 | an acknowledgement before the append (*), a message that is lost or shown twice |
//! | M2 | ids that do not follow the order of acknowledgements, an inbox out of order |
//! | M6 | another's mail in an inbox |
//! | M4 | a cursor that fell back (*) |
//! | C2 | two exclusive holds at one time; a post under an older fence behind a newer one |
//! | C3 | a fence given twice (*), a fence that does not rise, a newest fence that fell |
//! | – | a post that was refused "without effect" and is there all the same |
//!
//! What it cannot catch: a missing sync, since a kill takes nothing from the page cache.
//! That is for `tests::power_cuts`.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ledger::{Fate, Granted, Ledger, Posted};

/// How far two readings of a lease may differ, since a server counts whole milliseconds.
const TICK: std::time::Duration = std::time::Duration::from_millis(2);
/// Findings of one kind that are told; the rest is counted.
const TOLD: usize = 5;

/// A message, as an inbox shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) id: String,
    /// Its sender.
    pub(crate) from: String,
    /// Its address.
    pub(crate) to: String,
    /// Its text.
    pub(crate) body: String,
}

/// What fresh processes found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The whole inbox of each agent, topics included.
    pub(crate) inboxes: BTreeMap<String, Vec<Message>>,
    /// The cursor of each agent.
    pub(crate) cursors: BTreeMap<String, String>,
    /// The fence that a new claim of each resource was granted.
    pub(crate) fences: BTreeMap<String, u64>,
}

/// Everything that is wrong.
#[must_use]
pub(crate) fn judge(ledger: &Ledger, found: &Found) -> Vec<String> {
    let mut findings = Vec::new();
    let parts = [
        posts(ledger, found),
        inboxes(found),
        messages_follow_time(ledger),
        cursors(ledger, found),
        fences_are_unique(ledger),
        fences_follow_time(ledger),
        fences_go_on(ledger, found),
        holds_exclude(ledger),
        posts_follow_fences(ledger),
    ];
    for mut part in parts {
        let more = part.len().saturating_sub(TOLD);
        part.truncate(TOLD);
        findings.extend(part);
        if more > 0 {
            findings.push(format!("… and {more} more like the last one"));
        }
    }
    findings
}

/// G4, M5: each post is where its fate says, and nothing else is there.
fn posts(ledger: &Ledger, found: &Found) -> Vec<String> {
    let mut seen: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for (agent, inbox) in &found.inboxes {
        for message in inbox {
            // Everybody's inbox shows a topic; count it once.
            let once = message.to == *agent || found.inboxes.keys().next() == Some(agent);
            if once && message.from != "mesh" {
                seen.entry(&message.body).or_default().push(message);
            }
        }
    }
    let mut findings = Vec::new();
    for (body, posted) in &ledger.posts {
        let there = seen.remove(body.as_str()).unwrap_or_default();
        if let Some(wrong) = misplaced(posted, &there) {
            findings.push(format!("{wrong}: {:?} from {}", brief(body), posted.from));
        }
    }
    let strangers = seen.keys().map(|body| brief(body));
    findings.extend(strangers.map(|body| format!("M5: a message that nobody posted: {body:?}")));
    findings
}

fn misplaced(posted: &Posted, there: &[&Message]) -> Option<String> {
    let wrong = match (&posted.fate, there) {
        (Fate::Acknowledged(id), []) => format!("G4: acknowledged as {id}, and lost"),
        (Fate::Acknowledged(id), [one]) if one.id != *id => {
            format!("G4: acknowledged as {id}, found as {}", one.id)
        }
        (Fate::Refused, [_, ..]) => "an error said that nothing was done, and it was".to_owned(),
        (_, [_, _, ..]) => format!("M5: {} times there", there.len()),
        (_, [one]) if one.from != posted.from || one.to != posted.to => {
            format!("M5: found as from {} to {}", one.from, one.to)
        }
        _ => return None,
    };
    Some(wrong)
}

/// M2, M6: inboxes are in order, and show nobody else's mail.
fn inboxes(found: &Found) -> Vec<String> {
    let mut findings = Vec::new();
    for (agent, inbox) in &found.inboxes {
        for pair in inbox.windows(2).filter(|pair| pair[0].id >= pair[1].id) {
            findings.push(format!(
                "M2: {} before {} in {agent}'s inbox",
                pair[0].id, pair[1].id
            ));
        }
        let foreign = |m: &&Message| m.to != *agent && m.to != "*" && !m.to.starts_with("topic:");
        for message in inbox.iter().filter(foreign) {
            findings.push(format!("M6: {agent} sees mail to {}", message.to));
        }
    }
    findings
}

/// Walks through events by the time at which they began, with the highest value of all
/// that had ended before: a value must be above that.
fn follow_time<'a, V: Ord + Clone + std::fmt::Debug, T: 'a>(
    events: impl Iterator<Item = (Instant, Instant, V, &'a T)>,
    told: impl Fn(&V, &V, &'a T) -> String,
) -> Vec<String> {
    let mut begun: Vec<_> = events.collect();
    let mut ended: Vec<_> = begun
        .iter()
        .map(|(_, end, v, _)| (*end, v.clone()))
        .collect();
    begun.sort_by_key(|(begin, ..)| *begin);
    ended.sort_by_key(|(end, _)| *end);
    let mut ended = ended.into_iter().peekable();
    let mut highest: Option<V> = None;
    let mut findings = Vec::new();
    for (begin, _, value, event) in begun {
        while let Some((_, before)) = ended.next_if(|(end, _)| *end < begin) {
            highest = highest.max(Some(before));
        }
        if let Some(highest) = &highest
            && *highest >= value
        {
            findings.push(told(highest, &value, event));
        }
    }
    findings
}

/// M2: a message that was posted after another was acknowledged has a higher id.
fn messages_follow_time(ledger: &Ledger) -> Vec<String> {
    let acknowledged = ledger.posts.values().filter_map(|post| match &post.fate {
        // A retry is answered with the id of the first attempt.
        Fate::Acknowledged(id) => Some((post.sent, post.answered, id.clone(), post)),
        _ => None,
    });
    follow_time(acknowledged, |before, id, post| {
        format!("M2: {} got {id} after {before} was known", post.from)
    })
}

/// M4: cursors only move forward.
fn cursors(ledger: &Ledger, found: &Found) -> Vec<String> {
    let mut findings = Vec::new();
    for (agent, acknowledged) in &ledger.cursors {
        let cursor = found.cursors.get(agent);
        if cursor.is_none_or(|cursor| cursor < acknowledged) {
            findings.push(format!(
                "M4: {agent}'s cursor was {acknowledged} and is {cursor:?}"
            ));
        }
    }
    findings
}

/// The first acknowledgement of each claim.
fn firsts(ledger: &Ledger) -> BTreeMap<(&str, &str), &Granted> {
    let mut firsts = BTreeMap::new();
    for grant in &ledger.grants {
        let key = (grant.resource.as_str(), grant.claim_id.as_str());
        firsts.entry(key).or_insert(grant);
    }
    firsts
}

/// C3, C4: a fence is one claim's, unless it is a shared run's; and a claim keeps its own.
fn fences_are_unique(ledger: &Ledger) -> Vec<String> {
    let mut findings = Vec::new();
    let firsts = firsts(ledger);
    for grant in &ledger.grants {
        let first = firsts[&(grant.resource.as_str(), grant.claim_id.as_str())];
        if first.fence != grant.fence || first.agent != grant.agent {
            findings.push(format!("C4: {first:?} became {grant:?}"));
        }
    }
    let mut by_fence: BTreeMap<(&str, u64), Vec<&Granted>> = BTreeMap::new();
    for grant in firsts.values() {
        let place = (grant.resource.as_str(), grant.fence);
        by_fence.entry(place).or_default().push(grant);
    }
    for ((resource, fence), grants) in by_fence {
        if grants.len() > 1 && grants.iter().any(|grant| !grant.shared) {
            let agents: Vec<_> = grants.iter().map(|grant| &grant.agent).collect();
            findings.push(format!("C3: fence {fence} of {resource} for {agents:?}"));
        }
    }
    findings
}

/// C3: a claim that was asked for after another was granted has a higher fence.
fn fences_follow_time(ledger: &Ledger) -> Vec<String> {
    let mut findings = Vec::new();
    for resource in ledger.highest_fences().keys() {
        let grants = firsts(ledger).into_values();
        let grants = grants.filter(|grant| grant.resource == *resource);
        let grants = grants.map(|grant| (grant.asked, grant.acked, grant.fence, grant));
        findings.extend(follow_time(grants, |before, _, grant| {
            format!("C3: fence {before} was known, and then {grant:?}")
        }));
    }
    findings
}

/// C3: the newest fence never falls.
fn fences_go_on(ledger: &Ledger, found: &Found) -> Vec<String> {
    let mut findings = Vec::new();
    for (resource, highest) in ledger.highest_fences() {
        let next = found.fences.get(&resource);
        if next.is_none_or(|next| *next <= highest) {
            findings.push(format!(
                "C3: {resource} had fence {highest}, and the next one is {next:?}"
            ));
        }
    }
    findings
}

/// The time during which a claim was held beyond doubt: from its first acknowledgement to
/// the end of the lease, counted from when it was last asked for, or to its release.
fn holds(ledger: &Ledger) -> BTreeMap<(&str, &str), (Instant, Instant, &Granted)> {
    let mut holds = BTreeMap::new();
    for grant in &ledger.grants {
        let key = (grant.resource.as_str(), grant.claim_id.as_str());
        let end = grant.sent + grant.lease - TICK;
        let hold = holds.entry(key).or_insert((grant.acked, end, grant));
        // Where an earlier lease had ended before this answer, that was held throughout,
        // too: the claim is the same one.
        hold.1 = hold.1.max(end);
    }
    for (key, hold) in &mut holds {
        if let Some(sent) = ledger.released.get(key.1) {
            hold.1 = hold.1.min(*sent);
        }
    }
    holds
}

/// A hold, and until when.
type Lasting<'a> = (Instant, &'a Granted);

/// C2, by the clients' own clock.
fn holds_exclude(ledger: &Ledger) -> Vec<String> {
    let mut by_resource: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for ((resource, _), hold) in holds(ledger) {
        if hold.0 < hold.1 {
            by_resource.entry(resource).or_default().push(hold);
        }
    }
    let mut findings = Vec::new();
    for (resource, mut holds) in by_resource {
        holds.sort_by_key(|(from, ..)| *from);
        // What lasts longest of the exclusive ones before, and of all.
        let (mut exclusive, mut any): (Option<Lasting<'_>>, Option<Lasting<'_>>) = (None, None);
        for (from, to, grant) in holds {
            let against = if grant.shared { exclusive } else { any };
            if let Some((end, other)) = against
                && from < end
            {
                let overlap = end - from;
                findings.push(format!(
                    "C2: {resource} is held by {} (fence {}) and {} (fence {}) for {overlap:?}",
                    other.agent, other.fence, grant.agent, grant.fence
                ));
            }
            if any.is_none_or(|(end, _)| end < to) {
                any = Some((to, grant));
            }
            if !grant.shared && exclusive.is_none_or(|(end, _)| end < to) {
                exclusive = Some((to, grant));
            }
        }
    }
    findings
}

/// C2, C3 and M2 together: what was posted while a resource was held beyond doubt comes in
/// the order of the fences.
fn posts_follow_fences(ledger: &Ledger) -> Vec<String> {
    let mut until: BTreeMap<(&str, u64), Instant> = BTreeMap::new();
    for ((resource, _), (_, to, grant)) in holds(ledger) {
        if !grant.shared {
            until.insert((resource, grant.fence), to);
        }
    }
    let mut in_order: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for post in ledger.posts.values() {
        let Fate::Acknowledged(id) = &post.fate else {
            continue;
        };
        let Some((resource, fence)) = &post.under else {
            continue;
        };
        if until
            .get(&(resource.as_str(), *fence))
            .is_some_and(|to| post.answered < *to)
        {
            in_order.entry(resource).or_default().push((id, *fence));
        }
    }
    let mut findings = Vec::new();
    for (resource, mut posts) in in_order {
        posts.sort_unstable();
        for pair in posts.windows(2).filter(|pair| pair[0].1 > pair[1].1) {
            findings.push(format!(
                "C2: on {resource}, {} was posted under fence {}, and {} behind it under {}",
                pair[0].0, pair[0].1, pair[1].0, pair[1].1
            ));
        }
    }
    findings
}

fn brief(body: &str) -> String {
    body.chars().take(60).collect()
}

#[cfg(test)]
mod tests;
