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
    let mut signals = Ends::listen()?;
    tokio::spawn(async move {
        signals.next().await;
        shutdown.begin();
        process::exit(signals.next().await.into());
    });
    Ok(())
}

/// The signals that ask to end.
pub(super) struct Ends([(SignalKind, Signal); 3]);

impl Ends {
    /// Listens for them from now on. They end nothing by themselves any more.
    pub(super) fn listen() -> io::Result<Self> {
        let [terminate, interrupt, hangup] = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::hangup(),
        ];
        Ok(Self([
            (terminate, signal(terminate)?),
            (interrupt, signal(interrupt)?),
            (hangup, signal(hangup)?),
        ]))
    }

    /// Waits for the next one: the exit code of a process that it ends.
    pub(super) async fn next(&mut self) -> u8 {
        let Self([(first, a), (second, b), (third, c)]) = self;
        let which = tokio::select! {
            _ = a.recv() => first,
            _ = b.recv() => second,
            _ = c.recv() => third,
        };
        // Their numbers are below 16 everywhere.
        128 + u8::try_from(which.as_raw_value()).unwrap_or_default()
    }
}
