//! Kerberos, PKINIT, CMS, SPNEGO and the PAC.

use wire::cms::{SignedAttributes, SignedData};
use wire::kerberos::{
    AsRep, AsReq, Authenticator, AuthorizationData, Checksum, EncApRepPart, EncKdcRepPart,
    EncKrbCredPart, EncKrbPrivPart, EncTicketPart, EncryptedData, EtypeInfo2, KdcProxyMessage,
    KdcReqBody, KerbPaPacRequest, KrbError, Message, MethodData, PaEncTsEnc, PaPacOptions,
    PrincipalName, TgsRep, TgsReq, TypedData,
};
use wire::pac::{
    AttributesInfo, BufferType, ClientInfo, Pac, Requestor, UpnDnsInfo, ValidationInfo,
};
use wire::pkinit::{
    AuthPack, KdcDhKeyInfo, Krb5PrincipalName, PaPkAsRep, PaPkAsReq, ReplyKeyPack,
    TdCertDigestAlgorithms, TdDhParameters, TdTrustedCertifiers,
};
use wire::spnego::{GssChecksum, GssToken, KerberosToken, Token};

/// DER is canonical: what was read must be written as it came.
macro_rules! canonical {
    ($type:ty, $bytes:expr) => {
        if let Ok(value) = <$type>::decode($bytes) {
            let again = value.encode();
            let second = <$type>::decode(&again).expect("what was written can be read");
            assert_eq!(&second.encode()[..], &again[..]);
        }
    };
}
pub(crate) use canonical;

pub(crate) fn kdc_request(bytes: &[u8]) {
    canonical!(AsReq, bytes);
    canonical!(TgsReq, bytes);
    canonical!(KdcReqBody, bytes);
    canonical!(KdcProxyMessage, bytes);
    let _ = Message::decode(bytes);
}

pub(crate) fn kdc_reply(bytes: &[u8]) {
    canonical!(AsRep, bytes);
    canonical!(TgsRep, bytes);
    canonical!(KrbError, bytes);
    let _ = EncKdcRepPart::decode_as_rep(bytes);
    let _ = EncKdcRepPart::decode_tgs_rep(bytes);
}

pub(crate) fn ap_exchange(bytes: &[u8]) {
    canonical!(wire::kerberos::ApReq, bytes);
    canonical!(wire::kerberos::ApRep, bytes);
    canonical!(Authenticator, bytes);
    canonical!(EncApRepPart, bytes);
    canonical!(wire::kerberos::KrbPriv, bytes);
    canonical!(EncKrbPrivPart, bytes);
    canonical!(wire::kerberos::KrbCred, bytes);
    canonical!(EncKrbCredPart, bytes);
}

pub(crate) fn ticket_content(bytes: &[u8]) {
    canonical!(wire::kerberos::Ticket, bytes);
    canonical!(EncTicketPart, bytes);
    canonical!(AuthorizationData, bytes);
    canonical!(EncryptedData, bytes);
    canonical!(Checksum, bytes);
}

pub(crate) fn preauthentication(bytes: &[u8]) {
    canonical!(MethodData, bytes);
    canonical!(EtypeInfo2, bytes);
    canonical!(PaEncTsEnc, bytes);
    canonical!(KerbPaPacRequest, bytes);
    canonical!(PaPacOptions, bytes);
    canonical!(TypedData, bytes);
}

pub(crate) fn pkinit(bytes: &[u8]) {
    canonical!(PaPkAsReq, bytes);
    canonical!(PaPkAsRep, bytes);
    canonical!(KdcDhKeyInfo, bytes);
    canonical!(ReplyKeyPack, bytes);
    canonical!(Krb5PrincipalName, bytes);
    canonical!(TdDhParameters, bytes);
    canonical!(TdTrustedCertifiers, bytes);
    canonical!(TdCertDigestAlgorithms, bytes);
    canonical!(AuthPack, bytes);
    if let Ok(pack) = AuthPack::decode(bytes) {
        let _ = pack.public_value();
    }
}

pub(crate) fn cms(bytes: &[u8]) {
    if let Ok(signed) = SignedData::decode(bytes) {
        let _ = signed.certificates().count();
        if let Some(attributes) = signed
            .single_signer()
            .and_then(|signer| signer.signed_attrs.as_ref())
        {
            let covered = attributes.signed_bytes();
            SignedAttributes::decode(&covered).expect("the bytes that are signed are attributes");
        }
        let again = signed.encode();
        SignedData::decode(&again).expect("what was written can be read");
    }
}

pub(crate) fn spnego(bytes: &[u8]) {
    let _ = Token::decode(bytes);
    let _ = GssToken::decode(bytes);
    let _ = KerberosToken::decode(bytes);
    let _ = GssChecksum::decode(bytes);
}

pub(crate) fn principal_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some((name, _)) = PrincipalName::parse(text) {
        let (again, _) = PrincipalName::parse(&name.to_string()).expect("a name's text is a name");
        assert!(again.is_same(&name), "{name}");
    }
}

pub(crate) fn pac(bytes: &[u8]) {
    if let Ok(pac) = Pac::parse(bytes) {
        assert_eq!(pac.as_bytes(), bytes);
        for (kind, _) in pac.buffers() {
            let _ = pac.signature(kind);
        }
        let _ =
            pac.with_zeroed_signatures(&[BufferType::SERVER_CHECKSUM, BufferType::KDC_CHECKSUM]);
    }
    if let Ok(info) = ValidationInfo::parse(bytes)
        && let Ok(again) = info.to_bytes()
    {
        assert_eq!(
            ValidationInfo::parse(&again).expect("what was written can be read"),
            info
        );
    }
    let _ = ClientInfo::parse(bytes);
    let _ = UpnDnsInfo::parse(bytes);
    let _ = AttributesInfo::parse(bytes);
    let _ = Requestor::parse(bytes);
}
