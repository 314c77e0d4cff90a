//! JSON as a tree that keeps the order of members and refuses one that stands twice, flattened into fields
//! the way Telegraf does: `{"a":{"b":[1,2]}}` has the fields `a_b_0` and `a_b_1`.

use super::Scalar;
use serde::de::{self, Deserialize, Deserializer};
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Scalar(Scalar),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(payload).map_err(|why| why.to_string())
    }

    /// What an RFC 6901 pointer leads to.
    pub(super) fn at(&self, pointer: &str) -> Option<&Self> {
        let Some(steps) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(self) };
        steps.split('/').try_fold(self, |json, step| match json {
            Self::Object(members) => {
                let key = step.replace("~1", "/").replace("~0", "~");
                members.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
            }
            Self::Array(items) => items.get(step.parse::<usize>().ok()?),
            Self::Null | Self::Scalar(_) => None,
        })
    }

    /// Every scalar below, with its flattened name and its pointer; `null` is no field.
    pub(super) fn flatten<'a>(&'a self, each: &mut impl FnMut(&str, &str, &'a Scalar)) {
        self.flatten_into(&mut String::new(), &mut String::new(), each);
    }

    fn flatten_into<'a>(
        &'a self,
        name: &mut String,
        pointer: &mut String,
        each: &mut impl FnMut(&str, &str, &'a Scalar),
    ) {
        let mut below = |key: &str, value: &'a Self| {
            let ends = (name.len(), pointer.len());
            if !name.is_empty() {
                name.push('_');
            }
            name.push_str(key);
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            value.flatten_into(name, pointer, each);
            name.truncate(ends.0);
            pointer.truncate(ends.1);
        };
        match self {
            Self::Null => {}
            Self::Scalar(scalar) => each(name, pointer, scalar),
            Self::Array(items) => items.iter().enumerate().for_each(|(at, item)| below(&at.to_string(), item)),
            Self::Object(members) => members.iter().for_each(|(key, value)| below(key, value)),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> de::Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Json, E> {
        Ok(Json::Scalar(Scalar::Boolean(b)))
    }
    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Json, E> {
        Ok(Json::Scalar(Scalar::Integer(n.into())))
    }
    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Json, E> {
        Ok(Json::Scalar(Scalar::Integer(n.into())))
    }
    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Json, E> {
        Ok(Json::Scalar(Scalar::Float(x)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Scalar(Scalar::Text(text.to_owned())))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let (mut object, mut names) = (Vec::new(), std::collections::BTreeSet::new());
        while let Some((name, value)) = members.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format!("the member {name:?} stands twice")));
            }
            object.push((name, value));
        }
        Ok(Json::Object(object))
    }
}
