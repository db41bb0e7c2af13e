//! The core's own operations, alone: `cargo bench -p mesh`.
//!
//! Nothing here touches a disk or a clock, so the figures are those of the rules and of
//! the collections beneath them: what a call costs beside its sync, and what does or does
//! not grow with all that is stored. The argument of each figure is how many messages
//! there are; half of them are for one of a thousand agents, half for everybody.
//! `cargo run -p tests --profile dist --bin bench` measures the whole on a real disk.

use std::hint::black_box;

use divan::{Bencher, counter::ItemsCount};
use mesh::core::{
    Claim, Command, Decision, Entropy, Entry, Event, Inbox, Millis, Part, Post, Release, Reply,
    Snapshot, SnapshotBuilder, State, decide,
};

fn main() {
    divan::main();
}

const SIZES: [usize; 4] = [0, 1_000, 10_000, 100_000];
const NOW: Millis = 1_800_000_000_000;

/// Decides, and must not be refused.
fn decided(state: &State, command: &Command, entropy: u64) -> Decision {
    match decide(state, NOW, command, Entropy::from(entropy)) {
        Ok(decision) => decision,
        Err(rejection) => panic!("{command:?}: {rejection}"),
    }
}

fn post(from: usize, to: String) -> Command {
    Command::Post(Post {
        agent_id: format!("writer-{}", from % 1000),
        to,
        body: "m".repeat(500),
        ..Post::default()
    })
}

/// A snapshot with a hundred messages for everybody, and so many more.
fn snapshot(messages: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for index in 0..100 + messages {
        let to = match index {
            0..100 => "*".to_owned(),
            _ if index % 2 == 0 => "*".to_owned(),
            _ => format!("reader-{}", index / 2 % 1000),
        };
        let decision = decided(&snapshot.state, &post(index, to), index as u64);
        let entry = entry(snapshot.seq + 1, decision.events);
        snapshot.advance(&entry, decision.state);
    }
    snapshot
}

fn entry(seq: u64, events: Vec<Event>) -> Entry {
    Entry {
        seq,
        id: format!("{:016x}.{seq}", 7),
        at: NOW,
        events,
    }
}

fn claim() -> Command {
    Command::Claim(Claim {
        agent_id: "agent".to_owned(),
        resource: "resource".to_owned(),
        ..Claim::default()
    })
}

#[divan::bench(args = SIZES)]
fn decide_claim_and_release(bencher: Bencher<'_, '_>, messages: usize) {
    let state = snapshot(messages).state;
    let claim = claim();
    bencher.bench_local(|| {
        let granted = decided(&state, black_box(&claim), 1);
        let Reply::Claim(reply) = &granted.reply else {
            unreachable!("a claim answers with its own reply");
        };
        let release = Command::Release(Release {
            agent_id: "agent".to_owned(),
            claim_id: reply.claim_id.clone(),
            resource: "resource".to_owned(),
        });
        decided(&granted.state, &release, 2)
    });
}

#[divan::bench(args = SIZES)]
fn decide_post(bencher: Bencher<'_, '_>, messages: usize) {
    let state = snapshot(messages).state;
    let post = post(0, "reader-0".to_owned());
    bencher.bench_local(|| decided(&state, black_box(&post), 1));
}

#[divan::bench(args = SIZES)]
fn decide_inbox_of_100(bencher: Bencher<'_, '_>, messages: usize) {
    let state = snapshot(messages).state;
    let inbox = Command::Inbox(Inbox {
        agent_id: "reader-0".to_owned(),
        limit: Some(100),
        ..Inbox::default()
    });
    bencher.bench_local(|| decided(&state, black_box(&inbox), 1));
}

/// What every other process does with an entry that one process has written.
#[divan::bench(args = SIZES)]
fn apply_post(bencher: Bencher<'_, '_>, messages: usize) {
    let snapshot = snapshot(messages);
    let posted = decided(&snapshot.state, &post(0, "reader-0".to_owned()), 1);
    let entry = entry(snapshot.seq + 1, posted.events);
    bencher.bench_local(|| {
        let mut snapshot = snapshot.clone();
        snapshot.apply(black_box(&entry));
        snapshot
    });
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn take_apart_for_a_checkpoint(bencher: Bencher<'_, '_>, messages: usize) {
    let snapshot = snapshot(messages);
    bencher
        .counter(ItemsCount::new(100 + messages))
        .bench_local(|| {
            let parts = snapshot.parts();
            parts
                .map(|part| serde_json::to_vec(&part).map_or(0, |json| json.len()))
                .sum::<usize>()
        });
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn put_together_from_a_checkpoint(bencher: Bencher<'_, '_>, messages: usize) {
    let snapshot = snapshot(messages);
    let parts: Result<Vec<String>, _> = snapshot
        .parts()
        .map(|part| serde_json::to_string(&part))
        .collect();
    let parts = parts.unwrap_or_default();
    bencher
        .counter(ItemsCount::new(100 + messages))
        .bench_local(|| {
            let mut builder = SnapshotBuilder::new(snapshot.seq);
            for part in &parts {
                let part: Part = match serde_json::from_str(part) {
                    Ok(part) => part,
                    Err(error) => panic!("a part that was just written: {error}"),
                };
                if let Err(error) = builder.add(part) {
                    panic!("parts in order: {error}");
                }
            }
            builder.finish()
        });
}
