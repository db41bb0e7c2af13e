//! `mesh status`: the whole fleet at one glance.
//!
//! It shows what the rules say now: a lease that has ended is not shown as held, although
//! nobody may have reaped it yet. Nothing is changed by looking.

mod view;
mod watch;

use clap::Args;

use crate::backends::SystemClock;
use crate::ports::Clock;

use super::failure::Failure;
use super::folder::observe_folder;
use super::screen::Screen;
use super::{Ending, logging, output};

use view::View;
pub(super) use view::{agents, unread};

/// What is shown, and how often.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh status
  mesh status --watch
  mesh status --json | jq '.agents[] | {agent_id, unread}'")]
pub(super) struct Arguments {
    /// Show it again and again, until interrupted
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    /// How many seconds to wait between two looks
    #[arg(long, value_name = "N", default_value_t = 1, requires = "watch",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Show dead agents too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Shows the status once, or until a signal asks to end.
pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    logging::start();
    if arguments.watch {
        return watch::run(arguments.interval, arguments.all);
    }
    let (mut observer, location) = observe_folder()?;
    let now = SystemClock::new().now();
    let view = View::of(&mut observer, &location, now)?;
    match arguments.json {
        true => output::say_json(&view.json(arguments.all))?,
        false => output::say(view.lines(arguments.all, &Screen::stdout()).join("\n"))?,
    }
    Ok(Ending::Done)
}
