//! SVG, as far as pictures of stories need it.
//!
//! One file each, without scripts or fonts of its own, with a light and a dark face. It
//! brings its ground along, so that it can be read on a page whose colours do not follow
//! the reader's.

use pages::svg::escaped;

use super::caption::Drawn;

/// The classes of everything that is drawn.
const STYLE: &str = include_str!("style.css");

/// What strikes out a process that stands still.
const HATCH: &str = r#"<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" height="6"/></pattern></defs>"#;

/// Elements, in the order in which they are drawn.
#[derive(Debug, Default)]
pub(super) struct Svg(pages::svg::Svg);

impl Svg {
    pub(super) fn line(&mut self, class: &str, from: (i64, i64), to: (i64, i64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.0.shape(
            "line",
            &[
                ("class", &class),
                ("x1", &x1),
                ("y1", &y1),
                ("x2", &x2),
                ("y2", &y2),
            ],
        );
    }

    pub(super) fn rect(&mut self, class: &str, x: i64, y: i64, width: i64, height: i64) {
        self.0.shape(
            "rect",
            &[
                ("class", &class),
                ("x", &x),
                ("y", &y),
                ("width", &width),
                ("height", &height),
                ("rx", &3),
            ],
        );
    }

    pub(super) fn circle(&mut self, class: &str, (x, y): (i64, i64), radius: i64) {
        self.0.shape(
            "circle",
            &[("class", &class), ("cx", &x), ("cy", &y), ("r", &radius)],
        );
    }

    pub(super) fn diamond(&mut self, class: &str, (x, y): (i64, i64), half: i64) {
        let (left, right, top, bottom) = (x - half, x + half, y - half, y + half);
        let path = format!("M{left} {y}L{x} {top}L{right} {y}L{x} {bottom}Z");
        self.0.shape("path", &[("class", &class), ("d", &path)]);
    }

    pub(super) fn cross(&mut self, class: &str, (x, y): (i64, i64), half: i64) {
        self.line(class, (x - half, y - half), (x + half, y + half));
        self.line(class, (x - half, y + half), (x + half, y - half));
    }

    /// An arrow in the colour of a process, level.
    pub(super) fn arrow(&mut self, owner: usize, from: (i64, i64), to: (i64, i64)) {
        let ((x1, _), (x2, y)) = (from, to);
        let back = if x2 > x1 { x2 - 8 } else { x2 + 8 };
        self.line(&format!("arrow s{owner}"), from, (back, y));
        let (top, bottom) = (y - 4, y + 4);
        let path = format!("M{x2} {y}L{back} {top}L{back} {bottom}Z");
        let class = format!("f{owner}");
        self.0.shape("path", &[("class", &class), ("d", &path)]);
    }

    pub(super) fn text(&mut self, x: i64, y: i64, class: &str, text: &str) {
        self.0
            .text(&[("class", &class), ("x", &x), ("y", &y)], text);
    }

    /// Text around a point.
    pub(super) fn middle(&mut self, x: i64, y: i64, class: &str, text: &str) {
        self.text(x, y, &format!("mid {class}"), text);
    }

    /// Text that ends at a point.
    pub(super) fn right(&mut self, x: i64, y: i64, class: &str, text: &str) {
        self.text(x, y, &format!("end {class}"), text);
    }

    /// Who, and what.
    pub(super) fn said(&mut self, x: i64, y: i64, who: (&str, &str), what: (&str, &str)) {
        self.0.text_with_head(
            &[("class", &what.0), ("x", &x), ("y", &y)],
            (&[("class", &who.0)], who.1),
            what.1,
        );
    }

    /// The whole picture.
    pub(super) fn finish(&self, drawn: &Drawn<'_>, width: i64, height: i64) -> String {
        let (name, sentence) = (escaped(drawn.name), escaped(drawn.sentence));
        let broken = drawn.broken.as_deref().map(escaped).unwrap_or_default();
        let head = format!(
            r#"<title id="title">{name}</title>
<desc id="desc">{sentence} {broken}</desc>
<style>
{STYLE}</style>
{HATCH}
<rect class="ground" width="{width}" height="{height}" rx="6"/>
"#
        );
        self.0.document(
            &[
                ("viewBox", &format_args!("0 0 {width} {height}")),
                ("width", &width),
                ("height", &height),
                ("role", &"img"),
                ("aria-labelledby", &"title desc"),
            ],
            &head,
        )
    }
}

/// Breaks a text into lines that surely fit, whatever sans-serif font there is.
pub(super) fn wrapped(text: &str, width: i64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && extent(&line) + extent(word) + 4 > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// How wide a text may be, in the widest of the usual fonts, at 13 pixels.
fn extent(text: &str) -> i64 {
    let tenths: i64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' => 46,
            'm' | 'w' | 'M' | 'W' => 120,
            'A'..='Z' => 92,
            _ => 80,
        })
        .sum();
    tenths / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_nothing_is_lost() {
        let text = "a holder of the store's lock stands still for so long that it is robbed";
        let lines = wrapped(text, 120);
        assert!(lines.len() > 3, "{lines:?}");
        assert!(lines.iter().all(|line| extent(line) <= 120), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn what_is_markup_in_a_text_is_text_in_the_picture() {
        let mut svg = Svg::default();
        svg.text(1, 2, "plain", "a < b & c");
        let picture = svg.0.document(&[], "");
        assert!(picture.contains(">a &lt; b &amp; c</text>"), "{picture}");
    }
}
