//! What every [`Storage`] must do, as one body that all of them run.
//!
//! The documentation of the port is the contract; this is the same contract as a
//! program, clause by clause. A backend runs it in one test; the simulator runs it on
//! its disk. It needs no faults: what a backend does when its environment fails is for
//! the backend's own tests.

mod process;

pub use process::{Process, posted};

use crate::ports::{Append, CheckpointNeed, Durability, News, Storage};
use mesh_core::{AgentId, Entry, Event, MessageId, Snapshot};

/// More entries than any backend gives in one piece of news.
const MANY: u64 = 5_000;
/// A large entry: as much as one request may carry.
const LARGE: usize = 1 << 20;

/// Checks a backend. `fresh` makes a new, empty log, and gives a function that makes
/// one more reader and writer of that log each time it is called.
///
/// # Panics
///
/// With the sentence of the contract that the backend breaks.
pub async fn conformance<S, R>(fresh: impl Fn() -> R)
where
    S: Storage,
    R: Fn() -> S,
{
    a_new_log_begins_with_the_empty_snapshot(&fresh()).await;
    what_is_appended_is_read_by_others(&fresh()).await;
    the_first_writer_of_a_place_wins(&fresh()).await;
    only_the_place_after_the_newest_can_be_taken(&fresh()).await;
    a_barrier_can_be_repeated(&fresh()).await;
    a_checkpoint_is_the_state_that_was_given(&fresh()).await;
    a_checkpoint_of_a_stale_snapshot_is_lost(&fresh()).await;
    a_writer_left_behind_by_checkpoints_loses_and_catches_up(&fresh()).await;
    checkpoints_on_demand_keep_everybody_in_step(&fresh()).await;
    a_large_entry_comes_back_whole(&fresh()).await;
    many_entries_come_in_order_without_gaps(&fresh()).await;
    what_happened_since_it_was_read_counts_as_a_change(&fresh()).await;
    a_closed_log_is_as_it_was(&fresh()).await;
}

/// A reader and writer, and the state that it has folded.
struct Member<S> {
    storage: S,
    snapshot: Snapshot,
    resets: usize,
}

impl<S: Storage> Member<S> {
    /// Reads to the end of the log for the first time.
    async fn join(make: &impl Fn() -> S) -> Self {
        let mut member = Self {
            storage: make(),
            snapshot: Snapshot::default(),
            resets: 0,
        };
        member.catch_up().await;
        assert_eq!(member.resets, 1, "a reader is reset first, and only once");
        member
    }

    async fn catch_up(&mut self) {
        loop {
            match self.storage.read_on().await.expect("reading succeeds") {
                News::Reset(snapshot) => {
                    self.resets += 1;
                    self.snapshot = *snapshot;
                }
                News::Entries(entries) => {
                    assert!(!entries.is_empty(), "news is never empty");
                    for entry in &entries {
                        let next = self.snapshot.seq + 1;
                        assert_eq!(entry.seq, next, "entries come in order, without gaps");
                        self.snapshot.apply(entry);
                    }
                }
                News::CaughtUp => return,
            }
        }
    }

    async fn append(&mut self, body: &str) -> Append {
        let entry = entry(self.snapshot.seq + 1, body);
        let appended = self.storage.append(&entry).await;
        let appended = appended.expect("appending succeeds");
        if appended == Append::Committed {
            self.snapshot.apply(&entry);
        }
        appended
    }

    async fn commit(&mut self, body: &str) {
        self.catch_up().await;
        let appended = self.append(body).await;
        assert_eq!(
            appended,
            Append::Committed,
            "who has read everything, and is alone, wins"
        );
        self.sync().await;
    }

    async fn sync(&mut self) {
        let durable = self.storage.sync().await.expect("a barrier succeeds");
        assert_eq!(durable, Durability::Durable, "nobody removed the log");
    }

    async fn checkpoint(&mut self) -> Append {
        let written = self.storage.checkpoint(&self.snapshot).await;
        written.expect("a checkpoint succeeds")
    }

    fn bodies(&self) -> Vec<&str> {
        let messages = self.snapshot.state.mail().messages();
        messages.map(|(_, message)| &*message.body).collect()
    }
}

/// An entry that posts a message.
fn entry(seq: u64, body: &str) -> Entry {
    let message_id = format!("{seq:026}").parse::<MessageId>();
    Entry {
        seq,
        id: format!("{}.{seq}", body.len()),
        at: seq,
        events: vec![Event::Posted {
            message_id: message_id.expect("26 digits are a ULID"),
            from: AgentId::from("writer"),
            to: "reader".into(),
            subject: None,
            body: body.into(),
            reply_to: None,
            expires_at: None,
            key: None,
            fanout: 1,
        }],
    }
}

async fn a_new_log_begins_with_the_empty_snapshot<S: Storage>(make: &impl Fn() -> S) {
    for _ in 0..2 {
        let mut member = Member::join(make).await;
        assert_eq!(
            member.snapshot,
            Snapshot::default(),
            "a new log begins with the empty snapshot"
        );
        member.sync().await;
    }
}

async fn what_is_appended_is_read_by_others<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut running) = (Member::join(make).await, Member::join(make).await);
    writer.commit("one").await;
    writer.commit("two").await;
    writer.catch_up().await;
    assert_eq!(writer.snapshot.seq, 2, "a committed entry counts as read");
    running.catch_up().await;
    let late = Member::join(make).await;
    for reader in [&running, &late] {
        assert_eq!(
            reader.snapshot, writer.snapshot,
            "all readers read the same"
        );
    }
    assert_eq!(running.resets, 1, "nothing was trimmed");
}

async fn the_first_writer_of_a_place_wins<S: Storage>(make: &impl Fn() -> S) {
    let (mut first, mut second) = (Member::join(make).await, Member::join(make).await);
    assert_eq!(first.append("first").await, Append::Committed);
    assert_eq!(
        second.append("second").await,
        Append::Lost,
        "two entries are never accepted for one place"
    );
    second.catch_up().await;
    assert_eq!(second.bodies(), ["first"], "the loser reads the winner's");
    assert_eq!(second.append("second").await, Append::Committed);
    second.sync().await;
    assert_eq!(first.append("third").await, Append::Lost);
    first.commit("third").await;
    let reader = Member::join(make).await;
    assert_eq!(
        reader.bodies(),
        ["first", "second", "third"],
        "nothing of a lost entry remains"
    );
}

async fn only_the_place_after_the_newest_can_be_taken<S: Storage>(make: &impl Fn() -> S) {
    let mut writer = Member::join(make).await;
    writer.commit("one").await;
    for seq in [0, 1, 3, 7] {
        let appended = writer.storage.append(&entry(seq, "misplaced")).await;
        assert_eq!(
            appended.expect("it is lost, not refused"),
            Append::Lost,
            "entry {seq} was taken behind entry 1"
        );
    }
    let mut reader = Member::join(make).await;
    assert_eq!(reader.bodies(), ["one"]);
    writer.commit("two").await;
    reader.catch_up().await;
    assert_eq!(reader.bodies(), ["one", "two"]);
    let mut unread = make();
    let appended = unread.append(&entry(3, "unread")).await;
    assert_eq!(
        appended.expect("it is lost, not refused"),
        Append::Lost,
        "who has read nothing cannot append"
    );
}

async fn a_barrier_can_be_repeated<S: Storage>(make: &impl Fn() -> S) {
    let mut writer = Member::join(make).await;
    for body in ["one", "two"] {
        writer.commit(body).await;
        writer.sync().await;
        writer.sync().await;
    }
    assert_eq!(Member::join(make).await.bodies(), ["one", "two"]);
}

async fn a_checkpoint_is_the_state_that_was_given<S: Storage>(make: &impl Fn() -> S) {
    let mut writer = Member::join(make).await;
    writer.commit("one").await;
    assert_eq!(writer.checkpoint().await, Append::Committed);
    let reader = Member::join(make).await;
    assert_eq!(
        reader.snapshot, writer.snapshot,
        "a checkpoint is the state that was given"
    );
    writer.commit("two").await;
    let reader = Member::join(make).await;
    assert_eq!(
        reader.snapshot, writer.snapshot,
        "entries follow a checkpoint"
    );
    // Again at the same place, and of an empty log.
    assert_eq!(writer.checkpoint().await, Append::Committed);
    assert_eq!(writer.checkpoint().await, Append::Committed);
    assert_eq!(Member::join(make).await.bodies(), ["one", "two"]);
}

async fn a_checkpoint_of_a_stale_snapshot_is_lost<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut stale) = (Member::join(make).await, Member::join(make).await);
    writer.commit("one").await;
    assert_eq!(
        stale.checkpoint().await,
        Append::Lost,
        "a checkpoint needs everything read"
    );
    let old = Snapshot::default();
    let written = writer.storage.checkpoint(&old).await;
    assert_eq!(
        written.expect("it is lost, not refused"),
        Append::Lost,
        "a checkpoint needs the newest state"
    );
    stale.catch_up().await;
    assert_eq!(stale.bodies(), ["one"], "nothing was trimmed");
    writer.commit("two").await;
    assert_eq!(Member::join(make).await.bodies(), ["one", "two"]);
}

async fn a_writer_left_behind_by_checkpoints_loses_and_catches_up<S: Storage>(
    make: &impl Fn() -> S,
) {
    for checkpoints in 1..4 {
        let (mut writer, mut stale) = (Member::join(make).await, Member::join(make).await);
        for _ in 0..checkpoints {
            writer.commit("new").await;
            assert_eq!(writer.checkpoint().await, Append::Committed);
        }
        // The trap: the stale writer's place may be empty in what is left of the log.
        assert_eq!(
            stale.append("stale").await,
            Append::Lost,
            "after {checkpoints} checkpoints a stale writer succeeded at an old place"
        );
        stale.catch_up().await;
        assert_eq!(
            stale.snapshot, writer.snapshot,
            "a reader left behind is reset"
        );
        stale.commit("behind").await;
        writer.catch_up().await;
        assert_eq!(stale.snapshot, writer.snapshot);
    }
}

async fn checkpoints_on_demand_keep_everybody_in_step<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut other) = (Member::join(make).await, Member::join(make).await);
    for round in 0..200 {
        writer.commit(&round.to_string()).await;
        if writer.storage.checkpoint_need() != CheckpointNeed::None {
            assert_eq!(writer.checkpoint().await, Append::Committed);
            writer.sync().await;
            assert_eq!(
                writer.storage.checkpoint_need(),
                CheckpointNeed::None,
                "a checkpoint meets the need for it"
            );
        }
        if round % 7 == 0 {
            other.catch_up().await;
            assert_eq!(other.snapshot, writer.snapshot, "round {round}");
            std::mem::swap(&mut writer, &mut other);
        }
    }
    assert_eq!(Member::join(make).await.snapshot.seq, 200);
}

async fn a_large_entry_comes_back_whole<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut running) = (Member::join(make).await, Member::join(make).await);
    let large = "x".repeat(LARGE);
    for body in ["before", &large, "after"] {
        writer.commit(body).await;
    }
    running.catch_up().await;
    let late = Member::join(make).await;
    for reader in [&running, &late] {
        assert_eq!(
            reader.bodies(),
            ["before", &large, "after"],
            "a large entry comes back whole"
        );
    }
    assert_eq!(writer.checkpoint().await, Append::Committed);
    assert_eq!(Member::join(make).await.snapshot, writer.snapshot);
}

/// Entries in which nothing happens: what is checked here is their order.
async fn many_entries_come_in_order_without_gaps<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut running) = (Member::join(make).await, Member::join(make).await);
    for seq in 1..=MANY {
        let events = Vec::new();
        let id = seq.to_string();
        let entry = Entry {
            seq,
            id,
            at: 0,
            events,
        };
        let appended = writer.storage.append(&entry).await;
        assert_eq!(appended.expect("appending succeeds"), Append::Committed);
        writer.snapshot.apply(&entry);
    }
    writer.sync().await;
    running.catch_up().await;
    let late = Member::join(make).await;
    for reader in [&running, &late] {
        assert_eq!(reader.snapshot.seq, MANY, "no entry is missing at the end");
    }
}

async fn what_happened_since_it_was_read_counts_as_a_change<S: Storage>(make: &impl Fn() -> S) {
    let (mut writer, mut waiter) = (Member::join(make).await, Member::join(make).await);
    writer.commit("1").await;
    waiter.storage.changed().await;
    waiter.catch_up().await;
    assert_eq!(waiter.bodies(), ["1"]);
    waiter.storage.unwatch();
    writer.commit("2").await;
    waiter.storage.changed().await;
    waiter.catch_up().await;
    assert_eq!(waiter.bodies(), ["1", "2"]);
}

async fn a_closed_log_is_as_it_was<S: Storage>(make: &impl Fn() -> S) {
    let mut writer = Member::join(make).await;
    writer.commit("one").await;
    let closed = writer.storage.close(&writer.snapshot).await;
    closed.expect("closing succeeds");
    let mut reader = Member::join(make).await;
    assert_eq!(
        reader.snapshot, writer.snapshot,
        "closing changes no answer"
    );
    reader.commit("two").await;
    assert_eq!(Member::join(make).await.bodies(), ["one", "two"]);
}
