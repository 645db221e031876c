//! A domain with three services that act for people, and the messages by which they do (MS-SFU).

use crypto::etype::{Etype, Key};
use crypto::for_user;
use directory::account::AccountControl;
use directory::password::PasswordMaterial;
use directory::{Attribute, Change, EntryId, NewEntry, Value, change};
use ticket::client::{Credential, Secret};
use wire::asn1::{Der, Extensions};
use wire::kerberos::{
    AuthorizationData, AuthorizationDataElement, AuthorizationDataType, Checksum, ChecksumType,
    EncTicketPart, KdcOptions, KeyUsage, PaData, PaDataType, PaForUser, PaPacOptions,
    PaS4uX509User, PacOptionFlags, PrincipalName, Realm, S4uOptions, S4uUserId, Ticket,
};
use wire::pac::{BufferType, Pac, PacBuilder};
use wire::security_descriptor::SecurityDescriptor;

use crate::forge::Granted;
use crate::world::{PASSWORD, World};

pub(crate) const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

pub(crate) fn web() -> PrincipalName {
    PrincipalName::service("http", "web.corp.example")
}

pub(crate) fn app() -> PrincipalName {
    PrincipalName::service("http", "app.corp.example")
}

pub(crate) fn db() -> PrincipalName {
    PrincipalName::service("sql", "db.corp.example")
}

pub(crate) struct Stage {
    pub(crate) world: World,
    /// It has people come to it, and may pass them on to `app`.
    pub(crate) web: EntryId,
    /// It may pass them on to `db`.
    pub(crate) app: EntryId,
    /// It may pass on nobody, and takes nobody from `web` until it says so.
    pub(crate) db: EntryId,
    /// The ticket-granting tickets of `web` and of alice.
    pub(crate) own: Credential,
    pub(crate) alice: Credential,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        let services = world.directory.domain().unwrap().services;
        let names = ["web", "app", "db"];
        let spns = [web(), app(), db()].map(|name| name.to_string());
        let [web, app, db] = [0, 1, 2].map(|index| {
            let id = EntryId::random(&mut world.rng);
            let mut entry = NewEntry::service(id, services, names[index])
                .with(Attribute::ServicePrincipalName, spns[index].as_str());
            entry.password = Some(Box::new(PasswordMaterial::random(&mut world.rng)));
            world.commit(&[Change::Add(Box::new(entry))]);
            id
        });
        let own = sign_in(&mut world, web, "web$");
        let alice = world.password("alice", PASSWORD).unwrap();
        let mut stage = Self {
            world,
            web,
            app,
            db,
            own,
            alice,
        };
        stage.delegates(web, &[&spns[1]]);
        stage.delegates(app, &[&spns[2]]);
        stage.trust(web, AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION);
        stage
    }

    /// Says to which services an account may pass people on.
    pub(crate) fn delegates(&mut self, id: EntryId, to: &[&str]) {
        let values = to.iter().map(|spn| Value::from(*spn)).collect();
        self.set(id, Attribute::MsDsAllowedToDelegateTo, values);
    }

    /// Says who may pass people on to an account.
    pub(crate) fn takes_from(&mut self, id: EntryId, descriptor: &SecurityDescriptor) {
        let value = vec![Value::from(descriptor.to_bytes())];
        self.set(
            id,
            Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity,
            value,
        );
    }

    pub(crate) fn set(&mut self, id: EntryId, attribute: Attribute, values: Vec<Value>) {
        let edits = vec![directory::Edit::Set(attribute, values)];
        self.world.commit(&[Change::Modify { id, edits }]);
    }

    /// Sets flags beside those that an account has.
    pub(crate) fn trust(&mut self, id: EntryId, flags: AccountControl) {
        let control = self.world.account(id).control.with(flags);
        self.world.commit(&[change::set_control(id, control)]);
    }

    pub(crate) fn distrust(&mut self, id: EntryId, flags: AccountControl) {
        let control = self.world.account(id).control.without(flags);
        self.world.commit(&[change::set_control(id, control)]);
    }

    /// A ticket of alice's to a service.
    pub(crate) fn comes_to(&mut self, service: PrincipalName) -> Credential {
        let alice = self.alice.clone();
        let request = Granted::new(&alice, service, self.world.now, &mut self.world.rng);
        let reply = self.world.given(&request.encode()).unwrap();
        credential(&request, &reply)
    }

    /// What `web` would ask for itself in alice's name.
    pub(crate) fn for_alice(&mut self) -> ToSelf {
        let world = &mut self.world;
        let request = Granted::new(&self.own, web(), world.now, &mut world.rng);
        let alice = PrincipalName::principal("alice");
        ToSelf {
            old: Some(Old::of(alice.clone(), &self.own.key)),
            new: Some(New::of(alice, &request)),
            request,
        }
    }

    /// What `web` would ask for with a ticket of alice's.
    pub(crate) fn proxy(&mut self, evidence: &Ticket, target: PrincipalName) -> Granted {
        let own = self.own.clone();
        let mut request = Granted::new(&own, target, self.world.now, &mut self.world.rng);
        request.body.kdc_options |= KdcOptions::CNAME_IN_ADDL_TKT;
        request.body.additional_tickets = Some([evidence.clone()].into());
        request
    }

    /// A ticket of alice's for `web`, to which something happened in between: `web` has the key.
    pub(crate) fn altered(
        &mut self,
        evidence: &Ticket,
        alter: impl FnOnce(&mut EncTicketPart),
    ) -> Ticket {
        let account = self.world.account(self.web);
        let (mut part, key) = ticket::open(evidence, &account.keys).unwrap();
        alter(&mut part);
        let bytes = self.world.bytes();
        let (realm, name) = (evidence.realm.clone(), evidence.sname.clone());
        ticket::seal(&part, realm, name, key, &bytes)
    }

    /// What a service reads in a ticket: the client, the PAC.
    pub(crate) fn read(&self, id: EntryId, ticket: &Ticket) -> (EncTicketPart, Pac) {
        let account = self.world.account(id);
        let (part, _) = ticket::open(ticket, &account.keys).unwrap();
        let pac = pac_of(&part);
        (part, pac)
    }
}

pub(crate) fn sign_in(world: &mut World, id: EntryId, name: &str) -> Credential {
    let key = world.key_of(id, AES256);
    let name = PrincipalName::principal(name);
    world.sign_in(name, Secret::Key(&key)).unwrap()
}

/// The ticket that an answer brings.
pub(crate) fn credential(request: &Granted, reply: &[u8]) -> Credential {
    let (part, ticket) = request.open(reply);
    let reply = wire::kerberos::TgsRep::decode(reply).unwrap();
    Credential {
        client_realm: reply.crealm,
        client: reply.cname,
        realm: part.srealm.clone(),
        service: part.sname.clone(),
        key: Key::new(AES256, &part.key.keyvalue).unwrap(),
        ticket,
        flags: part.flags,
        authenticated: part.authtime,
        start: part.starttime.unwrap_or(part.authtime),
        end: part.endtime,
        renew_till: part.renew_till,
    }
}

pub(crate) fn pac_of(part: &EncTicketPart) -> Pac {
    let data = part.authorization_data.as_ref().unwrap();
    let first = AuthorizationData::decode(&data[0].ad_data).unwrap();
    Pac::parse(&first[0].ad_data).unwrap()
}

pub(crate) fn has_pac(part: &EncTicketPart) -> bool {
    part.authorization_data.iter().flatten().any(|element| {
        AuthorizationData::decode(&element.ad_data).is_ok_and(|inner| {
            let mut inner = inner.iter();
            inner.any(|element| element.ad_type == AuthorizationDataType::AD_WIN2K_PAC)
        })
    })
}

/// Puts another PAC into a ticket.
pub(crate) fn put_pac(part: &mut EncTicketPart, pac: &[u8]) {
    let element = AuthorizationDataElement {
        ad_type: AuthorizationDataType::AD_WIN2K_PAC,
        ad_data: pac.to_vec(),
    };
    let wrapped = AuthorizationDataElement::if_relevant(&[element].into());
    part.authorization_data = Some([wrapped].into());
}

/// The buffers of a PAC, without one.
pub(crate) fn without(pac: &Pac, kind: BufferType) -> PacBuilder {
    pac.buffers()
        .filter(|(known, _)| *known != kind)
        .fold(PacBuilder::new(), |builder, (kind, content)| {
            builder.buffer(kind, content.to_vec())
        })
}

/// What says that the client knows of resource-based delegation.
pub(crate) fn pac_options(flags: PacOptionFlags) -> PaData {
    PaData::new(PaDataType::PAC_OPTIONS, PaPacOptions { flags }.encode())
}

pub(crate) fn resource_based() -> PaData {
    pac_options(PacOptionFlags::RESOURCE_BASED_CONSTRAINED_DELEGATION)
}

/// S4U2self by either form, or both as MIT's clients send them.
pub(crate) struct ToSelf {
    pub(crate) request: Granted,
    pub(crate) old: Option<Old>,
    pub(crate) new: Option<New>,
}

/// PA-FOR-USER.
pub(crate) struct Old {
    pub(crate) name: PrincipalName,
    pub(crate) realm: Realm,
    /// Whom the checksum is over.
    pub(crate) signed: PrincipalName,
    pub(crate) key: Key,
    pub(crate) kind: i32,
    pub(crate) checksum: fn(Vec<u8>) -> Vec<u8>,
}

impl Old {
    fn of(name: PrincipalName, key: &Key) -> Self {
        Self {
            signed: name.clone(),
            name,
            realm: Realm::from("CORP.EXAMPLE"),
            key: key.clone(),
            kind: for_user::CHECKSUM_TYPE,
            checksum: |checksum| checksum,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut sent = PaForUser {
            user_name: self.signed.clone(),
            user_realm: self.realm.clone(),
            cksum: Checksum {
                cksumtype: ChecksumType(self.kind),
                checksum: Vec::new(),
            },
            auth_package: PaForUser::AUTH_PACKAGE.into(),
        };
        let checksum = for_user::checksum(&self.key, &sent.checksum_input());
        sent.cksum.checksum = (self.checksum)(checksum.to_vec());
        sent.user_name = self.name.clone();
        sent.encode()
    }
}

/// PA-S4U-X509-USER.
pub(crate) struct New {
    pub(crate) id: S4uUserId,
    pub(crate) key: Key,
    pub(crate) usage: KeyUsage,
    pub(crate) kind: i32,
    pub(crate) checksum: fn(Vec<u8>) -> Vec<u8>,
}

impl New {
    fn of(name: PrincipalName, request: &Granted) -> Self {
        let key = request.subkey.clone().unwrap();
        Self {
            id: S4uUserId {
                nonce: request.body.nonce,
                cname: Some(name),
                crealm: Realm::from("CORP.EXAMPLE"),
                subject_certificate: None,
                options: Some(S4uOptions::USE_REPLY_KEY_USAGE),
                extensions: Extensions::NONE,
            },
            kind: key.etype().checksum_type(),
            key,
            usage: KeyUsage::PA_S4U_X509_USER_REQUEST,
            checksum: |checksum| checksum,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let user_id = Der::new(self.id.clone());
        let checksum = self.key.checksum(self.usage, user_id.as_bytes()).to_vec();
        PaS4uX509User {
            checksum: Checksum {
                cksumtype: ChecksumType(self.kind),
                checksum: (self.checksum)(checksum),
            },
            user_id,
        }
        .encode()
    }
}

impl ToSelf {
    /// Asks for somebody else, in whatever forms there are.
    pub(crate) fn name(&mut self, name: PrincipalName) {
        if let Some(old) = &mut self.old {
            (old.name, old.signed) = (name.clone(), name.clone());
        }
        if let Some(new) = &mut self.new {
            new.id.cname = Some(name);
        }
    }

    pub(crate) fn realm(&mut self, realm: &str) {
        if let Some(old) = &mut self.old {
            old.realm = Realm::from(realm);
        }
        if let Some(new) = &mut self.new {
            new.id.crealm = Realm::from(realm);
        }
    }

    pub(crate) fn encode(&mut self) -> Vec<u8> {
        let old = self.old.as_ref();
        let new = self.new.as_ref();
        let old = old.map(|old| PaData::new(PaDataType::FOR_USER, old.encode()));
        let new = new.map(|new| PaData::new(PaDataType::S4U_X509_USER, new.encode()));
        self.request.others.extend(new.into_iter().chain(old));
        self.request.encode()
    }
}
