use proptest::prelude::*;

use super::*;

fn ca() -> Name {
    Name::new([
        (oid::DOMAIN_COMPONENT, "com"),
        (oid::DOMAIN_COMPONENT, "contoso"),
        (oid::COMMON_NAME, "CONTOSO-DC-CA"),
    ])
}

fn read(text: &str) -> CertificateMapping {
    text.parse().unwrap()
}

/// The example of Microsoft's KB5014754: serial number 2B0000000011AC0000000012, issuer CN=CONTOSO-DC-CA,
/// DC=contoso, DC=com.
#[test]
fn writes_issuer_and_serial_as_the_published_example_does() {
    let text = "X509:<I>DC=com,DC=contoso,CN=CONTOSO-DC-CA<SR>1200000000AC11000000002B";
    let mapping = read(text);
    let expected = CertificateMapping::IssuerSerial {
        issuer: MappedName::of(&ca()).unwrap(),
        serial: [0x2b, 0, 0, 0, 0, 0x11, 0xac, 0, 0, 0, 0, 0x12].to_vec(),
    };
    assert_eq!(mapping, expected);
    assert!(mapping.to_string().eq_ignore_ascii_case(text));
    assert!(mapping.is_strong());
}

/// Forms of a published how-to of Microsoft's on altSecurityIdentities, and of MS-PKCA 3.1.5.2.1.3.
#[test]
fn every_form_reads_back_and_says_whether_it_is_strong() {
    for (text, strong) in [
        (
            "X509:<I>DC=local,DC=dod,CN=SpatDoD Root CA<SR>32000000000003bde810",
            true,
        ),
        ("X509:<SKI>ddde2ca4b86db8a908b95c6cbcc8bb1ac7a09a41", true),
        (
            "X509:<SHA1-PUKEY>ed913fa41377dbfb8eac2bc6fcae71ecd4a974fd",
            true,
        ),
        (
            "X509:<I>DC=com,DC=contoso,CN=CA<SID>S-1-5-21-1-2-3-1104",
            true,
        ),
        (
            "X509:<I>DC=local,DC=dod,CN=SpatDoD Root CA<S>CN=gman",
            false,
        ),
        ("X509:<S>CN=gman", false),
        ("X509:<RFC822>gman@dod.local", false),
        (
            "X509:<S>C=US,S=WA,O=\"Contoso, Ltd.\",CN=\"A \"\"B\"\" <C>\"",
            false,
        ),
        ("X509:<S>OID.1.2.3.4=x,CN=a+SERIALNUMBER=7", false),
    ] {
        let mapping = read(text);
        assert_eq!(mapping.to_string(), text);
        assert_eq!(mapping.is_strong(), strong, "{text}");
    }
}

#[test]
fn reads_tags_digits_types_and_spaces_as_administrators_write_them() {
    assert_eq!(
        read("x509: <i> dc=com, dc=contoso, cn=CONTOSO-DC-CA <sr> 12AB "),
        read("X509:<I>DC=com,DC=contoso,CN=CONTOSO-DC-CA<SR>12ab")
    );
    assert_eq!(read("X509:<S>ST=WA;CN=a"), read("X509:<S>S=WA,CN=a"));
    assert_eq!(
        read("X509:<I>CN=a<SR>120000"),
        read("X509:<I>CN=a<SR>12"),
        "leading zeros of the number do not count"
    );
    assert_eq!(
        read("X509:<I>CN=a<SR>0000").to_string(),
        "X509:<I>CN=a<SR>00"
    );
}

#[test]
fn names_are_the_same_whatever_their_case_and_spaces() {
    let name = |text: &str| -> MappedName { text.parse().unwrap() };
    assert!(name("DC=com,CN=Contoso  CA").is_same(&name("dc=COM,cn=contoso ca")));
    assert!(name("CN=a+O=b").is_same(&name("O=b+CN=a")));
    assert!(
        !name("DC=com,CN=CA").is_same(&name("CN=CA,DC=com")),
        "the order counts"
    );
    assert!(!name("CN=a,O=b").is_same(&name("CN=a+O=b")));
    assert!(!name("CN=a").is_same(&name("OU=a")));
    assert!(
        MappedName::of(&ca())
            .unwrap()
            .is_same(&name("DC=com,DC=contoso,CN=contoso-dc-ca"))
    );
}

#[test]
fn a_value_cannot_break_out_of_its_name() {
    let hostile = Name::new([
        (oid::COMMON_NAME, "x<SR>12"),
        (oid::ORGANIZATION, "a,CN=\"b"),
    ]);
    let mapping = CertificateMapping::Subject(MappedName::of(&hostile).unwrap());
    assert_eq!(
        mapping.to_string(),
        "X509:<S>CN=\"x<SR>12\",O=\"a,CN=\"\"b\""
    );
    assert_eq!(read(&mapping.to_string()), mapping);
    assert_eq!(MappedName::of(&Name::common("a\nb")), None);
    assert_eq!(MappedName::of(&Name::common("")), None);
    assert_eq!(MappedName::of(&Name::empty()), None);
}

#[test]
fn refuses_what_is_no_mapping() {
    use InvalidMapping::{Digits, Form, Prefix, Sid};
    for (text, why) in [
        ("", Prefix),
        ("Kerberos:alice@CORP.EXAMPLE", Prefix),
        ("X509", Prefix),
        ("é509:<S>CN=a", Prefix),
        ("X509:", Form),
        ("X509:CN=a", Form),
        ("X509:<I>CN=a", Form),
        ("X509:<SR>12", Form),
        ("X509:<I>CN=a<SKI>12", Form),
        ("X509:<I>CN=a<S>CN=b<SR>12", Form),
        ("X509:<SKI>12<S>CN=a", Form),
        ("X509:<RFC822>", Form),
        ("X509:<X>12", Form),
        ("X509:<S", Form),
        ("X509:<SKI>", Digits),
        ("X509:<SKI>123", Digits),
        ("X509:<SKI>1g", Digits),
        ("X509:<SHA1-PUKEY>1234", Digits),
        ("X509:<I>CN=a<SR>", Digits),
        ("X509:<I>CN=a<SID>S-2-3", Sid),
        ("X509:<S>", InvalidMapping::Name),
        ("X509:<S>CN", InvalidMapping::Name),
        ("X509:<S>CN=", InvalidMapping::Name),
        ("X509:<S>CN=a,", InvalidMapping::Name),
        ("X509:<S>CN=a\\, b", InvalidMapping::Name),
        ("X509:<S>CN=\"a", InvalidMapping::Name),
        ("X509:<S>CN=\"a\"b", InvalidMapping::Name),
        ("X509:<S>XY=a", InvalidMapping::Name),
        ("X509:<S>CN=a\u{7}", InvalidMapping::Name),
    ] {
        assert_eq!(text.parse::<CertificateMapping>(), Err(why), "{text}");
    }
    let long = format!("X509:<RFC822>{}", "a".repeat(CertificateMapping::MAX));
    assert_eq!(
        long.parse::<CertificateMapping>(),
        Err(InvalidMapping::TooLong)
    );
    let many = ["CN=a"; 65].join(",");
    assert_eq!(many.parse::<MappedName>(), Err(InvalidMapping::Name));
}

proptest! {
    #[test]
    fn any_name_reads_back(values in proptest::collection::vec("[ -~é]{1,12}", 1..5)) {
        let name = Name::new(values.iter().map(|value| (oid::COMMON_NAME, value.as_str())));
        let mapping = CertificateMapping::Subject(MappedName::of(&name).unwrap());
        prop_assert_eq!(mapping.to_string().parse(), Ok(mapping));
    }

    #[test]
    fn what_is_read_reads_back_and_no_text_panics(text in "(X509:)?(<(I|S|SR|SKI|SID|RFC822)>[ -~é]{0,12}){0,3}") {
        if let Ok(mapping) = text.parse::<CertificateMapping>() {
            prop_assert_eq!(mapping.to_string().parse(), Ok(mapping));
        }
    }
}
