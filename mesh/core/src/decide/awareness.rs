//! Who is alive: `register`, `roster`, and the heartbeat in every act (A1 to A6).

use super::{Draft, Stop};
use crate::arguments;
use crate::command::{Register, Roster};
use crate::event::Event;
use crate::limits::{DEFAULT_TTL_SECONDS, MAX_LEASE_SECONDS, MAX_TEXT_BYTES};
use crate::names::{AgentId, Resource, SessionId};
use crate::rejection::Rejection;
use crate::reply::{AgentView, Liveness, RegisterReply, RosterReply};
use crate::state::Agent;
use crate::time::{Timestamp, after};
use planted::{Bug, sound};

impl Draft {
    /// Rules A1 and A3.
    pub(super) fn register(&mut self, command: &Register) -> Result<RegisterReply, Stop> {
        let agent_id = AgentId::acting("agent_id", &command.agent_id)?;
        arguments::line("branch", &command.branch, MAX_TEXT_BYTES)?;
        arguments::line("prompt_ptr", &command.prompt_ptr, MAX_TEXT_BYTES)?;
        if let Some(role) = &command.role {
            arguments::line("role", role, MAX_TEXT_BYTES)?;
        }
        let session = command.session.as_deref().map(SessionId::new).transpose()?;
        let ttl = command.ttl_seconds.unwrap_or(DEFAULT_TTL_SECONDS);
        let ttl_ms = arguments::seconds("ttl_seconds", ttl, 1..=MAX_LEASE_SECONDS)?;

        let epoch = match self.incarnation(&agent_id)? {
            Some(epoch) => epoch,
            None => self.first_incarnation(&agent_id)?,
        };
        self.emit(Event::Registered {
            agent_id: agent_id.clone(),
            branch: command.branch.as_str().into(),
            prompt_ptr: command.prompt_ptr.as_str().into(),
            role: command.role.as_deref().map(Into::into),
            ttl_ms,
            expires_at: after(self.now, ttl_ms),
            epoch,
            session,
        });
        let registered_at = self.state.agent(&agent_id).map(|agent| agent.registered_at);
        Ok(RegisterReply {
            agent_id,
            registered_at: Timestamp(registered_at.unwrap_or(self.now)),
            expires_at: Timestamp(after(self.now, ttl_ms)),
            epoch,
            now: Timestamp(self.now),
        })
    }

    /// Rule A6: a registered agent that acts is alive by it, or alive again. Does
    /// nothing for one that never registered, whatever its name looks like.
    pub(super) fn heartbeat(&mut self, agent_id: &str) -> Result<(), Stop> {
        let agent_id = AgentId::from(agent_id);
        let Some(epoch) = sound!(self.incarnation(&agent_id)?, Bug::ActingIsNoHeartbeat => None)
        else {
            return Ok(());
        };
        let Some(agent) = self.state.agent(&agent_id) else {
            return Ok(());
        };
        let expires_at = agent.expires_at.max(after(self.now, agent.ttl_ms));
        if expires_at > agent.expires_at || epoch != agent.epoch || self.now > agent.last_seen {
            self.emit(Event::Heartbeat {
                agent_id,
                expires_at,
                epoch,
            });
        }
        Ok(())
    }

    /// The epoch of a registered agent that shows itself now: the same while it is
    /// alive or stale, one more after death. What a dead one held or queued for is
    /// reaped first (A3), so that its new incarnation starts with nothing.
    ///
    /// Fails where its epochs are used up (G8): it stays dead under this id.
    fn incarnation(&mut self, agent_id: &AgentId) -> Result<Option<u64>, Stop> {
        self.cut_registration(agent_id)?;
        let Some(agent) = self.state.agent(agent_id) else {
            return Ok(None);
        };
        let epoch = agent.epoch;
        if !sound!(agent.is_dead(self.now), Bug::EpochKeptAfterDeath => false) {
            return Ok(Some(epoch));
        }
        let most = self.state.limits().count;
        if epoch >= most {
            let rejection = Rejection::described(
                "agent_id",
                format_args!("one that is dead, and whose epochs are used up, at {epoch}"),
                format!("one with an epoch up to {most} left; go on under another id"),
            );
            return Err(rejection.into());
        }
        self.settle_involved(agent_id)?;
        Ok(Some(epoch + 1))
    }

    /// The epoch of an agent that registers for the first time. What it lost before that is
    /// reaped first (C9): registering gives a ticket a liveness to live on, which must
    /// not bring back one that had lapsed without.
    fn first_incarnation(&mut self, agent_id: &AgentId) -> Result<u64, Stop> {
        self.settle_involved(agent_id)?;
        Ok(1)
    }

    /// Brings everything that an agent holds or waits for up to now.
    fn settle_involved(&mut self, agent_id: &AgentId) -> Result<(), Stop> {
        let involved: Vec<Resource> = self.state.involved(agent_id).cloned().collect();
        for resource in &involved {
            self.settle(resource)?;
        }
        Ok(())
    }

    /// Rules A4 and A5: reaps, then lists. No sign of life of its caller.
    pub(super) fn roster(&mut self, command: &Roster) -> Result<RosterReply, Stop> {
        arguments::present("agent_id", &command.agent_id)?;
        self.settle_all()?;
        let agents = self.state.agents.iter();
        let agents = agents.map(|(agent_id, agent)| self.agent_view(agent_id, agent));
        let shown = agents.filter(|a| command.include_stale || a.liveness != Liveness::Dead);
        Ok(RosterReply {
            agents: shown.collect(),
            now: Timestamp(self.now),
        })
    }

    fn agent_view(&self, agent_id: &AgentId, agent: &Agent) -> AgentView {
        let holds = |resource: &&Resource| {
            let record = self.state.resource(resource);
            record.is_some_and(|record| record.hold_of(agent_id).is_some())
        };
        AgentView {
            agent_id: agent_id.clone(),
            branch: agent.branch.clone(),
            prompt_ptr: agent.prompt_ptr.clone(),
            role: agent.role.clone(),
            liveness: agent.liveness(self.now),
            last_seen: Timestamp(agent.last_seen),
            expires_at: Timestamp(agent.expires_at),
            epoch: agent.epoch,
            held_claims: self
                .state
                .involved(agent_id)
                .filter(holds)
                .cloned()
                .collect(),
        }
    }
}
