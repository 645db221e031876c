//! SPNEGO and the GSS-API frame: what curl sends, and what Windows-like peers do.

use hex_literal::hex;
use wire::kerberos::{ApReq, Authenticator, ChecksumType, KrbCred};
use wire::spnego::{
    GssChecksum, GssFlag, GssToken, KERBEROS, KERBEROS_MICROSOFT, KerberosToken, KerberosTokenId,
    NTLM, NegState, NegTokenInit, NegTokenResp, SPNEGO, Token,
};

use crate::vector;

#[test]
fn finds_the_ap_req_in_what_curl_sends() {
    let bytes = vector!("kerberos/spnego-init-curl.bin");
    let Token::Init(init) = Token::decode(bytes).unwrap() else {
        panic!("not a first token");
    };
    assert!(init.mech_types.contains(&KERBEROS));
    assert_eq!(init.encode(), bytes);
    let token = init.mech_token.as_deref().unwrap();
    let inner = KerberosToken::decode(token).unwrap();
    assert_eq!(inner.id, KerberosTokenId::ApReq);
    assert_eq!(inner.message, vector!("kerberos/ap-req-delegating.der"));
    assert_eq!(inner.encode(), token);
    assert_eq!(
        ApReq::decode(inner.message)
            .unwrap()
            .ticket
            .sname
            .to_string(),
        "HTTP/localhost"
    );
}

#[test]
fn reads_a_kerberos_token_without_spnego_around_it() {
    let bare = KerberosToken {
        id: KerberosTokenId::ApReq,
        message: b"message",
    }
    .encode();
    assert_eq!(
        bare,
        hex!("60 14 06 09 2a864886f712010202 0100 6d657373616765")
    );
    let Token::Mechanism(token) = Token::decode(&bare).unwrap() else {
        panic!("not a mechanism's own");
    };
    assert_eq!(token.mechanism, KERBEROS);
    assert_eq!(
        KerberosToken::from_inner(token.inner).unwrap().message,
        b"message"
    );
    let microsoft = GssToken {
        mechanism: KERBEROS_MICROSOFT,
        inner: b"\x03\x00error",
    }
    .encode();
    assert_eq!(
        KerberosToken::decode(&microsoft).unwrap().id,
        KerberosTokenId::Error
    );
    for (mechanism, inner) in [
        (NTLM, &b"\x01\x00x"[..]),
        (KERBEROS, b"\x05\x04"),
        (KERBEROS, b"\x01"),
    ] {
        assert_eq!(
            KerberosToken::decode(&GssToken { mechanism, inner }.encode()),
            None
        );
    }
}

#[test]
fn reads_the_offer_of_windows_with_hints_and_flags() {
    // reqFlags, no token, and negHints in [3] as MS-SPNG has it.
    let inner = hex!(
        "a0 30 30 2e a0 0d 30 0b 06 09 2a864882f712010202 a1 04 03 02 01 06"
        "a3 17 30 15 a0 13 1b 11" "6e6f745f646566696e65645f696e5f524643"
    );
    let inner = &inner[..inner.len() - 1];
    let bytes = GssToken {
        mechanism: SPNEGO,
        inner,
    }
    .encode();
    let Token::Init(init) = Token::decode(&bytes).unwrap() else {
        panic!("not a first token");
    };
    assert_eq!(init.mech_types[..], [KERBEROS_MICROSOFT]);
    assert_eq!(init.mech_types.as_bytes(), &inner[6..19]);
    assert_eq!(init.mech_token, None);
    assert_eq!(init.extensions.as_bytes().len(), 25);
    assert_eq!(init.encode(), bytes);
}

#[test]
fn writes_and_reads_later_tokens() {
    let done = NegTokenResp {
        neg_state: Some(NegState::AcceptCompleted),
        supported_mech: Some(KERBEROS),
        response_token: Some(b"ap-rep".to_vec()),
        ..NegTokenResp::default()
    };
    let bytes = done.encode();
    assert_eq!(
        bytes,
        hex!("a1 1e 30 1c a0 03 0a0100 a1 0b 06 09 2a864886f712010202 a2 08 04 06 61702d726570")
    );
    assert_eq!(Token::decode(&bytes).unwrap(), Token::Resp(done));
    let offer = NegTokenInit::new([KERBEROS, NTLM], Some(b"token".to_vec()));
    assert_eq!(Token::decode(&offer.encode()).unwrap(), Token::Init(offer));
}

#[test]
fn refuses_what_is_no_token() {
    for wrong in [
        &b""[..],
        &hex!("60 00"),
        &hex!("60 02 05 00"),
        &hex!("a2 02 30 00"),
        &hex!("a0 02 30 00"),
        &hex!("a1 04 30 02 a0 00"),
        &hex!("a1 07 30 05 a0 03 0a 01 09"),
        &hex!("60 0b 06 09 2a864886f712010202 00"),
        // NTLM without any frame.
        b"NTLMSSP\0\x01\0\0\0",
    ] {
        assert!(Token::decode(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn reads_what_a_delegating_initiator_says_about_the_context() {
    let authenticator =
        Authenticator::decode(vector!("kerberos/authenticator-delegating.der")).unwrap();
    let checksum = authenticator.cksum.unwrap();
    assert_eq!(checksum.cksumtype, ChecksumType::GSSAPI);
    let said = GssChecksum::decode(&checksum.checksum).unwrap();
    assert_eq!(said.bindings, [0; 16]);
    assert!(said.has(GssFlag::DELEG) && said.has(GssFlag::MUTUAL) && said.has(GssFlag::INTEG));
    let delegated = said.delegation.as_deref().unwrap();
    assert_eq!(delegated, vector!("kerberos/krb-cred.der"));
    assert_eq!(KrbCred::decode(delegated).unwrap().tickets.len(), 1);
    assert_eq!(said.encode().unwrap(), checksum.checksum);
}

#[test]
fn refuses_a_checksum_that_is_cut_or_of_another_form() {
    let said = GssChecksum {
        bindings: [5; 16],
        flags: GssFlag::MUTUAL.0,
        delegation: Some(b"cred".to_vec()),
    };
    let bytes = said.encode().unwrap();
    for end in 0..bytes.len() {
        assert_eq!(GssChecksum::decode(&bytes[..end]), None);
    }
    let mut longer = bytes.clone();
    longer.extend(b"extension");
    assert_eq!(
        GssChecksum::decode(&longer).unwrap().delegation,
        said.delegation
    );
    for (at, value) in [(0, 15), (24, 2), (26, 5)] {
        let mut wrong = bytes.clone();
        wrong[at] = value;
        assert_eq!(GssChecksum::decode(&wrong), None, "byte {at}");
    }
    let without = GssChecksum {
        delegation: None,
        ..said
    };
    let bytes = without.encode().unwrap();
    assert_eq!(bytes.len(), 24);
    assert_eq!(GssChecksum::decode(&bytes), Some(without));
    let too_long = GssChecksum {
        bindings: [0; 16],
        flags: 0,
        delegation: Some(vec![0; 65_536]),
    };
    assert_eq!(too_long.encode(), None);
}
