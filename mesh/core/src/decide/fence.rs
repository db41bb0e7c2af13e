//! Whether a fence is that of a live holder: the question of whoever writes on a holder's
//! behalf.
//!
//! The answer is true of the moment at which it is given, and of no later one. A check and a
//! write after it are two steps, and the lease may end between them; so the check keeps
//! honest scripts from going on in vain, and what makes writing safe is a store that
//! compares fences itself, in the step that writes.

use super::Draft;
use crate::event::LapseReason;
use crate::ids::{ClaimId, Entropy};
use crate::names::AgentId;
use crate::reply::ClaimsReply;
use crate::state::{Hold, State};
use crate::time::{Millis, Timestamp};

/// What is to be said of a fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FenceCheck {
    /// A live holder has it.
    Live {
        /// Who.
        agent_id: AgentId,
        /// Under which claim.
        claim_id: ClaimId,
        /// Until when, unless it is renewed.
        lease_expires_at: Timestamp,
    },
    /// Its holder's lease has ended, or its holder is dead, and nobody has reaped it yet.
    Lapsed {
        /// Who had it.
        agent_id: AgentId,
        /// Why it is over.
        reason: LapseReason,
    },
    /// The resource is held under another fence.
    Other {
        /// By whom.
        agent_id: AgentId,
        /// Under which fence.
        fence: u64,
    },
    /// Nobody holds the resource.
    Free,
}

impl FenceCheck {
    /// Whether a live holder has it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    /// The same by the answer to `claims`, which has reaped already.
    pub fn by_claims(reply: &ClaimsReply, resource: &str, fence: u64) -> Self {
        let claims = reply.claims.iter();
        let holders = claims
            .filter(|claim| *claim.resource == *resource)
            .flat_map(|claim| &claim.holders);
        let mut other = Self::Free;
        for holder in holders {
            let agent_id = holder.agent_id.clone();
            if holder.fence == fence {
                return Self::Live {
                    agent_id,
                    claim_id: holder.claim_id,
                    lease_expires_at: holder.lease_expires_at,
                };
            }
            other = Self::Other {
                agent_id,
                fence: holder.fence,
            };
        }
        other
    }
}

/// Whether `fence` is that of a live holder of `resource` in `state`, at `now`. It only
/// looks: what has lapsed is told, and not reaped, and nobody is promoted.
///
/// Where several share a fence, one that lives is enough.
#[must_use]
pub fn check_fence(state: &State, now: Millis, resource: &str, fence: u64) -> FenceCheck {
    let Some(record) = state.resource(resource) else {
        return FenceCheck::Free;
    };
    let draft = Draft::new(state, now, Entropy::default());
    let mut answer = FenceCheck::Free;
    for hold in &record.holders {
        let told = tell(hold, draft.hold_lapse(hold), fence);
        if told.is_live() {
            return told;
        }
        // What became of the fence itself says more than who else is there.
        let says_more = matches!(told, FenceCheck::Lapsed { .. });
        if says_more || (told != FenceCheck::Free && answer == FenceCheck::Free) {
            answer = told;
        }
    }
    answer
}

/// What one hold says about a fence.
fn tell(hold: &Hold, lapse: Option<LapseReason>, fence: u64) -> FenceCheck {
    let agent_id = hold.agent_id.clone();
    match (hold.fence == fence, lapse) {
        (true, None) => FenceCheck::Live {
            agent_id,
            claim_id: hold.claim_id,
            lease_expires_at: Timestamp(hold.expires_at),
        },
        (true, Some(reason)) => FenceCheck::Lapsed { agent_id, reason },
        (false, None) => FenceCheck::Other {
            agent_id,
            fence: hold.fence,
        },
        (false, Some(_)) => FenceCheck::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Claims, Command, Mode, Register, Release, Reply, Wait, decide};

    /// A folder at work: what it says, and a clock that the test sets.
    #[derive(Default)]
    struct World {
        state: State,
        now: Millis,
    }

    impl World {
        fn act(&mut self, command: &Command) -> Reply {
            let decision = decide(&self.state, self.now, command, Entropy::default());
            let decision = decision.expect("a valid command");
            self.state = decision.state;
            decision.reply
        }

        fn claim(&mut self, agent_id: &str, mode: Mode) -> String {
            let reply = self.act(&Command::Claim(Claim {
                agent_id: agent_id.to_owned(),
                resource: "r".to_owned(),
                mode: Some(mode),
                lease_seconds: Some(100),
                wait: Some(Wait::Queue),
                ..Claim::default()
            }));
            match reply {
                Reply::Claim(reply) => reply.claim_id,
                _ => unreachable!(),
            }
        }

        fn release(&mut self, agent_id: &str, claim_id: String) {
            self.act(&Command::Release(Release {
                agent_id: agent_id.to_owned(),
                claim_id,
                resource: "r".to_owned(),
            }));
        }

        fn check(&self, fence: u64) -> FenceCheck {
            check_fence(&self.state, self.now, "r", fence)
        }

        /// The same as `claims` tells it.
        fn check_by_claims(&self, fence: u64) -> FenceCheck {
            let claims = Command::Claims(Claims {
                agent_id: "anybody".to_owned(),
                resource: Some("r".to_owned()),
            });
            let decision = decide(&self.state, self.now, &claims, Entropy::default());
            match decision.expect("a valid command").reply {
                Reply::Claims(reply) => FenceCheck::by_claims(&reply, "r", fence),
                _ => unreachable!(),
            }
        }
    }

    fn other(agent_id: &str, fence: u64) -> FenceCheck {
        let agent_id = agent_id.into();
        FenceCheck::Other { agent_id, fence }
    }

    #[test]
    fn only_the_fence_of_a_holder_is_live() {
        let mut world = World::default();
        assert_eq!(world.check(1), FenceCheck::Free);
        let claim = world.claim("a", Mode::Exclusive);
        assert!(world.check(1).is_live() && world.check_by_claims(1).is_live());
        for fence in [0, 2] {
            assert_eq!(world.check(fence), other("a", 1));
            assert_eq!(world.check_by_claims(fence), other("a", 1));
        }
        world.release("a", claim);
        assert_eq!(world.check(1), FenceCheck::Free);
    }

    #[test]
    fn a_lease_that_has_ended_is_no_fence_though_nobody_reaped_it() {
        let mut world = World::default();
        world.claim("a", Mode::Exclusive);
        world.now = 99_999;
        assert!(world.check(1).is_live());
        world.now = 100_000;
        let (agent_id, reason) = ("a".into(), LapseReason::Lease);
        assert_eq!(world.check(1), FenceCheck::Lapsed { agent_id, reason });
        assert_eq!(world.check(2), FenceCheck::Free);
    }

    #[test]
    fn a_dead_holders_fence_has_lapsed() {
        let mut world = World::default();
        world.act(&Command::Register(Register {
            agent_id: "a".to_owned(),
            branch: "main".to_owned(),
            prompt_ptr: "p".to_owned(),
            ttl_seconds: Some(10),
            ..Register::default()
        }));
        world.claim("a", Mode::Exclusive);
        world.now = 40_000;
        assert!(world.check(1).is_live(), "stale is not dead");
        world.now = 40_001;
        let (agent_id, reason) = ("a".into(), LapseReason::Death);
        assert_eq!(world.check(1), FenceCheck::Lapsed { agent_id, reason });
    }

    /// The next in line would be promoted by whatever touches the resource; but as long as
    /// nobody does, no such fence was granted.
    #[test]
    fn a_fence_that_is_about_to_be_granted_is_not_live() {
        let mut world = World::default();
        world.claim("a", Mode::Exclusive);
        world.claim("b", Mode::Exclusive);
        world.now = 100_000;
        assert_eq!(world.check(2), FenceCheck::Free);
        assert!(!world.check_by_claims(1).is_live());
    }

    #[test]
    fn sharers_have_a_fence_each_and_one_that_lives_is_enough() {
        let mut world = World::default();
        world.claim("a", Mode::Shared);
        world.now = 50_000;
        world.claim("b", Mode::Shared);
        assert!(world.check(1).is_live() && world.check(2).is_live());
        assert!(world.check_by_claims(1).is_live());
        world.now = 100_000;
        assert!(matches!(world.check(1), FenceCheck::Lapsed { .. }));
        assert!(world.check(2).is_live());
    }
}
