//! FAST (RFC 6113 5.4): what armor gives, and what it must not.

use crypto::etype::{Etype, Key};
use kdc::Refused;
use wire::kerberos::{KeyUsage, PaData, PaDataType, PaEncTsEnc};

use crate::armor::{Armored, Reply};
use crate::world::World;

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

fn alice(world: &World) -> Key {
    world.key_of(world.alice, AES256)
}

/// A request of alice's that proves her password.
fn proven(world: &mut World) -> Armored {
    let machine = world.machine();
    let key = alice(world);
    let mut request = Armored::new("alice", &machine, world);
    request.challenge(&key, world.now, &mut world.rng);
    request
}

fn given(world: &mut World, request: &Armored) -> Reply {
    let reply = world.given(&request.encode()).unwrap();
    request.open(&reply, &alice(world))
}

#[test]
fn a_password_is_proven_under_the_armor_of_the_machine() {
    let mut world = World::new();
    let machine = world.machine();
    let mut request = Armored::new("alice", &machine, &mut world);
    let hints = world.armored_refusal(&request, 25).unwrap();
    let offered = |kind| PaData::find(&hints.padata, kind).is_some();
    assert!(offered(PaDataType::ENCRYPTED_CHALLENGE) && offered(PaDataType::ETYPE_INFO2));
    assert!(offered(PaDataType::FX_COOKIE) && offered(PaDataType::PK_AS_REQ));
    assert!(!offered(PaDataType::ENC_TIMESTAMP));
    let key = alice(&world);
    request.challenge(&key, world.now, &mut world.rng);
    let reply = given(&mut world, &request);
    assert_eq!(reply.reply.cname.to_string(), "alice");
    assert!(!reply.unstrengthened);
    let armor = world.exchange.as_ref().unwrap().armor.clone();
    assert_eq!(armor.as_deref(), Some("LAPTOP-1$"));
    // The KDC proves that it knows the password's key, too.
    let theirs = PaData::find(&reply.response.padata, PaDataType::ENCRYPTED_CHALLENGE).unwrap();
    let theirs = wire::kerberos::EncryptedData::decode(theirs).unwrap();
    let armor = &request.inside.key;
    let challenge = armor.combine(&key, b"kdcchallengearmor", b"challengelongterm");
    let usage = KeyUsage::ENC_CHALLENGE_KDC;
    let stamp = challenge.decrypt(usage, &theirs.cipher).unwrap();
    let stamp = PaEncTsEnc::decode(&stamp).unwrap();
    assert_eq!(stamp.patimestamp.unix(), world.now.unix());
}
