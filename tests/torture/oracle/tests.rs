//! The oracle can fail: each break that it claims to catch, shown to it.

use std::time::Duration;

use super::*;

const LEASE: Duration = Duration::from_secs(2);

/// A little history, at which nothing is wrong: two messages, two holds of a resource.
struct History {
    start: Instant,
    ledger: Ledger,
    found: Found,
}

impl History {
    fn sound() -> Self {
        let mut history = Self {
            start: Instant::now(),
            ledger: Ledger::default(),
            found: Found::default(),
        };
        history.grant("a", "claim-1", 1, 0);
        history.post("a", "first", "01", 10, Some(1));
        history.ledger.release("claim-1", history.at(20));
        history.grant("b", "claim-2", 2, 30);
        history.post("b", "second", "02", 40, Some(2));
        history.ledger.read("a", "01");
        let inbox = vec![message("01", "a", "first"), message("02", "b", "second")];
        for agent in ["a", "b"] {
            history
                .found
                .inboxes
                .insert(agent.to_owned(), inbox.clone());
        }
        history
            .found
            .cursors
            .insert("a".to_owned(), "01".to_owned());
        history.found.fences.insert("r".to_owned(), 3);
        history
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn grant(&mut self, agent: &str, claim_id: &str, fence: u64, ms: u64) {
        self.ledger.grants.push(Granted {
            agent: agent.to_owned(),
            resource: "r".to_owned(),
            claim_id: claim_id.to_owned(),
            fence,
            shared: false,
            asked: self.at(ms),
            sent: self.at(ms),
            acked: self.at(ms + 1),
            lease: LEASE,
        });
    }

    fn post(&mut self, from: &str, body: &str, id: &str, ms: u64, fence: Option<u64>) {
        let posted = Posted {
            from: from.to_owned(),
            to: "topic:t".to_owned(),
            under: fence.map(|fence| ("r".to_owned(), fence)),
            sent: self.at(ms),
            answered: self.at(ms + 1),
            fate: Fate::Acknowledged(id.to_owned()),
        };
        self.ledger.post(body, posted);
    }

    fn inbox(&mut self, agent: &str) -> &mut Vec<Message> {
        self.found.inboxes.get_mut(agent).unwrap()
    }

    #[track_caller]
    fn is_found_wanting(&self, rule: &str) {
        let findings = judge(&self.ledger, &self.found);
        let named = findings.iter().any(|finding| finding.starts_with(rule));
        assert!(named, "{rule} is broken, and found is {findings:?}");
    }
}

fn message(id: &str, from: &str, body: &str) -> Message {
    Message {
        id: id.to_owned(),
        from: from.to_owned(),
        to: "topic:t".to_owned(),
        body: body.to_owned(),
    }
}

#[test]
fn a_sound_history_passes() {
    let history = History::sound();
    assert_eq!(judge(&history.ledger, &history.found), [""; 0]);
}

#[test]
fn an_acknowledged_message_that_is_lost_is_found() {
    let mut history = History::sound();
    history.inbox("a").remove(0);
    history.inbox("b").remove(0);
    history.is_found_wanting("G4: acknowledged as 01, and lost");
}

#[test]
fn a_message_that_is_there_twice_is_found() {
    let mut history = History::sound();
    history.inbox("a").push(message("03", "b", "second"));
    history.is_found_wanting("M5: 2 times");
}

#[test]
fn a_message_that_nobody_posted_is_found() {
    let mut history = History::sound();
    history.inbox("a").push(message("03", "b", "third"));
    history.is_found_wanting("M5: a message that nobody posted");
}

#[test]
fn a_refused_post_that_took_effect_is_found() {
    let mut history = History::sound();
    history.ledger.posts.get_mut("second").unwrap().fate = Fate::Refused;
    history.is_found_wanting("an error said that nothing was done");
}

#[test]
fn a_post_of_unknown_outcome_may_be_there_or_not() {
    let mut history = History::sound();
    history.ledger.posts.get_mut("second").unwrap().fate = Fate::Unknown;
    assert_eq!(judge(&history.ledger, &history.found), [""; 0]);
    history.inbox("a").pop();
    history.inbox("b").pop();
    assert_eq!(judge(&history.ledger, &history.found), [""; 0]);
}

#[test]
fn ids_that_fall_are_found() {
    let mut history = History::sound();
    history.post("b", "second", "00", 40, None);
    history.inbox("a")[1].id = "00".to_owned();
    history.is_found_wanting("M2: b got 00 after 01 was known");
    history.is_found_wanting("M2: 01 before 00 in a's inbox");
}

#[test]
fn mail_of_another_is_found() {
    let mut history = History::sound();
    history.inbox("b")[0].to = "a".to_owned();
    history.is_found_wanting("M6: b sees mail to a");
}

#[test]
fn a_cursor_that_fell_back_is_found() {
    let mut history = History::sound();
    history
        .found
        .cursors
        .insert("a".to_owned(), "00".to_owned());
    history.is_found_wanting("M4");
}

#[test]
fn a_fence_that_is_given_twice_is_found() {
    let mut history = History::sound();
    history.ledger.grants[1].fence = 1;
    history.is_found_wanting("C3: fence 1 of r for");
}

#[test]
fn a_fence_that_does_not_rise_is_found() {
    let mut history = History::sound();
    history.ledger.grants[0].fence = 7;
    history.is_found_wanting("C3: fence 7 was known");
    history.is_found_wanting("C3: r had fence 7");
}

#[test]
fn a_claim_whose_fence_changes_is_found() {
    let mut history = History::sound();
    history.grant("b", "claim-2", 3, 50);
    history.is_found_wanting("C4");
}

#[test]
fn two_holds_at_one_time_are_found() {
    let mut history = History::sound();
    history.ledger.released.clear();
    history.is_found_wanting("C2: r is held by a (fence 1) and b (fence 2)");
}

#[test]
fn shared_holds_at_one_time_are_none_of_its_business() {
    let mut history = History::sound();
    history.ledger.released.clear();
    history
        .ledger
        .grants
        .iter_mut()
        .for_each(|grant| grant.shared = true);
    assert_eq!(judge(&history.ledger, &history.found), [""; 0]);
}

#[test]
fn a_post_under_an_older_fence_behind_a_newer_one_is_found() {
    let mut history = History::sound();
    // Posted in time by the client's clock, and yet behind its successor's.
    history.ledger.posts.get_mut("first").unwrap().fate = Fate::Acknowledged("03".to_owned());
    history.is_found_wanting("C2: on r, 02 was posted under fence 2");
}
