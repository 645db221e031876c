//! How moments rest in these records: microseconds as a number.

use serde::{Deserialize, Deserializer, Serializer};
use trust::Timestamp;

pub(super) fn serialize<S: Serializer>(moment: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(moment.micros())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(from).map(Timestamp::from_micros)
}
