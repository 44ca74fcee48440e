//! Records whose kind is known, read without being kept in between until their kind is found, as a tagged enum is.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor,
        value::MapAccessDeserializer,
    },
};

use super::{Kind, Record};

const TAG: &str = "kind";

impl Record {
    /// Reads an object that says that it is of this kind.
    pub(crate) fn of(kind: Kind, json: &[u8]) -> serde_json::Result<Self> {
        fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
            serde_json::from_slice::<Untagged<T>>(json).map(|read| read.0)
        }
        match kind {
            Kind::Customer => read(json).map(Self::Customer),
            Kind::Contact => read(json).map(Self::Contact),
            Kind::Ticket => read(json).map(Self::Ticket),
        }
    }
}

/// What an object is apart from its tag.
struct Untagged<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Untagged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Object(PhantomData))
            .map(Untagged)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(WithoutTag(fields)))
    }
}

struct WithoutTag<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutTag<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.0.next_key::<String>()? {
            if name != TAG {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            self.0.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_whose_kind_is_known_is_read_like_any_other() {
        for (kind, text) in [
            (
                Kind::Customer,
                r#"{"kind":"customer","id":"c1","name":"Trà Sớm","fields":{"a":[1,{"kind":"x"}]}}"#,
            ),
            (
                Kind::Contact,
                r#"{"id":"p1","emails":["an@tra.example"],"kind":"contact"}"#,
            ),
            (
                Kind::Ticket,
                r#"{"id":"5","kind":"ticket","messages":[{"id":"1","how":"sent","content":"\u0111"}],"rating":{"score":1}}"#,
            ),
            // Errors, too.
            (Kind::Ticket, r#"{"kind":"ticket","subjekt":"x"}"#),
            (Kind::Ticket, r#"{"kind":"ticket","id":5}"#),
            (
                Kind::Contact,
                r#"{"kind":"contact","created_at":"yesterday"}"#,
            ),
        ] {
            let tagged = serde_json::from_str::<Record>(text);
            let told = Record::of(kind, text.as_bytes());
            let plain = |error: serde_json::Error| {
                let said = error.to_string();
                said.split(" at line ")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            assert_eq!(told.map_err(plain), tagged.map_err(plain), "{text}");
        }
    }
}
