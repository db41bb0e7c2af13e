//! `mesh fence`: whether a fence is that of a live holder.

use std::collections::BTreeMap;
use std::fs;

use mesh::Mesh;
use mesh::core::FenceCheck;
use tests::{Sandbox, run};

use super::mesh;
use super::running::until;

/// Claims in the name of an agent.
fn claim(sandbox: &Sandbox, agent: &str, more: &[&str]) {
    mesh(sandbox, &[&["claim", "r", "--agent", agent], more].concat()).well();
}

/// What is said against a fence.
fn refusal(sandbox: &Sandbox, fence: &str) -> String {
    let ran = mesh(sandbox, &["fence", "r", fence]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    ran.err
}

#[test]
fn a_live_holders_fence_is_confirmed_in_silence() {
    let sandbox = Sandbox::bare();
    claim(&sandbox, "ann", &["--shared"]);
    claim(&sandbox, "bob", &["--shared"]);
    for fence in ["1", "2"] {
        let ran = mesh(&sandbox, &["fence", "r", fence]).well();
        assert_eq!(ran.out, "", "sharers have a fence each");
    }
    let json = mesh(&sandbox, &["fence", "r", "2", "--json"]).well().json();
    assert_eq!(
        (&json["live"], &json["holder"]),
        (&true.into(), &"bob".into())
    );
    assert!(json["lease_expires_at"].is_string(), "{json}");
}

#[test]
fn every_other_fence_is_refused_with_the_reason() {
    let sandbox = Sandbox::bare();
    let none = mesh(&sandbox, &["fence", "r", "1"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(
        none.err.starts_with("mesh: there is no mesh folder "),
        "{none:?}"
    );
    assert!(!sandbox.mesh().exists(), "asking makes nothing");

    claim(&sandbox, "ann", &[]);
    let other = |n| format!("mesh: fence {n} of r is not live: ann holds it under fence 1\n");
    for n in ["0", "2"] {
        assert_eq!(refusal(&sandbox, n), other(n));
    }
    mesh(&sandbox, &["release", "r", "--agent", "ann"]).well();
    let free = "mesh: fence 1 of r is not live: nobody holds it\n";
    assert_eq!(refusal(&sandbox, "1"), free);
    let json = mesh(&sandbox, &["fence", "r", "1", "--json"]);
    assert_eq!((json.code, json.err.as_str()), (Some(1), ""));
    assert_eq!(json.json()["live"], false);
    assert_eq!(
        json.json()["reason"],
        "fence 1 of r is not live: nobody holds it"
    );
}

#[test]
fn wrong_usage_is_told_from_a_refusal() {
    let sandbox = Sandbox::bare();
    for line in [
        &["r"][..],
        &["r", "x"],
        &["r", "-1"],
        &["", "1"],
        &["r", "1", "2"],
    ] {
        let ran = mesh(&sandbox, &[&["fence"], line].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

/// A lease that has ended is no fence, though nobody has reaped it; and asking does not.
#[test]
fn a_lapsed_fence_is_refused_and_nothing_is_changed() {
    let sandbox = Sandbox::bare();
    claim(&sandbox, "ann", &["--lease", "1"]);
    let files = || {
        let names = fs::read_dir(sandbox.mesh()).unwrap();
        let paths = names.map(|entry| entry.unwrap().path());
        let files = paths.map(|path| (path.clone(), fs::read(path).unwrap_or_default()));
        files.collect::<BTreeMap<_, _>>()
    };
    let before = files();
    until("the end of the lease", || {
        mesh(&sandbox, &["fence", "r", "1"]).code == Some(1)
    });
    let lapsed = "mesh: fence 1 of r is not live: the lease of ann, who had it, has ended\n";
    assert_eq!(refusal(&sandbox, "1"), lapsed);
    assert_eq!(files(), before);
}

/// G7: who cannot tell does not say yes.
#[test]
fn in_a_damaged_folder_no_fence_is_live() {
    let sandbox = Sandbox::bare();
    claim(&sandbox, "ann", &[]);
    let journal = sandbox.mesh().join("journal.1");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    assert!(refusal(&sandbox, "1").contains("journal.1, line "));
}

#[test]
fn the_library_says_the_same() {
    let sandbox = Sandbox::bare();
    claim(&sandbox, "ann", &[]);
    run(async {
        let folder = Mesh::open(sandbox.mesh());
        let live = folder.check_fence("r", 1).await.unwrap();
        assert!(live.is_live(), "{live:?}");
        let other = folder.check_fence("r", 2).await.unwrap();
        let (agent_id, fence) = ("ann".into(), 1);
        assert_eq!(other, FenceCheck::Other { agent_id, fence });
        assert_eq!(folder.check_fence("q", 1).await, Ok(FenceCheck::Free));
        folder.close().await;
    });
}
