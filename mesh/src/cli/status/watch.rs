//! `mesh status --watch`: the same glance again and again.
//!
//! On a terminal it draws on the alternate screen, over what it drew before and without
//! clearing it first, so that nothing flickers; whatever ends it, what stood on the
//! terminal before comes back. Elsewhere it prints one view after the other.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::backends::SystemClock;
use crate::cli::failure::Failure;
use crate::cli::folder::observe_folder;
use crate::cli::screen::Screen;
use crate::cli::table::cut;
use crate::cli::{Ending, output, runtime};
use crate::core::printable;
use crate::ports::Clock;

use super::view::View;

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The alternate screen, for as long as this value lives.
struct Stage;

impl Stage {
    fn enter() -> Result<Self, Failure> {
        write(ENTER)?;
        Ok(Self)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A terminal that is gone needs no tidying.
        let _ = write(LEAVE);
    }
}

/// Draws until SIGINT, SIGTERM or SIGHUP, which end it well.
pub(super) fn run(seconds: u64, all: bool) -> Result<Ending, Failure> {
    // A folder that is not there now is an error, one that goes meanwhile is news.
    drop(observe_folder()?);
    runtime()?.block_on(async {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::system("cannot listen for signals", error))
        };
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let mut resize = listen(SignalKind::window_change())?;
        let stage = match io::stdout().is_terminal() {
            true => Some(Stage::enter()?),
            false => None,
        };
        loop {
            draw(all, stage.is_some())?;
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => break,
                _ = resize.recv() => {}
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            }
        }
        Ok(Ending::Done)
    })
}

fn draw(all: bool, on_stage: bool) -> Result<(), Failure> {
    let screen = Screen::stdout();
    let lines = glance(all, &screen);
    if on_stage {
        return write(&frame(&lines, &screen));
    }
    output::say(format_args!("{}\n", lines.join("\n")))
}

/// One view; where there is none, the reason in its place.
fn glance(all: bool, screen: &Screen) -> Vec<String> {
    let view = observe_folder().and_then(|(mut observer, location)| {
        let now = SystemClock::new().now();
        View::of(&mut observer, &location, now).map_err(Failure::from)
    });
    match view {
        Ok(view) => view.lines(all, screen),
        Err(failure) => vec![printable(&failure.to_string())],
    }
}

/// The lines as they are drawn over those before. What is below the screen is counted.
fn frame(lines: &[String], screen: &Screen) -> String {
    let lines: Vec<&str> = lines.iter().flat_map(|line| line.split('\n')).collect();
    let room = screen.lines.unwrap_or(usize::MAX);
    let fits = lines.len() <= room;
    let shown = if fits {
        lines.len()
    } else {
        room.saturating_sub(1)
    };
    let mut frame = HOME.to_owned();
    for (at, line) in lines[..shown].iter().enumerate() {
        if at > 0 {
            frame.push_str("\r\n");
        }
        frame.push_str(line);
        frame.push_str(CLEAR_LINE);
    }
    if !fits {
        let more = format!("… {} more lines", lines.len() - shown);
        let more = cut(&more, screen.columns.unwrap_or(usize::MAX));
        frame.push_str(&format!("\r\n{more}{CLEAR_LINE}"));
    }
    frame.push_str(CLEAR_BELOW);
    frame
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_its_screen_and_says_what_is_below() {
        let screen = Screen {
            colour: false,
            columns: Some(20),
            lines: Some(3),
        };
        let lines = ["a\nb", "c"].map(str::to_owned);
        assert_eq!(
            frame(&lines, &screen),
            "\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J"
        );
        let lines = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(
            frame(&lines, &screen),
            "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n… 2 more lines\x1b[K\x1b[J"
        );
    }
}
