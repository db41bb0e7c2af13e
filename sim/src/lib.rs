//! The simulator: the whole machine in a box.
//!
//! It will hold a deterministic world (a disk with a page cache and a durable image,
//! clocks that are wrong, processes that crash, pause and come back) in which the *real*
//! coordinator and the *real* `fs` backend run, and checkers that hold what happened
//! against the contract. Every choice is a draw from one tape, so that a failure replays
//! and shrinks.
//!
//! What is here already is the ground it stands on: mesh built without its default
//! features, so without a clock, a disk or a runtime of its own.

/// The rules that the checkers will hold the log against, by their ids.
pub use mesh::core;
/// The seams at which the simulated world is put in.
pub use mesh::ports;

#[cfg(test)]
mod tests {
    use mesh::core::{Command, Register, State, decide};

    /// The simulator can only be trusted if equal inputs give equal outputs.
    #[test]
    fn a_decision_depends_on_its_arguments_alone() {
        let register = Command::Register(Register {
            agent_id: "a".into(),
            branch: "main".into(),
            prompt_ptr: "task".into(),
            ..Register::default()
        });
        let decided = || decide(&State::default(), 1_000, &register, 7).unwrap();
        assert_eq!(decided(), decided());
    }
}
