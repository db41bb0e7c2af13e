//! Names that agents give, and that whoever reads a trace knows them by.

/// The topic that every agent follows.
pub(crate) const TOPIC: &str = "news";
/// The name of who looks whether all is well.
pub(crate) const AUDITOR: &str = "auditor";
/// The name of who looks at a folder to which something was done.
pub(crate) const INSPECTOR: &str = "inspector";
