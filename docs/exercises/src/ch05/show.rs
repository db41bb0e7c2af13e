//! The demonstration: two readers who take turns, and a writer, by the rules of mesh.

use std::collections::BTreeMap;

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, Event, Mode, Release, Reply, State, Wait, decide,
};

use Act::{Leaves, Reads, Writes};

/// What an agent does.
#[derive(Clone, Copy)]
enum Act {
    Reads(&'static str),
    Writes(&'static str),
    Leaves(&'static str),
}

/// Two readers who take turns, and a writer who asks whenever one of them has gone.
const RETRIES: [(u64, Act); 11] = [
    (0, Reads("ann")),
    (1, Writes("wim")),
    (2, Reads("bob")),
    (3, Leaves("ann")),
    (3, Writes("wim")),
    (4, Reads("ann")),
    (5, Leaves("bob")),
    (5, Writes("wim")),
    (6, Reads("bob")),
    (7, Leaves("ann")),
    (7, Writes("wim")),
];

/// The same, each of them in line.
const TICKETS: [(u64, Act); 6] = [
    (0, Reads("ann")),
    (1, Writes("wim")),
    (2, Reads("bob")),
    (3, Leaves("ann")),
    (4, Reads("ann")),
    (5, Leaves("wim")),
];

/// The same fleet, without and with a queue.
pub(super) fn show() {
    println!("Whoever is denied asks again:");
    play(&RETRIES, Wait::NoWait);
    println!("... and so on, for as long as the readers like.\n");
    println!("Whoever cannot be granted waits in line:");
    play(&TICKETS, Wait::Queue);
}

fn play(script: &[(u64, Act)], wait: Wait) {
    let mut stage = Stage {
        wait,
        state: State::default(),
        claims: BTreeMap::new(),
    };
    for (second, act) in script {
        let told = match act {
            Reads(agent) => stage.claims(*second, agent, Mode::Shared),
            Writes(agent) => stage.claims(*second, agent, Mode::Exclusive),
            Leaves(agent) => stage.leaves(*second, agent),
        };
        println!("  {second} s  {told}");
    }
}

struct Stage {
    /// What the agents do where a claim cannot be granted.
    wait: Wait,
    state: State,
    claims: BTreeMap<&'static str, String>,
}

impl Stage {
    fn claims(&mut self, second: u64, agent: &'static str, mode: Mode) -> String {
        let claim = Claim {
            agent_id: agent.to_owned(),
            resource: "docs".to_owned(),
            mode: Some(mode),
            wait: Some(self.wait),
            ..Claim::default()
        };
        let (_, reply) = self.decides(second, &Command::Claim(claim));
        let Some(Reply::Claim(reply)) = reply else {
            return format!("{agent} is refused");
        };
        self.claims.insert(agent, reply.claim_id.clone());
        let wish = match mode {
            Mode::Shared => "read",
            Mode::Exclusive => "write",
        };
        format!("{agent} asks to {wish}: {}", answer(&reply))
    }

    fn leaves(&mut self, second: u64, agent: &'static str) -> String {
        let release = Release {
            agent_id: agent.to_owned(),
            claim_id: self.claims.remove(agent).unwrap_or_default(),
            resource: "docs".to_owned(),
        };
        let (events, _) = self.decides(second, &Command::Release(release));
        let mut told = format!("{agent} is done");
        for event in events {
            if let Event::Promoted { claim, fence, .. } = event {
                let agent_id = claim.agent_id;
                told.push_str(&format!("; {agent_id} is promoted, fence {fence}"));
            }
        }
        told
    }

    /// What mesh decides at a second. None of these commands has a bad argument.
    fn decides(&mut self, second: u64, command: &Command) -> (Vec<Event>, Option<Reply>) {
        match decide(&self.state, second * 1000, command, 0) {
            Ok(decision) => {
                self.state = decision.state;
                (decision.events, Some(decision.reply))
            }
            Err(_) => (Vec::new(), None),
        }
    }
}

fn answer(reply: &ClaimReply) -> String {
    match reply.status {
        ClaimStatus::Granted => format!("granted, fence {}", reply.fence),
        ClaimStatus::Queued => {
            let place = reply.queue_position.unwrap_or_default();
            format!("queued, place {place}")
        }
        ClaimStatus::Denied => "denied".to_owned(),
    }
}
