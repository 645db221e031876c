//! LDAP: messages that other implementations sent, every operation both ways, and what is refused.

use hex_literal::hex;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::ldap::{
    AddRequest, Attribute, Authentication, BindRequest, BindResponse, CompareRequest, Control,
    DirSyncRequest, DirSyncResponse, ExtendedRequest, ExtendedResponse, Filter, Frame, LdapResult,
    Message, Modification, ModificationKind, ModifyDnRequest, ModifyRequest, Operation,
    PagedResults, PasswordModify, ResultCode, Scope, SearchRequest, SearchResultEntry, SortKey,
    control_oid, extended_dn_value, frame, integer_value, read_attribute_list, read_extended_dn,
    read_integer, read_sort_keys, read_sort_response, sort_keys_value, sort_response_value,
};

/// What OpenLDAP's `ldapsearch -x` begins with: a bind with neither name nor password.
const ANONYMOUS_BIND: [u8; 14] = hex!("300c020101 6007 020103 0400 8000");

/// `ldapsearch -b '' -s base '(objectClass=*)' namingContexts`, as OpenLDAP 2.5 writes it.
const ROOT_SEARCH: [u8; 55] = hex!(
    "3035 020102 6330 0400 0a0100 0a0100 020100 020100 010100 870b 6f626a656374436c617373"
    "3010 040e 6e616d696e67436f6e7465787473"
);

/// A result as Active Directory writes it, with lengths of four bytes.
const LONG_LENGTHS: [u8; 22] = hex!("308400000010020101618400000007 0a0100 0400 0400");

#[test]
fn reads_what_openldap_and_active_directory_write() {
    let bind = Message::decode(&ANONYMOUS_BIND).unwrap();
    let expected = BindRequest {
        version: 3,
        name: "",
        authentication: Authentication::Simple(b""),
    };
    assert_eq!(bind, Message::new(1, Operation::BindRequest(expected)));
    assert_eq!(bind.encode(), ANONYMOUS_BIND);

    let search = Message::decode(&ROOT_SEARCH).unwrap();
    let expected = SearchRequest {
        base: "",
        scope: Scope::Base,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: "(objectClass=*)".parse().unwrap(),
        attributes: vec!["namingContexts"],
    };
    assert_eq!(search, Message::new(2, Operation::SearchRequest(expected)));
    assert_eq!(search.encode(), ROOT_SEARCH);

    let response = Message::decode(&LONG_LENGTHS).unwrap();
    let expected = BindResponse {
        result: LdapResult::success(),
        credentials: None,
    };
    assert_eq!(response, Message::new(1, Operation::BindResponse(expected)));
}

fn every_operation() -> Vec<Operation<'static>> {
    let attribute = || Attribute {
        description: "description",
        values: vec![b"one".as_slice(), &[0xff, 0x00]],
    };
    let mut referral = LdapResult::told(ResultCode::Referral, "elsewhere");
    referral.referral = vec!["ldap://other.example/DC=other".to_owned()];
    let result = || {
        let mut result = LdapResult::told(ResultCode::NoSuchObject, "there is no such entry");
        result.matched = "DC=corp,DC=example".to_owned();
        result
    };
    let changes = [
        ModificationKind::Add,
        ModificationKind::Delete,
        ModificationKind::Replace,
        ModificationKind::Increment,
    ];
    vec![
        Operation::BindRequest(BindRequest {
            version: 3,
            name: "CN=alice,CN=Users,DC=corp,DC=example",
            authentication: Authentication::Simple(b"secret"),
        }),
        Operation::BindRequest(BindRequest {
            version: 3,
            name: "",
            authentication: Authentication::Sasl {
                mechanism: "GSS-SPNEGO",
                credentials: Some(b"token"),
            },
        }),
        Operation::BindRequest(BindRequest {
            version: 2,
            name: "",
            authentication: Authentication::Sasl {
                mechanism: "EXTERNAL",
                credentials: None,
            },
        }),
        Operation::BindResponse(BindResponse {
            result: LdapResult::of(ResultCode::SaslBindInProgress),
            credentials: Some(b"more"),
        }),
        Operation::UnbindRequest,
        Operation::SearchRequest(SearchRequest {
            base: "DC=corp,DC=example",
            scope: Scope::Subtree,
            deref_aliases: 3,
            size_limit: i32::MAX,
            time_limit: 10,
            types_only: true,
            filter: "(&(cn=a*)(!(sn:dn:1.2:=x)))".parse().unwrap(),
            attributes: vec!["*", "member;range=0-*"],
        }),
        Operation::SearchResultEntry(SearchResultEntry {
            name: "CN=alice",
            attributes: vec![attribute()],
        }),
        Operation::SearchResultDone(referral),
        Operation::SearchResultReference(vec!["ldap://a", "ldap://b"]),
        Operation::ModifyRequest(ModifyRequest {
            name: "CN=alice",
            changes: changes
                .map(|kind| Modification {
                    kind,
                    attribute: attribute(),
                })
                .to_vec(),
        }),
        Operation::ModifyResponse(result()),
        Operation::AddRequest(AddRequest {
            name: "CN=alice",
            attributes: vec![attribute()],
        }),
        Operation::AddResponse(result()),
        Operation::DelRequest("CN=alice"),
        Operation::DelResponse(result()),
        Operation::ModifyDnRequest(ModifyDnRequest {
            name: "CN=alice",
            new_rdn: "CN=alicia",
            delete_old_rdn: true,
            new_superior: Some("OU=people"),
        }),
        Operation::ModifyDnResponse(result()),
        Operation::CompareRequest(CompareRequest {
            name: "CN=alice",
            attribute: "cn",
            value: b"alice",
        }),
        Operation::CompareResponse(LdapResult::of(ResultCode::CompareTrue)),
        Operation::AbandonRequest(300),
        Operation::ExtendedRequest(ExtendedRequest {
            name: "1.3.6.1.4.1.4203.1.11.3",
            value: Some(b"value"),
        }),
        Operation::ExtendedResponse(ExtendedResponse {
            result: LdapResult::success(),
            name: Some("1.3.6.1.4.1.1466.20037"),
            value: Some(b"value"),
        }),
    ]
}

#[test]
fn every_operation_comes_back_with_its_controls() {
    for operation in every_operation() {
        let mut message = Message::new(i32::MAX, operation);
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).unwrap(), message);
        message.controls = vec![
            Control {
                oid: control_oid::PAGED_RESULTS,
                critical: true,
                value: Some(vec![1, 2]),
            },
            Control::new(control_oid::SHOW_DELETED, None),
        ];
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).unwrap(), message);
    }
}

#[test]
fn no_message_is_read_from_a_part_of_one_or_with_more_behind_it() {
    for operation in every_operation() {
        let bytes = Message::new(7, operation).encode();
        for end in 0..bytes.len() {
            assert!(Message::decode(&bytes[..end]).is_err());
            let expected = (end >= 2).then_some(bytes.len()).filter(|_| {
                // The header of a longer message is longer.
                bytes[1] < 0x80 || end >= 2 + usize::from(bytes[1] & 0x7f)
            });
            assert_eq!(
                frame(&bytes[..end], 9_999).unwrap(),
                Frame::Incomplete(expected)
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Message::decode(&longer).is_err());
        assert_eq!(frame(&longer, 9_999).unwrap(), Frame::Whole(bytes.len()));
        assert_eq!(frame(&longer, bytes.len() - 1).unwrap(), Frame::TooLong);
    }
}

#[test]
fn a_stream_that_claims_too_much_or_is_something_else_is_told_from_its_first_bytes() {
    assert_eq!(
        frame(&hex!("30 84 40000000"), 1 << 20).unwrap(),
        Frame::TooLong
    );
    assert_eq!(
        frame(&hex!("30 88 ffffffffffffffff"), 1 << 20).unwrap(),
        Frame::TooLong
    );
    assert!(frame(b"GET / HTTP/1.1\r\n", 1 << 20).is_err());
    assert!(frame(&hex!("16 0301 0200"), 1 << 20).is_err());
    assert!(frame(&hex!("30 80 0000"), 1 << 20).is_err());
}

#[test]
fn refuses_what_is_out_of_range_of_another_type_or_unknown() {
    let cases: [(&str, &[u8]); 9] = [
        ("a negative id", &hex!("3005 0201ff 4200")),
        ("an id of five bytes", &hex!("3009 02050100000000 4200")),
        (
            "an unbind with something inside",
            &hex!("3006 020101 4201 00"),
        ),
        ("an operation without number", &hex!("3005 020101 5f00")),
        ("a name that is not UTF-8", &hex!("3007 020101 4a02 c328")),
        (
            "a scope of 3",
            &hex!("3016 020101 6311 0400 0a0103 0a0100 020100 020100 010100"),
        ),
        (
            "a bind by a universal tag",
            &hex!("300c 020101 6007 020103 0400 0400"),
        ),
        ("version 300", &hex!("300d 020101 6008 0202012c 0400 8000")),
        ("an id alone", &hex!("3003 020101")),
    ];
    for (what, bytes) in cases {
        assert!(Message::decode(bytes).is_err(), "{what}");
    }
    // Somebody is told which of their messages was bad, as far as it can be read.
    assert_eq!(Message::id_of(&hex!("3007 020109 4a02 c328")), Some(9));
    assert_eq!(Message::id_of(&hex!("3005 0201ff 4200")), None);
}

#[test]
fn values_of_controls_come_back() {
    let page = PagedResults {
        size: 1_000,
        cookie: b"here".to_vec(),
    };
    assert_eq!(PagedResults::decode(&page.encode()).unwrap(), page);
    // ldapsearch -E pr=2/noprompt
    assert_eq!(page_of(&hex!("3005 020102 0400")), (2, vec![]));

    let keys = [
        SortKey {
            attribute: "sn".to_owned(),
            rule: Some("2.5.13.3".to_owned()),
            reverse: true,
        },
        SortKey {
            attribute: "cn".to_owned(),
            rule: None,
            reverse: false,
        },
    ];
    assert_eq!(read_sort_keys(&sort_keys_value(&keys)).unwrap(), keys);
    assert!(read_sort_keys(&hex!("3000")).is_err());
    for (code, attribute) in [
        (ResultCode::Success, None),
        (ResultCode::NoSuchAttribute, Some("nothing")),
    ] {
        let (read, blamed) = read_sort_response(&sort_response_value(code, attribute)).unwrap();
        assert_eq!((read, blamed.as_deref()), (code, attribute));
    }

    for flags in [0, 1, 0x8000_0001] {
        let request = DirSyncRequest {
            flags,
            max_bytes: 1_000_000,
            cookie: vec![7; 40],
        };
        assert_eq!(DirSyncRequest::decode(&request.encode()).unwrap(), request);
    }
    // Some write the highest flag as a positive number.
    let positive = hex!("300c 02050080000001 020100 0400");
    assert_eq!(
        DirSyncRequest::decode(&positive).unwrap().flags,
        0x8000_0001
    );
    let response = DirSyncResponse {
        more: true,
        cookie: vec![1],
    };
    assert_eq!(
        DirSyncResponse::decode(&response.encode()).unwrap(),
        response
    );

    assert_eq!(read_integer(&integer_value(7)).unwrap(), 7);
    assert!(!read_extended_dn(None).unwrap());
    assert!(read_extended_dn(Some(&extended_dn_value(true))).unwrap());
    assert!(read_extended_dn(Some(&integer_value(2))).is_err());
    let list = wire::ldap::attribute_list_value(&["cn", "1.1"]);
    assert_eq!(read_attribute_list(&list).unwrap(), ["cn", "1.1"]);

    let modify = PasswordModify {
        identity: Some("alice"),
        old: Some(b"before"),
        new: None,
    };
    assert_eq!(
        PasswordModify::decode(Some(&modify.encode())).unwrap(),
        modify
    );
    assert_eq!(
        PasswordModify::decode(None).unwrap(),
        PasswordModify::default()
    );
}

fn page_of(bytes: &[u8]) -> (i32, Vec<u8>) {
    let page = PagedResults::decode(bytes).unwrap();
    (page.size, page.cookie)
}

#[test]
fn no_password_is_printed() {
    for operation in every_operation() {
        let printed = format!("{operation:?}");
        assert!(
            !printed.contains("115, 101, 99, 114, 101, 116"),
            "{printed}"
        );
    }
    let modify = PasswordModify {
        old: Some(b"before"),
        ..PasswordModify::default()
    };
    assert_eq!(format!("{modify:?}"), "PasswordModify(None)");
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_written_so_that_it_comes_back(bytes in vec(any::<u8>(), 0..200), place in 0_usize..200) {
        let _ = Filter::decode(&bytes);
        for seed in every_operation() {
            let mut message = Message::new(1, seed).encode();
            let at = place % message.len();
            for (old, new) in message.iter_mut().skip(at).zip(bytes.iter().take(3)) {
                *old = *new;
            }
            if let Ok(read) = Message::decode(&message) {
                let written = read.encode();
                prop_assert_eq!(Message::decode(&written).unwrap(), read);
            }
        }
    }
}
