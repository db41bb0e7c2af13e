//! The rooms of the simulator: each uses the rooms below it only, and the files inside a
//! room use each other without a circle.
//!
//! A file of `sim/src` can then be read with nothing in mind but what is below it. The
//! compiler holds layers between crates, not between the modules of one; so this does.
#![allow(
    clippy::disallowed_methods,
    reason = "sources are read as files; nothing else is"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms, from the ground up, and which others each may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("trace", &[]),
    ("world", &["trace"]),
    ("ports", &["trace", "world"]),
    ("agents", &["trace", "world"]),
    ("machine", &["trace", "world", "ports", "agents"]),
    ("checkers", &["trace"]),
    ("explore", &["trace", "world", "machine", "checkers"]),
    ("story", &["trace", "world", "explore"]),
];

/// The library's face and the command line, which stand outside of all rooms.
const OUTSIDE: &[&str] = &["lib", "main", "drawing"];

/// Where a module is: `["trace", "call"]` for `trace/call.rs`, `["trace"]` for its
/// `mod.rs`.
type Place = Vec<String>;

/// The sources by their modules, without comments and tests.
struct Sources(BTreeMap<Place, String>);

impl Sources {
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| (place(path), bare(text)))
            .filter(|(place, _)| !OUTSIDE.contains(&place[0].as_str()));
        Self(files.collect())
    }

    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        collect(&root, "", &mut files);
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
        Self::of(&files)
    }

    /// What a module uses of this crate, each by the module that it comes from.
    fn uses(&self, at: &Place) -> BTreeSet<Place> {
        let named = paths(&self.0[at]).into_iter().filter_map(|path| {
            let path = self.absolute(at, &path)?;
            self.origin(&path)
        });
        named.filter(|to| to != at).collect()
    }

    /// A path from the root of the crate; `None` for one that leads out of it.
    fn absolute(&self, at: &Place, path: &[String]) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        let from = match first.as_str() {
            "crate" => Vec::new(),
            "super" => at[..at.len() - 1].to_vec(),
            name => {
                let inside = [at.as_slice(), &[name.to_owned()]].concat();
                return self
                    .0
                    .contains_key(&inside)
                    .then(|| [inside.as_slice(), rest].concat());
            }
        };
        Some([from.as_slice(), rest].concat())
    }

    /// The module that an item is written in: a room's face only hands it on.
    fn origin(&self, path: &[String]) -> Option<Place> {
        let module = (1..=path.len())
            .rev()
            .map(|len| path[..len].to_vec())
            .find(|module| self.0.contains_key(module))?;
        let Some(item) = path.get(module.len()) else {
            return Some(module);
        };
        let handed_on = paths(&self.0[&module])
            .into_iter()
            .filter(|path| path.last() == Some(item))
            .filter_map(|path| self.absolute(&module, &path))
            .find(|path| path.starts_with(&module) && path.len() > module.len() + 1);
        match handed_on {
            Some(path) => self.origin(&path),
            None => Some(module),
        }
    }

    /// Every use of a room that is not below.
    fn climbs(&self) -> Vec<String> {
        let mut climbs = Vec::new();
        for at in self.0.keys() {
            let allowed = ROOMS.iter().find(|(room, _)| *room == at[0]);
            let Some((room, below)) = allowed else {
                climbs.push(format!("{} is in no room", at.join("/")));
                continue;
            };
            for to in self.uses(at) {
                if to[0] != *room && !below.contains(&to[0].as_str()) {
                    climbs.push(format!("{} uses {}", at.join("/"), to.join("/")));
                }
            }
        }
        climbs
    }

    /// Some files that use each other in a circle, if any do.
    fn circle(&self) -> Option<String> {
        let mut done = BTreeSet::new();
        let mut circles = self
            .0
            .keys()
            .filter_map(|at| self.circle_from(at, &mut Vec::new(), &mut done));
        circles.next()
    }

    fn circle_from<'a>(
        &'a self,
        at: &'a Place,
        way: &mut Vec<&'a Place>,
        done: &mut BTreeSet<Place>,
    ) -> Option<String> {
        if let Some(begins) = way.iter().position(|before| *before == at) {
            let names = way[begins..].iter().chain([&at]).map(|at| at.join("/"));
            return Some(names.collect::<Vec<_>>().join(" uses "));
        }
        if done.contains(at) {
            return None;
        }
        way.push(at);
        for to in self.uses(at) {
            let (to, _) = self.0.get_key_value(&to)?;
            if let Some(circle) = self.circle_from(to, way, done) {
                return Some(circle);
            }
        }
        way.pop();
        done.insert(at.clone());
        None
    }
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let entry = entry.expect("a source");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source");
            files.push((path, text));
        }
    }
}

fn place(path: &str) -> Place {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Without comments, and without the tests, which come last.
fn bare(text: &str) -> String {
    let production = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = production
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The paths that a source imports, and those from the crate's root that it writes out.
fn paths(source: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (begins, _) in source.match_indices("use ") {
        let before = source[..begins].chars().next_back();
        if before.is_none_or(char::is_whitespace) {
            let tree = source[begins + 4..].split(';').next().unwrap_or_default();
            expand(&[], tree, &mut paths);
        }
    }
    for (begins, _) in source.match_indices("crate::") {
        if source[..begins].ends_with("use ") {
            continue;
        }
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let rest = &source[begins..];
        let path = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        expand(&[], path.trim_end_matches(':'), &mut paths);
    }
    paths
}

/// The paths of a tree like `a::{b, c::{self, d as e}}`.
fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let tree = tree.split(" as ").next().unwrap_or_default().trim();
    let Some((head, rest)) = tree.split_once("::") else {
        let item = Some(tree.to_owned()).filter(|item| item != "self" && item != "*");
        paths.push(prefix.iter().cloned().chain(item).collect());
        return;
    };
    let prefix = [prefix, &[head.trim().to_owned()]].concat();
    match rest.trim().strip_prefix('{') {
        None => expand(&prefix, rest, paths),
        Some(list) => {
            let list = list.trim_end().trim_end_matches('}');
            for part in parts(list) {
                expand(&prefix, part, paths);
            }
        }
    }
}

/// The parts of a list between commas that stand in no inner braces.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[test]
fn no_room_uses_a_room_above_it() {
    let climbs = Sources::read().climbs();
    assert_eq!(climbs, [""; 0], "see ROOMS for what each may use");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_eq!(Sources::read().circle(), None);
}

#[test]
fn the_face_of_a_room_is_a_table_of_contents() {
    let sources = Sources::read();
    let faces = ROOMS.iter().map(|(room, _)| vec![(*room).to_owned()]);
    for face in faces {
        let text = &sources.0[&face];
        let items = ["fn ", "struct ", "enum ", "impl "];
        let found = items.iter().find(|item| text.contains(*item));
        assert_eq!(found, None, "{face:?} has items of its own");
    }
}

/// Rooms as they may be: a face hands on what its files have.
const GOOD: &[(&str, &str)] = &[
    ("lib.rs", "mod story;"),
    ("trace/mod.rs", "mod call;\npub use call::{Answer, Call};"),
    (
        "trace/call.rs",
        "// use crate::world::World;\npub struct Call;",
    ),
    ("world/mod.rs", "mod state;\npub use state::World;"),
    ("world/state.rs", "use crate::trace::{Call, Answer as A};"),
    ("world/faults.rs", "use super::state::World;"),
];

fn with(more: &[(&str, &str)]) -> Sources {
    Sources::of(&[GOOD, more].concat())
}

#[test]
fn rooms_that_are_in_order_pass() {
    let good = Sources::of(GOOD);
    assert_eq!(good.climbs(), [""; 0]);
    assert_eq!(good.circle(), None);
    let uses = good.uses(&place("world/state.rs"));
    assert_eq!(uses, BTreeSet::from([place("trace/call.rs")]));
}

#[test]
fn a_use_of_a_room_above_is_found() {
    let bad = with(&[(
        "trace/print.rs",
        "use std::{fmt, io};\nuse crate::{\n    trace::Call,\n    world::{self, World},\n};",
    )]);
    let climbs = bad.climbs();
    assert_eq!(
        climbs,
        ["trace/print uses world", "trace/print uses world/state"]
    );
    let bad = with(&[("trace/print.rs", "fn at(world: &crate::world::World) {}")]);
    assert_eq!(bad.climbs(), ["trace/print uses world/state"]);
    let bad = with(&[("attic.rs", "")]);
    assert_eq!(bad.climbs(), ["attic is in no room"]);
}

#[test]
fn a_circle_inside_a_room_is_found() {
    let bad = with(&[
        ("world/disk.rs", "use super::faults;"),
        ("world/state.rs", "use super::disk::Disk;"),
    ]);
    let circle = bad.circle().expect("three files that use each other");
    assert_eq!(circle.matches(" uses ").count(), 3, "{circle}");
    for file in ["world/disk", "world/faults", "world/state"] {
        assert!(circle.contains(file), "{circle}");
    }
}
