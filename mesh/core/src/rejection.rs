//! The caller's fault, said so that the caller can mend it.

use std::fmt::{self, Write};

/// A bad argument: the field, what came, and what is allowed (rule G3).
///
/// A rejection is deterministic and leaves the state as it was. What came is
/// escaped and cut short, since it may reach another reader's terminal or context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The argument at fault.
    pub field: String,
    /// What came, escaped.
    pub got: String,
    /// What is allowed, as the end of a sentence.
    pub allowed: String,
}

impl Rejection {
    /// A rejection of `field`, showing `got` quoted and escaped.
    pub fn new(field: &str, got: &str, allowed: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            got: format!("\"{}\"", escape(got)),
            allowed: allowed.into(),
        }
    }

    /// A rejection that describes what came in the program's own words.
    pub fn described(field: &str, got: impl fmt::Display, allowed: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            got: got.to_string(),
            allowed: allowed.into(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: got {}; allowed is {}",
            self.field, self.got, self.allowed
        )
    }
}

impl std::error::Error for Rejection {}

/// How much of a foreign text an error shows, in characters.
const SHOWN: usize = 80;

/// Makes text that may hold foreign parts safe to show as a whole: what does not print
/// is escaped. For a text that is foreign altogether, see [`escape`].
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_printable(c) {
            true => out.push(c),
            false => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// The same for a JSON text, which stays the same JSON: outside of its strings there is
/// nothing but what prints, and in them a character may be written by its number. Line ends
/// stay.
pub fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || is_printable(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// Makes foreign text safe to show: control characters, bidirectional formatting and
/// everything else that does not print is escaped, and the text is cut after 80
/// characters.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for (shown, c) in text.chars().enumerate() {
        if shown == SHOWN {
            // Writing to a String cannot fail.
            let _ = write!(out, "… ({} bytes)", text.len());
            break;
        }
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_printable(c) => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// Whether `c` is printable here: no control and no bidirectional formatting
/// character, no line or paragraph separator, no noncharacter.
pub(super) fn is_printable(c: char) -> bool {
    let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separator = matches!(c, '\u{2028}' | '\u{2029}');
    let noncharacter =
        matches!(c, '\u{fdd0}'..='\u{fdef}') || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    !(c.is_control() || bidi || separator || noncharacter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_escaped_and_cut_short() {
        assert_eq!(escape("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
        assert!(escape(&"x".repeat(300)).ends_with("… (300 bytes)"));
    }
}
