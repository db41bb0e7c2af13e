//! What a command costs beside a lot, in steps: see [`mesh::core::steps`].

use mesh::core::{
    Claim, Command, Decision, Entropy, Inbox, LapseReason, Limits, Loss, Message, MessageId, Mode,
    Part, Snapshot, SnapshotBuilder, State, decide, prospects, prune, steps,
};

const NOW: u64 = 1_781_438_400_000;

/// Decides, and counts the steps that this takes.
fn cost(state: &State, now: u64, command: &Command) -> (Decision, u64) {
    let (decision, steps) = steps::of(|| decide(state, now, command, Entropy::default()));
    (decision.expect("a valid command"), steps)
}

fn claim(agent_id: &str, resource: &str, mode: Mode) -> Command {
    Command::Claim(Claim {
        agent_id: agent_id.to_owned(),
        resource: resource.to_owned(),
        mode: Some(mode),
        lease_seconds: Some(100),
        wait: Some(mesh::core::Wait::Queue),
        ..Claim::default()
    })
}

fn act(state: &mut State, command: &Command) {
    *state = decide(state, NOW, command, Entropy::default())
        .expect("a valid command")
        .state;
}

fn built(parts: impl IntoIterator<Item = Part>) -> Snapshot {
    let mut builder = SnapshotBuilder::new(1);
    for part in parts {
        builder.add(part).expect("a part");
    }
    builder.finish()
}

/// W6: A loss takes the same steps whether any or as many as there may be are remembered.
#[test]
fn a_lapse_beside_many_losses_costs_what_it_costs_beside_none() {
    let losses = |many: usize| {
        let loss = |n: usize| Loss {
            claim_id: mesh::core::ClaimId::ZERO,
            fence: 1,
            at: n as u64,
            reason: LapseReason::Lease,
        };
        let rows = (0..many).map(|n| (("loser".into(), format!("r{n}").as_str().into()), loss(n)));
        built([Part::Losses(rows.collect())]).state
    };
    let lapse = |mut state: State| {
        act(&mut state, &claim("a", "doc", Mode::Exclusive));
        let (decision, steps) = cost(&state, NOW + 100_000, &claim("b", "doc", Mode::Exclusive));
        assert!(decision.events.iter().any(|event| event.kind() == "lapsed"));
        (decision.state.losses().iter().count(), steps)
    };
    let most = Limits::PRODUCTION.losses;
    let ((one, few), (full, many)) = (lapse(losses(0)), lapse(losses(most)));
    assert_eq!((one, full), (1, most));
    assert!(many <= few + 2, "{many} steps, and {few} beside none");
}

/// G8: A claim comes past the holders and tickets of its own resource alone, and these have a
/// bound: a few times each.
#[test]
fn a_claim_beside_as_many_sharers_as_there_may_be_has_a_bound() {
    const PASSES: u64 = 12;
    let mut state = State::default();
    let most = Limits::PRODUCTION.sharers;
    for n in 0..most - 1 {
        act(&mut state, &claim(&format!("s{n}"), "doc", Mode::Shared));
    }
    let (_, beside) = cost(&state, NOW, &claim("x", "doc", Mode::Shared));
    assert!(beside <= PASSES * most as u64, "{beside} steps");
    let (_, elsewhere) = cost(&state, NOW, &claim("x", "other", Mode::Shared));
    assert!(elsewhere <= PASSES, "{elsewhere} steps");
    act(&mut state, &claim("x", "doc", Mode::Shared));
    let refused = decide(&state, NOW, &claim("y", "doc", Mode::Shared), 0);
    refused.expect_err("as many as there may be");
}

/// W1: All who wait for a resource are looked at in one pass over it.
#[test]
fn a_look_at_all_who_wait_is_one_pass() {
    let mut state = State::default();
    act(&mut state, &claim("a", "doc", Mode::Exclusive));
    for n in 0..1000 {
        act(&mut state, &claim(&format!("w{n}"), "doc", Mode::Exclusive));
    }
    let (waiting, steps) = steps::of(|| prospects(&state, NOW, "doc").count());
    assert_eq!(waiting, 1000);
    assert!(steps <= 1001, "{steps} steps");
}

/// M3: A look at an inbox walks past what has expired only as long as nobody has dropped it.
#[test]
fn an_inbox_beside_what_was_dropped_costs_nothing() {
    let message = |n: u64| {
        let message = Message {
            from: "a".into(),
            to: "b".into(),
            subject: None,
            body: "x".into(),
            reply_to: None,
            posted_at: NOW,
            expires_at: Some(NOW + 1),
        };
        (id(n), message.into())
    };
    let mut state = built([Part::Messages((1..=5000).map(message).collect())]).state;
    let inbox = Command::Inbox(Inbox {
        agent_id: "b".to_owned(),
        ..Inbox::default()
    });
    let (_, before) = cost(&state, NOW + 1, &inbox);
    assert!(before >= 5000, "{before} steps");
    for event in prune(&state, NOW + 1) {
        state.apply(NOW + 1, &event);
    }
    let (_, after) = cost(&state, NOW + 1, &inbox);
    assert!(after <= 2, "{after} steps");
}

fn id(n: u64) -> MessageId {
    format!("{n:026}").parse().expect("a ULID")
}
