//! Real messages with anything done to them: no panic, always an answer that can be read, and a ticket only
//! where what protects the message is untouched (security row 1).
//!
//! What is protected, and by what:
//! - an AS-REQ with a password: the encrypted timestamp. The body is not, which is why the reply repeats a
//!   checksum over the request (RFC 6806 11) and our client compares it;
//! - an AS-REQ with a signature: the body by paChecksum; the AuthPack, the attributes and the signature by the
//!   signature. Which certificates lie beside it is not, but for the key in the signer's own;
//! - a TGS-REQ: the body by the authenticator's checksum; the ticket and the authenticator by their keys.

use std::cell::RefCell;

use directory::lockout::Lockout;
use kdc::{Memory, Transport};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use ticket::client::{Granting, Handled, Initial, Secret, Wish};
use trust::Span;
use wire::cms::SignedData;
use wire::kerberos::{
    ApReq, AsRep, AsReq, EncryptedData, KrbError, MessageType, PaDataType, PrincipalName, TgsRep,
    TgsReq,
};
use wire::pkinit::PaPkAsReq;

use crate::forge::{Attributes, Pkinit};
use crate::world::{PASSWORD, Pair, World, pair};

/// The protected parts of a message, each as its bytes; nothing where it cannot be read.
type Protected = Option<Vec<Vec<u8>>>;

fn timestamp(message: &[u8]) -> Protected {
    let request = AsReq::decode(message).ok()?;
    let sealed = request.find_padata(PaDataType::ENC_TIMESTAMP)?;
    let sealed = EncryptedData::decode(sealed).ok()?;
    Some(vec![sealed.etype.0.to_be_bytes().to_vec(), sealed.cipher])
}

fn signed(message: &[u8]) -> Protected {
    let request = AsReq::decode(message).ok()?;
    let padata = PaPkAsReq::decode(request.find_padata(PaDataType::PK_AS_REQ)?).ok()?;
    let signed = SignedData::decode(&padata.signed_auth_pack).ok()?;
    let signer = signed.single_signer()?;
    let attributes = signer.signed_attrs.as_ref();
    Some(vec![
        request.req_body.as_bytes().to_vec(),
        signed.encap_content_info.e_content?.to_vec(),
        attributes.map_or_else(Vec::new, |attributes| attributes.signed_bytes()),
        signer.signature.to_vec(),
    ])
}

fn granted(message: &[u8]) -> Protected {
    let request = TgsReq::decode(message).ok()?;
    let shown = ApReq::decode(request.find_padata(PaDataType::TGS_REQ)?).ok()?;
    Some(vec![
        request.req_body.as_bytes().to_vec(),
        shown.ticket.enc_part.cipher,
        shown.authenticator.cipher,
    ])
}

/// One message and how to find what is protected in it.
struct Original {
    name: &'static str,
    message: Vec<u8>,
    protected: fn(&[u8]) -> Protected,
}

/// The proof that our client sends, by whatever secret.
fn proof(world: &mut World, secret: Secret<'_>) -> Vec<u8> {
    let (realm, name) = (world.realm.name.clone(), PrincipalName::principal("alice"));
    let wish = Wish::ticket_granting("CORP.EXAMPLE");
    let (exchange, first) = Initial::start(name, realm, wish, secret, world.now, &mut world.rng);
    let hints = world.send(&first, Transport::Stream).unwrap();
    match exchange.handle(&hints, world.now, &mut world.rng).unwrap() {
        Handled::Send(_, message) => message,
        Handled::Done(_) => panic!("the KDC asked for no proof"),
    }
}

fn originals(world: &mut World, pair: &Pair) -> Vec<Original> {
    world.list(world.alice, &pair.key, None);
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = Wish::service(PrincipalName::service("host", "laptop-1.corp.example"));
    let trust = world.trust.clone();
    let by_key = Secret::KeyPair {
        signer: &pair.key,
        certificate: &pair.certificate,
        trust: &trust,
    };
    let mut bare = Pkinit::new("alice", pair, world.now, &mut world.rng);
    bare.cms.certificates.clear();
    bare.cms.attributes = Attributes::None;
    vec![
        Original {
            name: "a password",
            message: proof(world, Secret::Password(PASSWORD)),
            protected: timestamp,
        },
        Original {
            name: "a signature",
            message: proof(world, by_key),
            protected: signed,
        },
        Original {
            name: "a signature without certificate and attributes",
            message: bare.encode(),
            protected: signed,
        },
        Original {
            name: "a ticket-granting ticket",
            message: Granting::start(&tgt, &host, world.now, &mut world.rng).1,
            protected: granted,
        },
    ]
}

/// What the KDC, which remembers nothing, says to a message that was made of `original`.
fn judge(world: &mut World, original: &Original, message: &[u8]) -> Result<(), String> {
    world.memory = Memory::new(Span::minutes(5), &mut world.rng);
    world.lockout = Lockout::default();
    let Some(answer) = world.send(message, Transport::Stream) else {
        return match MessageType::of(message) {
            Some(MessageType::AS_REQ | MessageType::TGS_REQ) => Err("no answer".to_owned()),
            _ => Ok(()),
        };
    };
    let readable = match MessageType::of(&answer) {
        Some(MessageType::KRB_ERROR) => KrbError::decode(&answer).map(drop),
        Some(MessageType::AS_REP) => AsRep::decode(&answer).map(drop),
        Some(MessageType::TGS_REP) => TgsRep::decode(&answer).map(drop),
        other => return Err(format!("an answer of type {other:?}")),
    };
    readable.map_err(|error| error.to_string())?;
    if world.refused.is_some() {
        return Ok(());
    }
    let untouched = (original.protected)(message) == (original.protected)(&original.message);
    untouched.then_some(()).ok_or("a ticket".to_owned())
}

#[test]
fn a_flipped_bit_anywhere_gets_no_ticket_unless_it_protects_nothing() {
    let mut world = World::new();
    let pair = pair(crypto::key::KeyKind::P256);
    for original in originals(&mut world, &pair) {
        judge(&mut world, &original, &original.message).unwrap();
        assert!(
            world.refused.is_none(),
            "{}: {:?}",
            original.name,
            world.refused
        );
        let mut tickets = 0;
        for at in 0..original.message.len() {
            let mut message = original.message.clone();
            message[at] ^= 1 << (at % 8);
            if let Err(why) = judge(&mut world, &original, &message) {
                panic!("{}: byte {at}: {why}", original.name);
            }
            tickets += usize::from(world.refused.is_none());
        }
        // The test could not fail if nothing ever got a ticket.
        assert!(tickets > 0, "{}", original.name);
        assert!(tickets < original.message.len() / 2, "{}", original.name);
    }
}

/// One thing that is done to a message.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    /// A piece of it again, elsewhere.
    Repeat(Index, usize, Index),
    /// A piece of another message.
    Graft(usize, Index, usize, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        at().prop_map(Mutation::Cut),
        (at(), 1..64usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..64))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (at(), 1..300usize, at()).prop_map(|(from, length, to)| Mutation::Repeat(from, length, to)),
        (0..4usize, at(), 1..300usize, at())
            .prop_map(|(other, from, length, to)| Mutation::Graft(other, from, length, to)),
    ]
}

fn piece<'m>(message: &'m [u8], from: &Index, length: usize) -> &'m [u8] {
    let from = from.index(message.len());
    &message[from..(from + length).min(message.len())]
}

fn apply(message: &mut Vec<u8>, mutation: &Mutation, originals: &[Original]) {
    if message.is_empty() {
        return;
    }
    let length = message.len();
    match mutation {
        Mutation::Flip(at, bit) => message[at.index(length)] ^= 1 << bit,
        Mutation::Set(at, byte) => message[at.index(length)] = *byte,
        Mutation::Cut(at) => message.truncate(at.index(length)),
        Mutation::Remove(at, count) => {
            let at = at.index(length);
            message.drain(at..(at + count).min(length));
        }
        Mutation::Insert(at, bytes) => {
            let at = at.index(length);
            message.splice(at..at, bytes.iter().copied());
        }
        Mutation::Repeat(from, count, to) => {
            let piece = piece(message, from, *count).to_vec();
            let to = to.index(length);
            message.splice(to..to, piece);
        }
        Mutation::Graft(other, from, count, to) => {
            let piece = piece(&originals[*other].message, from, *count).to_vec();
            let to = to.index(length);
            message.splice(to..(to + piece.len()).min(length), piece);
        }
    }
}

#[test]
fn whatever_is_done_to_a_message_there_is_an_answer_and_no_ticket_that_was_not_earned() {
    let mut world = World::new();
    let pair = pair(crypto::key::KeyKind::P256);
    let originals = originals(&mut world, &pair);
    let world = RefCell::new(world);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 8_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (0..4usize, prop::collection::vec(mutation(), 1..5));
    let judged = runner.run(&strategy, |(which, mutations)| {
        let original = &originals[which];
        let mut message = original.message.clone();
        for mutation in &mutations {
            apply(&mut message, mutation, &originals);
        }
        judge(&mut world.borrow_mut(), original, &message)
            .map_err(|why| TestCaseError::fail(format!("{}: {why}", original.name)))
    });
    if let Err(failure) = judged {
        panic!("{failure}");
    }
}
