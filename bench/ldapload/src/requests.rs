//! The operations, without the number of their message.

use crate::arguments::{Arguments, Style};
use crate::ber::{integer, tlv};

fn text(value: &str) -> Vec<u8> {
    tlv(0x04, &[value.as_bytes()])
}

fn list(values: &[String]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
    tlv(0x30, &[&values])
}

fn search_for(arguments: &Arguments, filter: &[u8]) -> Vec<u8> {
    let fixed = [
        text(&arguments.base),
        integer(0x0a, 2),
        integer(0x0a, 0),
        integer(0x02, 0),
        integer(0x02, 0),
        tlv(0x01, &[&[0]]),
    ]
    .concat();
    tlv(0x63, &[&fixed, filter, &list(&arguments.attributes)])
}

/// One person by name.
pub fn search(arguments: &Arguments, person: usize) -> Vec<u8> {
    let (attribute, name) = (text(&arguments.by), text(&format!("user{person}")));
    search_for(arguments, &tlv(0xa3, &[&attribute, &name]))
}

/// Everybody.
pub fn walk(arguments: &Arguments) -> Vec<u8> {
    let class = match arguments.style {
        Style::Ad => "user",
        Style::Rfc2307 => "inetOrgPerson",
    };
    let class = tlv(0xa3, &[&text("objectClass"), &text(class)]);
    search_for(arguments, &class)
}

/// A person who is not there yet.
pub fn add(arguments: &Arguments, number: usize) -> Vec<u8> {
    let name = format!("{}{number}", arguments.prefix);
    let dn = text(&format!("cn={name},{}", arguments.base));
    let number = number + 1_000_000;
    let mut attributes = vec![
        ("cn", name.clone()),
        ("sn", format!("Person {number}")),
        ("givenName", "Another".to_owned()),
        ("displayName", format!("Another Person {number}")),
        ("mail", format!("{name}@bench.test")),
        ("uidNumber", number.to_string()),
        ("gidNumber", "10000".to_owned()),
        ("loginShell", "/bin/bash".to_owned()),
    ];
    let (classes, home): (&[&str], &str) = match arguments.style {
        Style::Ad => {
            attributes.push(("sAMAccountName", name.clone()));
            (&["user"], "unixHomeDirectory")
        }
        Style::Rfc2307 => {
            attributes.push(("uid", name.clone()));
            (&["inetOrgPerson", "posixAccount"], "homeDirectory")
        }
    };
    attributes.push((home, format!("/home/{name}")));
    let classes: Vec<u8> = classes.iter().flat_map(|class| text(class)).collect();
    let mut written = tlv(0x30, &[&text("objectClass"), &tlv(0x31, &[&classes])]);
    for (attribute, value) in attributes {
        written.extend(tlv(0x30, &[&text(attribute), &tlv(0x31, &[&text(&value)])]));
    }
    tlv(0x68, &[&dn, &tlv(0x30, &[&written])])
}
