//! `mesh log`: what happened, event by event.
//!
//! It reads the trail, which keeps the newest events (rule S5), and changes nothing. Text
//! is one line an event; `--json` is one object a line with the fields of the journal's
//! events, but with times as rule G1 has them.

mod event;
mod filter;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::backends::SystemClock;
use crate::core::{Event, TrailRecord};
use crate::ports::Clock;

use super::failure::Failure;
use super::folder::observe_folder;
use super::screen::Screen;
use super::{Ending, logging, output};

use filter::{Filter, Moment};

/// How often a followed log is looked at, in milliseconds. Looking costs two reads of a
/// file in the page cache.
const GLANCE: u64 = 100;

/// Which events, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh log -n 20
  mesh log --resource feature:auth --kind granted --kind promoted --kind lapsed
  mesh log --agent a --since 10m
  mesh log --follow --json | jq -c 'select(.kind == \"posted\")'")]
pub(super) struct Arguments {
    /// Only events that this agent caused, suffered or was sent
    #[arg(short, long, value_name = "ID")]
    agent: Option<String>,
    /// Only events of this resource
    #[arg(short, long)]
    resource: Option<String>,
    /// Only events of this kind; may be given several times
    #[arg(short, long, value_parser = PossibleValuesParser::new(Event::KINDS), hide_possible_values = true)]
    kind: Vec<String>,
    /// Only events from then on: a time such as 2026-06-14T12:00:00Z, or how long ago, such
    /// as 90s, 10m, 2h, 3d
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Only events up to then
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// Only the newest N of them
    #[arg(short = 'n', long = "lines", value_name = "N")]
    newest: Option<usize>,
    /// Go on with what happens, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints the trail.
pub(super) fn run(arguments: Arguments) -> Result<Ending, Failure> {
    logging::start();
    let clock = SystemClock::new();
    let (mut observer, _) = observe_folder()?;
    let (json, follow) = (arguments.json, arguments.follow);
    let newest = arguments.newest.unwrap_or(usize::MAX);
    let filter = Filter::new(arguments, clock.now());
    let (mut seen, mut wanted) = (None, newest);
    loop {
        let snapshot = observer.look()?;
        let fresh = snapshot.trail.iter().rev();
        let fresh = fresh.take_while(|record| seen.is_none_or(|seen| record.seq > seen));
        let chosen = fresh.filter(|record| filter.lets(record));
        let mut chosen: Vec<&TrailRecord> = chosen.take(wanted).collect();
        chosen.reverse();
        show(&chosen, json)?;
        if !follow {
            return Ok(Ending::Done);
        }
        // What happens from now on is new, however many events were asked for before.
        (seen, wanted) = (Some(snapshot.seq), usize::MAX);
        futures_executor::block_on(clock.sleep(GLANCE));
    }
}

fn show(records: &[&TrailRecord], json: bool) -> Result<(), Failure> {
    // The terminal may have another size by now.
    let screen = Screen::stdout();
    records.iter().try_for_each(|record| match json {
        true => output::say_json(&event::json(record)),
        false => output::say(event::line(record, &screen)),
    })
}
