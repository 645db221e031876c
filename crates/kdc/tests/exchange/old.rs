//! An old client by hand, as minikerberos and what is built on it are (security, "What real clients and servers do" 3 and 4):
//! agreement in the group of 1024 bits with q = 0, a signature over SHA-1 that is named rsaEncryption, a nonce that it
//! wants answered. And PKINIT's RSA mode. With the switches on it passes; with them off it is refused, and told what would do.

use crypto::agreement::Group;
use crypto::digest::{self, DigestAlgorithm};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Verifier};
use der::asn1::ObjectIdentifier;
use kdc::{CryptoPolicy, OldCrypto};
use wire::cms::{EnvelopedData, SignedData, oid as cms_oid};
use wire::kerberos::{
    AsRep, EncKdcRepPart, ErrorCode, KeyUsage, KrbError, PaData, PaDataType, TypedData,
};
use wire::pkinit::{
    PaPkAsRep, ReplyKeyPack, TdCmsDigestAlgorithms, TdDhParameters, encode_dh_public_key, oid,
};

use crate::forge::{
    Attributes, Pkinit, any_public_value, domain_parameters, ephemeral, identifier,
};
use crate::world::{Pair, World, pair};

fn world_of(pair: &Pair, policy: CryptoPolicy) -> World {
    let mut world = World::new();
    world.realm.crypto = policy;
    world.list(world.alice, &pair.key, None);
    world
}

fn all_on() -> CryptoPolicy {
    CryptoPolicy {
        pkinit_modp1024: true,
        pkinit_sha1_cms: true,
        pkinit_rsa_mode: true,
        ..CryptoPolicy::default()
    }
}

fn modern<'p>(world: &mut World, pair: &'p Pair) -> Pkinit<'p> {
    let now = world.now;
    Pkinit::new("alice", pair, now, &mut world.rng)
}

/// Group 2 with q = 0, RFC 4556's own derivation, and a nonce.
fn in_group_2(request: &mut Pkinit<'_>) {
    let group = Group::Modp1024;
    let parameters = domain_parameters(&[group.modulus().unwrap(), &[2], &[]]);
    let public = encode_dh_public_key(ephemeral(group).public_value());
    request.group = group;
    request.pack.client_public_value = Some(any_public_value(
        oid::DH_PUBLIC_NUMBER,
        &parameters,
        &public,
    ));
    request.pack.client_dh_nonce = Some(vec![0x61; 32]);
    request.pack.supported_kdfs = None;
}

fn over_sha1(request: &mut Pkinit<'_>) {
    request.cms.over_sha1 = true;
    request.cms.digest = cms_oid::SHA1;
    request.cms.algorithm = identifier(cms_oid::RSA_ENCRYPTION);
    request.cms.attributes =
        Attributes::Of(oid::AUTH_DATA, |content| digest::sha1(content).to_vec());
}

fn old<'p>(world: &mut World, pair: &'p Pair) -> Pkinit<'p> {
    let mut request = modern(world, pair);
    in_group_2(&mut request);
    over_sha1(&mut request);
    request
}

/// What a refusal says would have done.
fn typed(error: &KrbError, kind: PaDataType) -> Vec<u8> {
    let data = TypedData::decode(error.e_data.as_ref().unwrap()).unwrap();
    let element = data.iter().find(|element| element.data_type == kind);
    element.unwrap().data_value.clone().unwrap()
}

fn digests(error: &KrbError) -> Vec<ObjectIdentifier> {
    let data = typed(error, PaDataType::TD_CMS_DIGEST_ALGORITHMS);
    let data = TdCmsDigestAlgorithms::decode(&data).unwrap();
    data.iter().map(|algorithm| algorithm.oid).collect()
}

fn groups(error: &KrbError) -> usize {
    let data = typed(error, PaDataType::TD_DH_PARAMETERS);
    TdDhParameters::decode(&data).unwrap().len()
}

fn used(world: &World) -> Vec<OldCrypto> {
    world.exchange.as_ref().unwrap().old.clone()
}

#[test]
fn an_old_client_gets_a_ticket_with_the_switches_on_and_the_log_names_them() {
    let pair = pair(KeyKind::Rsa2048);
    let mut world = world_of(&pair, all_on());
    let client = old(&mut world, &pair);
    let request = client.encode();
    let reply = world.given(&request).unwrap();
    let agreed = client.open(&request, &reply);
    assert_eq!(
        agreed.info.server_dh_nonce.map(|nonce| nonce.len()),
        Some(32)
    );
    assert!(agreed.info.kdf.is_none());
    assert_eq!(used(&world), [OldCrypto::Sha1Cms, OldCrypto::Modp1024]);
    // A modern client beside it uses nothing old.
    let client = modern(&mut world, &pair);
    world.given(&client.encode()).unwrap();
    assert!(used(&world).is_empty());
}

#[test]
fn an_old_client_is_refused_with_the_switches_off_and_told_what_would_do() {
    let pair = pair(KeyKind::Rsa2048);
    let mut world = world_of(&pair, CryptoPolicy::default());
    let error = {
        let request = old(&mut world, &pair).encode();
        world.refusal(&request, 80).unwrap()
    };
    assert_eq!(
        digests(&error),
        [cms_oid::SHA256, cms_oid::SHA384, cms_oid::SHA512]
    );
    let mut newer = modern(&mut world, &pair);
    in_group_2(&mut newer);
    let error = world.refusal(&newer.encode(), 65).unwrap();
    assert_eq!(groups(&error), Group::SUPPORTED.len());
    assert!(used(&world).is_empty());
}

#[test]
fn each_switch_lets_in_what_it_names_and_nothing_else() {
    let pair = pair(KeyKind::Rsa2048);
    let policy = CryptoPolicy {
        pkinit_sha1_cms: true,
        ..CryptoPolicy::default()
    };
    let mut world = world_of(&pair, policy);
    let request = old(&mut world, &pair).encode();
    world.refusal(&request, 65).unwrap();
    let mut sha1 = modern(&mut world, &pair);
    over_sha1(&mut sha1);
    world.given(&sha1.encode()).unwrap();
    assert_eq!(used(&world), [OldCrypto::Sha1Cms]);

    let policy = CryptoPolicy {
        pkinit_modp1024: true,
        ..CryptoPolicy::default()
    };
    let mut world = world_of(&pair, policy);
    let request = old(&mut world, &pair).encode();
    world.refusal(&request, 80).unwrap();
    let mut group = modern(&mut world, &pair);
    in_group_2(&mut group);
    world.given(&group.encode()).unwrap();
    assert_eq!(used(&world), [OldCrypto::Modp1024]);
}

#[test]
fn with_the_switch_on_a_signature_over_sha1_still_has_to_be_one() {
    let pair = pair(KeyKind::Rsa2048);
    let mut world = world_of(&pair, all_on());
    let mut altered = old(&mut world, &pair);
    altered.cms.signature = |mut signature| {
        signature[9] ^= 1;
        signature
    };
    world.refusal(&altered.encode(), 64).unwrap();
    // SHA-1 under the signature, and another digest named beside it.
    let mut mixed = old(&mut world, &pair);
    mixed.cms.digest = cms_oid::SHA256;
    world.refusal(&mixed.encode(), 64).unwrap();
    // MD5 has no switch.
    let mut md5 = old(&mut world, &pair);
    md5.cms.digest = cms_oid::MD5;
    let error = world.refusal(&md5.encode(), 80).unwrap();
    assert!(digests(&error).contains(&cms_oid::SHA1));
    let good = old(&mut world, &pair).encode();
    world.given(&good).unwrap();
}

#[test]
fn by_rsa_mode_a_reply_key_comes_under_the_clients_key_where_the_switch_is_on() {
    let pair = pair(KeyKind::Rsa2048);
    let mut world = world_of(&pair, all_on());
    let mut client = modern(&mut world, &pair);
    client.pack.client_public_value = None;
    let request = client.encode();
    let reply = world.given(&request).unwrap();
    assert_eq!(used(&world), [OldCrypto::RsaMode]);
    open_by_rsa(&pair, &request, &reply, &world);

    world.realm.crypto = CryptoPolicy::default();
    let mut client = modern(&mut world, &pair);
    client.pack.client_public_value = None;
    world.refusal(&client.encode(), 81).unwrap();
    assert!(used(&world).is_empty());
}

/// Opens a reply of RSA mode as its client does.
fn open_by_rsa(pair: &Pair, request: &[u8], reply: &[u8], world: &World) {
    let reply = AsRep::decode(reply).unwrap();
    let padata = PaData::find(&reply.padata, PaDataType::PK_AS_REP).unwrap();
    let PaPkAsRep::EncKeyPack(pack) = PaPkAsRep::decode(padata).unwrap() else {
        panic!("a reply key by key transport was asked for");
    };
    let enveloped = EnvelopedData::decode(&pack).unwrap();
    let recipient = enveloped.recipient_infos.as_slice().first().unwrap();
    let own = wire::x509::Certificate::parse(&pair.certificate).unwrap();
    assert_eq!(recipient.rid.issuer.as_bytes(), own.issuer().der());
    assert_eq!(recipient.rid.serial_number.as_bytes(), own.serial());
    let content = enveloped.encrypted_content_info;
    let vector = content.content_encryption_algorithm.parameters.unwrap();
    let sealed = content.encrypted_content.unwrap().as_bytes();
    let signed = unwrap(
        &pair.key,
        recipient.encrypted_key.as_bytes(),
        vector.value(),
        sealed,
    );
    let signed = SignedData::decode_bare(&signed).unwrap();
    assert_eq!(
        signed.encap_content_info.e_content_type,
        oid::REPLY_KEY_DATA
    );
    // It is the KDC's signature.
    let signer = signed.single_signer().unwrap();
    let kdc = signed.certificates().next().unwrap();
    let kdc = wire::x509::Certificate::parse(kdc).unwrap();
    let key = crypto::key::PublicKey::from_spki_der(kdc.spki()).unwrap();
    let algorithm =
        SignatureAlgorithm::from_cms(&signer.signature_algorithm, &signer.digest_algorithm.oid);
    let attributes = signer.signed_attrs.as_ref().unwrap();
    let verifier = Verifier::new(key);
    verifier
        .verify(
            algorithm.unwrap(),
            &attributes.signed_bytes(),
            signer.signature,
        )
        .unwrap();
    let content = signed.encap_content_info.e_content.unwrap();
    let pack = ReplyKeyPack::decode(content).unwrap();
    let etype = crypto::etype::Etype::from_number(pack.reply_key.keytype.0).unwrap();
    let key = crypto::etype::Key::new(etype, &pack.reply_key.keyvalue).unwrap();
    let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
    key.verify_checksum(usage, request, &pack.as_checksum.checksum)
        .unwrap();
    let opened = key
        .decrypt(KeyUsage::AS_REP_ENC_PART, &reply.enc_part.cipher)
        .unwrap();
    let part = EncKdcRepPart::decode_as_rep(&opened).unwrap();
    assert_eq!(part.sname, world.realm.krbtgt());
}

/// RSAES-PKCS1-v1_5 and AES-256-CBC, the other way round.
fn unwrap(key: &PrivateKey, transported: &[u8], vector: &[u8], sealed: &[u8]) -> Vec<u8> {
    let block = crate::sha1_signature::apply(key, transported);
    assert_eq!(block[..2], [0, 2]);
    let padding = block[2..].iter().position(|byte| *byte == 0).unwrap();
    let key: [u8; 32] = block[2 + padding + 1..].try_into().unwrap();
    let vector: [u8; 16] = vector.try_into().unwrap();
    crypto::envelope::decrypt(sealed, &key, &vector).unwrap()
}

#[test]
fn rsa_mode_is_refused_to_who_cannot_take_it() {
    let rsa = pair(KeyKind::Rsa2048);
    let mut world = world_of(&rsa, all_on());
    let with = |world: &mut World, types: &[ObjectIdentifier]| {
        let mut client = modern(world, &rsa);
        client.pack.client_public_value = None;
        let types = types
            .iter()
            .map(|oid| wire::asn1::AlgorithmIdentifierOwned {
                oid: *oid,
                parameters: None,
            });
        client.pack.supported_cms_types = Some(types.collect());
        client.encode()
    };
    let triple_des = with(&mut world, &[cms_oid::DES_EDE3_CBC]);
    world.refusal(&triple_des, 81).unwrap();
    let both = with(&mut world, &[cms_oid::DES_EDE3_CBC, cms_oid::AES256_CBC]);
    world.given(&both).unwrap();
    // No certificate to encrypt to, as MIT's client with a self-signed one.
    let mut bare = modern(&mut world, &rsa);
    bare.pack.client_public_value = None;
    bare.cms.certificates.clear();
    world.refusal(&bare.encode(), 81).unwrap();
    // A key that encrypts nothing.
    let ec = pair(KeyKind::P256);
    world.list(world.alice, &ec.key, None);
    let mut elliptic = modern(&mut world, &ec);
    elliptic.pack.client_public_value = None;
    world.refusal(&elliptic.encode(), 81).unwrap();
    let agreed = modern(&mut world, &ec).encode();
    world.given(&agreed).unwrap();
}

#[test]
fn minima_are_values_and_refuse_what_is_below_them() {
    let rsa = pair(KeyKind::Rsa2048);
    let policy = CryptoPolicy {
        minimum_group: Group::P384,
        ..CryptoPolicy::default()
    };
    let mut world = world_of(&rsa, policy);
    for group in [Group::Modp2048, Group::P256, Group::Modp4096] {
        let mut client = modern(&mut world, &rsa);
        client.with_group(group);
        let error = world.refusal(&client.encode(), 65).unwrap();
        assert_eq!(groups(&error), 1, "{group}");
    }
    let mut client = modern(&mut world, &rsa);
    client.with_group(Group::P384);
    world.given(&client.encode()).unwrap();

    world.realm.crypto = CryptoPolicy {
        minimum_digest: DigestAlgorithm::Sha384,
        ..CryptoPolicy::default()
    };
    let client = modern(&mut world, &rsa).encode();
    let error = world.refusal(&client, 80).unwrap();
    assert_eq!(digests(&error), [cms_oid::SHA384, cms_oid::SHA512]);

    world.realm.crypto = CryptoPolicy {
        minimum_rsa_bits: 3_072,
        ..CryptoPolicy::default()
    };
    let client = modern(&mut world, &rsa).encode();
    world.refusal(&client, 62).unwrap();
    let mut unnamed = modern(&mut world, &rsa);
    unnamed.cms.certificates.clear();
    let error = world.refusal(&unnamed.encode(), 62).unwrap();
    assert_eq!(error.error_code, ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED);
    world.realm.crypto = CryptoPolicy::default();
    let client = modern(&mut world, &rsa).encode();
    world.given(&client).unwrap();
}
