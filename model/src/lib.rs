//! The models: every interleaving, not only the unlucky ones.
//!
//! They will explore, within stated bounds, all orders in which agents can claim, renew,
//! release and die, in which writers and readers of messages can meet, and in which
//! processes can append, rotate, pause and lose power. Their transitions call the
//! production `decide`, `apply` and the acceptance rule of the journal: nothing of a rule
//! is written twice.
//!
//! What is here already is that foundation: a state that can be hashed, cloned and
//! compared, which is all that a model checker asks of it.

/// The rules whose interleavings are explored.
pub use mesh::core;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mesh::core::{Claim, Command, Release, State, Wait, decide};

    /// C2: two claims in either order lead to one exclusive holder. A model's step is
    /// a call of `decide`, and its states are compared by value.
    #[test]
    fn both_orders_of_two_claims_have_one_holder() {
        let claim = |agent: &str| {
            Command::Claim(Claim {
                agent_id: agent.into(),
                resource: "r".into(),
                wait: Wait::Queue,
                ..Claim::default()
            })
        };
        let (a, b) = (claim("a"), claim("b"));
        let mut holders = BTreeSet::new();
        for order in [[&a, &b], [&b, &a]] {
            let mut state = State::default();
            for command in order {
                state = decide(&state, 1_000, command, 1).unwrap().state;
            }
            let record = state.resource("r").unwrap();
            assert_eq!((record.holders.len(), record.queue.len()), (1, 1));
            holders.extend(record.first_holder().cloned());
        }
        assert_eq!(holders.len(), 2, "each order has a winner of its own");
    }

    /// What a model needs of a state: the same history gives an equal state.
    #[test]
    fn a_refused_release_leaves_an_equal_state() {
        let state = State::default();
        let release = Command::Release(Release {
            agent_id: "a".into(),
            claim_id: "none".into(),
            resource: "r".into(),
        });
        assert_eq!(decide(&state, 1, &release, 1).unwrap().state, state);
    }
}
