//! SVG, as far as pictures on pages need it: shapes and texts, in the order in which they
//! are drawn, and the document around them.
//!
//! Guarantees: each element is on a line of its own, so that two versions of a picture can
//! be compared; a text never becomes markup, whatever is in it. Left to those who draw: what
//! a picture looks like, and attributes without quotes in them.

use std::fmt::{Display, Write};

/// The attributes of an element, in their order.
pub type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// A picture that is being drawn.
#[derive(Clone, Debug, Default)]
pub struct Svg {
    body: String,
}

impl Svg {
    /// Draws an element that has nothing inside.
    pub fn shape(&mut self, name: &str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.body.push_str("/>\n");
    }

    /// Writes a text.
    pub fn text(&mut self, attributes: Attributes<'_>, text: &str) {
        self.open("text", attributes);
        self.body.extend([">", &escaped(text), "</text>\n"]);
    }

    /// Writes a text whose beginning, `first`, has attributes of its own.
    pub fn text_with_head(
        &mut self,
        attributes: Attributes<'_>,
        (of_first, first): (Attributes<'_>, &str),
        rest: &str,
    ) {
        self.open("text", attributes);
        self.body.push('>');
        self.open("tspan", of_first);
        let (first, rest) = (escaped(first), escaped(rest));
        self.body
            .extend([">", &first, "</tspan>", &rest, "</text>\n"]);
    }

    /// The whole picture: `head` is markup that comes before everything that was drawn.
    pub fn document(&self, attributes: Attributes<'_>, head: &str) -> String {
        let mut document = Self::default();
        document.open("svg", &[("xmlns", &"http://www.w3.org/2000/svg")]);
        document.attributes(attributes);
        let parts = [">\n", head, &self.body, "</svg>\n"];
        document.body.extend(parts);
        document.body
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.body.extend(["<", name]);
        self.attributes(attributes);
    }

    fn attributes(&mut self, attributes: Attributes<'_>) {
        for (name, value) in attributes {
            // Writing to a `String` cannot fail.
            let _ = write!(self.body, r#" {name}="{value}""#);
        }
    }
}

/// A text as it stands in markup.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_markup_in_a_text_is_text_in_the_picture() {
        let mut svg = Svg::default();
        svg.text(&[("x", &1), ("y", &2)], "a < b & c > d");
        let text = "<text x=\"1\" y=\"2\">a &lt; b &amp; c &gt; d</text>\n";
        assert_eq!(svg.body, text);
        svg.text_with_head(&[("x", &1)], (&[("class", &"who")], "<a>"), " waits");
        assert!(
            svg.body
                .ends_with("<text x=\"1\"><tspan class=\"who\">&lt;a&gt;</tspan> waits</text>\n"),
            "{}",
            svg.body
        );
    }

    #[test]
    fn a_document_has_its_head_before_what_was_drawn() {
        let mut svg = Svg::default();
        svg.shape("circle", &[("r", &format_args!("{:.1}", 2.0))]);
        let document = svg.document(&[("viewBox", &"0 0 4 4")], "<title>A dot</title>\n");
        assert_eq!(
            document,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 4\">\n\
             <title>A dot</title>\n<circle r=\"2.0\"/>\n</svg>\n"
        );
    }
}
