//! From JSON arguments to a command, or to the reason why not (rule G3).

use std::fmt::Write;

use serde_json::{Map, Number, Value};

use crate::core::{Command, Rejection, escape};

use super::arguments::Arguments;
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
        let mut checked = Map::new();
        for parameter in self.parameters {
            let given = arguments.get(parameter.name);
            if let Some(value) = parameter.check(given)? {
                checked.insert(parameter.name.to_owned(), value);
            }
        }
        Ok((self.build)(Arguments::checked(checked)))
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

impl Parameter {
    fn check(&self, given: Option<&Value>) -> Result<Option<Value>, Rejection> {
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
    /// The value, if it is of this kind, with its numbers written as whole ones; else a
    /// description of what came.
    fn read(self, value: &Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::Flag, Value::Bool(_)) => Ok(value.clone()),
            (Self::Integer { min, max }, Value::Number(number)) => whole(number)
                .filter(|whole| (min..=max).contains(whole))
                .map(Value::from)
                .ok_or_else(|| number.to_string()),
            (Self::Choice(choices), Value::String(text)) if choices.contains(&text.as_str()) => {
                Ok(value.clone())
            }
            (Self::Choice(_), Value::String(text)) => Err(format!("\"{}\"", escape(text))),
            (Self::Texts, Value::Array(items)) => only_strings(items).map(|()| value.clone()),
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

fn only_strings(items: &[Value]) -> Result<(), String> {
    let other = items.iter().zip(1..).find(|(item, _)| !item.is_string());
    match other {
        Some((item, number)) => Err(format!("a list whose item {number} is {}", describe(item))),
        None => Ok(()),
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
