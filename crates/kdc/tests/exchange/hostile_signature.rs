//! PKINIT requests whose CMS is odd or hostile (protocols E.3.1 steps 1 and 2, E.3.6; security rows 1, 5, 6).

use std::sync::LazyLock;

use crypto::digest::{self, DigestAlgorithm};
use crypto::key::KeyKind;
use crypto::signature::SignatureAlgorithm;
use wire::cms::oid as cms_oid;
use wire::kerberos::{PaData, PaDataType, TypedData};
use wire::pkinit::{TdCmsDigestAlgorithms, oid};
use wire::x509::{Certificate, Extension};

use crate::forge::{Attributes, Digest, Pkinit, SignerName, identifier, tlv};
use crate::table::Cases;
use crate::world::{Pair, World, certificate, pair, pair_with};

const KEY_IDENTIFIER: &[u8] = b"alice's key";

static CURVE: LazyLock<Pair> = LazyLock::new(|| {
    let extension = Extension::subject_key_identifier(KEY_IDENTIFIER);
    pair_with(KeyKind::P256, &[extension])
});
static RSA: LazyLock<Pair> = LazyLock::new(|| pair(KeyKind::Rsa2048));
static STRANGER: LazyLock<Pair> = LazyLock::new(|| {
    let pair = pair(KeyKind::P256);
    let certificate = certificate("stranger", "somebody", &pair.key, &pair.key, &[]);
    Pair {
        certificate,
        ..pair
    }
});

/// What is done to a request that is right otherwise, and the code of the answer; 0 is a ticket.
type Case = (&'static str, i32, fn(&mut Pkinit<'_>));

/// Each case beside the same client's success, so that nothing but the case is refused.
fn judge(pair: &'static Pair, cases: &[Case]) -> Cases {
    let mut world = World::new();
    world.list(world.alice, &pair.key, None);
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let right = Pkinit::new("alice", pair, world.now, &mut world.rng).encode();
        world.given(&right).expect("an unchanged request");
        let mut request = Pkinit::new("alice", pair, world.now, &mut world.rng);
        make(&mut request);
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut world, name, &message, *code) {
            request.open(&message, &reply);
        }
    }
    judged
}

fn flip_last(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

fn digested(algorithm: DigestAlgorithm) -> Attributes {
    let digest: Digest = match algorithm {
        DigestAlgorithm::Sha1 => |content| digest::sha1(content).to_vec(),
        DigestAlgorithm::Sha256 => |content| digest::sha256(content).to_vec(),
        DigestAlgorithm::Sha384 => |content| DigestAlgorithm::Sha384.digest(content).to_vec(),
        DigestAlgorithm::Sha512 => |content| DigestAlgorithm::Sha512.digest(content).to_vec(),
    };
    Attributes::Of(oid::AUTH_DATA, digest)
}

fn signed_with(request: &mut Pkinit<'_>, algorithm: SignatureAlgorithm) {
    request.cms.signs = algorithm;
    request.cms.algorithm = algorithm.identifier_der();
    request.cms.digest = algorithm.digest().oid();
    request.cms.attributes = digested(algorithm.digest());
}

#[test]
fn e_3_1_1_takes_the_forms_of_cms_that_clients_send() {
    judge(
        &CURVE,
        &[
            ("signed attributes", 0, |_| {}),
            ("no signed attributes", 0, |request| {
                request.cms.attributes = Attributes::None;
            }),
            ("unsigned attributes", 0, |request| {
                request.cms.unsigned = true
            }),
            ("a key identifier, implicit", 0, |request| {
                request.cms.name = SignerName::KeyIdentifier(KEY_IDENTIFIER.to_vec());
            }),
            ("a key identifier, explicit", 0, |request| {
                request.cms.name = SignerName::KeyIdentifierExplicit(KEY_IDENTIFIER.to_vec());
            }),
            (
                "a key identifier of no certificate that came along",
                0,
                |request| {
                    request.cms.name = SignerName::KeyIdentifier(b"another".to_vec());
                },
            ),
            ("no certificate (J.5)", 0, |request| {
                request.cms.certificates.clear()
            }),
            ("strangers before and behind", 0, |request| {
                request
                    .cms
                    .certificates
                    .insert(0, STRANGER.certificate.clone());
                request.cms.certificates.push(RSA.certificate.clone());
            }),
            ("strangers alone", 0, |request| {
                request.cms.certificates = vec![STRANGER.certificate.clone()];
            }),
            ("the certificate twice", 0, |request| {
                request.cms.certificates.push(CURVE.certificate.clone());
            }),
            ("a certificate of another kind beside it", 0, |request| {
                request.cms.certificates.push(tlv(0xa1, &[&[5, 0]]));
            }),
            ("an extension of a later version", 0, |request| {
                request.padata = |padata| {
                    let body = wire::asn1::Raw::new(&padata).unwrap().as_bytes();
                    let contents = &body[body.len() - content_length(body)..];
                    tlv(0x30, &[contents, &tlv(0xa7, &[&[5, 0]])])
                };
            }),
        ],
    )
    .are(12);
}

/// The length of a DER value's contents, for values of up to 64 KiB.
fn content_length(der: &[u8]) -> usize {
    match der[1] {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(der[2]),
        _ => usize::from(der[2]) << 8 | usize::from(der[3]),
    }
}

#[test]
fn e_3_1_1_takes_the_algorithms_of_rsa() {
    judge(
        &RSA,
        &[
            ("sha256WithRSAEncryption", 0, |_| {}),
            ("sha384WithRSAEncryption", 0, |request| {
                signed_with(request, SignatureAlgorithm::RsaPkcs1Sha384);
            }),
            ("sha512WithRSAEncryption", 0, |request| {
                signed_with(request, SignatureAlgorithm::RsaPkcs1Sha512);
            }),
            ("RSASSA-PSS", 0, |request| {
                signed_with(request, SignatureAlgorithm::RsaPssSha256);
            }),
            (
                "rsaEncryption with the digest named beside it",
                0,
                |request| {
                    let null = tlv(5, &[]);
                    let name = tlv(6, &[cms_oid::RSA_ENCRYPTION.as_bytes()]);
                    request.cms.algorithm = tlv(0x30, &[&name, &null]);
                },
            ),
            (
                "rsaEncryption with another digest than it was made with",
                64,
                |request| {
                    request.cms.algorithm = identifier(cms_oid::RSA_ENCRYPTION);
                    request.cms.digest = DigestAlgorithm::Sha512.oid();
                    request.cms.attributes = digested(DigestAlgorithm::Sha512);
                },
            ),
            ("RSASSA-PSS without parameters", 64, |request| {
                signed_with(request, SignatureAlgorithm::RsaPssSha256);
                request.cms.algorithm = identifier(cms_oid::RSASSA_PSS);
            }),
            ("an algorithm of another kind of key", 64, |request| {
                request.cms.algorithm = SignatureAlgorithm::EcdsaSha256.identifier_der();
            }),
        ],
    )
    .are(8);
}

#[test]
fn e_3_1_2_refuses_digests_of_yesterday_and_names_those_of_today() {
    let cases: &[Case] = &[
        ("SHA-1", 80, |request| {
            request.cms.digest = cms_oid::SHA1;
            request.cms.algorithm = identifier(cms_oid::SHA1_WITH_RSA);
            request.cms.attributes = digested(DigestAlgorithm::Sha1);
        }),
        ("SHA-1 beside rsaEncryption", 80, |request| {
            request.cms.digest = cms_oid::SHA1;
            request.cms.algorithm = identifier(cms_oid::RSA_ENCRYPTION);
            request.cms.attributes = digested(DigestAlgorithm::Sha1);
        }),
        ("SHA-1 in the signature's name alone", 80, |request| {
            request.cms.algorithm = identifier(cms_oid::SHA1_WITH_RSA);
        }),
        ("MD5", 80, |request| {
            request.cms.digest = cms_oid::MD5;
            request.cms.algorithm = identifier(cms_oid::RSA_ENCRYPTION);
        }),
        ("a digest that nobody knows", 80, |request| {
            request.cms.digest = cms_oid::DATA
        }),
    ];
    judge(&RSA, cases).are(5);
    let mut world = World::new();
    world.list(world.alice, &RSA.key, None);
    let mut request = Pkinit::new("alice", &RSA, world.now, &mut world.rng);
    cases[0].2(&mut request);
    let error = world.refusal(&request.encode(), 80).unwrap();
    let data = TypedData::decode(&error.e_data.unwrap()).unwrap();
    assert_eq!(data[0].data_type, PaDataType::TD_CMS_DIGEST_ALGORITHMS);
    let listed = TdCmsDigestAlgorithms::decode(data[0].data_value.as_deref().unwrap()).unwrap();
    let listed: Vec<_> = listed.iter().map(|algorithm| algorithm.oid).collect();
    assert_eq!(listed, [cms_oid::SHA256, cms_oid::SHA384, cms_oid::SHA512]);
}

#[test]
fn e_3_6_64_refuses_what_was_changed_after_it_was_signed() {
    judge(
        &CURVE,
        &[
            ("altered signature", 64, |request| {
                request.cms.signature = flip_last
            }),
            ("no signature", 64, |request| {
                request.cms.signature = |_| Vec::new()
            }),
            ("altered content", 64, |request| {
                request.cms.content = flip_last
            }),
            ("altered content without attributes", 64, |request| {
                request.cms.attributes = Attributes::None;
                request.cms.content = flip_last;
            }),
            ("messageDigest of something else", 64, |request| {
                let digest: Digest = |_| digest::sha256(b"something else").to_vec();
                request.cms.attributes = Attributes::Of(oid::AUTH_DATA, digest);
            }),
            ("messageDigest cut short", 64, |request| {
                let digest: Digest = |content| digest::sha256(content)[..20].to_vec();
                request.cms.attributes = Attributes::Of(oid::AUTH_DATA, digest);
            }),
            (
                "messageDigest by another digest than the one named",
                64,
                |request| {
                    request.cms.attributes = digested(DigestAlgorithm::Sha512);
                },
            ),
            ("digest and signature algorithm disagree", 64, |request| {
                request.cms.digest = DigestAlgorithm::Sha384.oid();
                request.cms.attributes = digested(DigestAlgorithm::Sha384);
            }),
            ("another curve's algorithm", 64, |request| {
                request.cms.algorithm = SignatureAlgorithm::EcdsaSha384.identifier_der();
                request.cms.digest = DigestAlgorithm::Sha384.oid();
                request.cms.attributes = digested(DigestAlgorithm::Sha384);
            }),
            (
                "a stranger's certificate under the signer's name",
                64,
                |request| {
                    let key = &STRANGER.key;
                    let own = certificate("S-1-5-21/user", "S-1-5-21/user", key, key, &[]);
                    request.cms.certificates = vec![own];
                },
            ),
        ],
    )
    .are(10);
}

#[test]
fn e_3_1_1_refuses_what_is_no_signed_auth_pack() {
    judge(
        &CURVE,
        &[
            ("another eContentType", 60, |request| {
                request.cms.content_type = cms_oid::DATA;
            }),
            ("another content type in the attributes", 60, |request| {
                let digest: Digest = |content| digest::sha256(content).to_vec();
                request.cms.attributes = Attributes::Of(oid::DH_KEY_DATA, digest);
            }),
            ("no content", 60, |request| request.cms.with_content = false),
            ("no signer", 60, |request| request.cms.signers = 0),
            ("two signers", 60, |request| request.cms.signers = 2),
            ("nine signers", 60, |request| request.cms.signers = 9),
            ("ContentInfo of another type", 60, |request| {
                request.cms.kind = cms_oid::DATA
            }),
            ("bytes behind the ContentInfo", 60, |request| {
                request.cms.whole = |mut whole| {
                    whole.push(0);
                    whole
                };
            }),
            ("half a ContentInfo", 60, |request| {
                request.cms.whole = |whole| whole[..whole.len() / 2].to_vec();
            }),
            ("no ContentInfo", 60, |request| {
                request.cms.whole = |_| Vec::new()
            }),
            ("garbage for a ContentInfo", 60, |request| {
                request.cms.whole = |_| vec![0x30; 500]
            }),
            ("garbage for a certificate", 60, |request| {
                request.cms.certificates = vec![tlv(0x30, &[&[5, 0]])];
            }),
            ("garbage beside the certificate", 60, |request| {
                request.cms.certificates.push(tlv(0x30, &[&[5, 0]]));
            }),
            ("33 certificates", 60, |request| {
                request.cms.certificates = vec![CURVE.certificate.clone(); 33];
            }),
            ("garbage for an AuthPack, rightly signed", 60, |request| {
                request.content = |_| b"no AuthPack".to_vec();
            }),
            ("bytes behind the AuthPack, rightly signed", 60, |request| {
                request.content = |mut pack| {
                    pack.push(0);
                    pack
                };
            }),
            ("an empty AuthPack, rightly signed", 60, |request| {
                request.content = |_| Vec::new();
            }),
            ("no PA-PK-AS-REQ", 60, |request| {
                request.padata = |_| Vec::new()
            }),
            ("garbage for a PA-PK-AS-REQ", 60, |request| {
                request.padata = |_| vec![0xff; 100]
            }),
            ("nesting without end", 60, |request| {
                request.cms.whole =
                    |_| (0..1_000).fold(Vec::new(), |inner, _| tlv(0x30, &[&inner]));
            }),
        ],
    )
    .are(20);
}

#[test]
fn e_2_refuses_two_forms_of_pkinit_in_one_request() {
    judge(
        &CURVE,
        &[
            ("PA-PK-AS-REQ of the draft (14)", 60, |request| {
                request.others = vec![PaData::new(PaDataType::PK_AS_REQ_OLD, vec![0x30, 0])];
            }),
            ("the number that Windows 2000 used (15)", 60, |request| {
                request.others = vec![PaData::new(PaDataType::PK_AS_REP_OLD, vec![0x30, 0])];
            }),
            ("padata that nobody knows", 0, |request| {
                request.others = vec![PaData::new(PaDataType(-4711), vec![1; 300])];
            }),
        ],
    )
    .are(3);
}

#[test]
fn a_certificate_s_own_words_are_not_listened_to() {
    let mut world = World::new();
    world.list(world.alice, &CURVE.key, None);
    let own = Certificate::parse(&CURVE.certificate).unwrap();
    assert_ne!(own.subject().der(), own.spki());
    // Issued by nobody, for somebody else.
    let other = Pair {
        key: CURVE.key.clone(),
        certificate: certificate("bob", "MIT dummy issuer", &CURVE.key, &STRANGER.key, &[]),
    };
    let request = Pkinit::new("alice", &other, world.now, &mut world.rng);
    world.given(&request.encode()).unwrap();
    // Past its validity, which E.4 rule 1 ignores.
    world.advance(trust::Span::days(3_650));
    let request = Pkinit::new("alice", &CURVE, world.now, &mut world.rng);
    world.given(&request.encode()).unwrap();
}
