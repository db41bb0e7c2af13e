//! Identifiers that order: a ULID above the newest one, whatever the clock says.
//!
//! The textbook ULID is drawn from the clock, so two processes with different
//! clocks draw ids that disagree with the order of their writes, and a reader's
//! cursor can pass a message that is still to come. Here the state is the authority:
//! the next id is the clock's if that is higher than the newest issued, else the
//! successor of the newest (rule M2). The id orders; it is not a clock.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::time::Millis;

/// Entropy for one command: it makes the random part of a fresh id, and is never
/// relied on for uniqueness, which comes from the state.
pub type Entropy = u128;

/// ULIDs hold 48 bits of milliseconds; a clock beyond that counts as their end.
const MAX_ULID_MILLIS: Millis = (1 << 48) - 1;

/// A string of a JSON text, not copied where it stands there as it is.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// Below every id that is ever issued, and the default; printed as 26 zeros.
            pub const ZERO: Self = Self(Ulid::nil());

            /// A fresh id above `self`: the clock's, if that is higher, else the
            /// successor. `None` once the 128 bits are used up.
            pub(super) fn next(self, now: Millis, entropy: Entropy) -> Option<Self> {
                let clock = Ulid::from_parts(now.min(MAX_ULID_MILLIS), entropy);
                if clock > self.0 {
                    return Some(Self(clock));
                }
                self.0.0.checked_add(1).map(|n| Self(Ulid(n)))
            }
        }

        impl FromStr for $name {
            type Err = ulid::DecodeError;

            /// Reads the 26 letters of Crockford's base 32, in either case. A ULID
            /// past 128 bits is refused, where the usual decoder lets it wrap.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = Ulid::from_string(text)?;
                match text.as_bytes().first() {
                    Some(b'0'..=b'7') => Ok(Self(id)),
                    _ => Err(ulid::DecodeError::InvalidChar),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut buffer = [0; ulid::ULID_LEN];
                serializer.serialize_str(self.0.array_to_str(&mut buffer))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let Text(text) = Text::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// Names one hold or ticket from its first queueing or grant to its release.
    ClaimId
}

id! {
    /// Names a message, and its place in the total order of all messages.
    MessageId
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M2: the next id is above the newest even when the clock goes backwards.
    #[test]
    fn an_id_rises_when_the_clock_falls() {
        let first = MessageId::ZERO.next(2_000, 7).unwrap();
        let second = first.next(1_000, u128::MAX).unwrap();
        assert!(second > first);
    }

    #[test]
    fn the_last_id_has_no_successor() {
        assert_eq!(MessageId(Ulid::max()).next(0, 0), None);
    }

    #[test]
    fn a_ulid_past_its_range_is_refused() {
        assert!("7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<MessageId>().is_ok());
        assert!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<MessageId>().is_err());
    }
}
