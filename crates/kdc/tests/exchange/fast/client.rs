//! Our own client in armor.

use crypto::key::KeyKind;
use kdc::Transport;
use ticket::client::{Credential, Failed, Handled, Initial, Secret, Wish};
use wire::kerberos::{AsRep, ErrorCode, KrbError, PrincipalName};

use crate::world::{PASSWORD, World, pair, refused};

/// Signs alice in under the laptop's armor; `meddle` sees each answer before the client does.
fn armored(
    world: &mut World,
    secret: Secret<'_>,
    meddle: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Credential, Failed> {
    let machine = world.machine();
    let (now, realm) = (world.now, world.realm.name.clone());
    let (name, wish) = (
        PrincipalName::principal("alice"),
        Wish::ticket_granting("CORP.EXAMPLE"),
    );
    let rng = &mut world.rng;
    let (mut exchange, mut message) =
        Initial::start_armored(name, realm, wish, secret, &machine, now, rng);
    loop {
        let answer = world.send(&message, Transport::Stream).unwrap();
        assert_eq!(
            world.exchange.as_ref().unwrap().armor.as_deref(),
            Some("LAPTOP-1$")
        );
        match exchange.handle(&meddle(&answer), now, &mut world.rng)? {
            Handled::Send(next, again) => (exchange, message) = (*next, again),
            Handled::Done(credential) => return Ok(*credential),
        }
    }
}

#[test]
fn a_password_or_a_key_gets_a_ticket_that_gets_tickets() {
    let mut world = World::new();
    let password = Secret::Password(PASSWORD);
    let tgt = armored(&mut world, password, <[u8]>::to_vec).unwrap();
    assert_eq!(tgt.client.to_string(), "alice");
    world.host(&tgt).unwrap();
    let (pair, trust) = (pair(KeyKind::Rsa2048), world.trust.clone());
    world.list(world.alice, &pair.key, None);
    let secret = Secret::KeyPair {
        signer: &pair.key,
        certificate: &pair.certificate,
        trust: &trust,
    };
    let tgt = armored(&mut world, secret, <[u8]>::to_vec).unwrap();
    world.host(&tgt).unwrap();
}

#[test]
fn a_refusal_is_read_under_the_armor() {
    let mut world = World::new();
    let wrong = armored(&mut world, Secret::Password("wrong"), <[u8]>::to_vec);
    assert_eq!(
        wrong.unwrap_err(),
        refused(ErrorCode::KDC_ERR_PREAUTH_FAILED)
    );
}

#[test]
fn an_answer_without_armor_or_with_another_ticket_is_not_taken() {
    let mut world = World::new();
    let password = || Secret::Password(PASSWORD);
    let bare = armored(&mut world, password(), |answer| {
        match AsRep::decode(answer) {
            Ok(mut reply) => {
                reply.padata = Vec::new().into();
                reply.encode()
            }
            Err(_) => answer.to_vec(),
        }
    });
    assert_eq!(
        bare.unwrap_err(),
        Failed::Mismatch("the armor was taken off")
    );
    let exchanged = armored(&mut world, password(), |answer| {
        match AsRep::decode(answer) {
            Ok(mut reply) => {
                reply.ticket.enc_part.cipher[40] ^= 1;
                reply.encode()
            }
            Err(_) => answer.to_vec(),
        }
    });
    assert_eq!(
        exchanged.unwrap_err(),
        Failed::Mismatch("the ticket was exchanged on the way")
    );
    // Nor does a client that is told without armor what to do go on with that.
    let told = armored(&mut world, password(), |answer| {
        match KrbError::decode(answer) {
            Ok(mut error) => {
                error.e_data = None;
                error.encode()
            }
            Err(_) => answer.to_vec(),
        }
    });
    assert_eq!(
        told.unwrap_err(),
        refused(ErrorCode::KDC_ERR_PREAUTH_REQUIRED)
    );
    assert!(armored(&mut world, password(), <[u8]>::to_vec).is_ok());
}
