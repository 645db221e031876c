//! What holds for any input: no decoder panics, and what one accepts is written so that it reads back.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::asn1::UInt32;
use wire::cms::{SignedAttributes, SignedData};
use wire::kerberos::{
    ApRep, ApReq, AsRep, AsReq, Authenticator, AuthorizationData, ChangePasswdData, Checksum,
    EncApRepPart, EncKdcRepPart, EncKrbCredPart, EncKrbPrivPart, EncTicketPart, EncryptedData,
    EncryptionKey, EncryptionType, ErrorCode, EtypeInfo2, KdcOptions, KdcProxyMessage, KdcReqBody,
    KerbErrorData, KerbPaPacRequest, KerberosTime, KrbCred, KrbError, KrbFastReq, KrbFastResponse,
    KrbPriv, Message, MethodData, Microseconds, NameType, PaData, PaDataType, PaEncTsEnc,
    PaForUser, PaFxFastReply, PaFxFastRequest, PaPacOptions, PaS4uX509User, PrincipalName,
    S4uUserId, TgsRep, TgsReq, Ticket, TypedData,
};
use wire::pkinit::{
    AuthPack, KdcDhKeyInfo, Krb5PrincipalName, PaPkAsRep, PaPkAsReq, PublicValue, ReplyKeyPack,
    TdCertDigestAlgorithms, TdDhParameters, TdInvalidCertificates, dh_public_key,
};
use wire::spnego::{GssChecksum, GssToken, KerberosToken, NegTokenInit, Token};

use crate::vector;

/// Decodes; what is accepted must be written so that it is accepted again and written the same.
fn settle<T, B: AsRef<[u8]>>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
    encode: impl Fn(&T) -> B,
) {
    if let Some(value) = decode(bytes) {
        let first = encode(&value);
        let again = decode(first.as_ref()).expect("what was written is read");
        assert_eq!(encode(&again).as_ref(), first.as_ref());
    }
}

fn feed_every_decoder(bytes: &[u8]) {
    macro_rules! each {
        ($($type:ty),* $(,)?) => {$(settle(bytes, |bytes| <$type>::decode(bytes).ok(), <$type>::encode);)*};
    }
    each!(
        AsReq,
        AsRep,
        TgsReq,
        TgsRep,
        ApReq,
        ApRep,
        KrbError,
        KrbPriv,
        KrbCred,
        Ticket,
        EncTicketPart,
        Authenticator,
        EncApRepPart,
        EncKrbPrivPart,
        EncKrbCredPart,
        EncryptedData,
        Checksum,
        AuthorizationData,
        KdcReqBody,
        MethodData,
        EtypeInfo2,
        PaEncTsEnc,
        KerbPaPacRequest,
        PaPacOptions,
        TypedData,
        KdcProxyMessage,
        EncryptionKey,
        PaFxFastRequest,
        PaFxFastReply,
        KrbFastReq,
        KrbFastResponse,
        PaForUser,
        PaS4uX509User,
        S4uUserId,
        KerbErrorData,
        ChangePasswdData,
        PaPkAsReq,
        PaPkAsRep,
        AuthPack,
        KdcDhKeyInfo,
        ReplyKeyPack,
        Krb5PrincipalName,
        TdDhParameters,
        TdInvalidCertificates,
        TdCertDigestAlgorithms,
    );
    settle(
        bytes,
        |bytes| EncKdcRepPart::decode_as_rep(bytes).ok(),
        EncKdcRepPart::encode_as_rep,
    );
    let _ = EncKdcRepPart::decode_tgs_rep(bytes);
    let _ = Message::decode(bytes);
    if let Ok(message) = SignedData::decode(bytes) {
        let written = message.encode();
        let again = SignedData::decode(&written).expect("what was written is read");
        assert_eq!(again.encode(), written);
        message.certificates().for_each(drop);
    }
    let _ = SignedAttributes::decode(bytes).map(|attributes| attributes.signed_bytes());
    if let Ok(auth_pack) = AuthPack::decode(bytes) {
        let _ = auth_pack
            .public_value()
            .map(|value| value.as_ref().map(PublicValue::to_key));
    }
    let _ = dh_public_key(bytes);
    let _ = Token::decode(bytes);
    let _ = GssToken::decode(bytes);
    let _ = KerberosToken::decode(bytes);
    settle(bytes, GssChecksum::decode, |checksum| {
        checksum.encode().expect("a delegation that was read fits")
    });
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Some((name, _)) = PrincipalName::parse(text)
    {
        let again = PrincipalName::parse(&name.to_string());
        // Other control characters are shown, not to be read back.
        if !text.contains(char::is_control) {
            assert!(again.expect("what was shown is read").0.is_same(&name));
        }
    }
}

/// The inside of messages as well as the messages.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        vector!("kerberos/as-req-first.der"),
        vector!("kerberos/as-req-pkinit-with-certificate.der"),
        vector!("kerberos/as-rep-pkinit.der"),
        vector!("kerberos/as-rep-password.der"),
        vector!("kerberos/tgs-req-host.der"),
        vector!("kerberos/krb-error-preauth-required.der"),
        vector!("kerberos/ap-req-delegating.der"),
        vector!("kerberos/authenticator-delegating.der"),
        vector!("kerberos/enc-as-rep-part-tagged-26.der"),
        vector!("kerberos/enc-ticket-part-service.der"),
        vector!("kerberos/enc-krb-cred-part.der"),
        vector!("kerberos/krb-cred.der"),
        vector!("kerberos/pa-enc-ts-enc.der"),
        vector!("kerberos/spnego-init-curl.bin"),
    ]
    .map(<[u8]>::to_vec)
    .into();
    let request = AsReq::decode(vector!("kerberos/as-req-pkinit-with-certificate.der")).unwrap();
    let padata = request.find_padata(PaDataType::PK_AS_REQ).unwrap();
    let content = PaPkAsReq::decode(padata).unwrap();
    let message = SignedData::decode(&content.signed_auth_pack).unwrap();
    seeds.push(padata.to_vec());
    seeds.push(message.encap_content_info.e_content.unwrap().to_vec());
    seeds.push(content.signed_auth_pack);
    let reply = AsRep::decode(vector!("kerberos/as-rep-pkinit.der")).unwrap();
    seeds.extend(reply.padata.iter().map(|pa| pa.padata_value.clone()));
    let error = KrbError::decode(vector!("kerberos/krb-error-preauth-required.der")).unwrap();
    seeds.extend(error.e_data);
    seeds.push(crate::fast::RESPONSE.to_vec());
    seeds.push(crate::s4u::FOR_USER.to_vec());
    seeds.push(crate::s4u::X509_USER.to_vec());
    seeds.push(NegTokenInit::new([wire::spnego::KERBEROS], None).encode());
    seeds
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9./@\\\\é-]{0,24}"
}

fn principal() -> impl Strategy<Value = PrincipalName> {
    (any::<i32>(), vec(text(), 0..4))
        .prop_map(|(kind, parts)| PrincipalName::new(NameType(kind), parts))
}

fn time() -> impl Strategy<Value = KerberosTime> {
    (0..=KerberosTime::MAX.unix()).prop_map(KerberosTime::from_unix)
}

fn encrypted() -> impl Strategy<Value = EncryptedData> {
    (any::<i32>(), any::<Option<u32>>(), vec(any::<u8>(), 0..300)).prop_map(
        |(etype, kvno, cipher)| EncryptedData {
            etype: EncryptionType(etype),
            kvno: kvno.map(UInt32),
            cipher,
        },
    )
}

fn ticket() -> impl Strategy<Value = Ticket> {
    (text(), principal(), encrypted()).prop_map(|(realm, sname, enc_part)| Ticket {
        realm: realm.into(),
        sname,
        enc_part,
    })
}

fn body() -> impl Strategy<Value = KdcReqBody> {
    (
        (any::<u32>(), proptest::option::of(principal()), text()),
        proptest::option::of(principal()),
        (
            proptest::option::of(time()),
            time(),
            proptest::option::of(time()),
        ),
        (any::<u32>(), vec(any::<i32>(), 0..20)),
        proptest::option::of(encrypted()),
        proptest::option::of(vec(ticket(), 1..3)),
    )
        .prop_map(
            |(
                (options, cname, realm),
                sname,
                (from, till, rtime),
                (nonce, etypes),
                data,
                tickets,
            )| {
                KdcReqBody {
                    kdc_options: KdcOptions(options),
                    cname,
                    realm: realm.into(),
                    sname,
                    from,
                    till,
                    rtime,
                    nonce: UInt32(nonce),
                    etype: etypes.into_iter().map(EncryptionType).collect(),
                    addresses: None,
                    enc_authorization_data: data,
                    additional_tickets: tickets.map(Into::into),
                }
            },
        )
}

proptest! {
    #[test]
    fn no_decoder_panics_on_random_bytes(bytes in vec(any::<u8>(), 0..200)) {
        feed_every_decoder(&bytes);
    }

    #[test]
    fn no_decoder_panics_on_damaged_messages(
        seed in 0..64_usize,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let seeds = seeds();
        let mut bytes = seeds[seed % seeds.len()].clone();
        if bytes.is_empty() {
            bytes.push(0);
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        feed_every_decoder(&bytes);
    }

    #[test]
    fn a_request_reads_back(body in body(), types in vec((any::<i32>(), vec(any::<u8>(), 0..40)), 0..6)) {
        let padata: Vec<PaData> = types
            .into_iter()
            .map(|(number, value)| PaData::new(PaDataType(number), value))
            .collect();
        let request = TgsReq::new(padata, body.clone());
        let bytes = request.encode();
        let read = TgsReq::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &request);
        prop_assert_eq!(read.encode(), bytes);
        prop_assert_eq!(KdcReqBody::decode(request.req_body.as_bytes()).unwrap(), body);
    }

    #[test]
    fn a_reply_reads_back(realm in text(), cname in principal(), ticket in ticket(), part in encrypted()) {
        let reply = AsRep::new([], realm.into(), cname, ticket, part);
        prop_assert_eq!(AsRep::decode(&reply.encode()).unwrap(), reply);
    }

    #[test]
    fn an_error_reads_back(
        code in any::<i32>(),
        stime in time(),
        usec in 0..1_000_000_u32,
        names in (text(), principal(), proptest::option::of(principal())),
        e_text in proptest::option::of(text()),
        e_data in proptest::option::of(vec(any::<u8>(), 0..200)),
    ) {
        let usec = Microseconds::new(usec).unwrap();
        let (realm, sname, cname) = names;
        let mut error = KrbError::new(ErrorCode(code), stime, usec, realm.into(), sname);
        error.cname = cname;
        error.ctime = Some(stime);
        error.cusec = Some(usec);
        error.e_text = e_text.map(Into::into);
        error.e_data = e_data;
        prop_assert_eq!(KrbError::decode(&error.encode()).unwrap(), error);
    }

    #[test]
    fn a_time_reads_back(time in time()) {
        let stamp = PaEncTsEnc { patimestamp: time, pausec: None };
        prop_assert_eq!(PaEncTsEnc::decode(&stamp.encode()).unwrap(), stamp);
    }
}
