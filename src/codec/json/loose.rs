//! A JSON value that remembers whether some object in it had the same member twice, which serde_json lets pass.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use std::fmt;

/// A value, and whether a member stands twice somewhere in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loose {
    /// The value; of a doubled member, the last.
    pub value: Value,
    /// Whether a member was doubled.
    pub doubled: bool,
}

impl Loose {
    fn plain(value: impl Into<Value>) -> Self {
        Self { value: value.into(), doubled: false }
    }

    /// The value as one line of JSON with sorted members: the same event gives the same text, whoever sends it.
    pub fn canonical(&self) -> String {
        canonical(&self.value)
    }
}

/// One line of JSON with sorted members and no spaces.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let members = sorted.into_iter();
            let members = members.map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Loose, E> {
        Ok(Loose::plain(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::plain(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose::plain(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose::plain(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Loose, E> {
        Ok(Loose::plain(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose::plain(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Loose, E> {
        Ok(Loose::plain(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let (mut values, mut doubled) = (Vec::new(), false);
        while let Some(item) = items.next_element::<Loose>()? {
            doubled |= item.doubled;
            values.push(item.value);
        }
        Ok(Loose { value: Value::Array(values), doubled })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Loose, A::Error> {
        let (mut values, mut doubled) = (Map::new(), false);
        while let Some((name, member)) = members.next_entry::<String, Loose>()? {
            doubled |= member.doubled;
            doubled |= values.insert(name, member.value).is_some();
        }
        Ok(Loose { value: Value::Object(values), doubled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain(r#"{"b":1,"a":[{"d":null,"c":1.5}]}"#, false, r#"{"a":[{"c":1.5,"d":null}],"b":1}"#)]
    #[case::spaced("{ \"a\" : \"\\u00e9\\n\" }", false, "{\"a\":\"é\\n\"}")]
    #[case::doubled(r#"{"a":1,"a":1}"#, true, r#"{"a":1}"#)]
    #[case::doubled_deep(r#"[{"x":{"a":-1,"a":true}}]"#, true, r#"[{"x":{"a":true}}]"#)]
    #[case::same_name_elsewhere(r#"{"a":{"a":1},"b":{"a":1}}"#, false, r#"{"a":{"a":1},"b":{"a":1}}"#)]
    fn doubled_members_are_seen(#[case] text: &str, #[case] doubled: bool, #[case] canonical: &str) {
        let loose: Loose = serde_json::from_str(text).unwrap();
        assert_eq!((loose.doubled, loose.canonical().as_str()), (doubled, canonical));
    }
}
