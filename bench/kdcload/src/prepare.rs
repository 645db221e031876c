//! Every request, built before the clock starts.

use std::thread;
use std::time::{Duration, Instant};

use crate::aes_sha1::{UsageKeys, string_to_key};
use crate::arguments::{Arguments, Mode};
use crate::link::Link;
use crate::messages::{Common, Granted, Request};
use crate::pkinit::Agreement;

/// How many people's tickets the TGS exchanges are made with.
const TICKETS: usize = 64;

/// Threads that sign.
const SIGNERS: usize = 2;

/// A prime, so that consecutive requests are far apart among the people.
const STRIDE: usize = 7_919;

/// Distinct requests of garbage.
const GARBAGE: usize = 100;

pub struct Prepared {
    pub requests: Vec<Request>,
    pub agreement: Option<Agreement>,
    pub took: Duration,
}

pub fn prepare(arguments: &Arguments) -> Result<Prepared, String> {
    let began = Instant::now();
    let common = Common {
        realm: arguments.realm.clone(),
        pac: arguments.pac,
    };
    let agreement = match arguments.mode {
        Mode::Modp => Some(Agreement::modp_2048()),
        Mode::P256 => Some(Agreement::p256()),
        Mode::Timestamp | Mode::Service => None,
    };
    let mut requests = match (arguments.mode, &agreement) {
        (Mode::Service, _) => services(arguments, &common)?,
        (_, Some(agreement)) => signatures(arguments, &common, agreement),
        (_, None) => timestamps(arguments, &common),
    };
    if arguments.garbage {
        // The signature, 256 bytes, stands before the request's body of somewhat more than a hundred.
        for request in &mut requests {
            let place = request.bytes.len().saturating_sub(300);
            request.bytes[place] ^= 1;
        }
    }
    Ok(Prepared {
        requests,
        agreement,
        took: began.elapsed(),
    })
}

struct Person {
    name: String,
    key: Vec<u8>,
    stamping: UsageKeys,
}

/// `count` people, spread over all that there are.
fn people(arguments: &Arguments, count: usize) -> Vec<Person> {
    let salt = |name: &str| format!("{}{name}", arguments.realm);
    let shared = arguments
        .salt_user
        .as_deref()
        .map(|user| string_to_key(&arguments.password, &salt(user)));
    let step = (arguments.users / count).max(1);
    (0..count)
        .map(|number| {
            let name = format!("{}{}", arguments.prefix, number * step);
            let key = shared
                .clone()
                .unwrap_or_else(|| string_to_key(&arguments.password, &salt(&name)));
            Person {
                stamping: UsageKeys::new(&key, 1),
                name,
                key,
            }
        })
        .collect()
}

fn timestamps(arguments: &Arguments, common: &Common) -> Vec<Request> {
    let people = people(arguments, arguments.users.min(arguments.count));
    let asking =
        (0..arguments.count).map(|number| &people[number.wrapping_mul(STRIDE) % people.len()]);
    asking
        .map(|person| common.timestamp(&person.name, &person.key, &person.stamping))
        .collect()
}

fn signatures(arguments: &Arguments, common: &Common, agreement: &Agreement) -> Vec<Request> {
    let clients = &arguments.clients;
    let build = |signer: usize| -> Vec<Request> {
        let count = match arguments.garbage {
            true => arguments.count.min(GARBAGE),
            false => arguments.count,
        };
        let numbers = (signer..count).step_by(SIGNERS);
        let asking = numbers.map(|number| &clients[number % clients.len()]);
        asking
            .map(|(name, signing)| common.signature(name, signing, agreement, arguments.dh_nonce))
            .collect()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..SIGNERS)
            .map(|signer| scope.spawn(move || build(signer)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("signing goes well"))
            .collect()
    })
}

fn services(arguments: &Arguments, common: &Common) -> Result<Vec<Request>, String> {
    let people = people(arguments, arguments.users.min(TICKETS));
    let tickets = people.iter().map(|person| {
        let request = common.timestamp(&person.name, &person.key, &person.stamping);
        let mut reply = Vec::new();
        let sent = Link::new(arguments.kdc, arguments.transport, arguments.source)
            .and_then(|mut link| link.exchange(&request.bytes, &mut reply));
        sent.map_err(|error| format!("asking for a ticket-granting ticket: {error}"))?;
        let granted = request.check(&reply, None, None)?;
        let showing = UsageKeys::new(&granted.session_key, 7);
        Ok((person, granted, showing))
    });
    let tickets: Vec<(&Person, Granted, UsageKeys)> = tickets.collect::<Result<_, String>>()?;
    let service: Vec<&str> = arguments.service.split('/').collect();
    let asking = (0..arguments.count).map(|number| &tickets[number % tickets.len()]);
    Ok(asking
        .map(|(person, tgt, showing)| common.service(&person.name, &service, tgt, showing))
        .collect())
}
