//! Tables that fit where they are shown.
//!
//! A table is as wide as its content where there is room. Where there is not, the widest
//! of the columns that may be cut gives way first, and what is cut ends in `…`; ids,
//! numbers and times are never cut, because half of one is worth nothing. Then the spare
//! columns go, the last one first. Where even that does not fit, each row becomes a block
//! of lines, with everything in it. A column without any content is never shown.
//!
//! Cells are made of foreign text, so every cell is escaped here, and nowhere else.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::screen::{Paint, Screen};
use crate::core::printable;

const GAP: &str = "  ";
/// Columns that may be cut keep at least this much.
const LEAST: usize = 6;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    name: &'static str,
    flexible: bool,
    spare: bool,
}

impl Column {
    /// The same column, but one that may be missing.
    pub(super) const fn spare(self) -> Self {
        Self {
            spare: true,
            ..self
        }
    }
}

/// A column whose cells are always shown in full.
pub(super) const fn fixed(name: &'static str) -> Column {
    Column {
        name,
        flexible: false,
        spare: false,
    }
}

/// A column whose cells may be cut.
pub(super) const fn flexible(name: &'static str) -> Column {
    Column {
        name,
        flexible: true,
        spare: false,
    }
}

/// One field of a row.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// Text that means something.
    pub(super) fn painted(paint: Paint, text: &str) -> Self {
        Self {
            text: printable(text),
            paint,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(Paint::Plain, text.as_ref())
    }
}

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, one cell for each column.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len(), "one cell for each column");
        self.rows.push(cells.into());
    }

    /// The lines of the table.
    pub(super) fn lines(&self, screen: &Screen) -> Vec<String> {
        let filled = |at: &usize| self.rows.iter().any(|row| !row[*at].text.is_empty());
        let mut shown: Vec<usize> = (0..self.columns.len()).filter(filled).collect();
        loop {
            if let Some(widths) = self.widths(&shown, screen.columns) {
                return self.across(&shown, &widths, screen);
            }
            let Some(spare) = shown.iter().rposition(|at| self.columns[*at].spare) else {
                return self.down(screen);
            };
            shown.remove(spare);
        }
    }

    /// The width of each column shown; `None` where they cannot be made to fit.
    fn widths(&self, shown: &[usize], limit: Option<usize>) -> Option<Vec<usize>> {
        let width = |at: &usize| {
            let cells = self.rows.iter().map(|row| row[*at].text.width());
            cells.fold(self.columns[*at].name.width(), usize::max)
        };
        let mut widths: Vec<usize> = shown.iter().map(width).collect();
        let gaps = GAP.len() * (widths.len().max(1) - 1);
        let limit = limit.unwrap_or(usize::MAX);
        while widths.iter().sum::<usize>() + gaps > limit {
            let column = |at: usize| &self.columns[shown[at]];
            let least = |at: usize| LEAST.max(column(at).name.width());
            let widest = (0..widths.len())
                .filter(|at| column(*at).flexible && widths[*at] > least(*at))
                .max_by_key(|at| widths[*at])?;
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn across(&self, shown: &[usize], widths: &[usize], screen: &Screen) -> Vec<String> {
        let names = shown.iter().map(|at| self.columns[*at].name);
        let names: Vec<Cell> = names.map(|name| Cell::painted(Paint::Dim, name)).collect();
        let heading = line(&names.iter().collect::<Vec<_>>(), widths, screen);
        let rows = self.rows.iter().map(|row| {
            let cells: Vec<&Cell> = shown.iter().map(|at| &row[*at]).collect();
            line(&cells, widths, screen)
        });
        std::iter::once(heading).chain(rows).collect()
    }

    /// One line for each field that is not empty, and an empty line between rows.
    fn down(&self, screen: &Screen) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.width());
        let label = names.max().unwrap_or_default();
        let room = screen.columns.unwrap_or(usize::MAX);
        let room = room.saturating_sub(label + GAP.len()).max(LEAST);
        let mut lines = Vec::new();
        for row in &self.rows {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            let fields = self.columns.iter().zip(row);
            for (column, cell) in fields.filter(|(_, cell)| !cell.text.is_empty()) {
                let name = screen.paint(Paint::Dim, &format!("{:label$}", column.name));
                let text = match column.flexible {
                    true => cut(&cell.text, room),
                    false => cell.text.clone(),
                };
                lines.push(format!("{name}{GAP}{}", screen.paint(cell.paint, &text)));
            }
        }
        lines
    }
}

/// A row, without blanks at its end.
fn line(row: &[&Cell], widths: &[usize], screen: &Screen) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty());
    let mut line = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
        let text = cut(&cell.text, *width);
        line.push_str(&screen.paint(cell.paint, &text));
        if Some(at) >= last {
            break;
        }
        // Padded by what is shown, which is not what is written.
        line.extend(std::iter::repeat_n(' ', width - text.width()));
        line.push_str(GAP);
    }
    line
}

/// `text`, or as much of it as fits into `width` columns with a `…` behind it.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        match room.checked_sub(c.width().unwrap_or_default()) {
            Some(rest) => room = rest,
            None => break,
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(columns: usize) -> Screen {
        Screen {
            colour: false,
            columns: Some(columns),
            lines: None,
        }
    }

    fn sample() -> Table {
        let mut table = Table::new(&[fixed("ID"), flexible("RESOURCE"), flexible("NOTE")]);
        table.row([
            "1".into(),
            "feature:authentication".into(),
            "for the login".into(),
        ]);
        table.row(["22".into(), "数据库".into(), "".into()]);
        table
    }

    #[test]
    fn columns_line_up_by_what_is_shown() {
        assert_eq!(
            sample().lines(&screen(80)),
            [
                "ID  RESOURCE                NOTE",
                "1   feature:authentication  for the login",
                "22  数据库",
            ]
        );
    }

    #[test]
    fn the_widest_column_gives_way_first() {
        let lines = sample().lines(&screen(30));
        assert_eq!(
            lines,
            [
                "ID  RESOURCE      NOTE",
                "1   feature:aut…  for the log…",
                "22  数据库",
            ]
        );
        assert!(lines.iter().all(|line| line.width() <= 30));
    }

    #[test]
    fn spare_columns_go_before_the_table_breaks_up() {
        let mut table = Table::new(&[fixed("ID"), fixed("A").spare(), fixed("B").spare()]);
        table.row(["1".into(), "1234567".into(), "1234567".into()]);
        assert_eq!(table.lines(&screen(20))[1], "1   1234567  1234567");
        assert_eq!(table.lines(&screen(19))[1], "1   1234567");
        assert_eq!(table.lines(&screen(10))[1], "1");
        assert_eq!(
            table.lines(&screen(1)),
            ["ID  1", "A   1234567", "B   1234567"]
        );
    }

    #[test]
    fn a_column_without_content_is_left_out() {
        let mut table = Table::new(&[fixed("ID"), flexible("NOTE"), fixed("N")]);
        table.row(["1".into(), "".into(), "2".into()]);
        assert_eq!(table.lines(&screen(80)), ["ID  N", "1   2"]);
    }

    #[test]
    fn what_does_not_fit_across_goes_down() {
        assert_eq!(
            sample().lines(&screen(18)),
            [
                "ID        1",
                "RESOURCE  feature…",
                "NOTE      for the…",
                "",
                "ID        22",
                "RESOURCE  数据库",
            ]
        );
    }

    #[test]
    fn a_cell_is_escaped_and_painted_without_moving_its_neighbours() {
        let mut table = Table::new(&[flexible("WHO"), fixed("STATE")]);
        table.row([
            "a\u{1b}[2J\u{202e}".into(),
            Cell::painted(Paint::Good, "alive"),
        ]);
        let mut colourful = screen(80);
        colourful.colour = true;
        assert_eq!(
            table.lines(&colourful)[1],
            "a\\u{1b}[2J\\u{202e}  \u{1b}[32malive\u{1b}[0m"
        );
    }

    #[test]
    fn a_cut_never_splits_a_wide_character() {
        assert_eq!(cut("数据库", 6), "数据库");
        assert_eq!(cut("数据库", 5), "数据…");
        assert_eq!(cut("数据库", 4), "数…");
    }
}
