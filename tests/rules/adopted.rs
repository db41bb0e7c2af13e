//! What no command can make, but an adopted or older folder may hold.

use std::sync::Arc;

use mesh::core::{
    Command, Decision, Inbox, InboxReply, Message, MessageId, Part, Read, Reply, Snapshot,
    SnapshotBuilder, decide,
};

const NOW: u64 = 1_781_438_400_000;

/// A folder in which messages with these bodies are addressed to `to`.
fn holding(to: &str, bodies: &[String]) -> Snapshot {
    let rows = bodies.iter().zip(1..).map(|(body, number)| {
        let id: MessageId = format!("{number:026}").parse().expect("a ULID");
        let message = Message {
            from: "node".into(),
            to: to.into(),
            subject: None,
            body: body.as_str().into(),
            reply_to: None,
            posted_at: NOW,
            expires_at: None,
        };
        (id, Arc::new(message))
    });
    let mut builder = SnapshotBuilder::new(1);
    builder
        .add(Part::Messages(rows.collect()))
        .expect("in order");
    builder.finish()
}

fn run(snapshot: &Snapshot, command: &Command) -> Decision {
    decide(&snapshot.state, NOW, command, 0).expect("accepted")
}

fn inbox(snapshot: &Snapshot, agent_id: &str) -> InboxReply {
    let command = Command::Inbox(Inbox {
        agent_id: agent_id.to_owned(),
        ..Inbox::default()
    });
    match run(snapshot, &command).reply {
        Reply::Inbox(reply) => reply,
        other => panic!("an inbox answers with {other:?}"),
    }
}

/// M3: A reply stops at 1 MiB, but not before one message.
#[test]
fn a_message_beyond_the_size_of_a_reply_is_shown_alone() {
    let huge = "x".repeat(2 << 20);
    let snapshot = holding("b", &["small".to_owned(), huge, "small".to_owned()]);
    let first = inbox(&snapshot, "b");
    assert_eq!((first.messages.len(), first.unread), (1, 2));

    let read = Command::Read(Read {
        agent_id: "b".to_owned(),
        up_to: first.messages[0].message_id.to_string(),
        topics: Vec::new(),
    });
    let snapshot = Snapshot {
        state: run(&snapshot, &read).state,
        ..snapshot
    };
    let second = inbox(&snapshot, "b");
    assert_eq!((second.messages.len(), second.unread), (1, 1));
    assert_eq!(second.messages[0].body.len(), 2 << 20);
}

/// M3: Whatever the sizes are, a reply of more than one message stays within 1 MiB.
#[test]
fn a_reply_of_several_messages_stays_within_a_mebibyte() {
    for size in [900, 1_048, 65_000, 65_428, 349_000, 524_100] {
        let bodies = vec!["\u{e9}".repeat(size / 2); 2_000_000 / size];
        let reply = inbox(&holding("b", &bodies), "b");
        let bytes = serde_json::to_string(&reply)
            .expect("a reply is JSON")
            .len();
        assert!(bytes <= 1 << 20, "{bytes} bytes for bodies of {size}");
        assert!(reply.messages.len() > 1, "bodies of {size} come one by one");
    }
}

/// G8: read accepts any name that exists, though it could not be made any more.
#[test]
fn mail_for_a_name_beyond_the_limits_can_be_read() {
    let name = "x".repeat(300);
    let snapshot = holding(&name, &["hello".to_owned()]);
    let message_id = inbox(&snapshot, &name).messages[0].message_id;
    let read = Command::Read(Read {
        agent_id: name.clone(),
        up_to: message_id.to_string(),
        topics: Vec::new(),
    });
    let decision = run(&snapshot, &read);
    assert_eq!(decision.state.mail().cursor(&name), message_id);
}
