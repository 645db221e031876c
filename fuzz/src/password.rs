//! The service that changes passwords, and the proxy's message around what is sent to it and to the KDC.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use crypto::etype::{Etype, Key};
use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::testing::{START, Seeded, fresh, key_credential};
use directory::{
    Attribute, Change, Directory, EntryId, KeyCredential, NewEntry, Origin, Reads, account, change,
};
use kdc::{Desk, KeyMeans, Means, Memory, Realm, View};
use trust::Span;
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, ChangePasswdData, EncKrbPrivPart, EncTicketPart,
    EncryptedData, EncryptionKey, EncryptionType, KdcProxyMessage, KerberosTime, KeyUsage, KrbPriv,
    Message, Microseconds, PasswordReply, PasswordRequest, PasswordResult, PasswordResultCode,
    PasswordVersion, PrincipalName, Ticket, TicketFlags, TransitedEncoding,
};

const PASSWORD: &str = "correct horse battery";

struct World {
    directory: Arc<Directory>,
    realm: Realm,
    lockout: Lockout,
    alice: Means,
    /// An administrator who signed in with a key.
    root: Means,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let directory = fresh();
    let domain = directory.domain().expect("a fresh directory has a domain");
    let rng = &mut Seeded::new(1);
    let commit = |changes: &[Change]| {
        let yesterday = START - Span::days(1);
        let done = directory.commit(changes, &Reads::none(), yesterday);
        done.expect("people can be added");
    };
    let ids = ["alice", "root"].map(|name| {
        let salt = account::user_salt(&domain.realm, name);
        let history = PasswordHistory::empty();
        let material =
            PasswordMaterial::of_password(PASSWORD, &salt, &history, 0, Cost::LEAST, rng);
        let id = EntryId::random(rng);
        let mut entry = NewEntry::user(id, domain.users, name, name);
        entry.password = Some(Box::new(material));
        commit(&[Change::Add(Box::new(entry))]);
        id
    });
    let admins = {
        let snapshot = directory.snapshot().expect("memory does not fail");
        let group = snapshot.group_by_name("Domain Admins");
        let group = group.expect("memory does not fail");
        group.expect("bootstrap makes it").id
    };
    let blob = key_credential(rng, None);
    let listed = KeyCredential::new(blob.clone(), Origin::Registration, START);
    commit(&[
        change::set(domain.head, Attribute::MinPwdAge, 0),
        change::add_key_credential(ids[1], blob, Origin::Registration),
        Change::AddMember {
            group: admins,
            member: ids[1],
        },
    ]);
    World {
        directory,
        realm: Realm::new("CORP.EXAMPLE", "DC1"),
        lockout: Lockout::default(),
        alice: Means {
            account: ids[0].0,
            key: None,
            certificate: None,
        },
        root: Means {
            account: ids[1].0,
            key: listed.fingerprint.map(|fingerprint| KeyMeans {
                fingerprint,
                device: None,
            }),
            certificate: None,
        },
    }
});

/// Which part of a request the bytes are; the others are in order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Message,
    NewPassword,
    Data,
    Private,
    Authenticator,
    Ticket,
}

const PARTS: [Part; 6] = [
    Part::Message,
    Part::NewPassword,
    Part::Data,
    Part::Private,
    Part::Authenticator,
    Part::Ticket,
];

/// A key of the client's, or of the session.
fn key(seed: u8) -> Key {
    Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &[seed; 32])
}

fn sealed(key: &Key, usage: KeyUsage, plain: &[u8]) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(usage, &[3; 16], plain),
    }
}

fn encryption_key(key: &Key) -> EncryptionKey {
    EncryptionKey {
        keytype: EncryptionType(key.etype().number()),
        keyvalue: key.bytes().to_vec(),
    }
}

impl World {
    fn request(&self, part: Part, bytes: &[u8], means: &Means, name: &str) -> Option<Vec<u8>> {
        let (session, subkey) = (key(1), key(2));
        let now = KerberosTime::from_unix(START.unix());
        let name = PrincipalName::principal(name);
        let ticket = match part {
            Part::Ticket => bytes.to_vec(),
            _ => EncTicketPart {
                flags: TicketFlags::INITIAL,
                key: encryption_key(&session),
                crealm: self.realm.name.clone(),
                cname: name.clone(),
                transited: TransitedEncoding::NONE,
                authtime: now,
                starttime: None,
                endtime: KerberosTime::from_unix(START.unix() + 300),
                renew_till: None,
                caddr: None,
                authorization_data: Some([means.element()].into()),
            }
            .encode()
            .to_vec(),
        };
        let authenticator = match part {
            Part::Authenticator => bytes.to_vec(),
            _ => {
                let realm = self.realm.name.clone();
                let micros = Microseconds::default();
                let mut shown = Authenticator::new(realm, name, now, micros);
                shown.subkey = Some(encryption_key(&subkey));
                shown.encode().to_vec()
            }
        };
        let private = match part {
            Part::Private => bytes.to_vec(),
            Part::NewPassword | Part::Data => private(bytes),
            _ => private(b"a much better phrase"),
        };
        let service = self.realm.password_service();
        let snapshot = self.directory.snapshot().ok()?;
        let account = snapshot.account_by_spn("kadmin/changepw").ok()??;
        let server = ticket::Keys::newest(&account.keys).next()?;
        let ticket = Ticket {
            realm: self.realm.name.clone(),
            sname: service,
            enc_part: EncryptedData {
                etype: EncryptionType(server.key.etype().number()),
                kvno: Some(server.kvno.into()),
                cipher: server.key.encrypt(KeyUsage::TICKET, &[3; 16], &ticket),
            },
        };
        let shown = sealed(&session, KeyUsage::AP_REQ_AUTHENTICATOR, &authenticator);
        let request = PasswordRequest {
            version: match part {
                Part::Data => PasswordVersion::Set,
                _ => PasswordVersion::Change,
            },
            ap_req: ApReq::new(ApOptions::MUTUAL_REQUIRED, ticket, shown),
            krb_priv: KrbPriv::new(sealed(&subkey, KeyUsage::KRB_PRIV_ENC_PART, &private)),
        };
        request.encode().ok()
    }
}

fn private(data: &[u8]) -> Vec<u8> {
    let part = EncKrbPrivPart {
        user_data: data.to_vec(),
        timestamp: None,
        usec: None,
        seq_number: None,
        s_address: wire::kerberos::HostAddress {
            addr_type: wire::kerberos::AddressType::IPV4,
            address: vec![127, 0, 0, 1],
        },
        r_address: None,
    };
    part.encode().to_vec()
}

/// The first byte says which part of a request the rest is, and whose: a person's with a password, an administrator's
/// with a key.
pub(crate) fn password(bytes: &[u8]) {
    let _ = asked(bytes);
}

/// Whether something was changed.
fn asked(bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else {
        return false;
    };
    let world = &*WORLD;
    let part = PARTS[usize::from(*first) % PARTS.len()];
    let (means, name) = match first & 0x80 {
        0 => (&world.alice, "alice"),
        _ => (&world.root, "root"),
    };
    match part {
        Part::Message => ask(rest),
        part => {
            let message = world.request(part, rest, means, name);
            message.is_some_and(|message| ask(&message))
        }
    }
}

/// A message as it comes: whether it changes something, which must agree with what is said.
fn ask(message: &[u8]) -> bool {
    let world = &*WORLD;
    let memory = Memory::new(Span::minutes(5), &mut Seeded::new(4));
    let view = View {
        directory: world
            .directory
            .snapshot()
            .expect("a directory in memory does not fail"),
        realm: &world.realm,
        identities: &[],
        issuers: &[],
        lockout: &world.lockout,
        memory: &memory,
    };
    let desk = Desk {
        from: None,
        at: IpAddr::V4(Ipv4Addr::LOCALHOST),
        cost: Cost::LEAST,
    };
    let mut rng = Seeded::new(7);
    let (answer, changes) = kdc::change_password(message, &desk, &view, START, &mut rng);
    answer.remember(&memory, START);
    let exchange = answer.exchange.expect("nothing was remembered");
    assert_eq!(changes.is_empty(), exchange.refused.is_some());
    let Some(reply) = answer.reply else {
        assert!(changes.is_empty(), "what changes is said");
        return false;
    };
    match PasswordReply::decode(&reply).expect("what was written can be read") {
        PasswordReply::Error(error) => {
            assert!(changes.is_empty(), "an error changes nothing");
            let data = error.e_data.expect("it says why");
            assert!(PasswordResult::decode(&data).is_some());
        }
        PasswordReply::Result { krb_priv, .. } => {
            // With a subkey of its own making, or this one.
            let cipher = &krb_priv.enc_part.cipher;
            if let Ok(plain) = key(2).decrypt(KeyUsage::KRB_PRIV_ENC_PART, cipher) {
                let part = EncKrbPrivPart::decode(&plain).expect("what was written can be read");
                let result = PasswordResult::decode(&part.user_data).expect("there is a result");
                let success = result.code == PasswordResultCode::SUCCESS;
                assert_eq!(success, !changes.is_empty());
            }
        }
    }
    assert!(
        !PasswordRequest::is_one(&reply) || kdc_is_silent(&reply, &view, &desk),
        "two services would go on answering each other"
    );
    !changes.is_empty()
}

fn kdc_is_silent(reply: &[u8], view: &View<'_>, desk: &Desk) -> bool {
    let (answer, _) = kdc::change_password(reply, desk, view, START, &mut Seeded::new(8));
    answer.reply.is_none()
}

/// What the proxy takes apart, and hands to one of the two services.
pub(crate) fn proxy(bytes: &[u8]) {
    let Ok(asked) = KdcProxyMessage::decode(bytes) else {
        return;
    };
    assert_eq!(
        KdcProxyMessage::decode(&asked.encode()).as_ref(),
        Ok(&asked)
    );
    let _ = asked.target();
    let Ok(message) = asked.message() else { return };
    let again = KdcProxyMessage::new(message, asked.target_domain.clone());
    assert_eq!(again.message(), Ok(message));
    if PasswordRequest::is_one(message) {
        assert!(
            !matches!(Message::decode(message), Ok(Some(_))),
            "it is one of the two, never both"
        );
        ask(message);
    } else {
        crate::server::kdc(message);
    }
}

/// Seeds for both: requests that are granted and refused.
pub(crate) fn seeds() -> Vec<crate::Seed> {
    let world = &*WORLD;
    let mut seeds = Vec::new();
    let data = |name: &str| {
        ChangePasswdData {
            newpasswd: b"a much better phrase".to_vec(),
            targname: Some(PrincipalName::principal(name)),
            targrealm: Some(world.realm.name.clone()),
        }
        .encode()
        .to_vec()
    };
    let parts: [(&str, u8, Vec<u8>); 7] = [
        ("own", 1, b"a much better phrase".to_vec()),
        ("short", 1, b"short".to_vec()),
        ("set-own", 2, data("alice")),
        ("set-another", 2, data("root")),
        // The bit of the administrator leaves 2, too.
        ("administrator-sets", 0x80, data("alice")),
        ("administrator-sets-nobody", 0x80, data("nobody")),
        ("private", 3, private(b"a much better phrase")),
    ];
    for (name, first, rest) in parts {
        let bytes = [&[first], rest.as_slice()].concat();
        seeds.push(("password", name.to_owned(), bytes));
    }
    let whole = world.request(Part::NewPassword, b"short", &world.alice, "alice");
    if let Some(message) = whole {
        let bytes = [&[0], message.as_slice()].concat();
        seeds.push(("password", "message".to_owned(), bytes));
        for realm in [None, Some(world.realm.name.clone())] {
            let name = format!("password-{}", realm.is_some());
            let asked = KdcProxyMessage::new(&message, realm);
            seeds.push(("kdc_proxy", name, asked.encode()));
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_the_end_where_they_should() {
        for (target, name, bytes) in seeds() {
            if target == "password" {
                let granted = ["own", "set-own", "administrator-sets", "private"];
                let expected = granted.contains(&name.as_str());
                assert_eq!(asked(&bytes), expected, "{name}");
            }
        }
    }
}
