//! The demonstration: two clocks, a cursor, and a message, by the rules of mesh; once with
//! a sender that does not know what was posted before.

use mesh::core::{Command, MessageId, Post, Read, Reply, State, decide};

/// Seven in the morning of a day in June, in milliseconds.
const MORNING: u64 = 1_781_420_400_000;

pub(super) fn show() {
    println!("Ids from the sender's clock:");
    scene(|_, clock| first_id(clock));
    println!("\nIds from the log:");
    scene(|state, clock| posted(state, clock, "bob").map(|(id, _)| id));
}

/// Ann posts, cem reads, and then bob posts, whose clock is behind. `draw` makes bob's id.
fn scene(draw: impl Fn(&State, u64) -> Option<MessageId>) {
    let ann = posted(&State::default(), MORNING + 5_000, "ann");
    let Some((id, state)) = ann else { return };
    println!("  ann's clock shows 07:00:05   ann posts {id}");
    let Some(state) = read(&state, id) else {
        return;
    };
    println!("                               cem reads up to {id}");
    let Some(late) = draw(&state, MORNING + 3_000) else {
        return;
    };
    println!("  bob's clock shows 07:00:03   bob posts {late}");
    let seen = if late > id {
        late.to_string()
    } else {
        "nothing".to_owned()
    };
    println!("                               cem asks for what is above {id}: {seen}");
}

/// The id that a sender draws who knows of no message.
fn first_id(clock: u64) -> Option<MessageId> {
    posted(&State::default(), clock, "bob").map(|(id, _)| id)
}

fn posted(state: &State, clock: u64, from: &str) -> Option<(MessageId, State)> {
    let post = Post {
        agent_id: from.to_owned(),
        to: "cem".to_owned(),
        body: "the schema changed".to_owned(),
        ..Post::default()
    };
    // Stands for chance.
    let name: u128 = from.bytes().map(u128::from).sum();
    let entropy = name * 0x1d_5f19_c477_e208_b6d1;
    let decision = decide(state, clock, &Command::Post(post), entropy).ok()?;
    match decision.reply {
        Reply::Post(reply) => Some((reply.message_id, decision.state)),
        _ => None,
    }
}

fn read(state: &State, up_to: MessageId) -> Option<State> {
    let read = Read {
        agent_id: "cem".to_owned(),
        up_to: up_to.to_string(),
        topics: Vec::new(),
    };
    let decision = decide(state, MORNING, &Command::Read(read), 0).ok()?;
    Some(decision.state)
}
