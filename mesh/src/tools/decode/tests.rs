//! G3, rejection by rejection.

use proptest::prelude::*;
use serde_json::json;

use super::super::{TOOLS, find};
use super::*;
use crate::core::{Claim, Claims, Gc, Inbox, Mode, Post, Read, Register, Release, Roster, Wait};

fn decode(tool: &str, arguments: &Value) -> Result<Command, String> {
    let arguments = arguments.as_object().expect("arguments are an object");
    find(tool)
        .expect("a tool")
        .decode(arguments)
        .map_err(|rejection| rejection.to_string())
}

fn refusal(tool: &str, arguments: &Value) -> String {
    decode(tool, arguments).expect_err("a rejection")
}

#[test]
fn a_missing_argument_is_refused() {
    assert_eq!(
        refusal("claim", &json!({"agent_id": "a"})),
        "resource: got nothing; allowed is a string, and it is required"
    );
}

#[test]
fn null_for_a_required_argument_is_refused() {
    assert_eq!(
        refusal("claims", &json!({"agent_id": null})),
        "agent_id: got null; allowed is a string, and it is required"
    );
}

#[test]
fn null_for_an_optional_argument_means_left_out() {
    let bare = decode("claim", &json!({"agent_id": "a", "resource": "r"}));
    let nulls = json!({
        "agent_id": "a", "resource": "r", "mode": null, "lease_seconds": null, "wait": null,
        "note": null,
    });
    assert_eq!(decode("claim", &nulls), bare);
    let nulls = json!({"agent_id": "a", "topics": null, "since": null, "limit": null});
    assert_eq!(
        decode("inbox", &nulls),
        decode("inbox", &json!({"agent_id": "a"}))
    );
    let nulls = json!({"agent_id": "a", "include_stale": null});
    assert_eq!(
        decode("roster", &nulls),
        decode("roster", &json!({"agent_id": "a"}))
    );
}

/// An empty string is a string: core refuses it, with the limits of that field.
#[test]
fn an_empty_string_is_left_to_core() {
    assert_eq!(
        decode("claims", &json!({"agent_id": ""})),
        Ok(Command::Claims(Claims {
            agent_id: String::new(),
            resource: None
        }))
    );
}

#[test]
fn a_wrong_type_is_refused_with_what_came() {
    let agent = |value: Value| refusal("claims", &json!({"agent_id": value}));
    let refused =
        |got: &str| format!("agent_id: got {got}; allowed is a string, and it is required");
    assert_eq!(agent(json!(7)), refused("the number 7"));
    assert_eq!(agent(json!(true)), refused("true"));
    assert_eq!(agent(json!(["a"])), refused("a list"));
    assert_eq!(agent(json!({"a": 1})), refused("an object"));
    assert_eq!(
        refusal("roster", &json!({"agent_id": "a", "include_stale": "yes"})),
        "include_stale: got the string \"yes\"; allowed is true or false"
    );
    assert_eq!(
        refusal(
            "claim",
            &json!({"agent_id": "a", "resource": "r", "mode": 1})
        ),
        "mode: got the number 1; allowed is \"exclusive\" or \"shared\""
    );
}

#[test]
fn a_number_must_be_whole_and_within_its_range() {
    let ttl = |value: Value| {
        let arguments =
            json!({"agent_id": "a", "branch": "b", "prompt_ptr": "p", "ttl_seconds": value});
        match decode("register", &arguments) {
            Ok(Command::Register(register)) => Ok(register.ttl_seconds),
            Ok(other) => panic!("decoded {other:?}"),
            Err(refused) => Err(refused),
        }
    };
    let refused = |got: &str| {
        Err(format!(
            "ttl_seconds: got {got}; allowed is a whole number from 1 to 2592000"
        ))
    };
    for (value, seconds) in [
        (json!(1), 1),
        (json!(60.0), 60),
        (json!(2_592_000), 2_592_000),
    ] {
        assert_eq!(ttl(value), Ok(Some(seconds)));
    }
    assert_eq!(ttl(json!(0)), refused("0"));
    assert_eq!(ttl(json!(-1)), refused("-1"));
    assert_eq!(ttl(json!(-0.0)), refused("-0.0"));
    assert_eq!(ttl(json!(1.5)), refused("1.5"));
    assert_eq!(ttl(json!(2_592_001)), refused("2592001"));
    assert_eq!(ttl(json!(u64::MAX)), refused("18446744073709551615"));
    assert_eq!(ttl(json!(1e300)), refused("1e+300"));
    assert_eq!(ttl(json!("60")), refused("the string \"60\""));
    assert_eq!(ttl(json!(true)), refused("true"));
}

/// G8: leases up to 30 days, message TTLs up to 10 years, inboxes up to 1000.
#[test]
fn each_range_is_its_own() {
    let last = |name: &'static str, arguments: &Value| {
        let refused = refusal(name, arguments);
        refused
            .rsplit_once(' ')
            .map(|(_, max)| max.to_owned())
            .expect("a range")
    };
    let claim = json!({"agent_id": "a", "resource": "r", "lease_seconds": 0});
    let post = json!({"agent_id": "a", "to": "b", "body": "c", "ttl_seconds": 0});
    assert_eq!(last("claim", &claim), "2592000");
    assert_eq!(last("post", &post), "315360000");
    assert_eq!(last("inbox", &json!({"agent_id": "a", "limit": 0})), "1000");
}

#[test]
fn an_unknown_choice_is_refused_and_escaped() {
    assert_eq!(
        refusal(
            "claim",
            &json!({"agent_id": "a", "resource": "r", "wait": "for\u{1b}ever"})
        ),
        "wait: got \"for\\u{1b}ever\"; allowed is \"no_wait\" or \"queue\""
    );
}

#[test]
fn a_list_holds_only_strings() {
    let topics = |value: Value| refusal("inbox", &json!({"agent_id": "a", "topics": value}));
    assert_eq!(
        topics(json!("build")),
        "topics: got the string \"build\"; allowed is a list of strings"
    );
    assert_eq!(
        topics(json!(["build", 7])),
        "topics: got a list whose item 2 is the number 7; allowed is a list of strings"
    );
    assert_eq!(
        topics(json!([null])),
        "topics: got a list whose item 1 is null; allowed is a list of strings"
    );
}

#[test]
fn an_unknown_argument_is_refused_with_the_one_that_was_meant() {
    let claim = |name: &str| {
        let mut arguments = json!({"agent_id": "a", "resource": "r"});
        arguments[name] = json!(1);
        refusal("claim", &arguments)
    };
    let refused = |name: &str, meant: &str| {
        format!(
            "{name}: got an argument that claim does not have; allowed is one of agent_id, \
             resource, mode, lease_seconds, wait, wait_seconds, note{meant}"
        )
    };
    for (name, meant) in [
        ("leese_seconds", "lease_seconds"),
        ("lease", "lease_seconds"),
        ("resources", "resource"),
        ("Agent-Id", "agent_id"),
        ("agent", "agent_id"),
    ] {
        assert_eq!(
            claim(name),
            refused(name, &format!(" (did you mean {meant}?)"))
        );
    }
    assert_eq!(claim("priority"), refused("priority", ""));
    assert_eq!(claim("a\u{202e}b"), refused("a\\u{202e}b", ""));
    assert_eq!(
        refusal("gc", &json!({"force": true})),
        "force: got an argument that gc does not have; allowed is only agent_id"
    );
}

/// A long unknown name is neither compared letter by letter nor shown in full.
#[test]
fn a_long_unknown_argument_is_cut_short() {
    let arguments = Value::Object([("x".repeat(100_000), json!(1))].into_iter().collect());
    assert_eq!(
        refusal("gc", &arguments),
        format!(
            "{}… (100000 bytes): got an argument that gc does not have; allowed is only agent_id",
            "x".repeat(80)
        )
    );
}

#[test]
fn every_tool_decodes_its_least_arguments() {
    let a = || "a".to_owned();
    let register = Register {
        agent_id: a(),
        branch: a(),
        prompt_ptr: a(),
        ..Register::default()
    };
    let release = Release {
        agent_id: a(),
        claim_id: a(),
        resource: a(),
    };
    let expected = [
        Command::Register(register),
        Command::Roster(Roster {
            agent_id: a(),
            include_stale: false,
        }),
        Command::Claim(Claim {
            agent_id: a(),
            resource: a(),
            ..Claim::default()
        }),
        Command::Release(release),
        Command::Claims(Claims {
            agent_id: a(),
            resource: None,
        }),
        Command::Post(Post {
            agent_id: a(),
            to: a(),
            body: a(),
            ..Post::default()
        }),
        Command::Inbox(Inbox {
            agent_id: a(),
            ..Inbox::default()
        }),
        Command::Read(Read {
            agent_id: a(),
            up_to: a(),
            topics: vec![],
        }),
        Command::Gc(Gc { agent_id: None }),
    ];
    for (tool, command) in TOOLS.iter().zip(expected) {
        let required = tool
            .parameters
            .iter()
            .filter(|parameter| parameter.required);
        let arguments = required.map(|parameter| (parameter.name.to_owned(), json!("a")));
        assert_eq!(
            tool.decode(&arguments.collect()),
            Ok(command),
            "{}",
            tool.name
        );
    }
}

#[test]
fn every_tool_decodes_all_its_arguments() {
    let s = |text: &str| text.to_owned();
    let cases = [
        (
            "register",
            json!({"agent_id": "a", "branch": "b", "prompt_ptr": "p", "role": "r",
                "ttl_seconds": 9}),
            Command::Register(Register {
                agent_id: s("a"),
                branch: s("b"),
                prompt_ptr: s("p"),
                role: Some(s("r")),
                ttl_seconds: Some(9),
                session: None,
            }),
        ),
        (
            "roster",
            json!({"agent_id": "a", "include_stale": true}),
            Command::Roster(Roster {
                agent_id: s("a"),
                include_stale: true,
            }),
        ),
        (
            "claim",
            json!({"agent_id": "a", "resource": "r", "mode": "shared", "lease_seconds": 9,
                "wait": "queue", "wait_seconds": 50, "note": "n"}),
            Command::Claim(Claim {
                agent_id: s("a"),
                resource: s("r"),
                mode: Some(Mode::Shared),
                lease_seconds: Some(9),
                wait: Some(Wait::Queue),
                wait_seconds: Some(50),
                note: Some(s("n")),
            }),
        ),
        (
            "claims",
            json!({"agent_id": "a", "resource": "r"}),
            Command::Claims(Claims {
                agent_id: s("a"),
                resource: Some(s("r")),
            }),
        ),
        (
            "post",
            json!({"agent_id": "a", "to": "b", "body": "c", "subject": "s", "reply_to": "m",
                "ttl_seconds": 9, "key": "k"}),
            Command::Post(Post {
                agent_id: s("a"),
                to: s("b"),
                body: s("c"),
                subject: Some(s("s")),
                reply_to: Some(s("m")),
                ttl_seconds: Some(9),
                key: Some(s("k")),
            }),
        ),
        (
            "inbox",
            json!({"agent_id": "a", "topics": ["x", "topic:y"], "since": "m", "limit": 9,
                "wait_seconds": 50}),
            Command::Inbox(Inbox {
                agent_id: s("a"),
                topics: vec![s("x"), s("topic:y")],
                since: Some(s("m")),
                limit: Some(9),
                wait_seconds: Some(50),
            }),
        ),
        (
            "read",
            json!({"agent_id": "a", "up_to": "m", "topics": ["x"]}),
            Command::Read(Read {
                agent_id: s("a"),
                up_to: s("m"),
                topics: vec![s("x")],
            }),
        ),
        (
            "gc",
            json!({"agent_id": "a"}),
            Command::Gc(Gc {
                agent_id: Some(s("a")),
            }),
        ),
    ];
    for (tool, arguments, command) in cases {
        assert_eq!(decode(tool, &arguments), Ok(command), "{tool}");
    }
}

/// A row that is no field of its command, or one of another type, would be a panic in the
/// middle of a call.
#[test]
fn every_row_is_a_field_of_its_command() {
    for tool in &TOOLS {
        let first = |p: &Parameter| (p.name.to_owned(), values(p.kind).swap_remove(0));
        let all: Map<String, Value> = tool.parameters.iter().map(first).collect();
        for parameter in tool.parameters {
            let commands = values(parameter.kind).into_iter().map(|value| {
                let mut arguments = all.clone();
                arguments.insert(parameter.name.to_owned(), value);
                let command = tool.decode(&arguments);
                format!("{:?}", command.expect("all is allowed"))
            });
            let commands: Vec<String> = commands.collect();
            let differ = (1..commands.len()).all(|at| !commands[..at].contains(&commands[at]));
            assert!(differ, "{}: {}: {commands:?}", tool.name, parameter.name);
        }
    }
}

/// Several values that an argument may have.
fn values(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Text => vec![json!("a"), json!("b")],
        Kind::Integer { min, max } => vec![json!(min), json!(max)],
        Kind::Flag => vec![json!(true), json!(false)],
        Kind::Choice(choices) => choices.iter().map(|choice| json!(choice)).collect(),
        Kind::Texts => vec![json!(["a"]), json!(["a", "b"])],
    }
}

/// An explicit default means what leaving the argument out means.
#[test]
fn the_schema_s_defaults_are_what_is_meant() {
    let exclusive = json!({"agent_id": "a", "resource": "r", "mode": "exclusive"});
    let Ok(Command::Claim(claim)) = decode("claim", &exclusive) else {
        panic!("a claim")
    };
    assert_eq!(claim.mode, Some(Mode::Exclusive));
    let living = json!({"agent_id": "a", "include_stale": false});
    assert_eq!(
        decode("roster", &living),
        decode("roster", &json!({"agent_id": "a"}))
    );
}

/// JSON as clients send it, and as they do not.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..100u64).prop_map(Value::from),
        ".*".prop_map(Value::from),
        prop::sample::select(vec!["shared", "queue", "no_wait"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let names = TOOLS
        .iter()
        .flat_map(|tool| tool.parameters)
        .map(|parameter| parameter.name);
    let known = prop::sample::select(names.collect::<Vec<_>>()).prop_map(str::to_owned);
    prop_oneof![9 => known, 1 => ".*"]
}

proptest! {
    /// G3: whatever comes is a command, or a rejection that names one of its arguments
    /// in printable characters.
    #[test]
    fn anything_is_decoded_or_refused_by_name(
        tool in prop::sample::select((0..TOOLS.len()).collect::<Vec<_>>()),
        arguments in prop::collection::btree_map(any_name(), any_json(), 0..6),
    ) {
        let tool = &TOOLS[tool];
        let given: Vec<String> = arguments.keys().map(|name| escape(name)).collect();
        if let Err(rejection) = tool.decode(&arguments.into_iter().collect()) {
            let known = tool.parameters.iter().any(|parameter| parameter.name == rejection.field);
            prop_assert!(known || given.contains(&rejection.field), "{rejection}");
            prop_assert!(!rejection.to_string().contains(char::is_control), "{rejection:?}");
        }
    }
}
