//! The subschema (RFC 4512 4.2): the attributes and classes that there are, in the words of the RFC, for clients that read
//! their syntaxes from it.

use super::search::{ShownEntry, owned};
use crate::schema::{ATTRIBUTES, AUXILIARY, AttributeRow, CLASSES, ClassRow, Syntax};

/// The attributes of `CN=Aggregate,CN=Schema,CN=Configuration,…`.
pub(super) fn subschema() -> ShownEntry<'static> {
    let texts = |texts: Vec<String>| -> Vec<Vec<u8>> {
        texts.into_iter().map(String::into_bytes).collect()
    };
    let one = |text: &str| vec![text.as_bytes().to_vec()];
    owned([
        ("objectClass", vec![b"top".to_vec(), b"subSchema".to_vec()]),
        ("cn", one("Aggregate")),
        ("name", one("Aggregate")),
        (
            "attributeTypes",
            texts(ATTRIBUTES.iter().map(attribute_type).collect()),
        ),
        ("objectClasses", texts(classes())),
    ])
}

/// RFC 4517's OID of a syntax.
const fn syntax_oid(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::DirectoryString => "1.3.6.1.4.1.1466.115.121.1.15",
        Syntax::Integer => "1.3.6.1.4.1.1466.115.121.1.27",
        Syntax::LargeInteger | Syntax::FileTime => "1.2.840.113556.1.4.906",
        Syntax::Boolean => "1.3.6.1.4.1.1466.115.121.1.7",
        Syntax::OctetString | Syntax::Sid | Syntax::Secret => "1.3.6.1.4.1.1466.115.121.1.40",
        Syntax::DistinguishedName => "1.3.6.1.4.1.1466.115.121.1.12",
        Syntax::DnBinary => "1.2.840.113556.1.4.903",
        Syntax::GeneralizedTime => "1.3.6.1.4.1.1466.115.121.1.24",
    }
}

fn attribute_type(row: &AttributeRow) -> String {
    let mut text = format!(
        "( {} NAME '{}' SYNTAX '{}'",
        row.oid,
        row.name,
        syntax_oid(row.syntax)
    );
    if row.single {
        text.push_str(" SINGLE-VALUE");
    }
    if row.system {
        text.push_str(" NO-USER-MODIFICATION");
    }
    text.push_str(" )");
    text
}

fn classes() -> Vec<String> {
    // Those above the ones that entries are of.
    let above = [
        ("2.5.6.0", "top", None, "ABSTRACT"),
        ("2.5.6.6", "person", Some("top"), "ABSTRACT"),
        (
            "2.5.6.7",
            "organizationalPerson",
            Some("person"),
            "ABSTRACT",
        ),
        ("1.2.840.113556.1.5.66", "domain", Some("top"), "ABSTRACT"),
        ("1.2.840.113556.1.5.20", "leaf", Some("top"), "ABSTRACT"),
        (
            "1.2.840.113556.1.5.7000.49",
            "applicationSettings",
            Some("top"),
            "ABSTRACT",
        ),
        (
            "1.2.840.113556.1.5.14",
            "connectionPoint",
            Some("leaf"),
            "ABSTRACT",
        ),
    ];
    let mut list: Vec<String> = above
        .iter()
        .map(|(oid, name, superior, kind)| class_text(oid, name, *superior, kind, &[], &[]))
        .collect();
    list.extend(CLASSES.iter().map(class));
    list.extend(
        AUXILIARY
            .iter()
            .map(|row| class_text(row.oid, row.name, Some("top"), "AUXILIARY", &[], &[])),
    );
    list
}

fn class(row: &ClassRow) -> String {
    let superior = row
        .chain
        .len()
        .checked_sub(2)
        .and_then(|place| row.chain.get(place));
    let names = |list: &[crate::schema::Attribute]| -> Vec<&'static str> {
        list.iter().map(|attribute| attribute.name()).collect()
    };
    let must = [names(&[row.naming]), names(row.must)].concat();
    class_text(
        row.oid,
        row.name,
        superior.copied(),
        "STRUCTURAL",
        &must,
        &names(row.may),
    )
}

fn class_text(
    oid: &str,
    name: &str,
    superior: Option<&str>,
    kind: &str,
    must: &[&str],
    may: &[&str],
) -> String {
    let mut text = format!("( {oid} NAME '{name}'");
    if let Some(superior) = superior {
        text.push_str(&format!(" SUP {superior}"));
    }
    text.push(' ');
    text.push_str(kind);
    for (word, names) in [("MUST", must), ("MAY", may)] {
        if !names.is_empty() {
            text.push_str(&format!(" {word} ( {} )", names.join(" $ ")));
        }
    }
    text.push_str(" )");
    text
}
