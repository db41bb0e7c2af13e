//! What a row of the table says.

use crate::core::Command;

use super::arguments::Arguments;

/// One tool.
#[derive(Debug)]
pub struct Tool {
    /// The name by which it is called.
    pub name: &'static str,
    /// The name that people see.
    pub title: &'static str,
    /// What it does, when to call it, and what to make of the answer.
    pub description: &'static str,
    /// What a call changes.
    pub access: Access,
    /// The arguments, in the order in which they are shown.
    pub parameters: &'static [Parameter],
    /// The fields of its reply.
    pub reply: &'static [Field],
    /// Makes the command from arguments that have passed the checks of this row.
    pub(super) build: fn(Arguments) -> Command,
}

/// What a call changes, for clients that ask their user before some calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing that a caller could tell from the passing of time: reaping only writes
    /// down what has lapsed already.
    Reads,
    /// Calling again with the same arguments leaves everything as it is, but for
    /// deadlines that move.
    Repeatable,
    /// Each call adds something.
    Adds,
    /// Something is deleted.
    Deletes,
}

/// One argument of a tool.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether a call must have it.
    pub required: bool,
    /// What a call without it means, where that is one value.
    pub default: Option<Literal>,
    /// One line for the caller.
    pub description: &'static str,
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number within bounds, both included.
    Integer {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// One of a few strings.
    Choice(&'static [&'static str]),
    /// A list of strings.
    Texts,
}

/// The value that an argument has when it is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A number.
    Integer(u64),
    /// A truth value.
    Flag(bool),
    /// One of the choices.
    Choice(&'static str),
    /// The empty list.
    NoTexts,
}

/// One field of a reply.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What a field of a reply holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number, never negative.
    Integer,
    /// One of a few strings.
    Choice(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// An object with these fields.
    Record(&'static [Field]),
    /// A list of objects with these fields.
    Records(&'static [Field]),
}

#[cfg(all(test, feature = "server"))]
impl Tool {
    /// A tool whose every call is a bug.
    pub(crate) const fn broken() -> Self {
        Self {
            name: "broken",
            title: "",
            description: "",
            access: Access::Reads,
            parameters: &[],
            reply: &[],
            build: |_| unreachable!("this bug is part of a test"),
        }
    }
}
