//! Tickets for some addresses alone (RFC 4120 3.2.3).

use crypto::etype::Etype;
use wire::kerberos::{AddressType, HostAddress, KdcOptions, PrincipalName};

use crate::forge::{Granted, Password};
use crate::world::World;
use ticket::client::Credential;

fn address(addr_type: AddressType, address: &[u8]) -> HostAddress {
    HostAddress {
        addr_type,
        address: address.to_vec(),
    }
}

fn at(world: &mut World, address: &str) {
    world.from = Some(address.parse().unwrap());
}

/// Alice's ticket-granting ticket for these addresses.
fn ticket(world: &mut World, addresses: &[HostAddress]) -> Credential {
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    request.body.addresses = Some(addresses.to_vec().into());
    let reply = world.given(&request.encode()).unwrap();
    let part = request.open(&reply);
    let reply = wire::kerberos::AsRep::decode(&reply).unwrap();
    Credential {
        client_realm: reply.crealm,
        client: reply.cname,
        realm: part.srealm.clone(),
        service: part.sname.clone(),
        key: crypto::etype::Key::new(Etype::Aes256CtsHmacSha1_96, &part.key.keyvalue).unwrap(),
        ticket: reply.ticket,
        flags: part.flags,
        authenticated: part.authtime,
        start: part.starttime.unwrap_or(part.authtime),
        end: part.endtime,
        renew_till: part.renew_till,
    }
}

/// What a request from there gets with the ticket; 0 is a ticket.
fn from(world: &mut World, tgt: &Credential, address: &str, expected: i32) {
    at(world, address);
    let host = PrincipalName::service("host", "laptop-1.corp.example");
    let message = Granted::new(tgt, host, world.now, &mut world.rng).encode();
    let judged = match expected {
        0 => world.given(&message).map(|_| ()),
        code => world.refusal(&message, code).map(|_| ()),
    };
    judged.unwrap_or_else(|why| panic!("{address}: expected {expected}, {why}"));
}

#[test]
fn a_ticket_for_some_addresses_is_of_no_use_to_who_stole_it_elsewhere() {
    let mut world = World::new();
    at(&mut world, "192.0.2.10");
    let v6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap();
    let own = [
        address(AddressType::IPV4, &[192, 0, 2, 10]),
        address(AddressType::IPV6, &v6.octets()),
        address(AddressType(20), b"LAPTOP-1        "),
    ];
    let tgt = ticket(&mut world, &own);
    for there in ["192.0.2.10", "::ffff:192.0.2.10", "2001:db8::1"] {
        from(&mut world, &tgt, there, 0);
    }
    for elsewhere in ["192.0.2.11", "2001:db8::2"] {
        from(&mut world, &tgt, elsewhere, 38);
    }
    // Nor does it forward itself to another place from there.
    at(&mut world, "192.0.2.11");
    let krbtgt = PrincipalName::krbtgt("CORP.EXAMPLE");
    let mut forwarding = Granted::new(&tgt, krbtgt, world.now, &mut world.rng);
    forwarding.body.kdc_options = KdcOptions::FORWARDED;
    forwarding.body.addresses = None;
    world.refusal(&forwarding.encode(), 38).unwrap();
}

#[test]
fn the_name_of_a_machine_or_an_address_that_is_none_restricts_nothing() {
    let mut world = World::new();
    for none in [
        vec![address(AddressType(20), b"LAPTOP-1        ")],
        vec![address(AddressType::IPV4, &[192, 0, 2])],
        vec![],
    ] {
        at(&mut world, "192.0.2.10");
        let tgt = ticket(&mut world, &none);
        from(&mut world, &tgt, "203.0.113.66", 0);
    }
}

#[test]
fn what_a_stranger_calls_themselves_takes_no_more_room_than_the_log_shows() {
    let mut world = World::new();
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let name = "x".repeat(50_000);
    let message = Password::new(&name, key, world.now, &mut world.rng).encode();
    world.send(&message, kdc::Transport::Stream).unwrap();
    let client = world.exchange.as_ref().unwrap().client.as_ref().unwrap();
    assert!(client.capacity() < 2_048, "{}", client.capacity());
}
