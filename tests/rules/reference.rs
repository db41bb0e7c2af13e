//! The reference pages tell what the sources say: every limit with its value, every
//! error with an entry.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A row of the tables in `docs/configuration.md`.
struct Row {
    constant: String,
    /// Its value, without separators and unit.
    value: u128,
    source: PathBuf,
}

/// The rows `| `CONSTANT` | value unit | [where](source) | why |`.
fn rows(page: &str) -> Vec<Row> {
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("](../mesh/"));
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let constant = cells.next()?.trim_matches('`').to_owned();
        let value = cells.next()?.split(' ').next()?.replace(',', "");
        let (_, link) = cells.next()?.split_once("](../")?;
        Some(Row {
            constant,
            value: value.parse().ok()?,
            source: root().join(link.trim_end_matches(')')),
        })
    };
    let read = rows.map(|line| row(line).unwrap_or_else(|| panic!("not a row: {line}")));
    read.collect()
}

/// The constants of a source that are numbers or durations, with their values.
fn constants(source: &str) -> Vec<(String, u128)> {
    let mut found = Vec::new();
    for line in source.lines() {
        let Some((_, declared)) = line.split_once("const ") else {
            continue;
        };
        let named = declared.split_once(": ").zip(declared.split_once(" = "));
        let Some(((name, _), (_, value))) = named else {
            continue;
        };
        if let Some(value) = evaluated(value.trim_end_matches(';'), &found) {
            found.push((name.to_owned(), value));
        }
    }
    found
}

/// The value of a product, sum or shift of numbers and constants, or of a duration.
fn evaluated(text: &str, known: &[(String, u128)]) -> Option<u128> {
    let text = text.trim();
    let duration = ["Duration::from_secs(", "Duration::from_millis("];
    if let Some(inner) = duration.iter().find_map(|start| text.strip_prefix(start)) {
        return evaluated(inner.trim_end_matches(')'), known);
    }
    if let Some((left, right)) = text.split_once(" << ") {
        return Some(evaluated(left, known)? << evaluated(right, known)?);
    }
    if let Some((left, right)) = text.split_once(" + ") {
        return Some(evaluated(left, known)? + evaluated(right, known)?);
    }
    if let Some((left, right)) = text.split_once(" * ") {
        return Some(evaluated(left, known)? * evaluated(right, known)?);
    }
    let number = text.replace('_', "").parse().ok();
    number.or_else(|| {
        known
            .iter()
            .find(|(name, _)| name == text)
            .map(|(_, value)| *value)
    })
}

#[test]
fn every_limit_is_in_the_page_of_the_configuration_with_its_value() {
    let rows = rows(&read(&root().join("docs/configuration.md")));
    assert!(rows.len() > 40, "the page has {} rows", rows.len());
    let limits = read(&root().join("mesh/core/src/limits.rs"));
    let limits = constants(&limits);
    assert!(limits.len() >= 20, "{limits:?}");
    for (name, _) in &limits {
        let listed = rows.iter().any(|row| row.constant == *name);
        assert!(listed, "docs/configuration.md has no row for {name}");
    }
    for row in &rows {
        let mut known = limits.clone();
        known.extend(constants(&read(&row.source)));
        // One that a file declares itself comes before one of the limits.
        let value = known.iter().rev().find(|(name, _)| *name == row.constant);
        let value = value.map(|(_, value)| *value);
        let value = value.or_else(|| {
            let source = read(&row.source);
            let declared = format!("const {}: ", row.constant);
            let (_, rest) = source.split_once(&declared)?;
            let (_, rest) = rest.split_once(" = ")?;
            evaluated(rest.split_once(';')?.0, &limits)
        });
        assert_eq!(
            value,
            Some(row.value),
            "{} of {} in docs/configuration.md",
            row.constant,
            row.source.display()
        );
    }
}

/// What begins the making of an error in the sources.
const ERRORS: [&str; 7] = [
    "Rejection::new(",
    "Rejection::described(",
    "StorageError {",
    "refused(",
    "Damage::at(",
    "damaged(",
    "Damage::newer(",
];
/// Shorter pieces of a text could be anything.
const TELLING: usize = 12;

/// The pieces of text between `start` and the bracket that closes it, without what is
/// filled in.
fn pieces(source: &str, start: usize) -> Vec<String> {
    let opened = source[start..].chars().next().unwrap_or('(');
    let closes = if opened == '{' { '}' } else { ')' };
    let (mut depth, mut text, mut texts) = (0, None::<String>, Vec::new());
    let mut chars = source[start..].chars().peekable();
    while let Some(c) = chars.next() {
        match (&mut text, c) {
            // A line that goes on, or a character that is escaped.
            (Some(_), '\\') if chars.peek() == Some(&'\n') => {
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
            }
            (Some(text), '\\') => text.extend(chars.next()),
            (Some(_), '"') => texts.extend(text.take()),
            (Some(text), c) => text.push(c),
            (None, '"') => text = Some(String::new()),
            (None, c) if c == opened => depth += 1,
            (None, c) if c == closes => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            (None, _) => {}
        }
    }
    let filled = texts
        .iter()
        .flat_map(|text| text.split(['{', '}']).step_by(2));
    let pieces = filled.map(str::trim).filter(|piece| piece.len() >= TELLING);
    pieces.map(str::to_owned).collect()
}

/// Sources in which errors are made that users meet.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let left_out = [
            "memory",
            "demo",
            "conformance",
            "benches",
            "examples",
            "planted",
        ]
        .contains(&&*name);
        match path.is_dir() {
            _ if left_out || name.contains("test") => {}
            true => found.extend(sources(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn every_error_of_the_sources_has_an_entry_in_the_page_of_errors() {
    let page = read(&root().join("docs/errors.md"));
    let mut seen = 0;
    for path in sources(&root().join("mesh")) {
        let source = read(&path);
        let source = source
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        for start in ERRORS {
            for (at, _) in source.match_indices(start) {
                let line = source[..at].rsplit('\n').next().unwrap_or_default();
                let declared = ["fn ", "struct ", "impl ", "//"];
                if declared.iter().any(|word| line.contains(word)) {
                    continue;
                }
                let pieces = pieces(source, at + start.len() - 1);
                let told = pieces.iter().any(|piece| page.contains(piece));
                assert!(
                    pieces.is_empty() || told,
                    "docs/errors.md has nothing of {pieces:?} ({}, after {start})",
                    path.display()
                );
                seen += usize::from(told);
            }
        }
    }
    assert!(seen >= 30, "only {seen} errors were found");
}

/// What stands behind each `` `mesh `` in a text. Lines that a source breaks with a backslash
/// are one.
fn commands_named_in(text: &str) -> Vec<String> {
    let mut whole = String::new();
    for (n, line) in text.split("\\\n").enumerate() {
        whole.push_str(if n == 0 { line } else { line.trim_start() });
    }
    let named = whole.split("`mesh ").skip(1);
    let words = named.filter_map(|rest| rest.split([' ', '`', '\n', '"', ',']).next());
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    words.filter(is_word).map(str::to_owned).collect()
}

/// Advice that names a command names one that there is.
#[test]
fn every_command_that_is_named_exists() {
    let page = read(&root().join("docs/command-line.md"));
    let headings = page
        .lines()
        .filter_map(|line| line.strip_prefix("## mesh "));
    let mut known: Vec<&str> = headings.collect();
    assert!(known.len() >= 20, "{known:?}");
    // "mesh has no command …", itself an error.
    known.push("has");
    let mut paths = sources(&root().join("mesh"));
    paths.extend(sources(&root().join("docs")));
    paths.push(root().join("README.md"));
    let is_text = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs" || e == "md");
    let mut seen = 0;
    for path in paths.into_iter().filter(is_text) {
        for command in commands_named_in(&read(&path)) {
            assert!(
                known.contains(&&*command),
                "{} names `mesh {command}`, which is no command",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen >= 50, "only {seen} were found");
}

/// The kinds stand in the page as headings, in the words of the code.
#[test]
fn every_kind_of_storage_error_is_explained() {
    let page = read(&root().join("docs/errors.md"));
    let source = read(&root().join("mesh/coordinator/src/ports/error.rs"));
    let (_, kinds) = source
        .split_once("pub enum StorageErrorKind {")
        .expect("the kinds");
    let (kinds, _) = kinds.split_once("\n}").expect("their end");
    let kinds: Vec<&str> = kinds
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter_map(|line| line.strip_suffix(','))
        .collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    for kind in kinds {
        assert!(page.contains(&format!("\n### {kind}\n")), "{kind}");
    }
    for answer in [
        "MeshError::Rejected",
        "MeshError::Storage",
        "MeshError::Closed",
    ] {
        assert!(page.contains(answer), "{answer}");
    }
}
