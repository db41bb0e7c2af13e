//! The demonstration: a paused holder, and two stores. Claims and fences are granted by the
//! rules of mesh.

use mesh::core::{Claim, Command, Entropy, Millis, Reply, State, decide};

use super::{Store, TooLate, answer};

const LEASE_SECONDS: u64 = 120;
const MINUTE: Millis = 60_000;

pub(super) fn show() {
    println!("A store that asks for no fence:");
    paused_holder(&mut Trusting::default());
    println!("\nA store that compares fences:");
    paused_holder(&mut answer::Counter::default());
}

fn paused_holder(store: &mut impl Store) {
    let mut mesh = State::default();
    let ann = claim(&mut mesh, 0, "ann");
    println!("  ann is paused for ten minutes; her lease ends");
    let bob = claim(&mut mesh, 3 * MINUTE, "bob");
    write(store, "bob", bob, 2);
    println!("  ann goes on where she stood");
    write(store, "ann", ann, 1);
    let number = store.read(u64::MAX).unwrap_or_default();
    println!("  deployed is version {number}");
}

/// Claims, and gives the fence.
fn claim(mesh: &mut State, now: Millis, agent_id: &str) -> u64 {
    let command = Command::Claim(Claim {
        agent_id: agent_id.to_owned(),
        resource: "deploy".to_owned(),
        lease_seconds: Some(LEASE_SECONDS),
        ..Claim::default()
    });
    let Ok(decision) = decide(mesh, now, &command, Entropy::default()) else {
        return 0;
    };
    *mesh = decision.state;
    let Reply::Claim(reply) = decision.reply else {
        return 0;
    };
    println!(
        "  {agent_id} claims for {LEASE_SECONDS} s, and is granted fence {}",
        reply.fence
    );
    reply.fence
}

fn write(store: &mut impl Store, who: &str, fence: u64, version: u64) {
    let end = match store.write(fence, version) {
        Ok(()) => "done".to_owned(),
        Err(TooLate { seen }) => format!("refused, the store has seen fence {seen}"),
    };
    println!("  {who} deploys version {version} under fence {fence}: {end}");
}

/// A store that believes everybody.
#[derive(Debug, Default)]
struct Trusting {
    number: u64,
}

impl Store for Trusting {
    fn read(&mut self, _fence: u64) -> Result<u64, TooLate> {
        Ok(self.number)
    }

    fn write(&mut self, _fence: u64, number: u64) -> Result<(), TooLate> {
        self.number = number;
        Ok(())
    }
}
