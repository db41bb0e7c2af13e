//! The `mesh` command; see [`mesh::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh::cli::main()
}
