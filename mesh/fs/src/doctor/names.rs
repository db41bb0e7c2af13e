//! The names that a repair gives.
//!
//! What repair n puts aside is called `<name>.damaged.<n>`; once it is through, its
//! report is `repair.<n>.json`. Files that were put aside without a report are the work
//! of a repair that was cut short, and the next one goes on from there.

use crate::folder::names;

/// What `name` is called once repair `n` has put it aside.
pub(super) fn set_aside(name: &str, n: u64) -> String {
    format!("{name}{}", suffix(n))
}

/// What repair `n` appends to names.
pub(super) fn suffix(n: u64) -> String {
    format!(".damaged.{n}")
}

/// The repair that put `name` aside, and what the file was called before. Only a name that
/// a repair gives is one: a repair gives no number twice.
pub(super) fn parse_set_aside(name: &str) -> Option<(&str, u64)> {
    let (before, n) = name.rsplit_once(".damaged.")?;
    let n = n.parse().ok()?;
    (set_aside(before, n) == name).then_some((before, n))
}

/// The report of repair `n`.
pub(super) fn report(n: u64) -> String {
    format!("repair.{n}.json")
}

/// The report of repair `n` until it is through.
pub(super) fn draft(n: u64) -> String {
    format!("repair.{n}.draft.json")
}

/// The repair that a report is about.
pub(super) fn parse_report(name: &str) -> Option<u64> {
    let n = name.strip_prefix("repair.")?.strip_suffix(".json")?;
    n.parse().ok()
}

/// The repair that was cut short, if one was.
pub(super) fn unfinished(names: &[String]) -> Option<u64> {
    let put_aside = names
        .iter()
        .filter_map(|name| parse_set_aside(name))
        .map(|(_, n)| n);
    put_aside
        .max()
        .filter(|n| !names.iter().any(|name| *name == report(*n)))
}

/// Whether there is a generation above all that repair `n` put aside: its own. One that is
/// not, somebody put back.
pub(super) fn is_followed(names: &[String], n: u64) -> bool {
    let put_aside = names.iter().filter_map(|name| parse_set_aside(name));
    let own = put_aside.filter(|(_, by)| *by == n);
    let highest = own.filter_map(|(name, _)| names::parse_journal(name)).max();
    highest < names::newest_journal(names)
}

/// What repairs put aside that were cut short, as it was called before, and by which.
pub(super) fn unfinished_files(names: &[String]) -> Vec<(&str, u64)> {
    let reports = names.iter().filter_map(|name| parse_report(name));
    let newest = reports.max().unwrap_or(0);
    let put_aside = names.iter().filter_map(|name| parse_set_aside(name));
    put_aside.filter(|(_, n)| *n > newest).collect()
}

/// The number of the next repair, which nothing in the folder has; `None`: there is none.
pub(super) fn next_repair(names: &[String]) -> Option<u64> {
    let reports = names.iter().filter_map(|name| parse_report(name));
    let put_aside = names.iter().filter_map(|name| parse_set_aside(name));
    let newest = reports.chain(put_aside.map(|(_, n)| n)).max();
    newest.unwrap_or(0).checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_without_its_report_is_unfinished() {
        let name = set_aside("journal.3", 2);
        assert_eq!(parse_set_aside(&name), Some(("journal.3", 2)));
        let mut names = vec!["format".to_owned(), name, report(1)];
        assert_eq!(unfinished(&names), Some(2));
        assert_eq!(next_repair(&names), Some(3));
        names.push(report(2));
        assert_eq!(unfinished(&names), None);
        names.push(format!("format.damaged.{}", u64::MAX));
        assert_eq!(next_repair(&names), None, "no number is given twice");
    }
}
