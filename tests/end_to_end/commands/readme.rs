//! The README shows what the commands print; see [`tests::transcript`]. The pages of `docs/`
//! are held to the same by the tests of the book.

use std::fs;
use std::path::Path;

use tests::binary;
use tests::transcript::{Shell, normal, transcripts};

#[test]
fn the_readme_shows_what_the_commands_print() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let transcripts = transcripts(&fs::read_to_string(readme).unwrap()).unwrap();
    let commands: usize = transcripts.iter().map(|told| told.steps.len()).sum();
    assert!(
        commands >= 8,
        "the README has transcripts: {commands} commands"
    );
    for transcript in transcripts {
        let shell = Shell::new().with_program("mesh", binary());
        for step in &transcript.steps {
            assert_eq!(
                normal(&shell.run(&step.command)),
                normal(&step.printed),
                "README.md:{}: $ {}",
                step.line,
                step.command
            );
        }
    }
}
