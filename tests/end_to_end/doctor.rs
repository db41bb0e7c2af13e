//! `mesh doctor` and `mesh upgrade`, as a person runs them.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tests::{Sandbox, run};

fn output_of(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let mut command = sandbox.command("", arguments);
    let output = command.stdin(Stdio::null()).output();
    output.expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn report(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = output_of(sandbox, arguments);
    let json = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code(), json)
}

/// A folder in which ann holds a claim and posted five messages, and which nobody tidied.
async fn used() -> Sandbox {
    let sandbox = Sandbox::new().await;
    let client = sandbox.client("ann").await;
    client.claim("file:a", json!({})).await;
    for n in 0..5 {
        client.post("bob", &format!("message {n}"), json!({})).await;
    }
    client.kill();
    sandbox
}

fn flip(sandbox: &Sandbox, text: &str) {
    let journal = sandbox.mesh().join("journal.1");
    let mut bytes = fs::read(&journal).unwrap();
    let mut windows = bytes.windows(text.len());
    let at = windows.position(|window| window == text.as_bytes());
    bytes[at.expect("the journal has it")] ^= 1;
    fs::write(journal, bytes).unwrap();
}

/// Healthy while agents are at work, and nothing is made where there is nothing.
#[test]
fn a_healthy_folder_exits_with_0() {
    run(async {
        let sandbox = Sandbox::bare();
        let output = output_of(&sandbox, &["doctor"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(said(&output).contains("there is no mesh folder yet"));
        assert!(!sandbox.mesh().exists());

        let client = sandbox.client("ann").await;
        client.claim("file:a", json!({})).await;
        let (code, report) = report(&sandbox, &["doctor", "--json"]);
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["healthy"], true);
        assert_eq!(report["contents"]["claims"], 1);
        let output = output_of(&sandbox, &["doctor", "--fix"]);
        assert_eq!(output.status.code(), Some(2), "wrong usage");
    });
}

/// G7: what the server's error says, the doctor explains at the same place, and `--repair`
/// saves all but what is damaged; what is lost is named.
#[test]
fn damage_is_explained_and_repaired() {
    run(async {
        let sandbox = used().await;
        flip(&sandbox, "message 2");
        let client = sandbox.client("bob").await;
        let error = client.refused("claims", &json!({"agent_id": "bob"})).await;
        client.leave().await;
        assert!(error.contains("mesh doctor"), "{error}");
        let before = fs::read(sandbox.mesh().join("journal.1")).unwrap();
        let (code, report_before) = report(&sandbox, &["doctor", "--json"]);
        assert_eq!(code, Some(1));
        let finding = &report_before["findings"][0];
        let place = format!(
            "journal.1, line {}, byte {}: {}",
            finding["line"],
            finding["byte"],
            finding["what"].as_str().expect("text")
        );
        assert!(error.starts_with(&place), "{place} / {error}");
        assert_eq!(fs::read(sandbox.mesh().join("journal.1")).unwrap(), before);

        let output = output_of(&sandbox, &["doctor", "--repair"]);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(
            !told.contains('\u{1b}'),
            "colours are for terminals: {told}"
        );
        for word in [
            "lost: entry 4",
            "on \"file:a\", fence 1",
            "kept: journal.1.damaged.1",
            "healthy",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert_eq!(
            fs::read(sandbox.mesh().join("journal.1.damaged.1")).unwrap(),
            before
        );
        let client = sandbox.client("bob").await;
        let inbox = client.whole_inbox(&[]).await;
        let bodies: Vec<_> = inbox.iter().map(|m| m["body"].as_str().unwrap()).collect();
        assert_eq!(bodies, ["message 0", "message 1", "message 3", "message 4"]);
        let claim = client.claim("file:a", json!({})).await;
        assert!(
            claim["fence"].as_u64().unwrap() > 1,
            "no fence is given twice: {claim}"
        );
    });
}

/// Every situation in which an error tells to run the doctor is one that it explains.
#[test]
fn every_error_that_names_the_doctor_is_explained_by_it() {
    run(async {
        type Damage = (&'static str, fn(&Sandbox));
        let damages: [Damage; 5] = [
            ("flipped", |sandbox| flip(sandbox, "message 4")),
            ("removed", |sandbox| {
                fs::remove_file(sandbox.mesh().join("journal.1")).unwrap();
            }),
            ("format", |sandbox| {
                fs::write(sandbox.mesh().join("format"), "{").unwrap();
            }),
            ("emptied", |sandbox| {
                fs::write(sandbox.mesh().join("journal.1"), "").unwrap();
            }),
            ("directory", |sandbox| {
                fs::remove_file(sandbox.mesh().join("watermark")).unwrap();
                fs::create_dir(sandbox.mesh().join("watermark")).unwrap();
            }),
        ];
        for (damage, apply) in damages {
            let sandbox = used().await;
            apply(&sandbox);
            let client = sandbox.client("bob").await;
            let error = client.refused("claims", &json!({"agent_id": "bob"})).await;
            client.leave().await;
            assert!(error.contains("mesh doctor"), "{damage}: {error}");
            let (code, report) = report(&sandbox, &["doctor", "--json"]);
            assert_eq!(code, Some(1), "{damage}: {report}");
            let what = report["findings"][0]["what"].as_str().expect("text");
            assert!(error.contains(what), "{damage}: {what} / {error}");
            let output = output_of(&sandbox, &["doctor", "--repair"]);
            assert_eq!(output.status.code(), Some(0), "{damage}: {}", said(&output));
            let client = sandbox.client("bob").await;
            client.post("ann", "it works", json!({})).await;
        }
    });
}

#[test]
fn an_upgrade_takes_a_predecessor_over_and_refuses_a_newer_folder() {
    run(async {
        let sandbox = Sandbox::bare();
        let output = output_of(&sandbox, &["upgrade"]);
        assert!(said(&output).contains("its first use makes it"));
        assert!(!sandbox.mesh().exists());

        fs::create_dir(sandbox.mesh()).unwrap();
        let state = json!({
            "roster": {}, "claims": {}, "messages": {}, "log": [], "cursors": {}, "events": [],
            "fence_floor": {"file:a": 4},
        });
        fs::write(sandbox.mesh().join("state.json"), state.to_string()).unwrap();
        let output = output_of(&sandbox, &["upgrade"]);
        assert!(
            said(&output).starts_with("mesh: took over state.json"),
            "{output:?}"
        );
        assert!(sandbox.mesh().join("state.node.json").exists());
        let (code, upgrade) = report(&sandbox, &["upgrade", "--json"]);
        assert_eq!((code, &upgrade["status"]), (Some(0), &json!("current")));

        let format = sandbox.mesh().join("format");
        fs::write(&format, r#"{"format":1,"events":0,"lock":"kernel"}"#).unwrap();
        let output = output_of(&sandbox, &["upgrade"]);
        assert!(
            said(&output).contains("from format 1 with events 0"),
            "{output:?}"
        );
        let newer = r#"{"format":9,"events":1,"lock":"kernel"}"#;
        fs::write(&format, newer).unwrap();
        let output = output_of(&sandbox, &["upgrade"]);
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("has format 9"), "{complaint}");
        assert_eq!(fs::read_to_string(&format).unwrap(), newer);
    });
}
