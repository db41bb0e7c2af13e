//! What others make of the commands: shell completions and man pages, both generated
//! from the very definitions that are parsed.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::failure::Failure;
use super::{Ending, Line};

/// For which shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh completions bash > ~/.local/share/bash-completion/completions/mesh
  mesh completions zsh > ~/.zfunc/_mesh
  mesh completions fish > ~/.config/fish/completions/mesh.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Which page.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh man | man -l -
  mesh man claim > ~/.local/share/man/man1/mesh-claim.1")]
pub(super) struct Page {
    /// The command; without one, the page of mesh itself
    command: Option<String>,
}

/// Writes the completions.
pub(super) fn completions(wanted: &Completions) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    let mut command = Line::command();
    clap_complete::generate(wanted.shell, &mut command, "mesh", &mut script);
    write(&script)
}

/// Writes a page in the language of `man`.
pub(super) fn page(wanted: &Page) -> Result<Ending, Failure> {
    let mut mesh = Line::command();
    mesh.build();
    let page = match &wanted.command {
        None => mesh,
        Some(name) => match mesh.find_subcommand(name) {
            Some(command) => {
                let title = format!("mesh-{}", command.get_name());
                command.clone().name(title)
            }
            None => {
                let name = crate::core::escape(name);
                let what = format!("mesh has no command \"{name}\"; `mesh --help` lists them");
                return Err(Failure::Usage(what));
            }
        },
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(Failure::Output)?;
    write(&text)
}

fn write(text: &[u8]) -> Result<Ending, Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(Failure::Output)?;
    Ok(Ending::Done)
}
