//! `mesh doctor` and `mesh upgrade`, as a person runs them.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tests::{Site, story};

fn run(site: &Site, arguments: &[&str]) -> Output {
    let mut command = site.command("", arguments);
    let output = command.stdin(Stdio::null()).output();
    output.expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn report(site: &Site, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(site, arguments);
    let json = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code(), json)
}

/// A folder in which ann holds a claim and posted five messages, and which nobody tidied.
async fn used() -> Site {
    let site = Site::new().await;
    let client = site.client("ann").await;
    client.claim("file:a", json!({})).await;
    for n in 0..5 {
        client.post("bob", &format!("message {n}"), json!({})).await;
    }
    client.kill();
    site
}

fn flip(site: &Site, text: &str) {
    let journal = site.mesh().join("journal.1");
    let mut bytes = fs::read(&journal).unwrap();
    let mut windows = bytes.windows(text.len());
    let at = windows.position(|window| window == text.as_bytes());
    bytes[at.expect("the journal has it")] ^= 1;
    fs::write(journal, bytes).unwrap();
}

/// Healthy while agents are at work, and nothing is made where there is nothing.
#[test]
fn a_healthy_folder_exits_with_0() {
    story(async {
        let site = Site::bare();
        let output = run(&site, &["doctor"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(said(&output).contains("there is no mesh folder yet"));
        assert!(!site.mesh().exists());

        let client = site.client("ann").await;
        client.claim("file:a", json!({})).await;
        let (code, report) = report(&site, &["doctor", "--json"]);
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["healthy"], true);
        assert_eq!(report["contents"]["claims"], 1);
        let output = run(&site, &["doctor", "--fix"]);
        assert_eq!(output.status.code(), Some(2), "wrong usage");
    });
}

/// G7: what the server's error says, the doctor explains at the same place, and `--repair`
/// saves all but what is damaged; what is lost is named.
#[test]
fn damage_is_explained_and_repaired() {
    story(async {
        let site = used().await;
        flip(&site, "message 2");
        let client = site.client("bob").await;
        let error = client.refused("claims", &json!({"agent_id": "bob"})).await;
        client.leave().await;
        assert!(error.contains("mesh doctor"), "{error}");
        let before = fs::read(site.mesh().join("journal.1")).unwrap();
        let (code, report_before) = report(&site, &["doctor", "--json"]);
        assert_eq!(code, Some(1));
        let finding = &report_before["findings"][0];
        let place = format!(
            "journal.1, line {}, byte {}: {}",
            finding["line"],
            finding["byte"],
            finding["what"].as_str().expect("text")
        );
        assert!(error.starts_with(&place), "{place} / {error}");
        assert_eq!(fs::read(site.mesh().join("journal.1")).unwrap(), before);

        let output = run(&site, &["doctor", "--repair"]);
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
            fs::read(site.mesh().join("journal.1.damaged.1")).unwrap(),
            before
        );
        let client = site.client("bob").await;
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
    story(async {
        type Damage = (&'static str, fn(&Site));
        let damages: [Damage; 5] = [
            ("flipped", |site| flip(site, "message 4")),
            ("removed", |site| {
                fs::remove_file(site.mesh().join("journal.1")).unwrap();
            }),
            ("format", |site| {
                fs::write(site.mesh().join("format"), "{").unwrap();
            }),
            ("emptied", |site| {
                fs::write(site.mesh().join("journal.1"), "").unwrap();
            }),
            ("directory", |site| {
                fs::remove_file(site.mesh().join("watermark")).unwrap();
                fs::create_dir(site.mesh().join("watermark")).unwrap();
            }),
        ];
        for (damage, apply) in damages {
            let site = used().await;
            apply(&site);
            let client = site.client("bob").await;
            let error = client.refused("claims", &json!({"agent_id": "bob"})).await;
            client.leave().await;
            assert!(error.contains("mesh doctor"), "{damage}: {error}");
            let (code, report) = report(&site, &["doctor", "--json"]);
            assert_eq!(code, Some(1), "{damage}: {report}");
            let what = report["findings"][0]["what"].as_str().expect("text");
            assert!(error.contains(what), "{damage}: {what} / {error}");
            let output = run(&site, &["doctor", "--repair"]);
            assert_eq!(output.status.code(), Some(0), "{damage}: {}", said(&output));
            let client = site.client("bob").await;
            client.post("ann", "it works", json!({})).await;
        }
    });
}

#[test]
fn an_upgrade_takes_a_predecessor_over_and_refuses_a_newer_folder() {
    story(async {
        let site = Site::bare();
        let output = run(&site, &["upgrade"]);
        assert!(said(&output).contains("its first use makes it"));
        assert!(!site.mesh().exists());

        fs::create_dir(site.mesh()).unwrap();
        let state = json!({
            "roster": {}, "claims": {}, "messages": {}, "log": [], "cursors": {}, "events": [],
            "fence_floor": {"file:a": 4},
        });
        fs::write(site.mesh().join("state.json"), state.to_string()).unwrap();
        let output = run(&site, &["upgrade"]);
        assert!(
            said(&output).starts_with("mesh: took over state.json"),
            "{output:?}"
        );
        assert!(site.mesh().join("state.node.json").exists());
        let (code, upgrade) = report(&site, &["upgrade", "--json"]);
        assert_eq!((code, &upgrade["status"]), (Some(0), &json!("current")));

        let format = site.mesh().join("format");
        fs::write(&format, r#"{"format":1,"events":0,"lock":"kernel"}"#).unwrap();
        let output = run(&site, &["upgrade"]);
        assert!(
            said(&output).contains("from format 1 with events 0"),
            "{output:?}"
        );
        let newer = r#"{"format":9,"events":1,"lock":"kernel"}"#;
        fs::write(&format, newer).unwrap();
        let output = run(&site, &["upgrade"]);
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("has format 9"), "{complaint}");
        assert_eq!(fs::read_to_string(&format).unwrap(), newer);
    });
}
