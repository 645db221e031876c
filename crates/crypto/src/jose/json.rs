//! JSON with a bounded depth and without double members.

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{JoseError, MAX_JSON_DEPTH};

/// Parses a value after a look at how deep it nests.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, JoseError> {
    if depth(json) > MAX_JSON_DEPTH {
        return Err(JoseError::Json);
    }
    serde_json::from_slice(json).map_err(|_| JoseError::Json)
}

/// Parses an object, refusing one that has a member twice: two readers could take one each.
pub(super) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, JoseError> {
    parse::<Members>(json).map(|members| members.0)
}

/// The greatest number of brackets open at once, outside of strings.
fn depth(json: &[u8]) -> usize {
    let (mut open, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Members(Map<String, Value>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member occurs twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
