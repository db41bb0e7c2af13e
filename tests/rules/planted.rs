//! Planted bugs are read in passing: `planted::sound!` alone asks for them, with the right
//! value first, and each stands in one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source, and where it is.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines of code, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..).map(|(line, at)| (at, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The bugs that are named in it, with where.
    fn bugs(&self) -> impl Iterator<Item = (&str, String)> {
        self.code().flat_map(move |(at, line)| {
            let named = line.split("Bug::").skip(1);
            named.map(move |rest| {
                let end = rest.find(|c: char| !c.is_alphanumeric());
                let name = &rest[..end.unwrap_or(rest.len())];
                (name, format!("{}:{at}", self.path))
            })
        })
    }
}

/// Where a bug is asked for in any other form.
fn other_forms(sources: &[Source]) -> Vec<String> {
    let asks = |source: &Source| {
        let found = source
            .code()
            .filter(|(_, line)| line.contains("planted::is("));
        let places = found.map(|(at, _)| format!("{}:{at}", source.path));
        places.collect::<Vec<_>>()
    };
    sources.iter().flat_map(asks).collect()
}

/// The bugs that do not stand in one place, with the places in which they do.
fn elsewhere(bugs: &[String], sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let nowhere = bugs.iter().map(|bug| (bug.clone(), Vec::new()));
    let mut places: BTreeMap<String, Vec<String>> = nowhere.collect();
    for (bug, place) in sources.iter().flat_map(Source::bugs) {
        places.entry(bug.to_owned()).or_default().push(place);
    }
    places.retain(|_, places| places.len() != 1);
    places
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(sources(&path));
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a readable source");
            found.push(Source { path, text });
        }
    }
    found
}

/// The sources in which bugs are planted.
fn mesh() -> Vec<Source> {
    let mut mesh = sources("mesh");
    let declares = |path: &str| path.starts_with("mesh/planted/");
    let tests = |path: &str| path.contains("/tests/");
    mesh.retain(|source| !declares(&source.path) && !tests(&source.path));
    assert!(mesh.len() > 150, "only {} sources were found", mesh.len());
    mesh
}

/// The bugs that are declared, as `Name breaks "rule"`.
fn declared() -> Vec<String> {
    let text = fs::read_to_string(root().join("mesh/planted/src/lib.rs")).expect("the bugs");
    let declarations = text
        .lines()
        .filter_map(|line| line.split_once(" breaks \""));
    let bugs = declarations.map(|(name, _)| name.trim().to_owned());
    bugs.collect()
}

#[test]
fn nothing_but_sound_asks_for_a_bug() {
    let others = other_forms(&mesh());
    assert!(others.is_empty(), "not by `planted::sound!`: {others:?}");
}

#[test]
fn each_bug_stands_in_one_place() {
    let bugs = declared();
    assert!(bugs.len() >= 40, "only {} bugs were found", bugs.len());
    let elsewhere = elsewhere(&bugs, &mesh());
    assert!(elsewhere.is_empty(), "not in one place: {elsewhere:#?}");
}

fn source(text: &str) -> Source {
    Source {
        path: "bad.rs".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn what_breaks_the_form_is_found() {
    let comment = "// planted::is(Bug::NoFileSync) is in passing only";
    let early = "let early = planted::is(Bug::NowBeforeLock).then(|| clock.now());";
    let now = "let now = sound!(clock.now(), Bug::NowBeforeLock => early);";
    let bad = [source(&[comment, early, now].join("\n"))];
    assert_eq!(other_forms(&bad), ["bad.rs:2"]);

    let bugs = ["NowBeforeLock", "NoFileSync"].map(str::to_owned);
    let places = elsewhere(&bugs, &bad);
    assert_eq!(places["NowBeforeLock"], ["bad.rs:2", "bad.rs:3"]);
    assert!(places["NoFileSync"].is_empty(), "{places:?}");
}
