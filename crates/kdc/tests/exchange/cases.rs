//! A table of cases in the manner of the public Kerberos suites (as-req, etype, lockout, kdc): what is asked by whom, in
//! which state, and the code that comes. Each case has a client of its own, which first gets what it asks for in the usual
//! way, so that a refusal is the case's and nothing else's. 0 stands for a ticket.

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::{AccountControl, Attribute, Change, EntryId, NewEntry, account, change};
use ticket::client::{Credential, Secret, Wish};
use trust::Span;
use wire::kerberos::{AsRep, KdcOptions, NameType, PrincipalName, TgsRep};

use crate::forge::{Granted, Password, Pkinit, etypes};
use crate::table::Cases;
use crate::world::{PASSWORD, Pair, World, pair};

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;
const AES128: Etype = Etype::Aes128CtsHmacSha1_96;
const AES256_SHA2: Etype = Etype::Aes256CtsHmacSha384_192;
const AES128_SHA2: Etype = Etype::Aes128CtsHmacSha256_128;

/// The cases of one table, in one world.
struct Table {
    world: World,
    pair: Pair,
    people: usize,
    cases: Cases,
}

/// A case's client.
struct Client {
    id: EntryId,
    name: String,
}

impl Table {
    fn new() -> Self {
        Self {
            world: World::new(),
            pair: pair(KeyKind::P256),
            people: 0,
            cases: Cases::new(),
        }
    }

    /// A person with a password and nothing else, who signs in by it before anything else happens.
    fn client(&mut self) -> Client {
        let world = &mut self.world;
        let domain = world.directory.domain().unwrap();
        self.people += 1;
        let name = format!("case{}", self.people);
        let id = EntryId::random(&mut world.rng);
        let salt = account::user_salt(&domain.realm, &name);
        let history = PasswordHistory::empty();
        let cost = crypto::password::Cost::LEAST;
        let material =
            PasswordMaterial::of_password(PASSWORD, &salt, &history, 0, cost, &mut world.rng);
        let mut person = NewEntry::user(id, domain.users, &name, &name)
            .with(Attribute::UserPrincipalName, format!("{name}@corp.example"));
        person.password = Some(Box::new(material));
        world.commit(&[Change::Add(Box::new(person))]);
        let client = Client { id, name };
        let good = self.password(&client).encode();
        self.world.given(&good).unwrap();
        self.world.advance(Span::seconds(1));
        client
    }

    fn password(&mut self, client: &Client) -> Password {
        let key = self.world.key_of(client.id, AES256);
        let now = self.world.now;
        Password::new(&client.name, key, now, &mut self.world.rng)
    }

    fn wrong_password(&mut self, client: &Client) -> Vec<u8> {
        let mut request = self.password(client);
        request.key = Key::random_to_key(AES256, &self.world.bytes::<32>());
        request.encode()
    }

    /// Lists the table's key on the client alone, and signs with it.
    fn key(&mut self, client: &Client) -> Pkinit<'_> {
        let now = self.world.now;
        Pkinit::new(&client.name, &self.pair, now, &mut self.world.rng)
    }

    fn tgt(&mut self, client: &Client, wish: Wish) -> Credential {
        let name = PrincipalName::principal(&client.name);
        let tgt = self.world.ask(name, wish, Secret::Password(PASSWORD));
        self.world.advance(Span::seconds(1));
        tgt.unwrap()
    }

    fn grant(&mut self, tgt: &Credential, service: PrincipalName) -> Granted {
        let now = self.world.now;
        Granted::new(tgt, service, now, &mut self.world.rng)
    }

    fn expect(&mut self, what: &str, message: &[u8], code: i32) -> Vec<u8> {
        let answer = self.cases.judge(&mut self.world, what, message, code);
        self.world.advance(Span::seconds(1));
        answer.map_or_else(Vec::new, |answer| answer.to_vec())
    }
}

fn host() -> PrincipalName {
    PrincipalName::service("host", "laptop-1.corp.example")
}

/// What an administrator did to the account, and what then comes to a password and to a key.
type State = (&'static str, fn(&Table, EntryId) -> Vec<Change>, i32, i32);

#[test]
fn the_state_of_the_account() {
    fn set(id: EntryId, more: AccountControl) -> Vec<Change> {
        let control = AccountControl::NORMAL_ACCOUNT | more;
        vec![change::set_control(id, control)]
    }
    fn time(id: EntryId, attribute: Attribute, moment: trust::Timestamp) -> Vec<Change> {
        vec![change::set(id, attribute, moment)]
    }
    let states: &[State] = &[
        ("as it is", |_, _| Vec::new(), 0, 0),
        (
            "disabled",
            |_, id| set(id, AccountControl::ACCOUNT_DISABLE),
            18,
            18,
        ),
        (
            "needs a card",
            |_, id| set(id, AccountControl::SMARTCARD_REQUIRED),
            12,
            0,
        ),
        (
            "not delegated",
            |_, id| set(id, AccountControl::NOT_DELEGATED),
            0,
            0,
        ),
        (
            "its password does not age",
            |_, id| set(id, AccountControl::DONT_EXPIRE_PASSWORD),
            0,
            0,
        ),
        (
            "must change its password",
            |_, id| vec![change::expire_password(id)],
            23,
            0,
        ),
        (
            "has expired",
            |table, id| {
                time(
                    id,
                    Attribute::AccountExpires,
                    table.world.now - Span::hours(1),
                )
            },
            18,
            18,
        ),
        (
            "expires tomorrow",
            |table, id| {
                time(
                    id,
                    Attribute::AccountExpires,
                    table.world.now + Span::days(1),
                )
            },
            0,
            0,
        ),
        (
            "is locked since now",
            |table, id| time(id, Attribute::LockoutTime, table.world.now),
            18,
            0,
        ),
        (
            "was locked long ago",
            |table, id| time(id, Attribute::LockoutTime, table.world.now - Span::hours(1)),
            0,
            0,
        ),
        ("is gone", |_, id| vec![Change::Delete { id }], 6, 6),
    ];
    let mut table = Table::new();
    for (what, arrange, by_password, by_key) in states {
        let client = table.client();
        let listed = pair(KeyKind::P256);
        table.pair = listed;
        table.world.list(client.id, &table.pair.key, None);
        let good = table.key(&client).encode();
        table.expect(&format!("a key before it {what}"), &good, 0);
        let password = table.password(&client);
        let changes = arrange(&table, client.id);
        if !changes.is_empty() {
            table.world.commit(&changes);
        }
        let mut password = password;
        password.clock = table.world.now;
        table.expect(
            &format!("a password, {what}"),
            &password.encode(),
            *by_password,
        );
        let signed = table.key(&client).encode();
        table.expect(&format!("a key, {what}"), &signed, *by_key);
    }
    table.cases.beside(states.len()).are(22);
}

/// Etypes of the request, msDS-SupportedEncryptionTypes of the client, the etype of the password's key, the code, and
/// the etype of the reply to a password.
type OfClient = (&'static [i32], Option<i64>, Etype, i32);

#[test]
fn the_etypes_of_a_client() {
    let cases: &[OfClient] = &[
        (&[18], None, AES256, 0),
        (&[17], None, AES128, 0),
        (&[20], None, AES256_SHA2, 0),
        (&[19], None, AES128_SHA2, 0),
        (&[18, 17, 20, 19], None, AES128, 0),
        (&[23, 18], None, AES256, 0),
        (&[3, 1, 23, 17], None, AES128, 0),
        // Only what is not here.
        (&[23], None, AES256, 14),
        (&[3], None, AES256, 14),
        (&[1, 2, 3], None, AES256, 14),
        (&[16], None, AES256, 14),
        (&[25, 26], None, AES256, 14),
        (&[-128, -133], None, AES256, 14),
        (&[0], None, AES256, 14),
        (&[], None, AES256, 14),
        // What the account says: nothing, both of SHA-1, one of them, those of SHA-2.
        (&[18, 17, 20, 19], Some(0), AES256, 0),
        (&[18, 17, 20, 19], Some(0x18), AES256, 0),
        (&[18, 17, 20, 19], Some(0x18), AES128, 0),
        (&[18, 17, 20, 19], Some(0x18), AES256_SHA2, 14),
        (&[18, 17, 20, 19], Some(0x10), AES256, 0),
        (&[18, 17, 20, 19], Some(0x10), AES128, 14),
        (&[18, 17, 20, 19], Some(0x08), AES128, 0),
        (&[18, 17, 20, 19], Some(0x08), AES256, 14),
        (&[18, 17, 20, 19], Some(0x8000_0000), AES256_SHA2, 0),
        (&[18, 17, 20, 19], Some(0x8000_0000), AES256, 14),
        // What Windows writes for a computer, RC4 among it.
        (&[18, 17, 20, 19], Some(0x1c), AES256, 0),
        (&[18, 17, 20, 19], Some(0x1f), AES128, 0),
        // Nothing but what is not here.
        (&[18, 17, 20, 19], Some(0x04), AES256, 14),
        (&[18, 17, 20, 19], Some(0x03), AES128, 14),
        (&[18, 17, 20, 19], Some(0x24), AES256, 14),
        // Features alone name no etype.
        (&[18, 17, 20, 19], Some(0x1_0000), AES256, 0),
        (&[18, 17, 20, 19], Some(0xf_0000), AES128_SHA2, 0),
    ];
    let mut table = Table::new();
    for (wanted, bits, with, code) in cases {
        let client = table.client();
        if let Some(bits) = bits {
            let bits = i64::from(*bits as i32);
            let attribute = Attribute::MsDsSupportedEncryptionTypes;
            table
                .world
                .commit(&[change::set(client.id, attribute, bits)]);
        }
        let key = table.world.key_of(client.id, *with);
        let now = table.world.now;
        let mut request = Password::new(&client.name, key, now, &mut table.world.rng);
        request.body.etype = etypes(wanted).into();
        let what = format!("{wanted:?} by {with}, the account {bits:x?}");
        let answer = table.expect(&what, &request.encode(), *code);
        if *code == 0 && !answer.is_empty() {
            let reply = AsRep::decode(&answer).unwrap();
            assert_eq!(reply.enc_part.etype.0, with.number(), "{what}");
            let session = request.open(&answer).key.keytype.0;
            assert!(wanted.contains(&session), "{what}: session key {session}");
        }
    }
    table.cases.are(32);
}

/// Etypes of the request, msDS-SupportedEncryptionTypes of the service, and the etypes of ticket and session key, or 14.
type OfService = (&'static [i32], Option<i64>, Option<(i32, i32)>);

#[test]
fn the_etypes_of_a_service() {
    let cases: &[OfService] = &[
        (&[18, 17, 20, 19], None, Some((18, 18))),
        (&[17], None, Some((18, 17))),
        (&[20, 18], None, Some((18, 20))),
        (&[19], None, Some((18, 19))),
        (&[23, 17, 18], None, Some((18, 17))),
        (&[18, 17], Some(0x08), Some((17, 17))),
        (&[18], Some(0x08), None),
        (&[18, 17], Some(0x10), Some((18, 18))),
        (&[17], Some(0x10), None),
        (&[17, 18], Some(0x18), Some((18, 17))),
        (&[20, 19], Some(0x18), None),
        (&[18, 20], Some(0x8000_0000), Some((20, 20))),
        (&[18], Some(0x8000_0000), None),
        (&[18, 17], Some(0x1c), Some((18, 18))),
        (&[18, 17], Some(0x04), None),
        (&[18, 17], Some(0x03), None),
        (&[18, 17], Some(0x24), None),
        (&[23, 3], None, None),
        (&[], None, None),
        (&[18, 17], Some(0), Some((18, 18))),
        (&[18, 17], Some(0x5_0000), Some((18, 18))),
    ];
    let mut table = Table::new();
    let client = table.client();
    let tgt = table.tgt(&client, Wish::ticket_granting("CORP.EXAMPLE"));
    let laptop = table.world.laptop;
    let attribute = Attribute::MsDsSupportedEncryptionTypes;
    for (wanted, bits, expected) in cases {
        let usual = table.grant(&tgt, host()).encode();
        table.expect("a ticket for the service before", &usual, 0);
        if let Some(bits) = bits {
            let bits = i64::from(*bits as i32);
            table.world.commit(&[change::set(laptop, attribute, bits)]);
        }
        let mut request = table.grant(&tgt, host());
        request.body.etype = etypes(wanted).into();
        let what = format!("{wanted:?}, the service {bits:x?}");
        let code = if expected.is_some() { 0 } else { 14 };
        let answer = table.expect(&what, &request.encode(), code);
        if let (Some((ticket, session)), false) = (expected, answer.is_empty()) {
            let reply = TgsRep::decode(&answer).unwrap();
            let came = (
                reply.ticket.enc_part.etype.0,
                request.open(&answer).0.key.keytype.0,
            );
            assert_eq!(came, (*ticket, *session), "{what}");
        }
        let clear = directory::Edit::clear(attribute);
        table.world.commit(&[change::modify(laptop, vec![clear])]);
    }
    table.cases.are(42);
}

#[test]
fn a_realm_s_etypes_bound_everything() {
    let mut table = Table::new();
    let client = table.client();
    let tgt = table.tgt(&client, Wish::ticket_granting("CORP.EXAMPLE"));
    table.world.realm.etypes = vec![AES256_SHA2, AES128_SHA2];
    for (with, wanted, code) in [
        (AES256, &[18, 17, 20, 19][..], 14),
        (AES128, &[17, 20], 14),
        (AES256_SHA2, &[18, 17], 14),
        (AES256_SHA2, &[18, 20], 0),
        (AES128_SHA2, &[19], 0),
    ] {
        let key = table.world.key_of(client.id, with);
        let now = table.world.now;
        let mut request = Password::new(&client.name, key, now, &mut table.world.rng);
        request.body.etype = etypes(wanted).into();
        table.expect(&format!("{with} of {wanted:?}"), &request.encode(), code);
    }
    for (wanted, code) in [(&[18, 17][..], 14), (&[20], 0), (&[19, 18], 0)] {
        let mut request = table.grant(&tgt, host());
        request.body.etype = etypes(wanted).into();
        table.expect(&format!("a service's, {wanted:?}"), &request.encode(), code);
    }
    table.cases.are(8);
}

/// Wrong passwords, minutes that pass, and what then comes to the right password and to a key.
#[test]
fn lockout() {
    let cases: &[(usize, i64, i32, i32)] = &[
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (9, 0, 0, 0),
        (10, 0, 18, 0),
        (12, 0, 18, 0),
        (10, 14, 18, 0),
        (10, 16, 0, 0),
        (9, 16, 0, 0),
    ];
    let mut table = Table::new();
    for (failures, minutes, by_password, by_key) in cases {
        let client = table.client();
        table.pair = pair(KeyKind::P256);
        table.world.list(client.id, &table.pair.key, None);
        for number in 0..*failures {
            let message = table.wrong_password(&client);
            let code = if number < 10 { 24 } else { 18 };
            table.expect(&format!("wrong password {number}"), &message, code);
        }
        table.world.advance(Span::minutes(*minutes));
        let what = format!("after {failures} wrong ones and {minutes} minutes");
        let signed = table.key(&client).encode();
        table.expect(&format!("a key {what}"), &signed, *by_key);
        let right = table.password(&client).encode();
        table.expect(&format!("the right password {what}"), &right, *by_password);
    }
    // A right one in between forgives those before it; keys that are wrong count for nothing.
    let client = table.client();
    for round in 0..3 {
        for _ in 0..9 {
            let message = table.wrong_password(&client);
            table.expect("one of nine", &message, 24);
        }
        let right = table.password(&client).encode();
        table.expect(&format!("the right one of round {round}"), &right, 0);
    }
    let client = table.client();
    table.pair = pair(KeyKind::P256);
    for _ in 0..12 {
        let unlisted = table.key(&client).encode();
        table.expect("a key that is not listed", &unlisted, 62);
    }
    let right = table.password(&client).encode();
    table.expect("the password after wrong keys", &right, 0);
    // The same wrong request again is one attempt.
    let client = table.client();
    let same = table.wrong_password(&client);
    for _ in 0..12 {
        table.expect("the same wrong one again", &same, 24);
    }
    let right = table.password(&client).encode();
    table.expect("the password after one wrong one many times", &right, 0);
    table.cases.are(133);
}

#[test]
fn options_of_an_initial_request() {
    let cases: &[(KdcOptions, i32)] = &[
        (KdcOptions::NONE, 0),
        (KdcOptions::FORWARDABLE, 0),
        (KdcOptions::PROXIABLE, 0),
        (KdcOptions::RENEWABLE, 0),
        (KdcOptions::RENEWABLE_OK, 0),
        (KdcOptions::CANONICALIZE, 0),
        (KdcOptions::FORWARDED, 13),
        (KdcOptions::PROXY, 13),
        (KdcOptions::RENEW, 13),
        (KdcOptions::VALIDATE, 13),
        (KdcOptions::ENC_TKT_IN_SKEY, 13),
        (KdcOptions::CNAME_IN_ADDL_TKT, 13),
    ];
    let mut table = Table::new();
    for (options, code) in cases {
        let client = table.client();
        let mut request = table.password(&client);
        request.body.kdc_options = *options;
        request.body.rtime = Some(crate::forge::kerberos_time(table.world.now + Span::days(2)));
        table.expect(&format!("{options:?}"), &request.encode(), *code);
    }
    table.cases.are(12);
}

#[test]
fn options_of_a_further_request() {
    /// Of the ticket-granting ticket, of the request, whether it is for that ticket's service again, the code.
    type Further = (KdcOptions, KdcOptions, bool, i32);
    let cases: &[Further] = &[
        (KdcOptions::NONE, KdcOptions::NONE, false, 0),
        (KdcOptions::FORWARDABLE, KdcOptions::FORWARDABLE, false, 0),
        (KdcOptions::FORWARDABLE, KdcOptions::FORWARDED, true, 0),
        (KdcOptions::NONE, KdcOptions::FORWARDABLE, false, 0),
        (KdcOptions::NONE, KdcOptions::FORWARDED, true, 13),
        (KdcOptions::NONE, KdcOptions::FORWARDED, false, 13),
        (KdcOptions::PROXIABLE, KdcOptions::PROXY, false, 0),
        (KdcOptions::PROXIABLE, KdcOptions::PROXY, true, 13),
        (KdcOptions::NONE, KdcOptions::PROXY, false, 13),
        (KdcOptions::RENEWABLE, KdcOptions::RENEW, true, 0),
        (KdcOptions::RENEWABLE, KdcOptions::RENEW, false, 13),
        (KdcOptions::NONE, KdcOptions::RENEW, true, 13),
        (KdcOptions::NONE, KdcOptions::VALIDATE, true, 13),
    ];
    let mut table = Table::new();
    for (first, then, again, code) in cases {
        let client = table.client();
        let renewable = first.contains(KdcOptions::RENEWABLE);
        let wish = Wish {
            options: *first,
            renewable: renewable.then(|| Span::days(2)),
            ..Wish::ticket_granting("CORP.EXAMPLE")
        };
        let tgt = table.tgt(&client, wish);
        let usual = table.grant(&tgt, host()).encode();
        table.expect("a ticket for a service before", &usual, 0);
        let service = match again {
            true => PrincipalName::krbtgt("CORP.EXAMPLE"),
            false => host(),
        };
        let mut request = table.grant(&tgt, service);
        request.body.kdc_options = *then;
        table.expect(
            &format!("{first:?}, then {then:?}"),
            &request.encode(),
            *code,
        );
    }
    table.cases.are(26);
}

#[test]
fn services_by_name() {
    /// A name, what comes to an initial request for it, and to a further one.
    type Named = (NameType, &'static [&'static str], i32, i32);
    let cases: &[Named] = &[
        (NameType::NT_SRV_INST, &["krbtgt", "CORP.EXAMPLE"], 0, 0),
        (
            NameType::NT_SRV_HST,
            &["host", "laptop-1.corp.example"],
            0,
            0,
        ),
        (
            NameType::NT_SRV_HST,
            &["HOST", "LAPTOP-1.CORP.EXAMPLE"],
            0,
            0,
        ),
        (NameType::NT_PRINCIPAL, &["LAPTOP-1$"], 0, 0),
        (
            NameType::NT_SRV_HST,
            &["host", "laptop-2.corp.example"],
            7,
            7,
        ),
        (
            NameType::NT_SRV_HST,
            &["nfs", "laptop-1.corp.example"],
            7,
            7,
        ),
        (NameType::NT_PRINCIPAL, &["nobody"], 7, 7),
        (NameType::NT_PRINCIPAL, &["bob"], 27, 27),
        (NameType::NT_SRV_INST, &["kadmin", "changepw"], 0, 12),
        (NameType::NT_SRV_INST, &["kadmin", "admin"], 7, 7),
    ];
    let mut table = Table::new();
    let client = table.client();
    let tgt = table.tgt(&client, Wish::ticket_granting("CORP.EXAMPLE"));
    for (kind, components, initial, further) in cases {
        let name = PrincipalName::new(*kind, components.iter().copied());
        let client = table.client();
        let mut request = table.password(&client);
        request.body.sname = Some(name.clone());
        let what = format!("{components:?}");
        table.expect(&format!("{what} at once"), &request.encode(), *initial);
        let request = table.grant(&tgt, name).encode();
        table.expect(&format!("{what} by a ticket"), &request, *further);
    }
    table.cases.are(20);
}
