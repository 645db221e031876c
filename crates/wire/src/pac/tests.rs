use proptest::prelude::*;

use super::*;
use crate::sid::Sid;
use crate::text::parse_hex;

fn samba() -> Vec<u8> {
    let hex = include_str!("../../testdata/pac/samba.hex");
    parse_hex(&hex.split_whitespace().collect::<String>()).unwrap()
}

fn domain() -> Sid {
    Sid::domain_of([397955417, 626881126, 188441444])
}

fn groups(list: &[(u32, u32)]) -> Vec<GroupMembership> {
    list.iter()
        .map(|&(relative_id, attributes)| GroupMembership {
            relative_id,
            attributes,
        })
        .collect()
}

/// What was given to Samba's marshalling.
fn alice() -> ValidationInfo {
    let extra = |sid| SidAndAttributes {
        sid,
        attributes: group::DEFAULT,
    };
    ValidationInfo {
        logon_time: 131_734_027_581_684_545,
        password_last_set: 131_000_000_000_000_000,
        password_can_change: 131_000_864_000_000_000,
        full_name: "Alice Ä. Example".to_owned(),
        logon_script: "logon.cmd".to_owned(),
        profile_path: r"\\fs\profiles\alice".to_owned(),
        home_directory: r"\\fs\home\alice".to_owned(),
        home_directory_drive: "H:".to_owned(),
        logon_count: 7,
        bad_password_count: 1,
        group_ids: groups(&[(513, 7), (1105, 7), (526, 7)]),
        user_flags: user_flags::EXTRA_SIDS | user_flags::RESOURCE_GROUPS,
        logon_server: "DC1".to_owned(),
        logon_domain_name: "CORP".to_owned(),
        user_account_control: 0x10,
        extra_sids: vec![
            extra(Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY),
            extra(Sid::KEY_TRUST_IDENTITY),
            extra(Sid::KEY_PROPERTY_MFA),
            extra("S-1-5-21-1-2-3-4444".parse().unwrap()),
        ],
        resource_group_domain_sid: Some(Sid::domain_of([9, 8, 7])),
        resource_group_ids: groups(&[(2222, group::RESOURCE | group::DEFAULT)]),
        ..ValidationInfo::new("alice", domain(), 1104, 513)
    }
}

fn client_info() -> ClientInfo {
    ClientInfo {
        authentication_time: 131_734_027_580_000_000,
        name: "alice".to_owned(),
    }
}

fn upn_dns_info() -> UpnDnsInfo {
    UpnDnsInfo {
        upn: "alice@corp.example".to_owned(),
        dns_domain_name: "CORP.EXAMPLE".to_owned(),
        upn_is_constructed: false,
        extended: Some(UpnDnsExtended {
            sam_name: "alice".to_owned(),
            sid: domain().with_rid(1104).unwrap(),
        }),
    }
}

fn attributes() -> AttributesInfo {
    AttributesInfo {
        pac_was_requested: true,
        pac_was_given_implicitly: false,
    }
}

fn requestor() -> Requestor {
    Requestor {
        sid: domain().with_rid(1104).unwrap(),
    }
}

fn counting(length: u8) -> Vec<u8> {
    (0..length).collect()
}

fn built() -> Pac {
    PacBuilder::new()
        .buffer(BufferType::LOGON_INFO, alice().to_bytes().unwrap())
        .buffer(BufferType::CLIENT_INFO, client_info().to_bytes().unwrap())
        .buffer(BufferType::UPN_DNS_INFO, upn_dns_info().to_bytes().unwrap())
        .buffer(BufferType::ATTRIBUTES_INFO, attributes().to_bytes())
        .buffer(BufferType::REQUESTOR, requestor().to_bytes())
        .signature(BufferType::SERVER_CHECKSUM, 16, 12)
        .signature(BufferType::KDC_CHECKSUM, 20, 24)
        .signature(BufferType::FULL_CHECKSUM, 16, 12)
        .build()
        .unwrap()
}

#[test]
fn what_samba_encoded_is_decoded() {
    let pac = Pac::parse(&samba()).unwrap();
    let buffer = |kind| pac.buffer(kind).unwrap();
    assert_eq!(
        ValidationInfo::parse(buffer(BufferType::LOGON_INFO)),
        Ok(alice())
    );
    assert_eq!(
        ClientInfo::parse(buffer(BufferType::CLIENT_INFO)),
        Ok(client_info())
    );
    assert_eq!(
        UpnDnsInfo::parse(buffer(BufferType::UPN_DNS_INFO)),
        Ok(upn_dns_info())
    );
    assert_eq!(
        AttributesInfo::parse(buffer(BufferType::ATTRIBUTES_INFO)),
        Ok(attributes())
    );
    assert_eq!(
        Requestor::parse(buffer(BufferType::REQUESTOR)),
        Ok(requestor())
    );
    let signature = pac.signature(BufferType::KDC_CHECKSUM).unwrap();
    assert_eq!(
        (signature.checksum_type, signature.value),
        (20, counting(24))
    );
    assert_eq!(pac.signature(BufferType::TICKET_CHECKSUM), None);
    assert_eq!(pac.signature(BufferType::REQUESTOR), None);
    assert_eq!(pac.buffers().count(), 8);
}

#[test]
fn what_is_encoded_is_what_samba_encodes_byte_for_byte() {
    let mut pac = built();
    pac.set_signature(BufferType::SERVER_CHECKSUM, &counting(12))
        .unwrap();
    pac.set_signature(BufferType::KDC_CHECKSUM, &counting(24))
        .unwrap();
    pac.set_signature(BufferType::FULL_CHECKSUM, &counting(12))
        .unwrap();
    let theirs = Pac::parse(&samba()).unwrap();
    for (kind, content) in theirs.buffers() {
        assert_eq!(pac.buffer(kind), Some(content), "{kind:?}");
    }
    assert_eq!(pac, theirs);
    // Their padding of the end is the container's as well as ours.
    assert_eq!(pac.as_bytes(), samba());
}

#[test]
fn zeroed_signatures_leave_everything_else() {
    let pac = Pac::parse(&samba()).unwrap();
    let all = [
        BufferType::SERVER_CHECKSUM,
        BufferType::KDC_CHECKSUM,
        BufferType::FULL_CHECKSUM,
    ];
    assert_eq!(pac.with_zeroed_signatures(&all), built().as_bytes());
    assert_eq!(pac.with_zeroed_signatures(&[]), samba());
    let some = Pac::parse(&pac.with_zeroed_signatures(&all[..2])).unwrap();
    assert_eq!(
        some.signature(BufferType::SERVER_CHECKSUM).unwrap().value,
        [0; 12]
    );
    assert_eq!(
        some.signature(BufferType::FULL_CHECKSUM).unwrap().value,
        counting(12)
    );
    assert_eq!(
        pac.with_zeroed_signatures(&[BufferType::REQUESTOR, BufferType::TICKET_CHECKSUM]),
        samba()
    );
}

#[test]
fn a_signature_goes_only_where_a_place_of_its_length_is_kept() {
    let mut pac = built();
    for (kind, length) in [
        (BufferType::SERVER_CHECKSUM, 11),
        (BufferType::SERVER_CHECKSUM, 13),
        (BufferType::TICKET_CHECKSUM, 12),
        (BufferType::REQUESTOR, 12),
    ] {
        assert_eq!(
            pac.set_signature(kind, &counting(length)),
            Err(CannotSetSignature(kind))
        );
    }
    assert_eq!(pac, built());
}

#[test]
fn a_read_only_controller_leaves_its_number_after_the_signature() {
    let signature = SignatureData {
        checksum_type: 16,
        value: counting(12),
        rodc_identifier: Some(0x1234),
    };
    assert_eq!(
        SignatureData::parse(&signature.to_bytes()),
        Ok(signature.clone())
    );
    let pac = PacBuilder::new()
        .buffer(BufferType::KDC_CHECKSUM, signature.to_bytes())
        .build()
        .unwrap();
    let zeroed = Pac::parse(&pac.with_zeroed_signatures(&[BufferType::KDC_CHECKSUM])).unwrap();
    assert_eq!(
        zeroed.signature(BufferType::KDC_CHECKSUM),
        Some(SignatureData {
            value: vec![0; 12],
            ..signature
        })
    );
    let unknown = SignatureData {
        checksum_type: 99,
        value: counting(30),
        rodc_identifier: None,
    };
    assert_eq!(SignatureData::parse(&unknown.to_bytes()), Ok(unknown));
}

#[test]
fn a_logon_without_groups_and_domain_is_a_logon() {
    let empty = ValidationInfo {
        logon_domain_id: None,
        ..ValidationInfo::new("", domain(), 500, 513)
    };
    assert_eq!(
        ValidationInfo::parse(&empty.to_bytes().unwrap()),
        Ok(empty.clone())
    );
    assert_eq!(empty.user_sid(), None);
    assert_eq!(empty.sids().count(), 0);
    assert_eq!(alice().user_sid(), domain().with_rid(1104));
    assert_eq!(alice().sids().count(), 1 + 3 + 4 + 1);
    assert!(alice().sids().any(|sid| sid == Sid::KEY_TRUST_IDENTITY));
}

#[test]
fn upn_dns_info_of_the_older_form_has_no_sid() {
    let old = UpnDnsInfo {
        extended: None,
        upn_is_constructed: true,
        ..upn_dns_info()
    };
    let bytes = old.to_bytes().unwrap();
    assert_eq!(bytes[2..4], 16u16.to_le_bytes());
    assert_eq!(UpnDnsInfo::parse(&bytes), Ok(old));
}

#[test]
fn attributes_count_as_many_bits_as_are_said_to_be_there() {
    for (bytes, requested, implicit) in [
        (&[2, 0, 0, 0, 3, 0, 0, 0][..], true, true),
        (&[2, 0, 0, 0, 2, 0, 0, 0], false, true),
        (&[1, 0, 0, 0, 3, 0, 0, 0], true, false),
        (&[0, 0, 0, 0], false, false),
    ] {
        let info = AttributesInfo::parse(bytes).unwrap();
        assert_eq!(
            (info.pac_was_requested, info.pac_was_given_implicitly),
            (requested, implicit)
        );
    }
    assert_eq!(
        AttributesInfo::parse(&[2, 0, 0, 0, 3]),
        Err(InvalidBuffer::Truncated)
    );
}

#[test]
fn a_string_too_long_for_its_length_is_refused() {
    let long = "x".repeat(32767);
    let info = ValidationInfo {
        full_name: long.clone(),
        ..alice()
    };
    assert_eq!(info.to_bytes(), Err(StringTooLong));
    assert_eq!(
        ClientInfo {
            name: long,
            ..client_info()
        }
        .to_bytes(),
        Err(StringTooLong)
    );
    let two = UpnDnsInfo {
        upn: "x".repeat(32766),
        ..upn_dns_info()
    };
    assert_eq!(two.to_bytes(), Err(StringTooLong));
    let longest = ValidationInfo {
        logon_server: "x".repeat(32766),
        ..alice()
    };
    assert_eq!(
        ValidationInfo::parse(&longest.to_bytes().unwrap()),
        Ok(longest)
    );
}

#[test]
fn refuses_each_malformed_container_for_its_reason() {
    let good = PacBuilder::new()
        .buffer(BufferType::REQUESTOR, requestor().to_bytes())
        .buffer(
            BufferType::SERVER_CHECKSUM,
            [&16i32.to_le_bytes()[..], &[0; 12]].concat(),
        )
        .build()
        .unwrap();
    let changed = |offset: usize, value: u8| {
        let mut bytes = good.as_bytes().to_vec();
        bytes[offset] = value;
        Pac::parse(&bytes)
    };
    assert_eq!(
        changed(0, 3),
        Err(InvalidPac::Overlap(BufferType::REQUESTOR))
    ); // the table grows over it
    assert_eq!(changed(0, 64), Err(InvalidPac::Truncated));
    assert_eq!(changed(0, 65), Err(InvalidPac::TooMany));
    assert_eq!(changed(3, 0xff), Err(InvalidPac::TooMany));
    assert_eq!(changed(4, 1), Err(InvalidPac::Version));
    assert_eq!(
        changed(24, 18),
        Err(InvalidPac::Duplicate(BufferType::REQUESTOR))
    );
    assert_eq!(changed(12, 0xff), Err(InvalidPac::Truncated));
    assert_eq!(
        changed(16, 41),
        Err(InvalidPac::Alignment(BufferType::REQUESTOR))
    );
    assert_eq!(
        changed(16, 32),
        Err(InvalidPac::Overlap(BufferType::REQUESTOR))
    );
    assert_eq!(
        changed(32, 64),
        Err(InvalidPac::Overlap(BufferType::SERVER_CHECKSUM))
    );
    assert_eq!(changed(23, 0xff), Err(InvalidPac::Truncated));
    assert_eq!(
        changed(28, 4 + 11),
        Err(InvalidPac::Signature(BufferType::SERVER_CHECKSUM))
    );
    assert_eq!(Pac::parse(&[]), Err(InvalidPac::Truncated));
    assert_eq!(
        Pac::parse(&good.as_bytes()[..30]),
        Err(InvalidPac::Truncated)
    );
}

#[test]
fn refuses_each_malformed_logon_for_its_reason() {
    let good = alice().to_bytes().unwrap();
    // Offsets from the beginning of the buffer: 16 bytes of headers, 4 of the pointer, 48 of times.
    let names = 20 + 48;
    let counts = names + 6 * 8 + 4;
    let changed = |offset: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[offset] = value;
        ValidationInfo::parse(&bytes)
    };
    let nulled = |offset: usize| {
        let mut bytes = good.clone();
        bytes[offset..offset + 4].fill(0);
        ValidationInfo::parse(&bytes)
    };
    assert_eq!(changed(0, 2), Err(InvalidNdr::Header));
    assert_eq!(changed(1, 0), Err(InvalidNdr::Header)); // big-endian
    assert_eq!(changed(11, 1), Err(InvalidNdr::Truncated));
    assert_eq!(changed(18, 0), Err(InvalidNdr::Null));
    assert_eq!(changed(names, 12), Err(InvalidNdr::Count)); // Length is not that of the array
    assert_eq!(nulled(names + 4), Err(InvalidNdr::Null)); // a length, but no string
    assert_eq!(changed(counts + 8, 4), Err(InvalidNdr::Count)); // GroupCount is not that of the array
    let alice = good
        .windows(12)
        .position(|window| window == [5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0])
        .unwrap();
    assert_eq!(changed(alice, 4), Err(InvalidNdr::Count)); // more characters than were allocated
    assert_eq!(changed(alice + 4, 1), Err(InvalidNdr::Count)); // characters that begin elsewhere
    assert_eq!(changed(alice + 8, 4), Err(InvalidNdr::Count)); // fewer characters than Length says
    assert_eq!(nulled(counts + 12), Err(InvalidNdr::Null)); // a count, but no groups
    assert_eq!(
        ValidationInfo::parse(&good[..good.len() - 8]),
        Err(InvalidNdr::Truncated)
    );
    assert_eq!(
        ValidationInfo::parse(&[&good[..], &[0; 8]].concat()),
        Err(InvalidNdr::Trailing)
    );
    assert_eq!(ValidationInfo::parse(&[]), Err(InvalidNdr::Truncated));
    let half_a_pair = {
        let position = good.windows(2).position(|pair| pair == [b'H', 0]).unwrap();
        let mut bytes = good.clone();
        bytes[position + 1] = 0xd8;
        bytes
    };
    assert_eq!(ValidationInfo::parse(&half_a_pair), Err(InvalidNdr::String));
    let many_groups = {
        let mut bytes = good.clone();
        bytes[counts + 8..counts + 12].fill(0xff);
        let array = counts
            + 8
            + good[counts + 8..]
                .windows(16)
                .position(|w| w == [3, 0, 0, 0, 1, 2, 0, 0, 7, 0, 0, 0, 0x51, 4, 0, 0])
                .unwrap();
        bytes[array..array + 4].fill(0xff);
        bytes
    };
    assert_eq!(
        ValidationInfo::parse(&many_groups),
        Err(InvalidNdr::Truncated)
    );
}

fn any_sid() -> impl Strategy<Value = Sid> {
    (
        0u64..1 << 48,
        proptest::collection::vec(any::<u32>(), 1..=14),
    )
        .prop_map(|(authority, parts)| Sid::new(authority, &parts).unwrap())
}

proptest! {
    #[test]
    fn every_logon_survives_its_encoding(
        names in proptest::collection::vec(".{0,12}", 8),
        times: [u64; 8],
        numbers: [u32; 6],
        counts: [u16; 2],
        group_ids in proptest::collection::vec(any::<(u32, u32)>(), 0..6),
        extra in proptest::collection::vec((any_sid(), any::<u32>()), 0..5),
        domain in proptest::option::of(any_sid()),
        resource in proptest::option::of(any_sid()),
        resource_ids in proptest::collection::vec(any::<(u32, u32)>(), 0..4),
    ) {
        let name = |position: usize| names[position].clone();
        let info = ValidationInfo {
            logon_time: times[0], logoff_time: times[1], kick_off_time: times[2],
            password_last_set: times[3], password_can_change: times[4], password_must_change: times[5],
            effective_name: name(0), full_name: name(1), logon_script: name(2),
            profile_path: name(3), home_directory: name(4), home_directory_drive: name(5),
            logon_count: counts[0], bad_password_count: counts[1],
            user_id: numbers[0], primary_group_id: numbers[1], group_ids: groups(&group_ids),
            user_flags: numbers[2], logon_server: name(6), logon_domain_name: name(7),
            logon_domain_id: domain, user_account_control: numbers[3], sub_auth_status: numbers[4],
            last_successful_interactive_logon: times[6], last_failed_interactive_logon: times[7],
            failed_interactive_logon_count: numbers[5],
            extra_sids: extra.into_iter().map(|(sid, attributes)| SidAndAttributes { sid, attributes }).collect(),
            resource_group_domain_sid: resource, resource_group_ids: groups(&resource_ids),
        };
        let bytes = info.to_bytes().unwrap();
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(ValidationInfo::parse(&bytes), Ok(info));
    }

    #[test]
    fn names_survive_their_encoding(upn in ".{0,20}", dns in ".{0,20}", sam in ".{0,20}", sid in any_sid(), constructed: bool, with: bool, time: u64) {
        let info = UpnDnsInfo {
            upn: upn.clone(), dns_domain_name: dns, upn_is_constructed: constructed,
            extended: with.then_some(UpnDnsExtended { sam_name: sam, sid }),
        };
        prop_assert_eq!(UpnDnsInfo::parse(&info.to_bytes().unwrap()), Ok(info));
        let client = ClientInfo { authentication_time: time, name: upn };
        prop_assert_eq!(ClientInfo::parse(&client.to_bytes().unwrap()), Ok(client));
        prop_assert_eq!(Requestor::parse(&Requestor { sid }.to_bytes()), Ok(Requestor { sid }));
    }

    #[test]
    fn a_damaged_pac_never_panics(offset in 0usize..1104, value: u8, cut in 0usize..1200) {
        let mut bytes = samba();
        bytes[offset] = value;
        bytes.truncate(cut);
        read_everything(&bytes);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        read_everything(&bytes);
        let headed = [&[1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc, bytes.len() as u8, 0, 0, 0, 0, 0, 0, 0], &bytes[..]].concat();
        let _ = ValidationInfo::parse(&headed);
    }
}

fn read_everything(bytes: &[u8]) {
    let buffers: Vec<Vec<u8>> = match Pac::parse(bytes) {
        Ok(pac) => {
            let kinds: Vec<BufferType> = pac.buffers().map(|(kind, _)| kind).collect();
            assert_eq!(pac.with_zeroed_signatures(&kinds).len(), bytes.len());
            pac.buffers().map(|(_, content)| content.to_vec()).collect()
        }
        Err(_) => vec![bytes.to_vec()],
    };
    for content in buffers {
        if let Ok(info) = ValidationInfo::parse(&content) {
            assert_eq!(ValidationInfo::parse(&info.to_bytes().unwrap()), Ok(info));
        }
        let _ = (
            ClientInfo::parse(&content),
            UpnDnsInfo::parse(&content),
            Requestor::parse(&content),
        );
        let _ = (
            AttributesInfo::parse(&content),
            SignatureData::parse(&content),
        );
    }
}
