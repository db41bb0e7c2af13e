//! The protocol of what came before: one JSON file, read and written whole.
//!
//! Under a lock directory, every operation reads `state.json`, changes it, writes all of
//! it to a temporary file and renames that over it. What the predecessor did not do, and
//! what is measured beside it, is to sync.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Result;
use crate::fill::{Fill, Filled};
use crate::folder::{BODY_BYTES, Folder};
use crate::plan::Plan;
use crate::report::{Group, Row};
use crate::stats::{Goal, Latencies, Sample, Unit};

/// How many messages are stored.
const MESSAGES: usize = 10_000;

/// A folder of the predecessor's kind.
struct Whole {
    folder: PathBuf,
    synced: bool,
}

impl Whole {
    fn fill(folder: PathBuf, synced: bool) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let messages: Vec<Value> = (0..MESSAGES)
            .map(|index| {
                json!({
                    "message_id": format!("{index:026}"), "from": "writer",
                    "to": format!("reader-{}", index % 1000), "body": "m".repeat(BODY_BYTES),
                    "posted_at": 1_700_000_000 + index,
                })
            })
            .collect();
        let state = json!({"roster": {}, "claims": {}, "messages": messages, "log": [],
                           "cursors": {}, "events": [], "fence_floor": {}});
        fs::write(folder.join("state.json"), state.to_string())?;
        Ok(Self { folder, synced })
    }

    /// One operation: whatever `change` does to the state.
    fn operate(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let path = |name: &str| self.folder.join(name);
        fs::create_dir(path(".lock"))?;
        let mut state: Value = serde_json::from_slice(&fs::read(path("state.json"))?)?;
        change(&mut state);
        let mut file = File::create(path("state.json.tmp"))?;
        file.write_all(state.to_string().as_bytes())?;
        if self.synced {
            file.sync_data()?;
        }
        fs::rename(path("state.json.tmp"), path("state.json"))?;
        if self.synced {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(fs::remove_dir(path(".lock"))?)
    }

    fn pair(&self) -> Result<Duration> {
        let start = Instant::now();
        self.operate(|state| {
            let fence = state["fence_floor"]["resource"].as_u64().unwrap_or(0) + 1;
            state["fence_floor"]["resource"] = json!(fence);
            state["claims"]["resource"] = json!({"holder": ["agent"], "fence": fence});
        })?;
        self.operate(|state| {
            if let Some(claims) = state["claims"].as_object_mut() {
                claims.remove("resource");
            }
        })?;
        Ok(start.elapsed())
    }
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan, filled: &Filled) -> Result<Group> {
    plan.expect(plan.runs);
    let place = plan.fresh("predecessor")?;
    let unsynced = Whole::fill(place.join("unsynced"), false)?;
    let synced = Whole::fill(place.join("synced"), true)?;
    let mesh = filled.copy(plan, Fill::Messages(MESSAGES), "predecessor/mesh")?;
    let mesh = Folder::open(&mesh)?;
    mesh.pair("agent", "resource")?;
    let mut sides: [Sample; 3] = std::array::from_fn(|_| Sample::new(Unit::Time));
    let times = plan.or(20, 5);
    for run in 0..plan.runs {
        plan.doing(format_args!(
            "whole files, run {} of {}",
            run + 1,
            plan.runs
        ));
        let mut latencies: [Latencies; 3] = std::array::from_fn(|_| Latencies::default());
        for turn in 0..latencies.len() {
            let side = (turn + run) % latencies.len();
            // What one side left to be written must not be paid for by the next one.
            rustix::fs::sync();
            for _ in 0..times {
                let took = match side {
                    0 => mesh.pair("agent", "resource")?,
                    1 => unsynced.pair()?,
                    _ => synced.pair()?,
                };
                latencies[side].add(took);
            }
        }
        for (sample, latencies) in sides.iter_mut().zip(&latencies) {
            sample.add(latencies.quantile(0.5));
        }
        plan.done();
    }
    let [mesh, unsynced, synced] = &sides;
    Ok(Group {
        title: "The predecessor's protocol",
        method: format!(
            "One caller claims and releases, {times} times a run, with {MESSAGES} messages of \
             {BODY_BYTES} bytes stored. The other side does what the predecessor did, in this \
             language: under a lock directory it reads one JSON file, changes it, writes all of \
             it and renames it over the old one; unsynced as the predecessor was, which loses \
             what it acknowledged in a power cut, and with the syncs that it lacked. There is no \
             check of anything in it, and nobody else wants the lock. Everything that is left to be \
             written is written before another side is measured."
        ),
        rows: vec![
            Row::new("claim + release, p50, beside whole files, synced", mesh)
                .beside("whole files", synced)
                .goal(synced.over(mesh), Goal::AtLeast(100.0)),
            Row::new("claim + release, p50, beside whole files, unsynced", mesh)
                .beside("whole files", unsynced)
                .goal(unsynced.over(mesh), Goal::AtLeast(100.0)),
        ],
        plots: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_protocol_keeps_its_fences() {
        let dir = tempfile::tempdir().unwrap();
        let whole = Whole::fill(dir.path().join("folder"), true).unwrap();
        whole.pair().unwrap();
        whole.pair().unwrap();
        let state = fs::read(dir.path().join("folder/state.json")).unwrap();
        let state: Value = serde_json::from_slice(&state).unwrap();
        assert_eq!(state["fence_floor"]["resource"], 2);
        assert_eq!(state["claims"], json!({}));
        assert_eq!(state["messages"].as_array().unwrap().len(), MESSAGES);
        assert!(!dir.path().join("folder/.lock").exists());
    }
}
