//! The pages of the repository, and what is wrong with them.

use std::fmt::{self, Write};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A repository: this one, or a small one that a test makes up.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    _made_up: Option<tempfile::TempDir>,
}

/// A Markdown page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Where it is, from the root of the repository, with slashes.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

impl Tree {
    /// The repository that this test belongs to.
    pub(crate) fn repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self {
            root: fs::canonicalize(root).expect("a repository"),
            _made_up: None,
        }
    }

    /// A repository with these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self {
            root: fs::canonicalize(directory.path()).expect("a directory"),
            _made_up: Some(directory),
        }
    }

    /// The text of a file, if there is one.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// Replaces a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.root.join(path), text).expect("a file that can be written");
    }

    /// Whether a file or a directory is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Whether a directory is there.
    pub(crate) fn has_directory(&self, path: &str) -> bool {
        self.root.join(path).is_dir()
    }

    /// All files below a directory, sorted, but for what is built or hidden.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.root.join(below)).into_iter().flatten() {
            let entry = entry.expect("a readable entry");
            let name = entry.file_name().into_string().expect("a name");
            if matches!(&*name, "target" | "node_modules") || name.starts_with('.') {
                continue;
            }
            let path = match below {
                "" => name,
                below => format!("{below}/{name}"),
            };
            match entry.path().is_dir() {
                true => found.extend(self.files(&path)),
                false => found.push(path),
            }
        }
        found.sort();
        found
    }

    /// The Markdown pages below a directory; all of the repository below the empty path.
    pub(crate) fn pages(&self, below: &str) -> Vec<Page> {
        let files = self.files(below).into_iter();
        let pages = files.filter(|path| path.ends_with(".md"));
        pages
            .map(|path| Page {
                text: self.read(&path).expect("a page is text"),
                path,
            })
            .collect()
    }

    /// Holds that nothing is wrong. With `BLESS=1`, mends what can be mended first.
    ///
    /// # Panics
    ///
    /// With a list of what is wrong.
    pub(crate) fn hold(&self, problems: Vec<Problem>) {
        let (mended, left): (Vec<_>, Vec<_>) = problems
            .into_iter()
            .partition(|problem| blesses() && problem.edit.is_some());
        self.mend(&mended);
        assert!(left.is_empty(), "{}", list(&left));
    }

    /// Puts what should stand in the place of what stands.
    pub(crate) fn mend(&self, problems: &[Problem]) {
        let mut edits: Vec<(&str, &Edit)> = problems
            .iter()
            .filter_map(|problem| Some((&*problem.page, problem.edit.as_ref()?)))
            .collect();
        // From the end of a page to its beginning, so that lines keep their numbers.
        edits.sort_by_key(|(page, edit)| (*page, std::cmp::Reverse(edit.lines.start)));
        for (page, edit) in edits {
            let text = self.read(page).unwrap_or_default();
            let mut lines: Vec<&str> = text.lines().collect();
            lines.splice(edit.lines.clone(), edit.text.lines());
            self.write(page, &(lines.join("\n") + "\n"));
        }
    }
}

/// Something that is wrong on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The page.
    pub(crate) page: String,
    /// The line; the first is 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) stands: String,
    /// What should.
    pub(crate) should: String,
    /// What mends it, where a program can know that.
    pub(crate) edit: Option<Edit>,
}

/// Lines that stand in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The lines that go, counted from 0.
    pub(crate) lines: Range<usize>,
    /// The lines that come.
    pub(crate) text: String,
}

impl Problem {
    /// One that a person has to mend.
    pub(crate) fn new(
        page: &Page,
        line: usize,
        stands: impl Into<String>,
        should: impl Into<String>,
    ) -> Self {
        Self {
            page: page.path.clone(),
            line,
            stands: stands.into(),
            should: should.into(),
            edit: None,
        }
    }

    /// The same, with what mends it.
    pub(crate) fn mended_by(self, lines: Range<usize>, text: String) -> Self {
        Self {
            edit: Some(Edit { lines, text }),
            ..self
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indented = |text: &str| text.trim_end().replace('\n', "\n            ");
        writeln!(f, "{}:{}", self.page, self.line)?;
        writeln!(f, "    stands: {}", indented(&self.stands))?;
        write!(f, "    should: {}", indented(&self.should))
    }
}

/// What is wrong, as a text for people.
fn list(problems: &[Problem]) -> String {
    let mut text = String::from("pages differ from what they tell of:\n");
    for problem in problems {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{problem}");
    }
    if problems.iter().any(|problem| problem.edit.is_some()) {
        text.push_str("`BLESS=1 cargo test -p exercises --test book` writes what should stand.\n");
    }
    text
}

/// Whether pages are to be mended.
pub(crate) fn blesses() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Tests that mend pages do it one after the other.
pub(crate) fn alone() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    blesses().then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn a_problem_says_where_it_is_what_stands_there_and_what_should() {
    let page = Page {
        path: "docs/a.md".to_owned(),
        text: String::new(),
    };
    let problem = Problem::new(&page, 3, "two\nlines", "one");
    let text = "docs/a.md:3\n    stands: two\n            lines\n    should: one";
    assert_eq!(problem.to_string(), text);
    assert!(!list(std::slice::from_ref(&problem)).contains("BLESS"));
    assert!(list(&[problem.mended_by(0..1, String::new())]).contains("BLESS=1"));
}

#[test]
fn several_edits_of_a_page_do_not_move_each_other() {
    let tree = Tree::of(&[("a.md", "1\n2\n3\n4\n")]);
    let page = &tree.pages("")[0];
    let edit = |line: usize, text: &str| {
        Problem::new(page, line, "", "").mended_by(line - 1..line, text.to_owned())
    };
    tree.mend(&[edit(1, "a\nb\n"), edit(3, ""), edit(4, "d\n")]);
    assert_eq!(tree.read("a.md").unwrap(), "a\nb\n2\nd\n");
}
