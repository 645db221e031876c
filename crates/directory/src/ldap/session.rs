//! A connection's session: who it is for, and what becomes of each message.

use std::sync::Arc;

use crypto::password::Cost;
use ticket::Recent;
use trust::limiter::Limit;
use trust::{Rng, Timestamp};
use wire::ldap::{
    AddRequest, BindRequest, BindResponse, CompareRequest, ExtendedRequest, ExtendedResponse,
    LdapResult, Message, ModifyDnRequest, ModifyRequest, Operation, PasswordModify, ResultCode,
    SearchRequest, extension_oid,
};

use super::bind::{self, Bound};
pub use super::channel::{Channel, Shown};
use super::controls::{self, Controls};
use super::dir_sync::follow;
use super::entries::{Viewer, schema_name};
use super::names::Namer;
use super::pending::{Kind, Pending, read_entry};
use super::permissions::Reading;
use super::responses::{disconnection, not_signed_in, refused};
use super::root_dse::{self, Offered};
use super::running::{Progress, Running, begin};
use super::sasl::{self, Layer};
use super::search::{ShownEntry, borrowed};
use super::settings::Settings;
use super::subschema::subschema;
use super::write::{Planned, Told, Work};
use crate::account::Account;
use crate::audit::{Actor, AuditRecord};
use crate::change::{self, Change};
use crate::dn::{Dn, InvalidDn};
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::lockout::Lockout;
use crate::snapshot::Snapshot;
use crate::sources::Sources;

/// What an answer is computed from.
pub struct View<'v, 'd> {
    /// The directory's state.
    pub snapshot: &'v Snapshot<'d>,
    /// What the administrator set.
    pub settings: &'v Settings,
    /// Failed passwords.
    pub lockout: &'v Lockout,
    /// From where wrong passwords came, and how many may.
    pub sources: &'v Sources,
    /// Wrong passwords and unknown names from one address.
    pub failures: Limit,
    /// Which authenticators were shown lately.
    pub seen: &'v Recent<()>,
    /// What hashing a password costs.
    pub cost: Cost,
    /// The server's own DNS name.
    pub host: &'v str,
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Answer {
    /// These messages are sent; maybe none.
    Now(Vec<Vec<u8>>),
    /// A search goes on: [`Session::go_on`] until it ends.
    Search(Box<Running>),
    /// Changes are committed, and then told: [`Pending::told`].
    Commit(Box<Pending>),
    /// The message is sent, and the records are committed, whichever comes first.
    Refused {
        /// The refusal.
        message: Vec<u8>,
        /// What is written down of it.
        records: Vec<Change>,
    },
    /// The message is sent: a bind was not looked at, for too many failed from its address.
    Limited(Vec<u8>),
    /// The message is sent, and TLS begins behind it.
    StartTls(Vec<u8>),
    /// The messages are sent, and the connection ends.
    Close(Vec<Vec<u8>>),
}

/// A connection's session.
#[derive(Debug, Default)]
pub struct Session {
    bound: Option<Box<Bound>>,
    step: Option<Box<sasl::Step>>,
    layer: Option<Box<Layer>>,
    base: Option<Base>,
}

/// The longest base that is remembered, in bytes.
const REMEMBERED: usize = 1_024;

/// What the base of the search before named: clients search below the same one again and again.
#[derive(Debug)]
struct Base {
    text: String,
    /// The entry and those above it, which all had these states.
    chain: Vec<(EntryId, Stamp)>,
}

impl Session {
    /// Nobody's.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whose session it is.
    #[must_use]
    pub fn who(&self) -> Option<&Actor> {
        self.bound.as_ref().map(|bound| &bound.actor)
    }

    /// Whether it is a device's, by its certificate: what the directory does not know of that is to be asked again before each
    /// message, and [`Session::leave`] called when it is good no more.
    #[must_use]
    pub fn is_of_device(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.is_device())
    }

    /// Nobody's from now on.
    pub fn leave(&mut self) {
        self.bound = None;
    }

    /// The layer that holds from the answer on that was just given; asked behind every answer.
    pub fn take_layer(&mut self) -> Option<Box<Layer>> {
        self.layer.take()
    }

    /// Goes on with a search for one step, with the state of now: who may not read any more what they could read when it
    /// began is shown no more of it.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn go_on(
        &self,
        running: &mut Running,
        view: &View<'_, '_>,
        now: Timestamp,
    ) -> Result<Progress, Fault> {
        let caller = match &self.bound {
            Some(bound) => bound.caller(view, now)?,
            None => None,
        };
        let reading = Reading::of(caller.as_ref().map(|(_, caller)| caller), view.snapshot)?;
        if !running.is_for(&reading) {
            return Ok(running.withdrawn(not_signed_in()));
        }
        running.go_on(view.snapshot, now)
    }

    /// Answers a message. It may hash a password, so it is called where that hurts nobody.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails; the client is told that something did, by [`super::failed`].
    pub fn answer(
        &mut self,
        message: &[u8],
        channel: &Channel,
        view: &View<'_, '_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Answer, Fault> {
        let Ok(message) = Message::decode(message) else {
            return Ok(Answer::Close(vec![disconnection(
                ResultCode::ProtocolError,
                "that is no message of LDAP",
            )]));
        };
        let Message {
            id,
            operation,
            controls,
        } = message;
        // A bind that has steps goes on with the next one or not at all (RFC 4511 4.2.1).
        if !matches!(operation, Operation::BindRequest(_)) {
            self.step = None;
        }
        let namer = Namer::new(view.snapshot);
        let asked = match Controls::read(&controls, &operation) {
            Ok(asked) => asked,
            Err(result) => {
                // Behind a bind nobody is signed in who was before, whatever it is refused for (RFC 4511 4.2.1).
                if matches!(operation, Operation::BindRequest(_)) {
                    (self.bound, self.step) = (None, None);
                }
                return Ok(refused(id, &operation, result));
            }
        };
        let mut turn = Turn {
            session: self,
            id,
            channel,
            view,
            namer: &namer,
            now,
            controls: asked,
        };
        match operation {
            Operation::BindRequest(request) => turn.bind(&request, rng),
            Operation::UnbindRequest => Ok(Answer::Close(Vec::new())),
            Operation::AbandonRequest(_) => Ok(Answer::Now(Vec::new())),
            Operation::SearchRequest(request) => turn.search(&request),
            Operation::CompareRequest(request) => turn.compare(&request),
            Operation::ExtendedRequest(request) => turn.extended(&request, rng),
            Operation::AddRequest(request) => turn.add(&request, rng),
            Operation::ModifyRequest(request) => turn.modify(&request, rng),
            Operation::ModifyDnRequest(request) => turn.rename(&request),
            Operation::DelRequest(name) => turn.delete(name),
            _ => Ok(Answer::Close(vec![disconnection(
                ResultCode::ProtocolError,
                "a client asks and does not answer",
            )])),
        }
    }
}

/// One message, and what it is answered with.
struct Turn<'t, 'v, 'd> {
    session: &'t mut Session,
    id: i32,
    channel: &'t Channel,
    view: &'t View<'v, 'd>,
    namer: &'t Namer<'v, 'd>,
    now: Timestamp,
    controls: Controls,
}

impl Turn<'_, '_, '_> {
    fn bind(&mut self, request: &BindRequest<'_>, rng: &mut dyn Rng) -> Result<Answer, Fault> {
        // Whoever was signed in is not any more, whatever comes of this (RFC 4511 4.2.1).
        self.session.bound = None;
        let step = self.session.step.take();
        let outcome = bind::judge(request, step, self.channel, self.view, self.now, rng)?;
        let mut credentials = None;
        let (result, record) = match outcome {
            bind::Outcome::Anonymous => (LdapResult::success(), None),
            bind::Outcome::Bound(bound) => {
                self.session.bound = Some(bound);
                (LdapResult::success(), None)
            }
            bind::Outcome::Sasl(bound, reply, layer) => {
                self.session.bound = Some(bound);
                self.session.layer = layer;
                credentials = reply;
                (LdapResult::success(), None)
            }
            bind::Outcome::More(token, step) => {
                self.session.step = Some(step);
                credentials = Some(token);
                (LdapResult::of(ResultCode::SaslBindInProgress), None)
            }
            bind::Outcome::Refused(result, record) => (result, record),
            bind::Outcome::Limited(result) => {
                let response = Operation::BindResponse(BindResponse {
                    result,
                    credentials: None,
                });
                return Ok(Answer::Limited(Message::new(self.id, response).encode()));
            }
        };
        let response = Operation::BindResponse(BindResponse {
            result,
            credentials: credentials.as_deref(),
        });
        let message = Message::new(self.id, response).encode();
        Ok(match record {
            Some(record) => Answer::Refused {
                message,
                records: vec![change::audit(*record)],
            },
            None => Answer::Now(vec![message]),
        })
    }

    /// Who asks, as they are in this state; nobody when they may not any more.
    fn caller(&self) -> Result<Option<(Arc<Account>, crate::access::Caller)>, Fault> {
        match &self.session.bound {
            Some(bound) => bound.caller(self.view, self.now),
            None => Ok(None),
        }
    }

    fn reading(&self) -> Result<Reading, Fault> {
        let caller = self.caller()?;
        Reading::of(
            caller.as_ref().map(|(_, caller)| caller),
            self.view.snapshot,
        )
    }

    fn head(&self) -> String {
        Dn::of_domain(&self.view.snapshot.domain().dns_name).to_string()
    }

    fn search(&mut self, request: &SearchRequest<'_>) -> Result<Answer, Fault> {
        let base = request.base.trim();
        if base.is_empty() && request.scope == wire::ldap::Scope::Base {
            let mut mechanisms = sasl::MECHANISMS.to_vec();
            if !matches!(self.channel.certificate, Shown::Nothing) {
                mechanisms.push("EXTERNAL");
            }
            let offered = Offered {
                mechanisms: &mechanisms,
                start_tls: self.channel.start_tls,
                host: self.view.host,
            };
            let all = root_dse::root_dse(self.view.snapshot, &offered, self.now)?;
            let shown = root_dse::selected(all, &request.attributes, request.types_only);
            return Ok(self.one("", &shown));
        }
        if request.scope == wire::ldap::Scope::Base {
            let schema = schema_name(&self.head());
            if same_name(base, &schema) {
                if !self.reading()?.entries {
                    return Ok(self.done(not_signed_in()));
                }
                let shown =
                    root_dse::selected(subschema(), &request.attributes, request.types_only);
                return Ok(self.one(&schema, &shown));
            }
        }
        let reading = self.reading()?;
        if !reading.entries {
            return Ok(self.done(not_signed_in()));
        }
        if let Err(result) = self.asserted(base, &reading)? {
            return Ok(self.done(result));
        }
        if let Some(asked) = &self.controls.dir_sync {
            let settings = self.view.settings;
            let told = follow(
                request, asked, self.id, &reading, self.namer, settings, self.now,
            )?;
            return Ok(match told {
                Ok(messages) => Answer::Now(messages),
                Err(result) => self.done(result),
            });
        }
        let base = self.base(request.base)?;
        match begin(
            request,
            base,
            self.id,
            &self.controls,
            reading,
            self.namer,
            self.view.settings,
            self.now,
        )? {
            Ok(running) => Ok(Answer::Search(Box::new(running))),
            Err(result) => Ok(self.done(result)),
        }
    }

    /// What the base of a search names.
    fn base(&mut self, text: &str) -> Result<Result<Option<EntryId>, InvalidDn>, Fault> {
        if let Some(base) = self.session.base.as_ref().filter(|base| base.text == text)
            && let Some((id, _)) = base.chain.first()
            && self.namer.chain(*id)?.as_ref() == Some(&base.chain)
        {
            return Ok(Ok(Some(*id)));
        }
        let found = self.namer.find(text)?;
        self.session.base = None;
        if let Ok(Some(id)) = found
            && text.len() <= REMEMBERED
            && let Some(chain) = self.namer.chain(id)?
        {
            let text = text.to_owned();
            self.session.base = Some(Base { text, chain });
        }
        Ok(found)
    }

    /// An answer of one entry.
    fn one(&self, name: &str, shown: &ShownEntry<'_>) -> Answer {
        let entry = Operation::SearchResultEntry(wire::ldap::SearchResultEntry {
            name,
            attributes: borrowed(shown),
        });
        let done = Operation::SearchResultDone(LdapResult::success());
        Answer::Now(vec![
            Message::new(self.id, entry).encode(),
            Message::new(self.id, done).encode(),
        ])
    }

    fn done(&self, result: LdapResult) -> Answer {
        let done = Operation::SearchResultDone(result);
        Answer::Now(vec![Message::new(self.id, done).encode()])
    }

    fn compare(&mut self, request: &CompareRequest<'_>) -> Result<Answer, Fault> {
        let reading = self.reading()?;
        let result = if !reading.entries {
            not_signed_in()
        } else if let Err(result) = self.asserted(request.name, &reading)? {
            result
        } else {
            super::compare::compare(request, &reading, self.namer, self.now)?
        };
        let response = Operation::CompareResponse(result);
        Ok(Answer::Now(vec![Message::new(self.id, response).encode()]))
    }

    fn extended(
        &mut self,
        request: &ExtendedRequest<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Answer, Fault> {
        let respond = |result: LdapResult, name, value: Option<&[u8]>| {
            let response = ExtendedResponse {
                result,
                name,
                value,
            };
            Message::new(self.id, Operation::ExtendedResponse(response)).encode()
        };
        match request.name {
            extension_oid::WHO_AM_I => {
                let name = match self.caller()? {
                    Some((account, _)) => {
                        let domain = &self.view.snapshot.domain().netbios_name;
                        format!("u:{domain}\\{}", account.sam)
                    }
                    None => String::new(),
                };
                let value = name.as_bytes();
                Ok(Answer::Now(vec![respond(
                    LdapResult::success(),
                    None,
                    Some(value),
                )]))
            }
            extension_oid::START_TLS => {
                let name = Some(extension_oid::START_TLS);
                // Not within a layer either: what keeps a connection is one thing (RFC 4511 4.14.2).
                if !self.channel.start_tls || self.channel.signed {
                    let result = LdapResult::told(
                        ResultCode::OperationsError,
                        "TLS is there already, or cannot begin here",
                    );
                    return Ok(Answer::Now(vec![respond(result, name, None)]));
                }
                let message = respond(LdapResult::success(), name, None);
                // What was proven before was proven to whoever listened.
                self.session.bound = None;
                Ok(Answer::StartTls(message))
            }
            extension_oid::PASSWORD_MODIFY => self.password(request, rng),
            _ => {
                let result = LdapResult::told(
                    ResultCode::ProtocolError,
                    "there is no such extended operation here",
                );
                Ok(Answer::Now(vec![respond(result, None, None)]))
            }
        }
    }

    /// A new password (RFC 3062): one's own with the former one, or anybody's by who may set it.
    fn password(
        &mut self,
        request: &ExtendedRequest<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Answer, Fault> {
        let Ok(asked) = PasswordModify::decode(request.value) else {
            let result = LdapResult::told(ResultCode::ProtocolError, "that asks for no password");
            return Ok(self.told(Kind::Password, result));
        };
        let mut made = None;
        let new = match asked.new.map(std::str::from_utf8) {
            Some(Ok(new)) => zeroize::Zeroizing::new(new.to_owned()),
            Some(Err(_)) => {
                let result =
                    LdapResult::told(ResultCode::ConstraintViolation, "a password is text");
                return Ok(self.told(Kind::Password, result));
            }
            None => {
                let text = generated(rng);
                made = Some(text.clone());
                text
            }
        };
        let old = asked
            .old
            .map(|old| std::str::from_utf8(old).unwrap_or_default())
            .map(|old| zeroize::Zeroizing::new(old.to_owned()));
        self.write(Kind::Password, None, made, |work, account| {
            if !work.confidential {
                return Err(LdapResult::told(
                    ResultCode::ConfidentialityRequired,
                    "passwords are written over a connection that is encrypted",
                )
                .into());
            }
            let entry = match asked.identity {
                Some(identity) if !identity.is_empty() => {
                    work.entry(work.plain_name(identity)?.as_str())?
                }
                _ => work.entry(&format!("<GUID={}>", account.id))?,
            };
            let password = work.new_password(&entry, old, new)?;
            let changes = work.hashed(password, false, rng)?;
            Ok(Planned {
                changes: changes.into(),
                target: entry.id,
            })
        })
    }

    fn add(&mut self, request: &AddRequest<'_>, rng: &mut dyn Rng) -> Result<Answer, Fault> {
        self.write(Kind::Add, None, None, |work, _| work.add(request, rng))
    }

    fn modify(&mut self, request: &ModifyRequest<'_>, rng: &mut dyn Rng) -> Result<Answer, Fault> {
        let name = Some(request.name);
        self.write(Kind::Modify, name, None, |work, _| {
            work.modify(request, rng)
        })
    }

    fn rename(&mut self, request: &ModifyDnRequest<'_>) -> Result<Answer, Fault> {
        let name = Some(request.name);
        self.write(Kind::Rename, name, None, |work, _| work.rename(request))
    }

    fn delete(&mut self, name: &str) -> Result<Answer, Fault> {
        let tree = self.controls.tree_delete;
        self.write(Kind::Delete, Some(name), None, |work, _| {
            work.delete(name, tree)
        })
    }

    /// Computes changes, if somebody may ask for any. `name`: the entry that they are about, where it is there already.
    fn write(
        &mut self,
        kind: Kind,
        name: Option<&str>,
        generated: Option<zeroize::Zeroizing<String>>,
        compute: impl FnOnce(&Work<'_, '_, '_>, &Account) -> Result<Planned, Told>,
    ) -> Result<Answer, Fault> {
        let Some((account, caller)) = self.caller()? else {
            return Ok(self.told(kind, not_signed_in()));
        };
        let actor = self.session.who().cloned().unwrap_or_default();
        let snapshot = self.view.snapshot;
        let work = Work {
            caller: &caller,
            actor: &actor,
            from: &self.channel.from,
            snapshot,
            namer: self.namer,
            settings: self.view.settings,
            lockout: self.view.lockout,
            cost: self.view.cost,
            now: self.now,
            permissive: self.controls.permissive,
            confidential: self.channel.encrypted,
            signed: self.channel.signed,
        };
        let reading = Reading::of(Some(&caller), snapshot)?;
        // Before anything is computed: behind the hashing of a password the state may be too old to be read.
        let before = self.read_before(name, &reading);
        // Who has no right to a change is told that, whatever the entry is like.
        let planned = compute(&work, &account).and_then(|planned| Ok((planned, before?)));
        match planned {
            Ok((planned, before)) => Ok(Answer::Commit(Box::new(Pending {
                changes: planned.changes,
                reads: snapshot.reads(),
                id: self.id,
                kind,
                target: planned.target,
                before,
                after: self.controls.post_read.clone(),
                reading,
                generated,
            }))),
            Err(Told::Fault(fault)) => Err(fault),
            Err(Told::Result(result, records)) if records.is_empty() => Ok(self.told(kind, result)),
            Err(Told::Result(result, records)) => Ok(self.refused_on_record(kind, result, records)),
        }
    }

    /// The assertion control of what only reads: the entry that is named is like this. Where there is none the operation
    /// itself says so.
    fn asserted(&self, name: &str, reading: &Reading) -> Result<Result<(), LdapResult>, Fault> {
        let Some(filter) = &self.controls.assertion else {
            return Ok(Ok(()));
        };
        let Ok(Some(id)) = self.namer.find(name)? else {
            return Ok(Ok(()));
        };
        let Some(entry) = self.view.snapshot.peek(id)? else {
            return Ok(Ok(()));
        };
        let viewer = Viewer {
            namer: self.namer,
            now: self.now,
            extended: None,
        };
        match controls::assert(filter, &entry, &viewer, reading) {
            Ok(()) => Ok(Ok(())),
            Err(Told::Fault(fault)) => Err(fault),
            Err(Told::Result(result, _)) => Ok(Err(result)),
        }
    }

    /// The assertion and pre-read controls, asked of the entry as it is.
    fn read_before(
        &self,
        name: Option<&str>,
        reading: &Reading,
    ) -> Result<Vec<(String, Vec<u8>)>, Told> {
        let asked = self.controls.assertion.is_some() || self.controls.pre_read.is_some();
        let Some(name) = name.filter(|_| asked) else {
            return Ok(Vec::new());
        };
        // Where there is none, the operation itself says so.
        let Ok(Some(id)) = self.namer.find(name)? else {
            return Ok(Vec::new());
        };
        let Some(entry) = self.view.snapshot.entry(id)? else {
            return Ok(Vec::new());
        };
        let viewer = Viewer {
            namer: self.namer,
            now: self.now,
            extended: None,
        };
        if let Some(filter) = &self.controls.assertion {
            controls::assert(filter, &entry, &viewer, reading)?;
        }
        let Some(attributes) = &self.controls.pre_read else {
            return Ok(Vec::new());
        };
        let value = read_entry(&entry, attributes, reading, &viewer)?;
        Ok(vec![(wire::ldap::control_oid::PRE_READ.to_owned(), value)])
    }

    fn told(&self, kind: Kind, result: LdapResult) -> Answer {
        Answer::Now(vec![
            Message::new(self.id, kind.response(result, None)).encode(),
        ])
    }

    /// A refusal that is to be found in the log.
    fn refused_on_record(
        &self,
        kind: Kind,
        result: LdapResult,
        records: Vec<AuditRecord>,
    ) -> Answer {
        Answer::Refused {
            message: Message::new(self.id, kind.response(result, None)).encode(),
            records: records.into_iter().map(change::audit).collect(),
        }
    }
}

/// A password that the server makes: 20 characters without those that look alike.
fn generated(rng: &mut dyn Rng) -> zeroize::Zeroizing<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyzACDEFHJKL";
    let bytes: [u8; 20] = rng.bytes();
    let letters = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
    zeroize::Zeroizing::new(letters.map(|letter| char::from(*letter)).collect())
}

fn same_name(one: &str, other: &str) -> bool {
    match (one.parse::<Dn>(), other.parse::<Dn>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
