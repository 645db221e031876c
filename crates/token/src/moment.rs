//! How moments and spans rest in records: microseconds as a number.

use serde::{Deserialize, Deserializer, Serializer};
use trust::Timestamp;

/// Writes a moment.
pub(crate) fn serialize<S: Serializer>(
    moment: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(moment.micros())
}

/// Reads a moment.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    Ok(Timestamp::from_micros(i64::deserialize(deserializer)?))
}

/// The same for a moment that may be missing.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use trust::Timestamp;

    /// Writes a moment that may be missing.
    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(Timestamp::micros).serialize(serializer)
    }

    /// Reads a moment that may be missing.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_micros))
    }
}

/// The same for a span that may be missing.
pub(crate) mod optional_span {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use trust::Span;

    /// Writes a span that may be missing.
    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Span>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.map(Span::as_micros).serialize(serializer)
    }

    /// Reads a span that may be missing.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Span>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Span::micros))
    }
}
