//! `sim story`: pictures, of named stories and of any other run.

use std::path::{Path, PathBuf};

use sim::Runner;
use sim::explore::planted::PlantedBug;
use sim::story::{Focus, On, STORIES, Story, draw};

use crate::{run_what, write};

/// A run that has no name, and what its picture is to show.
#[derive(clap::Args)]
pub(crate) struct Drawing {
    /// The run of a seed.
    #[arg(long)]
    seed: Option<u64>,
    /// The run of a stored tape.
    #[arg(long, conflicts_with = "seed")]
    tape: Option<PathBuf>,
    /// Plant this bug first.
    #[arg(long)]
    mutant: Option<String>,
    /// What it runs on.
    #[arg(long, value_enum, default_value_t)]
    runner: Runner,
    #[command(flatten)]
    looking: Looking,
}

/// What a picture is to show of a run.
#[derive(clap::Args)]
pub(crate) struct Looking {
    /// What it is about: `messages`, `log`, `lock`, `files`, or resources, as `r0,r1`.
    #[arg(long, default_value = "r0", value_parser = on)]
    on: On,
    /// Show the store's lock, too.
    #[arg(long)]
    lock: bool,
    /// Show a resource that takes every write, whatever its fence.
    #[arg(long)]
    unfenced: bool,
    /// A text that must stand in a row; the picture begins with the first one, and ends with
    /// the last, and they come in this order.
    #[arg(long)]
    shows: Vec<String>,
}

/// All that can be asked for of the resources that a world may have.
const CLAIMS: [&[&str]; 5] = [
    &["r0"],
    &["r1"],
    &["r2"],
    &["r0", "r1"],
    &["r0", "r1", "r2"],
];

fn on(text: &str) -> Result<On, String> {
    let names: Vec<&str> = text.split(',').collect();
    match text {
        "messages" => Ok(On::Messages),
        "log" => Ok(On::Log),
        "lock" => Ok(On::Lock),
        "files" => Ok(On::Files),
        _ => {
            let known = CLAIMS.into_iter().find(|claims| *claims == names);
            let claims =
                known.ok_or("a world has r0, r1 and r2; r0,r1 and r0,r1,r2 go together")?;
            Ok(On::Claims(claims))
        }
    }
}

impl Looking {
    /// The texts that must be shown.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.shows.iter().map(String::as_str).collect()
    }

    /// The focus with these texts.
    pub(crate) fn focus<'a>(&self, texts: &'a [&'a str]) -> Focus<'a> {
        Focus {
            lock: self.lock,
            unfenced: self.unfenced,
            ..Focus::on(self.on).shows(texts)
        }
    }
}

/// Draws one; where nothing is asked for, lists the named ones.
pub(crate) fn one(name: Option<&str>, drawing: &Drawing, svg: &Path) -> Result<bool, String> {
    let (title, picture) = match name {
        Some(name) => {
            let story = Story::named(name)?;
            (format!("{name}: {}", story.sentence), story.draw()?)
        }
        None if drawing.seed.is_none() && drawing.tape.is_none() => {
            for story in STORIES {
                println!("{:24} {}", story.name, story.sentence);
            }
            return Ok(true);
        }
        None => {
            let mutant = drawing
                .mutant
                .as_deref()
                .map(PlantedBug::named)
                .transpose()?;
            let _planted = mutant.map(PlantedBug::plant);
            let tape = drawing.tape.as_deref();
            let (title, outcome) = run_what(drawing.seed, tape, drawing.runner)?;
            let texts = drawing.looking.texts();
            let picture = draw(&title, &outcome, &drawing.looking.focus(&texts));
            let picture = picture.ok_or_else(|| format!("{title} does not show that"))?;
            (title, picture)
        }
    };
    write(svg, &picture)?;
    println!("{title}\n{}", svg.display());
    Ok(true)
}

/// Draws all of the named ones.
pub(crate) fn all(directory: &Path) -> Result<bool, String> {
    for story in STORIES {
        let path = directory.join(format!("{}.svg", story.name));
        write(&path, &story.draw()?)?;
        println!("{}", path.display());
    }
    Ok(true)
}
