//! From JSON arguments to a command, or to the reason why not (rule G3).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Number, Value};

use crate::core::{Command, Rejection, escape};

use super::tool::{Kind, Parameter, Tool};

impl Tool {
    /// Reads the arguments of a call. `null` means left out, and a whole number may be
    /// written as `60` or `60.0`, since JSON has one kind of number.
    ///
    /// # Errors
    ///
    /// The first argument that is unknown, or missing, or not what the table says.
    pub fn decode(&self, arguments: &Map<String, Value>) -> Result<Command, Rejection> {
        self.refuse_unknown(arguments)?;
        let mut values = BTreeMap::new();
        for parameter in self.parameters {
            let given = arguments.get(parameter.name);
            if let Some(value) = parameter.check(given)? {
                values.insert(parameter.name, value);
            }
        }
        Ok((self.build)(&Arguments(values)))
    }

    fn refuse_unknown(&self, arguments: &Map<String, Value>) -> Result<(), Rejection> {
        let known = |name: &str| {
            self.parameters
                .iter()
                .any(|parameter| parameter.name == name)
        };
        let Some(unknown) = arguments.keys().find(|name| !known(name)) else {
            return Ok(());
        };
        let names: Vec<&str> = self
            .parameters
            .iter()
            .map(|parameter| parameter.name)
            .collect();
        let mut allowed = match names.as_slice() {
            [only] => format!("only {only}"),
            several => format!("one of {}", several.join(", ")),
        };
        if let Some(near) = nearest(unknown, &names) {
            // Writing to a String cannot fail.
            let _ = write!(allowed, " (did you mean {near}?)");
        }
        let got = format!("an argument that {} does not have", self.name);
        Err(Rejection::described(&escape(unknown), got, allowed))
    }
}

/// Arguments that have passed the checks of their row.
#[derive(Debug)]
pub(super) struct Arguments<'a>(BTreeMap<&'static str, Argument<'a>>);

#[derive(Debug)]
enum Argument<'a> {
    Text(&'a str),
    Integer(u64),
    Flag(bool),
    Texts(Vec<&'a str>),
}

impl<'a> Arguments<'a> {
    /// A string that the row requires.
    pub(super) fn required_text(&self, name: &str) -> String {
        match self.text(name) {
            Some(text) => text,
            None => unreachable!("{name} is required, and what is missing is refused"),
        }
    }

    /// A string, where it was given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.choice(name).map(str::to_owned)
    }

    /// One of the row's choices, where it was given.
    pub(super) fn choice(&self, name: &str) -> Option<&'a str> {
        match self.0.get(name) {
            Some(Argument::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number, where it was given.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Argument::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A truth value, where it was given.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name) {
            Some(Argument::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A list of strings; empty where it was left out.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Argument::Texts(texts)) => texts.iter().map(|&text| text.to_owned()).collect(),
            _ => Vec::new(),
        }
    }
}

impl Parameter {
    fn check<'a>(&self, given: Option<&'a Value>) -> Result<Option<Argument<'a>>, Rejection> {
        match given {
            None | Some(Value::Null) if !self.required => Ok(None),
            None => Err(self.refuse("nothing".to_owned())),
            Some(value) => self
                .kind
                .read(value)
                .map(Some)
                .map_err(|got| self.refuse(got)),
        }
    }

    fn refuse(&self, got: String) -> Rejection {
        let required = if self.required {
            ", and it is required"
        } else {
            ""
        };
        Rejection::described(self.name, got, format!("{}{required}", self.kind.allowed()))
    }
}

impl Kind {
    /// The value as this kind of argument, or a description of what came.
    fn read(self, value: &Value) -> Result<Argument<'_>, String> {
        match (self, value) {
            (Self::Text, Value::String(text)) => Ok(Argument::Text(text)),
            (Self::Flag, Value::Bool(flag)) => Ok(Argument::Flag(*flag)),
            (Self::Integer { min, max }, Value::Number(number)) => whole(number)
                .filter(|whole| (min..=max).contains(whole))
                .map(Argument::Integer)
                .ok_or_else(|| number.to_string()),
            (Self::Choice(choices), Value::String(text)) if choices.contains(&text.as_str()) => {
                Ok(Argument::Text(text))
            }
            (Self::Choice(_), Value::String(text)) => Err(format!("\"{}\"", escape(text))),
            (Self::Texts, Value::Array(items)) => strings(items).map(Argument::Texts),
            _ => Err(describe(value)),
        }
    }

    /// What is allowed, as the end of a sentence.
    fn allowed(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Flag => "true or false".to_owned(),
            Self::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|c| format!("\"{c}\"")).collect();
                quoted.join(" or ")
            }
            Self::Texts => "a list of strings".to_owned(),
        }
    }
}

/// The largest number up to which every whole number has a double of its own.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number that is not negative. Many JSON writers have only doubles, and
/// some of them print 60 as 60.0.
fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let double = number.as_f64()?;
        let exact = double.fract() == 0.0 && (0.0..=MAX_EXACT).contains(&double);
        exact.then_some(double as u64)
    })
}

fn strings(items: &[Value]) -> Result<Vec<&str>, String> {
    let read = |(at, item): (usize, &'_ Value)| match item {
        Value::String(_) => None,
        other => Some(format!(
            "a list whose item {} is {}",
            at + 1,
            describe(other)
        )),
    };
    match items.iter().enumerate().find_map(read) {
        Some(got) => Err(got),
        None => Ok(items.iter().filter_map(Value::as_str).collect()),
    }
}

/// What came, in words, with its kind: `"60"` is not 60.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string \"{}\"", escape(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The known name that was probably meant: at most two letters away, or one that
/// begins or ends the other.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    // Nobody means a name of ours with something much longer, and the distance is
    // quadratic in the length.
    if unknown.len() > 32 {
        return None;
    }
    let unknown = unknown.to_lowercase().replace('-', "_");
    let related = |name: &str| {
        let overlap = |a: &str, b: &str| b.len() > 2 && (a.starts_with(b) || a.ends_with(b));
        overlap(name, &unknown) || overlap(&unknown, name)
    };
    known
        .iter()
        .map(|&name| (distance(&unknown, name), name))
        .filter(|(far, name)| *far <= 2 || related(name))
        .min()
        .map(|(_, name)| name)
}

/// The edit distance of Levenshtein, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests;
