//! What the pages of this repository are made of: Markdown that is read ([`markdown`]), and
//! pictures that are written ([`svg`]).
//!
//! It is a package of its own, below all that use it, because none of them can stand below
//! the others. The simulator draws the stories of the book, the benchmarks their plots, the
//! tests run what pages show, and the checks of the book follow links. `sim` builds mesh
//! with planted bugs, so nothing that measures or tests the real one may depend on it;
//! `tests` brings clients and terminals, with which no reader's `cargo sim` should wait.
//! Here is nothing but text: no clock, no file, no dependency but the parser that mdBook
//! uses, and that only behind the feature `markdown`.

#[cfg(feature = "markdown")]
pub mod markdown;
pub mod svg;
