//! The demonstration: the rules of mesh, and clocks that do not agree.

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, Decision, Entropy, Event, Millis, Reply, State,
    Timestamp, decide,
};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const CENTURY: Millis = 36_525 * 24 * 60 * MINUTE;
/// Noon of a day, by the clock that is right.
const NOON: Millis = 1_781_438_400 * SECOND;
const LEASE_SECONDS: u64 = 120;

pub(super) fn show() {
    println!("Clocks agree. Ann dies with the claim, and Bob waits no longer than her lease:");
    let mut log = Log::default();
    log.claim("ann", NOON);
    log.claim("bob", NOON + MINUTE);
    log.claim("bob", NOON + 2 * MINUTE);

    println!("\nBob's clock is three minutes fast. It is 12:00:30, and Ann is at work:");
    let mut log = Log::default();
    log.claim("ann", NOON);
    log.claim("bob", NOON + 30 * SECOND + 3 * MINUTE);
    println!("            ann believes in her claim for another 90 s, and so does her clock");

    println!("\nCarl's clock is a century ahead. He claims, and dies:");
    let mut log = Log::default();
    log.claim("carl", NOON + CENTURY);
    log.claim("ann", NOON + MINUTE);
    log.claim("ann", NOON + 3 * MINUTE);
}

/// What all of them read and write: the state, as the log has it.
#[derive(Default)]
struct Log {
    state: State,
}

impl Log {
    /// An agent claims, at this time by its own clock.
    fn claim(&mut self, agent_id: &str, now: Millis) {
        let command = Command::Claim(Claim {
            agent_id: agent_id.to_owned(),
            resource: "price.sh".to_owned(),
            lease_seconds: Some(LEASE_SECONDS),
            ..Claim::default()
        });
        let decided = decide(&self.state, now, &command, Entropy::default());
        let Ok(Decision {
            events,
            reply: Reply::Claim(reply),
            state,
        }) = decided
        else {
            return;
        };
        for event in &events {
            if let Event::LeaseCut { expires_at, .. } = event {
                println!("  {}  a deadline is cut to {}", by(now), by(*expires_at));
            }
        }
        println!(
            "  {}  {agent_id} claims for {LEASE_SECONDS} s: {}",
            by(now),
            told(&reply)
        );
        self.state = state;
    }
}

fn told(reply: &ClaimReply) -> String {
    match (reply.status, &reply.lease_expires_at, &reply.holder) {
        (ClaimStatus::Granted, Some(Timestamp(until)), _) => {
            format!("granted, fence {}, until {}", reply.fence, by(*until))
        }
        (status, _, Some(holder)) => format!("{status:?}, {holder} holds it").to_lowercase(),
        (status, ..) => format!("{status:?}").to_lowercase(),
    }
}

/// A time of day; and the year, where it is another one.
fn by(now: Millis) -> String {
    let text = Timestamp(now).to_string();
    let (date, time) = text.split_once('T').unwrap_or_default();
    let time = time.trim_end_matches('Z');
    match date.split_once('-') {
        Some((year, _)) if now >= NOON + CENTURY / 2 => format!("{time} in {year}"),
        _ => time.to_owned(),
    }
}
