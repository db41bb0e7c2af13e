//! `mesh state`: all of the state as JSON, in the shape of `state.json` (rule S2), but as
//! the log has it now.

use std::io::{self, Write};

use crate::backends::fs::state_json;

use super::failure::Failure;
use super::folder::observe_folder;
use super::{Ending, logging};

/// Writes the state to standard output.
pub(super) fn run() -> Result<Ending, Failure> {
    logging::start();
    let (mut observer, _) = observe_folder()?;
    let snapshot = observer.look()?;
    let mut out = io::stdout().lock();
    for piece in state_json(snapshot) {
        let written = piece.and_then(|piece| out.write_all(&piece));
        written.map_err(Failure::Output)?;
    }
    out.flush().map_err(Failure::Output)?;
    Ok(Ending::Done)
}
