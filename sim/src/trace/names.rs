//! Names that agents give, and that whoever reads a trace knows them by.

/// The topic that every agent follows.
pub(crate) const TOPIC: &str = "news";
/// The name of who looks whether all is well.
pub(crate) const AUDITOR: &str = "auditor";
/// The name of who looks at a folder to which something was done.
pub(crate) const INSPECTOR: &str = "inspector";
/// Whose process goes on while a backup is restored, who comes then, and who comes at last.
pub(crate) const VETERAN: &str = "veteran";
pub(crate) const NEWCOMER: &str = "newcomer";
pub(crate) const READER: &str = "reader";
