//! Reading events: the kind first, then the fields as they come.
//!
//! An event stands in the log as one flat object whose first member is its kind: what serde
//! calls internally tagged. serde reads that form through a buffer of all members, since the
//! tag may stand anywhere, and a struct that is flattened into them through another one.
//! The log is read whole at each start, so here the kind is taken from where it stands, and
//! only what has flattened parts is buffered at all.
//!
//! What is read is what serde would read: members in any order, unknown ones passed over.

use std::fmt;

use serde::de::value::{EnumAccessDeserializer, MapAccessDeserializer, MapDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, VariantAccess,
    Visitor,
};
use serde_json::{Map, Value};

use super::{Event, Read};
use crate::ids::Text;

/// The member that says what an event is.
const KIND: &str = "kind";

/// Declares the events twice, as they are written and as they are read: a `serde` attribute
/// says the same of both. Written, the kind is a member of the object; `Read` is told it apart
/// from the members, by [`Members`].
macro_rules! written_and_read {
    ($(#[$attribute:meta])* pub enum Event $variants:tt) => {
        $(#[$attribute])*
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Event $variants

        #[derive(Deserialize)]
        #[serde(remote = "Event", rename_all = "snake_case")]
        enum Read $variants
    };
}
pub(super) use written_and_read;

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("internally tagged enum Event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Event, A::Error> {
        match members.next_key::<Text<'de>>()? {
            Some(Text(name)) if name == KIND => {
                Read::deserialize(EnumAccessDeserializer::new(Members(members)))
            }
            Some(Text(name)) => kind_first(name.into_owned(), members),
            None => Err(Error::missing_field(KIND)),
        }
    }
}

/// Reads an object that nobody in here has written: its kind stands behind other members.
fn kind_first<'de, A: MapAccess<'de>>(first: String, mut members: A) -> Result<Event, A::Error> {
    let mut rest = Map::from_iter([(first, members.next_value()?)]);
    while let Some((name, value)) = members.next_entry::<String, Value>()? {
        rest.insert(name, value);
    }
    let kind = rest.remove(KIND);
    let kind = kind.ok_or_else(|| A::Error::missing_field(KIND))?;
    let members = std::iter::once((KIND.to_owned(), kind)).chain(rest);
    let members = MapDeserializer::<_, serde_json::Error>::new(members);
    Event::deserialize(members).map_err(Error::custom)
}

/// The members of an event, up to the name `kind`: its value says which variant it is, and
/// the others are the fields of that.
struct Members<A>(A);

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Members<A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), A::Error> {
        let kind = self.0.next_value_seed(seed)?;
        Ok((kind, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Members<A> {
    type Error = A::Error;

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }

    /// What serde asks for where a part of the fields is flattened.
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self.0))
    }

    fn unit_variant(self) -> Result<(), A::Error> {
        Err(no_names())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(no_names())
    }
}

fn no_names<E: Error>() -> E {
    E::custom("an event has fields with names")
}
