//! Signals that ask a process to end.

use std::io;
use std::process;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::mcp::Shutdown;

/// Has a write that meets the limit on file sizes (`ulimit -f`) fail, as on a full disk,
/// where the signal that comes with it would end the process without a word. Must be
/// called within a runtime.
pub(super) fn survive_file_size_limit() -> io::Result<()> {
    // The handler stays for the life of the process; nobody needs to hear of it.
    signal(SignalKind::from_raw(Number::XFSZ.as_raw())).map(drop)
}

/// Begins `shutdown` on the first SIGTERM, SIGINT or SIGHUP. The second one ends the
/// process at once, with 128 + its number as is the custom: nothing that was
/// acknowledged can be lost, and whoever sends it twice means it.
pub(super) fn end_on_signals(shutdown: Shutdown) -> io::Result<()> {
    let [terminate, interrupt, hangup] = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let mut streams = [signal(terminate)?, signal(interrupt)?, signal(hangup)?];
    let numbers = [terminate, interrupt, hangup].map(|kind| kind.as_raw_value());
    tokio::spawn(async move {
        next(&mut streams).await;
        shutdown.begin();
        let which = next(&mut streams).await;
        process::exit(128 + numbers[which]);
    });
    Ok(())
}

/// Waits for any of the signals, and says which.
async fn next([first, second, third]: &mut [Signal; 3]) -> usize {
    tokio::select! {
        _ = first.recv() => 0,
        _ = second.recv() => 1,
        _ = third.recv() => 2,
    }
}
