use hex_literal::hex;
use proptest::prelude::*;

use super::*;

fn with(oid: ObjectIdentifier, value: &[u8]) -> Extensions {
    vec![Extension::new(oid, false, value.to_vec())].into()
}

#[test]
fn name_constraints_of_every_form_come_back() {
    let constraints = NameConstraints {
        permitted: vec![
            NameSubtree::Name(GeneralName::Dns("corp.example".into())),
            NameSubtree::Name(GeneralName::Email(".corp.example".into())),
            NameSubtree::Name(GeneralName::Directory(super::super::Name::common("x"))),
            NameSubtree::Name(GeneralName::UserPrincipalName("@corp.example".into())),
            NameSubtree::Name(GeneralName::Uri(".corp.example".into())),
        ],
        excluded: vec![
            NameSubtree::Network {
                address: "10.0.0.0".parse().unwrap(),
                mask: "255.0.0.0".parse().unwrap(),
            },
            NameSubtree::Network {
                address: "fe80::".parse().unwrap(),
                mask: "ffc0::".parse().unwrap(),
            },
        ],
    };
    let extension = Extension::name_constraints(&constraints);
    assert!(extension.critical);
    let extensions = Extensions::from(vec![extension]);
    assert_eq!(extensions.name_constraints(), Ok(Some(constraints)));
    assert_eq!(Extensions::default().name_constraints(), Ok(None));
}

/// RFC 5280 4.2.1.10, encoded by hand: permitted dNSName "a", with the default minimum written out.
#[test]
fn name_constraints_are_read_strictly() {
    let read = |value: &[u8]| with(oid::NAME_CONSTRAINTS, value).name_constraints();
    let a = NameSubtree::Name(GeneralName::Dns("a".into()));
    let permitted = |value: &[u8]| read(value).map(|found| found.unwrap().permitted);
    assert_eq!(
        permitted(&hex!("3007 a005 3003 820161")),
        Ok(vec![a.clone()])
    );
    assert_eq!(
        permitted(&hex!("300a a008 3006 820161 800100")),
        Ok(vec![a])
    );
    for wrong in [
        &hex!("3000")[..],                     // nothing is said
        &hex!("3002 a000"),                    // an empty list
        &hex!("300a a008 3006 820161 800101"), // a minimum that is not zero
        &hex!("300a a008 3006 820161 810101"), // a maximum
        &hex!("300a a008 3006 870400000000"),  // an address without a mask
        &hex!("300a a105 3003 820161 a000"),   // in the wrong order, and empty
        &hex!("3009 a005 3003 820161 0500"),   // something behind
    ] {
        assert!(read(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn policy_constraints_count_certificates() {
    let read = |value: &[u8]| with(oid::POLICY_CONSTRAINTS, value).policy_constraints();
    assert_eq!(
        read(&hex!("3006 800100 810102")),
        Ok(Some(PolicyConstraints {
            require_explicit_policy: Some(0),
            inhibit_policy_mapping: Some(2),
        }))
    );
    for wrong in [
        &hex!("3000")[..],
        &hex!("3002 8000"),
        &hex!("3003 8001ff"),
        &hex!("3003 820100"),
    ] {
        assert!(read(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn a_critical_extension_that_the_caller_does_not_obey_is_found() {
    let extensions = Extensions::from(vec![
        Extension::crl_number(1),
        Extension::delta_crl_indicator(7),
        Extension::issuing_distribution_point(&IssuingDistributionPoint::default()),
    ]);
    let found = |known: &[ObjectIdentifier]| extensions.unknown_critical(known).map(|one| one.oid);
    assert_eq!(found(&[]), Some(oid::DELTA_CRL_INDICATOR));
    assert_eq!(
        found(&[oid::DELTA_CRL_INDICATOR]),
        Some(oid::ISSUING_DISTRIBUTION_POINT)
    );
    assert_eq!(
        found(&[oid::DELTA_CRL_INDICATOR, oid::ISSUING_DISTRIBUTION_POINT]),
        None
    );
    assert_eq!(extensions.delta_crl_indicator(), Ok(Some(7)));
    assert_eq!(Extensions::default().delta_crl_indicator(), Ok(None));
}

#[test]
fn a_list_says_what_it_speaks_of() {
    let point = IssuingDistributionPoint {
        names: Some(vec![GeneralName::Uri(
            "http://pki.corp.example/users.crl".into(),
        )]),
        only_user_certificates: true,
        indirect: true,
        ..IssuingDistributionPoint::default()
    };
    let extensions = Extensions::from(vec![Extension::issuing_distribution_point(&point)]);
    assert_eq!(
        extensions.issuing_distribution_point(),
        Ok(Some(point.clone()))
    );
    assert_eq!(point.uris(), ["http://pki.corp.example/users.crl"]);
    let read =
        |value: &[u8]| with(oid::ISSUING_DISTRIBUTION_POINT, value).issuing_distribution_point();
    assert!(
        read(&hex!("3004 83020780"))
            .unwrap()
            .unwrap()
            .only_some_reasons
    );
    for wrong in [
        &hex!("3003 810101")[..],    // TRUE is FF
        &hex!("3006 8201ff 8101ff"), // out of order
        &hex!("3004 a002 a100"),     // relative to the issuer
        &hex!("3003 8601ff"),        // no such flag
    ] {
        assert!(read(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn responders_and_the_issuers_certificate_are_told_apart() {
    let extension = Extension::authority_information_access_with(
        &["http://ocsp.corp.example"],
        &["http://pki.corp.example/ca.crt"],
    );
    let extensions = Extensions::from(vec![extension]);
    assert_eq!(
        extensions.ocsp_responders().unwrap(),
        ["http://ocsp.corp.example"]
    );
    assert_eq!(
        extensions.ca_issuers().unwrap(),
        ["http://pki.corp.example/ca.crt"]
    );
    let many = ["http://a"; 65];
    let many = Extensions::from(vec![Extension::authority_information_access_with(
        &many,
        &[],
    )]);
    assert!(many.ocsp_responders().is_err());
}

#[test]
fn a_sid_is_read_from_its_uri() {
    let sid: Sid = "S-1-5-21-1-2-3-1104".parse().unwrap();
    let uri = GeneralName::security_identifier(&sid);
    assert_eq!(
        uri,
        GeneralName::Uri("tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104".into())
    );
    let of = |names: &[GeneralName]| {
        Extensions::from(vec![Extension::subject_alternative_name(names, false)])
            .security_identifier_uri()
    };
    let other = GeneralName::Uri("http://corp.example".into());
    assert_eq!(of(&[other.clone(), uri.clone()]), Ok(Some(sid)));
    assert_eq!(of(&[other]), Ok(None));
    assert!(of(&[uri.clone(), uri]).is_err(), "two");
    let broken = GeneralName::Uri(format!("{SID_URI}S-1-x"));
    assert!(of(&[broken]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_an_accessor_panic(value in proptest::collection::vec(any::<u8>(), 0..120)) {
        for oid in [
            oid::NAME_CONSTRAINTS, oid::POLICY_CONSTRAINTS, oid::ISSUING_DISTRIBUTION_POINT,
            oid::DELTA_CRL_INDICATOR, oid::AUTHORITY_INFORMATION_ACCESS, oid::SUBJECT_ALTERNATIVE_NAME,
        ] {
            let list = with(oid, &value);
            let _ = (list.name_constraints(), list.policy_constraints());
            let _ = (list.issuing_distribution_point(), list.delta_crl_indicator());
            let _ = (list.ocsp_responders(), list.security_identifier_uri());
        }
    }
}
