//! Signs of life for agents that think longer than they count as alive.
//!
//! A model that thinks calls nothing, and a minute of silence makes its agent stale. Its
//! client stays connected all the while, so the server can vouch for it: three times in
//! each ttl it acts in the agent's name, in a way that changes nothing else (decision 0010).
//!
//! Guarantees: leases are never renewed, since an agent that holds something has to see to
//! it itself; nothing that the agent or another connection said (branch, task, role, ttl,
//! session) is said again; and no sign of life is begun once the [`Keepalive`] is dropped,
//! which the end of the connection does.
//!
//! Left to others: what an act means for an agent that was dead meanwhile, because the
//! machine slept, say. It is a new incarnation, with nothing held, as by any act (rule A6).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::core::{Command, DEFAULT_TTL_SECONDS, MessageId, Read, Register};
use crate::{Mesh, MeshError};

/// How many signs of life an agent gives in a ttl: one may be late, and another get lost.
const BEATS: u32 = 3;

/// The agents that are kept alive.
#[derive(Debug, Default)]
pub(super) struct Keepalive(Mutex<BTreeMap<String, Beating>>);

/// An agent whose heart beats until this value is dropped.
#[derive(Debug)]
struct Beating(JoinHandle<()>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keepalive {
    /// Keeps the agent of an answered registration alive from now on, in the rhythm of its
    /// ttl; the rhythm of an earlier registration ends.
    pub(super) fn begin(&self, mesh: Mesh, register: &Register) {
        let ttl = register.ttl_seconds.unwrap_or(DEFAULT_TTL_SECONDS);
        let every = Duration::from_secs(ttl) / BEATS;
        let beating = Beating(tokio::spawn(beat(mesh, register.agent_id.clone(), every)));
        // The map is whole whatever a panic elsewhere interrupted.
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        agents.insert(register.agent_id.clone(), beating);
    }
}

/// Gives signs of life until the folder is closed.
async fn beat(mesh: Mesh, agent_id: String, every: Duration) {
    let mut beats = interval(every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is due at once, and the registration was that.
    beats.tick().await;
    loop {
        beats.tick().await;
        match mesh.call(sign_of_life(&agent_id)).await {
            Ok(_) => {}
            Err(MeshError::Closed) => return,
            Err(error) => tracing::debug!(agent_id, %error, "no sign of life"),
        }
    }
}

/// The act that says nothing but that its agent is there: reading up to what lies below
/// every message moves no cursor (rule M4), and acting is being alive (rule A6).
fn sign_of_life(agent_id: &str) -> Command {
    Command::Read(Read {
        agent_id: agent_id.to_owned(),
        up_to: MessageId::ZERO.to_string(),
        topics: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Claim, Event, LapseReason, Post, State, decide};

    /// The state after a command, and what it wrote down.
    fn after(state: &State, now: u64, command: &Command) -> (State, Vec<Event>) {
        let decision = decide(state, now, command, 0).unwrap();
        (decision.state, decision.events)
    }

    /// An agent `a` with a hold, unread mail, and particulars of its own.
    fn registered() -> State {
        let register = Register {
            agent_id: "a".to_owned(),
            branch: "main".to_owned(),
            prompt_ptr: "p".to_owned(),
            role: Some("r".to_owned()),
            session: Some("s-1".to_owned()),
            ..Register::default()
        };
        let claim = Claim {
            agent_id: "a".to_owned(),
            resource: "doc".to_owned(),
            lease_seconds: Some(3600),
            ..Claim::default()
        };
        let post = Post {
            agent_id: "b".to_owned(),
            to: "a".to_owned(),
            body: "hi".to_owned(),
            ..Post::default()
        };
        let commands = [
            Command::Register(register),
            Command::Claim(claim),
            Command::Post(post),
        ];
        let begun = State::default();
        let told = commands.iter();
        told.fold(begun, |state, command| after(&state, 1000, command).0)
    }

    #[test]
    fn a_sign_of_life_moves_one_deadline_and_nothing_else() {
        let state = registered();
        let (kept, events) = after(&state, 21_000, &sign_of_life("a"));
        let [
            Event::Heartbeat {
                agent_id,
                expires_at,
                epoch,
            },
        ] = events.as_slice()
        else {
            panic!("{events:?}")
        };
        assert_eq!((&**agent_id, *expires_at, *epoch), ("a", 81_000, 1));
        let mut expected = state.agent("a").unwrap().clone();
        (expected.last_seen, expected.expires_at) = (21_000, 81_000);
        assert_eq!(kept.agent("a"), Some(&expected));
        assert_eq!(kept.resource("doc"), state.resource("doc"));
        assert_eq!(kept.mail(), state.mail());
    }

    /// As after a suspend: A3 and A6.
    #[test]
    fn one_that_comes_after_death_is_a_new_incarnation_with_nothing_held() {
        let (revived, events) = after(&registered(), 91_001, &sign_of_life("a"));
        assert!(matches!(
            events.first(),
            Some(Event::Lapsed {
                reason: LapseReason::Death,
                ..
            })
        ));
        let agent = revived.agent("a").unwrap();
        assert_eq!((agent.epoch, agent.expires_at), (2, 151_001));
        assert_eq!(agent.session.as_deref(), Some("s-1"));
        assert!(revived.resource("doc").is_none());
    }

    /// A folder that was removed and made anew knows nobody.
    #[test]
    fn nobody_is_registered_by_one() {
        let (state, events) = after(&State::default(), 1000, &sign_of_life("a"));
        assert_eq!((state, events), (State::default(), Vec::new()));
    }
}
