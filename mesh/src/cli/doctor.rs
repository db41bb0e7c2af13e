//! `mesh doctor`: what is wrong with the folder, and what can be saved of it.
//!
//! Exit codes: 0 if nothing has to be done; 1 for findings that need action, or a failure;
//! 2 for wrong usage.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::folder::location;
use super::screen::shows_colour;
use super::{Ending, output};
use crate::backends::fs::doctor::{
    Contents, Finding, Repair, Report, Severity, examine_folder, repair_folder,
};
use crate::core::escape;

#[derive(Debug, Args)]
#[command(after_help = "\
Without --repair nothing is changed, and agents may be at work meanwhile.

With --repair, what is provable is saved into a new generation of the journal. Every
damaged file is kept as <name>.damaged.<n>, and what could not be saved is listed, here
and in repair.<n>.json. Stop the agents first where you can, and keep a copy.

Exit codes: 0 nothing has to be done, 1 something has, 2 wrong usage.")]
pub(super) struct Arguments {
    /// Save what is provable, keep the damaged files, and list what is lost
    #[arg(long)]
    repair: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Examines the folder, and repairs it first where that is asked for.
pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    super::logging::start();
    Ok(match examine_and_repair(arguments)? {
        true => Ending::Done,
        false => Ending::Unmet,
    })
}

/// Whether nothing is left to be done.
fn examine_and_repair(arguments: &Arguments) -> Result<bool, Failure> {
    let location = location()?;
    let (path, explicit) = (&location.path, location.explicit);
    let repair = match arguments.repair {
        true => Some(repair_folder(path, explicit)?),
        false => None,
    };
    let report = examine_folder(path, explicit)?;
    let healthy = report.is_healthy();
    if arguments.json {
        output::say_json(&json!({
            "folder": path.display().to_string(),
            "healthy": healthy,
            "findings": report.findings,
            "contents": report.contents,
            "repair": repair,
        }))?;
        return Ok(healthy);
    }
    let paint = Paint(shows_colour(io::stdout().is_terminal()));
    let mut text = String::new();
    if let Some(repair) = &repair {
        tell_repair(&mut text, repair, &paint);
    }
    tell(&mut text, &path.display().to_string(), &report, &paint);
    output::say(text.trim_end())?;
    Ok(healthy)
}

/// Colours, on terminals only.
struct Paint(bool);

impl Paint {
    fn severity(&self, severity: Severity) -> String {
        let colour = match severity {
            Severity::Error => "31",
            Severity::Warning => "33",
            Severity::Note => "2",
        };
        match self.0 {
            true => format!("\u{1b}[{colour}m{severity}\u{1b}[0m"),
            false => severity.to_string(),
        }
    }
}

// Writing to a String cannot fail.
fn tell(text: &mut String, path: &str, report: &Report, paint: &Paint) {
    let _ = writeln!(text, "folder: {}", escape(path));
    if let Some(contents) = &report.contents {
        let _ = writeln!(text, "{}", describe(contents));
    }
    for finding in &report.findings {
        tell_finding(text, finding, paint);
    }
    let verdict = match report.is_healthy() {
        true => "healthy: nothing has to be done",
        false => "not healthy: see what to do above",
    };
    let _ = writeln!(text, "{verdict}");
}

fn describe(contents: &Contents) -> String {
    let Contents {
        generation,
        seq,
        entries,
        agents,
        claims,
        messages,
        ..
    } = contents;
    format!(
        "generation {generation}, newest entry {seq} ({entries} behind the checkpoint): {agents} \
         agents, {claims} claimed resources, {messages} messages"
    )
}

fn tell_finding(text: &mut String, finding: &Finding, paint: &Paint) {
    let mut place = finding.file.clone().unwrap_or_default();
    if let (Some(line), Some(byte)) = (finding.line, finding.byte) {
        let _ = write!(place, ", line {line}, byte {byte}");
    }
    if !place.is_empty() {
        place.push_str(": ");
    }
    let severity = paint.severity(finding.severity);
    let _ = writeln!(text, "{severity}: {place}{}", finding.what);
    if !finding.meaning.is_empty() {
        let _ = writeln!(text, "    {}", finding.meaning);
    }
    if finding.needs_action() {
        let _ = writeln!(text, "    to do: {}", finding.next);
    }
}

fn tell_repair(text: &mut String, repair: &Repair, paint: &Paint) {
    if repair.done.is_empty() {
        let _ = writeln!(text, "repair: there was nothing to do");
    }
    for done in &repair.done {
        let _ = writeln!(text, "repair: {done}");
    }
    for kept in &repair.kept {
        let _ = writeln!(text, "kept: {kept}");
    }
    for lost in &repair.lost {
        let _ = writeln!(text, "{}: lost: {lost}", paint.severity(Severity::Warning));
    }
}
