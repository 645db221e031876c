use proptest::prelude::*;

use super::*;
use crate::text::parse_hex;

fn mit() -> Vec<u8> {
    let hex = include_str!("../../testdata/ccache/mit_kinit.hex");
    parse_hex(&hex.split_whitespace().collect::<String>()).unwrap()
}

fn alice() -> Principal {
    Principal::new(PrincipalName::principal("alice"), "CORP.EXAMPLE")
}

#[test]
fn what_kinit_left_is_read() {
    let cache = CredentialCache::parse(&mit()).unwrap();
    assert_eq!(cache.time_offset, Some((0, 0)));
    assert_eq!(cache.default_principal, alice());
    assert_eq!(cache.entries.len(), 4);
    let krbtgt = Principal::krbtgt("CORP.EXAMPLE");
    assert_eq!(
        cache.configuration("fast_avail", Some(&krbtgt)),
        Some(&b"yes"[..])
    );
    assert_eq!(
        cache.configuration("pa_type", Some(&krbtgt)),
        Some(&b"2"[..])
    );
    assert_eq!(cache.configuration("pa_type", None), None);

    let [tgt, service] = cache.credentials().collect::<Vec<_>>()[..] else {
        panic!()
    };
    assert_eq!((&tgt.client, &tgt.server), (&alice(), &krbtgt));
    assert_eq!(
        service.server.to_string(),
        "host/pc.corp.example@CORP.EXAMPLE"
    );
    assert_eq!(tgt.session_key.keytype, EncryptionType(18));
    assert_eq!(tgt.session_key.keyvalue.len(), 32);
    // klist -ef: valid from 2026-11-21 12:31:50 for ten hours, renewable for seven days, flags RIA.
    assert_eq!(tgt.auth_time.unix(), 1_795_264_310);
    assert_eq!(tgt.start_time, tgt.auth_time);
    assert_eq!(tgt.end_time.unix() - tgt.auth_time.unix(), 10 * 3600);
    assert_eq!(tgt.renew_till.unix() - tgt.auth_time.unix(), 7 * 86400);
    let flags = TicketFlags::RENEWABLE | TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT;
    assert!(tgt.flags.contains(flags));
    assert!(!tgt.is_user_to_user && tgt.second_ticket.is_empty());
    let addresses: Vec<&[u8]> = tgt.addresses.iter().map(|a| a.address.as_slice()).collect();
    assert_eq!(addresses, [&[127, 0, 0, 1], &[192, 0, 2, 7]]);
    assert_eq!(
        crate::kerberos::Ticket::decode(&tgt.ticket).unwrap().sname,
        krbtgt.name
    );
}

#[test]
fn what_kinit_left_is_written_back_byte_for_byte() {
    let cache = CredentialCache::parse(&mit()).unwrap();
    assert_eq!(*cache.to_bytes(), mit());
}

#[test]
fn a_setting_replaces_the_one_of_its_name_and_principal() {
    let mut cache = CredentialCache::new(alice());
    let krbtgt = Principal::krbtgt("CORP.EXAMPLE");
    cache.configure("pa_type", Some(&krbtgt), b"2");
    cache.configure("pa_type", None, b"0");
    cache.configure("pa_type", Some(&krbtgt), b"16");
    assert_eq!(cache.entries.len(), 2);
    assert_eq!(
        cache.configuration("pa_type", Some(&krbtgt)),
        Some(&b"16"[..])
    );
    let bytes = cache.to_bytes();
    assert_eq!(CredentialCache::parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn a_time_beyond_the_format_is_cut_to_its_end() {
    let mut cache = CredentialCache::parse(&mit()).unwrap();
    let Some(Entry::Credential(tgt)) = cache.entries.get_mut(2) else {
        panic!()
    };
    tgt.end_time = KerberosTime::MAX;
    let read = CredentialCache::parse(&cache.to_bytes()).unwrap();
    assert_eq!(
        read.credentials().next().unwrap().end_time.unix(),
        i64::from(u32::MAX)
    );
}

#[test]
fn refuses_what_is_not_a_whole_cache_of_version_4() {
    let good = mit();
    assert_eq!(
        CredentialCache::parse(&[]).unwrap_err(),
        InvalidCache::Version
    );
    assert_eq!(
        CredentialCache::parse(&[5, 3]).unwrap_err(),
        InvalidCache::Version
    );
    for length in 2..good.len() {
        match CredentialCache::parse(&good[..length]) {
            Err(InvalidCache::Truncated) => {}
            // Between two entries nothing tells that more should follow.
            Ok(cache) => assert_eq!(*cache.to_bytes(), good[..length]),
            Err(other) => panic!("{length}: {other}"),
        }
    }
    let mut many_components = good.clone();
    many_components[20..24].fill(0xff);
    assert_eq!(
        CredentialCache::parse(&many_components).unwrap_err(),
        InvalidCache::Name
    );
    let mut not_text = good.clone();
    not_text[28] = 0xff;
    assert_eq!(
        CredentialCache::parse(&not_text).unwrap_err(),
        InvalidCache::Name
    );
}

proptest! {
    #[test]
    fn a_damaged_cache_never_panics(offset in 0usize..1800, value: u8, cut in 0usize..2000) {
        let mut bytes = mit();
        if let Some(byte) = bytes.get_mut(offset) {
            *byte = value;
        }
        bytes.truncate(cut);
        if let Ok(cache) = CredentialCache::parse(&bytes) {
            let bytes = cache.to_bytes();
            prop_assert_eq!(CredentialCache::parse(&bytes).unwrap().to_bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = CredentialCache::parse(&[&VERSION_4[..], &bytes].concat());
    }
}
