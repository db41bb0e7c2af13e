//! A worker of the benchmarks that claims and releases a row in SQLite.
//!
//! It does what comes nearest to mesh, as well as SQLite can: one table, WAL with
//! `synchronous=FULL` so that a commit survives a power cut, `BEGIN IMMEDIATE` so that no
//! transaction fails half-way, statements prepared once, and SQLite's own way of waiting
//! for a busy database. It keeps to the protocol of the bench's workers: `ready`, then a
//! time in milliseconds, then a line of JSON.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

const PATIENCE: Duration = Duration::from_secs(60);
const LEASE_MS: i64 = 120_000;

const CLAIM: &str = "\
    INSERT INTO claims (resource, holder, fence, expires_at) VALUES (?1, ?2, 1, ?3) \
    ON CONFLICT (resource) DO UPDATE \
    SET holder = excluded.holder, fence = fence + 1, expires_at = excluded.expires_at \
    WHERE holder IS NULL OR expires_at <= ?4 \
    RETURNING fence";
const RELEASE: &str =
    "UPDATE claims SET holder = NULL WHERE resource = ?1 AND holder = ?2 AND fence = ?3";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("the database's path is missing")?;
    let index = arguments.next().ok_or("the worker's index is missing")?;
    let connection = open(&path)?;
    let (resource, agent) = (format!("resource-{index}"), format!("agent-{index}"));
    pair(&connection, &resource, &agent)?;
    println!("ready");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let time = Duration::from_millis(line.trim().parse()?);
    let mut latencies: Vec<String> = Vec::new();
    let start = Instant::now();
    while start.elapsed() < time {
        let took = pair(&connection, &resource, &agent)?;
        latencies.push(took.as_nanos().to_string());
    }
    println!("{{\"latencies\":[{}]}}", latencies.join(","));
    Ok(())
}

fn open(path: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS claims (resource TEXT PRIMARY KEY, holder TEXT, \
         fence INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID",
        [],
    )?;
    Ok(connection)
}

/// Claims and releases: two transactions, as two calls of an agent are.
fn pair(connection: &Connection, resource: &str, agent: &str) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let fence: i64 = immediately(connection, || {
        let mut claim = connection.prepare_cached(CLAIM)?;
        claim.query_row(params![resource, agent, now + LEASE_MS, now], |row| row.get(0))
    })?;
    let released = immediately(connection, || {
        let mut release = connection.prepare_cached(RELEASE)?;
        release.execute(params![resource, agent, fence])
    })?;
    if released != 1 {
        return Err("the claim was not there to be released".into());
    }
    Ok(start.elapsed())
}

fn immediately<T>(
    connection: &Connection,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = work()?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(done)
}
