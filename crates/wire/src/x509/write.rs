//! DER out of pieces: a few lines instead of a type for each shape.

use const_oid::ObjectIdentifier;

use super::tag;

/// An element of `tag` around `content`.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let octets = length.to_be_bytes();
        let leading = octets.iter().take_while(|octet| **octet == 0).count();
        out.push(0x80 | (octets.len() - leading) as u8);
        out.extend(octets.iter().skip(leading));
    }
    out.extend_from_slice(content);
    out
}

/// An element of `tag` around the encoded `parts`, one after another.
pub(super) fn constructed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    constructed(tag::SEQUENCE, parts)
}

/// A SEQUENCE OF the encoded `elements`.
pub(super) fn sequence_of(elements: &[Vec<u8>]) -> Vec<u8> {
    element(tag::SEQUENCE, &elements.concat())
}

pub(super) fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
    element(tag::OBJECT_IDENTIFIER, oid.as_bytes())
}

pub(super) fn octet_string(octets: &[u8]) -> Vec<u8> {
    element(tag::OCTET_STRING, octets)
}

/// A BIT STRING without unused bits.
pub(super) fn bit_string(octets: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(octets.len() + 1);
    content.push(0);
    content.extend_from_slice(octets);
    element(tag::BIT_STRING, &content)
}

/// A non-negative INTEGER from its big-endian magnitude; leading zeros do not matter.
pub(super) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let leading = magnitude.iter().take_while(|octet| **octet == 0).count();
    let significant = magnitude.get(leading..).unwrap_or_default();
    let mut content = Vec::with_capacity(significant.len() + 1);
    if significant.first().is_none_or(|first| first & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(significant);
    element(tag::INTEGER, &content)
}

pub(super) fn number(value: u64) -> Vec<u8> {
    integer(&value.to_be_bytes())
}
