//! A reply key under the client's RSA key (RFC 4556 3.2.3.2): CMS EnvelopedData, and what is in it.

use crypto::envelope;
use wire::cms::{Aes256Sealed, EnvelopedData, IssuerAndSerialNumber, SignedData, oid};
use wire::kerberos::{Checksum, ChecksumType, EncryptionKey, EncryptionType};
use wire::pkinit::{PaPkAsRep, ReplyKeyPack};
use wire::x509::Name;

use crate::Seed;
use crate::kerberos::canonical;

const KEY: [u8; envelope::KEY_LEN] = [7; envelope::KEY_LEN];
const VECTOR: [u8; envelope::IV_LEN] = [9; envelope::IV_LEN];

/// As a whole, as what is inside, and as what is encrypted.
pub(crate) fn enveloped(bytes: &[u8]) {
    outside(bytes);
    if let Ok(reply) = PaPkAsRep::decode(bytes) {
        assert_eq!(PaPkAsRep::decode(&reply.encode()).as_ref(), Ok(&reply));
        if let PaPkAsRep::EncKeyPack(content) = &reply {
            outside(content);
        }
    }
    inside(bytes);
    if let Ok(content) = envelope::decrypt(bytes, &KEY, &VECTOR) {
        let again = envelope::encrypt(&content, &KEY, &VECTOR).expect("what was opened is sealed");
        assert_eq!(again, bytes, "a padding of another kind");
        inside(&content);
    }
}

fn outside(bytes: &[u8]) {
    let Ok(read) = EnvelopedData::decode(bytes) else {
        return;
    };
    let written = read.encode();
    let again = EnvelopedData::decode(&written).expect("what was written can be read");
    assert_eq!(again.encrypted_content_info, read.encrypted_content_info);
    // Recipients may come in any order, and are written in one.
    let recipients = read.recipient_infos.as_slice();
    assert_eq!(again.recipient_infos.as_slice().len(), recipients.len());
    for recipient in recipients {
        assert!(again.recipient_infos.as_slice().contains(recipient));
    }
    assert_eq!(again.encode(), written);
    if let [recipient] = recipients {
        assert_eq!(again, read);
        assert_eq!(written, bytes, "two encodings of one thing");
        let one = EnvelopedData::for_one(*recipient, read.encrypted_content_info);
        assert!(read.version != 0 || one == read);
    }
}

fn inside(bytes: &[u8]) {
    let Ok(signed) = SignedData::decode_bare(bytes) else {
        return;
    };
    let again = signed.encode_bare();
    SignedData::decode_bare(&again).expect("what was written can be read");
    let Some(content) = signed.encap_content_info.e_content else {
        return;
    };
    canonical!(ReplyKeyPack, content);
}

pub(crate) fn seeds() -> Vec<Seed> {
    let pack = ReplyKeyPack {
        reply_key: EncryptionKey {
            keytype: EncryptionType::AES256_CTS_HMAC_SHA1_96,
            keyvalue: vec![5; 32],
        },
        as_checksum: Checksum {
            cksumtype: ChecksumType(16),
            checksum: vec![3; 12],
        },
        extensions: wire::asn1::Extensions::NONE,
    }
    .encode();
    let made = || -> Option<Vec<Seed>> {
        let sealed = envelope::encrypt(&pack, &KEY, &VECTOR).ok()?;
        let issuer = Name::common("Cards");
        let rid = IssuerAndSerialNumber::new(issuer.der(), &[7]).ok()?;
        let parts = Aes256Sealed {
            key: &[0xaa; 256],
            vector: &VECTOR,
            content: &sealed,
        };
        let whole = EnvelopedData::encode_for_one(rid, oid::SIGNED_DATA, parts).ok()?;
        let reply = PaPkAsRep::EncKeyPack(whole.clone()).encode();
        Some(vec![
            ("enveloped", "whole".into(), whole),
            ("enveloped", "reply".into(), reply),
            ("enveloped", "sealed".into(), sealed),
        ])
    };
    made().expect("what is right can be written")
}
