//! The table.

use strum::VariantNames;

use crate::core::{
    ClaimStatus, Command, DEFAULT_INBOX_LIMIT, DEFAULT_LEASE_SECONDS, DEFAULT_TTL_SECONDS,
    LapseReason, Liveness, MAX_INBOX_LIMIT, MAX_LEASE_SECONDS, MAX_MESSAGE_TTL_SECONDS,
    MAX_WAIT_SECONDS, Mode, ReleaseStatus, Wait,
};

use super::tool::{Access, Field, Kind, Literal, Parameter, Shape, Tool};

/// Every tool, in the order in which an agent meets them.
pub static TOOLS: [Tool; 9] = [
    REGISTER, ROSTER, CLAIM, RELEASE, CLAIMS, POST, INBOX, READ, GC,
];

/// The tool of that name.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

const LEASE: Kind = Kind::Integer {
    min: 1,
    max: MAX_LEASE_SECONDS,
};
const MESSAGE_TTL: Kind = Kind::Integer {
    min: 1,
    max: MAX_MESSAGE_TTL_SECONDS,
};
const WAIT: Kind = Kind::Integer {
    min: 0,
    max: MAX_WAIT_SECONDS,
};
const LIMIT: Kind = Kind::Integer {
    min: 1,
    max: MAX_INBOX_LIMIT,
};

const CALLER: Parameter = required("agent_id", "your stable name");
const TOPICS: Parameter = Parameter {
    default: Some(Literal::NoTexts),
    ..optional("topics", Kind::Texts, "topics you follow")
};

const REGISTER: Tool = Tool {
    name: "register",
    title: "Announce yourself",
    description: "Call this first: it makes you visible to the other agents. Calling again is a \
        heartbeat, and so is every claim, release, post and read. Silent past ttl_seconds \
        you are stale, 30 s later dead, and what you hold goes to others. A higher epoch \
        than before: you were dead in between, claim again what you need.",
    access: Access::Repeatable,
    parameters: &[
        CALLER,
        required("branch", "git branch you work on"),
        required(
            "prompt_ptr",
            "where your task is described: file, issue, URL",
        ),
        optional(
            "role",
            Kind::Text,
            "what you do, e.g. reviewer; left out clears it",
        ),
        Parameter {
            default: Some(Literal::Integer(DEFAULT_TTL_SECONDS)),
            ..optional("ttl_seconds", LEASE, "how long you may be silent")
        },
    ],
    reply: &[
        text("agent_id"),
        text("registered_at"),
        text("expires_at"),
        integer("epoch"),
        text("now"),
    ],
    build: |arguments| Command::Register(arguments.read()),
};

const ROSTER: Tool = Tool {
    name: "roster",
    title: "See who is here",
    description: "Lists the agents of this repository: branch, task, liveness and what each holds. \
        Look here before you start, and to find out whom to ask.",
    access: Access::Reads,
    parameters: &[
        CALLER,
        Parameter {
            default: Some(Literal::Flag(false)),
            ..optional("include_stale", Kind::Flag, "list dead agents too")
        },
    ],
    reply: &[records("agents", AGENT), text("now")],
    build: |arguments| Command::Roster(arguments.read()),
};

const AGENT: &[Field] = &[
    text("agent_id"),
    text("branch"),
    text("prompt_ptr"),
    maybe(text("role")),
    choice("liveness", Liveness::VARIANTS),
    text("last_seen"),
    text("expires_at"),
    integer("epoch"),
    texts("held_claims"),
];

const CLAIM: Tool = Tool {
    name: "claim",
    title: "Lock a resource",
    description: "Claim what you are going to change, under a name that every agent would choose, \
        e.g. file:src/auth.rs. granted: yours until lease_expires_at; claim again before \
        then to renew (same claim_id, same fence). queued: you are in line; claim again, \
        best with wait_seconds, until it is granted. denied: somebody holds it; deadlock: \
        they wait for you: release first. lost: your lease had lapsed. Each grant raises \
        the fence: claim again before what cannot be undone, and if your fence changed, \
        look again first.",
    access: Access::Repeatable,
    parameters: &[
        CALLER,
        required("resource", "what to lock"),
        optional(
            "mode",
            Kind::Choice(Mode::VARIANTS),
            "new claims: exclusive unless given",
        ),
        optional("lease_seconds", LEASE, LEASE_DESCRIPTION),
        optional(
            "wait",
            Kind::Choice(Wait::VARIANTS),
            "queue: wait in line; no_wait unless given",
        ),
        optional(
            "wait_seconds",
            WAIT,
            "hold the answer until granted, so long at most",
        ),
        optional("note", Kind::Text, "what for; others see it"),
    ],
    reply: &[
        choice("status", ClaimStatus::VARIANTS),
        text("resource"),
        text("claim_id"),
        integer("fence"),
        maybe(text("holder")),
        maybe(text("lease_expires_at")),
        maybe(integer("queue_position")),
        maybe(records("deadlock", DEADLOCK)),
        maybe(record("lost", LOSS)),
        text("now"),
    ],
    build: |arguments| Command::Claim(arguments.read()),
};

const DEADLOCK: &[Field] = &[text("agent_id"), text("holds"), text("waits_for")];

const LOSS: &[Field] = &[
    text("claim_id"),
    integer("fence"),
    text("at"),
    choice("reason", LapseReason::VARIANTS),
];

// The default lease is not a schema default: a renewal keeps the lease it had.
const LEASE_DESCRIPTION: &str = "new claims: 120 unless given; renewals: as before";
const _: () = assert!(
    DEFAULT_LEASE_SECONDS == 120,
    "LEASE_DESCRIPTION names the default"
);

const RELEASE: Tool = Tool {
    name: "release",
    title: "Unlock a resource",
    description: "Gives back a claim, or leaves the queue; the next in line is granted at once. Do \
        it as soon as you are done. not_holder: the claim is another's. unknown: there is \
        no such claim; if you thought that you held it, your lease had lapsed.",
    access: Access::Repeatable,
    parameters: &[
        CALLER,
        required("claim_id", "from the reply of claim"),
        required("resource", "what you claimed"),
    ],
    reply: &[
        choice("status", ReleaseStatus::VARIANTS),
        maybe(integer("fence")),
        maybe(text("next_holder")),
    ],
    build: |arguments| Command::Release(arguments.read()),
};

const CLAIMS: Tool = Tool {
    name: "claims",
    title: "See what is locked",
    description: "Shows who holds what, until when and what for, and who waits. Look before you \
        claim.",
    access: Access::Reads,
    parameters: &[CALLER, optional("resource", Kind::Text, "only this one")],
    reply: &[records("claims", HELD), text("now")],
    build: |arguments| Command::Claims(arguments.read()),
};

const HELD: &[Field] = &[
    text("resource"),
    choice("mode", Mode::VARIANTS),
    texts("holder"),
    text("claim_id"),
    integer("fence"),
    text("lease_expires_at"),
    maybe(text("note")),
    records("holders", HOLDER),
    records("queue", TICKET),
];

const HOLDER: &[Field] = &[
    text("agent_id"),
    text("claim_id"),
    integer("fence"),
    text("lease_expires_at"),
    maybe(text("note")),
];

const TICKET: &[Field] = &[
    text("agent_id"),
    text("claim_id"),
    choice("mode", Mode::VARIANTS),
    integer("position"),
];

const POST: Tool = Tool {
    name: "post",
    title: "Send a message",
    description: "Sends a durable message to one agent (which need not be here yet), to all, or to a \
        topic. Say what you finished, found broken, or need.",
    access: Access::Adds,
    parameters: &[
        CALLER,
        required("to", "an agent_id, * for all, or topic:<name>"),
        required("body", "the text"),
        optional("subject", Kind::Text, "what it is about"),
        optional("reply_to", Kind::Text, "message_id that you answer"),
        optional(
            "ttl_seconds",
            MESSAGE_TTL,
            "drop it after this long; else it stays",
        ),
        optional(
            "key",
            Kind::Text,
            "your own id for it: a retry is not sent twice",
        ),
    ],
    reply: &[text("message_id"), text("posted_at"), integer("fanout")],
    build: |arguments| Command::Post(arguments.read()),
};

const INBOX: Tool = Tool {
    name: "inbox",
    title: "Look for messages",
    description: "Shows your unread messages, oldest first. It changes nothing: they show again \
        until you acknowledge them with read. unread: how many more there are.",
    access: Access::Reads,
    parameters: &[
        CALLER,
        TOPICS,
        optional(
            "since",
            Kind::Text,
            "look above this message_id, not your cursor",
        ),
        Parameter {
            default: Some(Literal::Integer(DEFAULT_INBOX_LIMIT)),
            ..optional("limit", LIMIT, "messages at most")
        },
        optional("wait_seconds", WAIT, "hold the answer until there is one"),
    ],
    reply: &[
        records("messages", MESSAGE),
        text("cursor"),
        integer("unread"),
    ],
    build: |arguments| Command::Inbox(arguments.read()),
};

const MESSAGE: &[Field] = &[
    text("message_id"),
    text("from"),
    text("to"),
    maybe(text("subject")),
    text("body"),
    maybe(text("reply_to")),
    text("posted_at"),
];

const READ: Tool = Tool {
    name: "read",
    title: "Acknowledge messages",
    description: "Marks everything up to one message as read, for good: mail, broadcasts and all \
        topics, so name the same topics here and in inbox. Call it once you have acted on \
        what you saw.",
    access: Access::Repeatable,
    parameters: &[
        CALLER,
        required("up_to", "message_id of the last one you dealt with"),
        TOPICS,
    ],
    reply: &[text("cursor"), integer("remaining")],
    build: |arguments| Command::Read(arguments.read()),
};

const GC: Tool = Tool {
    name: "gc",
    title: "Tidy up",
    description: "Drops expired messages and sweeps lapsed claims. Seldom needed: both happen by \
        themselves. reclaimed: messages dropped.",
    access: Access::Deletes,
    parameters: &[optional("agent_id", Kind::Text, "your name")],
    reply: &[integer("reclaimed")],
    build: |arguments| Command::Gc(arguments.read()),
};

const fn required(name: &'static str, description: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        required: true,
        default: None,
        description,
    }
}

const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        default: None,
        description,
    }
}

const fn text(name: &'static str) -> Field {
    field(name, Shape::Text)
}

const fn integer(name: &'static str) -> Field {
    field(name, Shape::Integer)
}

const fn choice(name: &'static str, choices: &'static [&'static str]) -> Field {
    field(name, Shape::Choice(choices))
}

const fn texts(name: &'static str) -> Field {
    field(name, Shape::Texts)
}

const fn record(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Shape::Record(fields))
}

const fn records(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Shape::Records(fields))
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        optional: false,
    }
}

const fn maybe(field: Field) -> Field {
    Field {
        optional: true,
        ..field
    }
}
