//! The names by which agents, their sessions and resources are known.
//!
//! All are shared strings: the persistent collections of the state clone their
//! keys, and a clone must not copy text. A name is only a name here; which names may
//! be *created* is a matter of the [arguments](super::arguments), since names that exist
//! already (adopted ones, say) are accepted whatever they look like (rule G8).

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::arguments::line;
use super::limits::{MAX_NAME_BYTES, MESH};
use super::rejection::Rejection;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The stable name by which an agent identifies itself in every call.
    AgentId
}

impl AgentId {
    /// The id of an agent that acts: printable, of bounded length, and never that of a
    /// broadcast, a topic, or mesh itself (rule G8). `field` names it in the rejection.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`, and what is allowed.
    pub fn acting(field: &str, text: &str) -> Result<Self, Rejection> {
        line(field, text, MAX_NAME_BYTES)?;
        if text == "*" || text == MESH || text.starts_with("topic:") {
            let allowed = "an id other than \"*\" and \"mesh\" that does not start with \"topic:\"";
            return Err(Rejection::new(field, text, allowed));
        }
        Ok(Self::from(text))
    }
}

name! {
    /// A session of a client, by the id that the client gave it: what an agent belongs to,
    /// as far as whoever tidies up behind the session is concerned.
    SessionId
}

impl SessionId {
    /// The id of a session: printable, and of bounded length, like every name.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`, and what is allowed.
    pub fn new(text: &str) -> Result<Self, Rejection> {
        line("session", text, MAX_NAME_BYTES)?;
        Ok(Self(text.into()))
    }
}

name! {
    /// What is claimed: any name that the agents of a repository agree on, such as
    /// `feature:auth` or `file:src/main.rs`.
    Resource
}

impl Resource {
    /// A resource that may be claimed (rule G8).
    pub(super) fn claimable(text: &str) -> Result<Self, Rejection> {
        line("resource", text, MAX_NAME_BYTES)?;
        Ok(Self::from(text))
    }
}
