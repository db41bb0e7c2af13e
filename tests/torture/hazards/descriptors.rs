//! No file descriptors left: for processes that run, and for those that start.

use serde_json::json;

use super::Stage;
use crate::crew::Crew;
use crate::inspect::Ground;
use crate::server::{Answer, Server};

const SCENE: &str = "no descriptors";
/// From fewer than a process needs to begin with up to enough.
const FEW: std::ops::RangeInclusive<u64> = 3..=24;
/// How many numbers of descriptors are tried in one run.
const TRIED: usize = 4;

pub(crate) async fn run(stage: &mut Stage<'_>) {
    let ground = stage.ground().await;
    let mut crew = Crew::start(SCENE, &ground, stage.report).await;
    running(&mut crew).await;
    for _ in 0..TRIED {
        let few = FEW.start() + stage.random.below(FEW.end() - FEW.start() + 1);
        starting(&ground, &mut crew, few).await;
    }
    crew.inspect(&ground).await;
}

/// Nothing more can be opened; what is open serves on, or says what is wrong.
#[cfg(target_os = "linux")]
async fn running(crew: &mut Crew<'_>) {
    use rustix::process::Resource;

    use super::limit::Limit;

    let limits = crew.servers.iter();
    let limits: Result<Vec<Limit>, String> = limits
        .map(|server| Limit::lower(server, Resource::Nofile, 3))
        .collect();
    let limits = match limits {
        Ok(limits) => limits,
        Err(why) => return crew.report.skip(format!("a limit on descriptors ({why})")),
    };
    for server in 0..crew.servers.len() {
        for _ in 0..10 {
            let answer = crew.post(server, 20_000).await;
            is_served_or_told(crew, &answer);
        }
        let waits = [
            ("inbox", json!({"wait_seconds": 1})),
            (
                "claim",
                json!({"resource": "r0", "wait_seconds": 1, "lease_seconds": 1}),
            ),
        ];
        for (tool, arguments) in waits {
            let answer = crew.call(server, tool, arguments).await;
            is_served_or_told(crew, &answer);
        }
    }
    for limit in limits {
        if let Err(why) = limit.lift() {
            crew.report.finding(SCENE, why);
        }
    }
    crew.all_work("once there are descriptors").await;
}

#[cfg(not(target_os = "linux"))]
async fn running(crew: &mut Crew<'_>) {
    crew.report
        .skip("a limit on descriptors (this system sets none from outside)");
}

/// A process that starts with few serves, answers with an error, or ends and says why.
async fn starting(ground: &Ground, crew: &mut Crew<'_>, few: u64) {
    match Server::start(ground.limited(&format!("ulimit -n {few}"))).await {
        Err(said) => crew.report.expect(SCENE, !said.contains("panicked"), || {
            format!("with {few} descriptors: {said}")
        }),
        Ok(server) => {
            // Its posts are noted as any other's.
            crew.servers.push(server);
            let newcomer = crew.servers.len() - 1;
            let answer = crew.post(newcomer, 10).await;
            is_served_or_told(crew, &answer);
            if let Some(server) = crew.servers.pop()
                && let Err(wrong) = server.leave().await
            {
                crew.report.finding(SCENE, wrong);
            }
        }
    }
}

fn is_served_or_told(crew: &Crew<'_>, answer: &Answer) {
    let fine = match answer {
        Answer::Reply(_) => true,
        Answer::Error(said) => said.contains("ulimit -n"),
        Answer::Gone | Answer::Silent => false,
    };
    crew.report.expect(SCENE, fine, || format!("{answer:?}"));
}
