//! Kerberos tickets at the authorization endpoint: the four claims of a join, and people who have a ticket already.

use base64ct::{Base64, Encoding};
use crypto::etype::{Etype, Key, KeySchedule};
use crypto::key::{KeyKind, PrivateKey};
use directory::{EntryId, change};
use ticket::{KeyMeans, Keys, Means, VersionedKey, pac};
use trust::{Span, Timestamp};
use wire::Sid;
use wire::http::{Request, Response};
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, EncTicketPart, EncryptedData, EncryptionKey, EncryptionType,
    KerberosTime, KeyUsage, Microseconds, PrincipalName, Realm, TicketFlags, TransitedEncoding,
};
use wire::key_credential::{KeySource, NewKeyCredential};
use wire::pac::{BufferType, ClientInfo, PacBuilder, SidAndAttributes, ValidationInfo, group};
use wire::spnego::{
    KERBEROS, KerberosToken, KerberosTokenId, NTLM, NegState, NegTokenInit, NegTokenResp, Token,
};

use super::world::*;

/// A ticket as the KDC makes it, to be spoilt by a test.
pub(super) struct Ticketed {
    account: EntryId,
    pub(super) extra: Vec<Sid>,
    pub(super) client: Option<String>,
    with_pac: bool,
    /// What the ticket says got it.
    pub(super) means: Option<Means>,
    signed_by_service: bool,
    signed_in: Timestamp,
    sent: Timestamp,
    ends: Timestamp,
    mutual: bool,
    mechanism_is_kerberos: bool,
    session: [u8; 32],
}

impl Ticketed {
    pub(super) fn of(world: &mut World, account: EntryId) -> Self {
        Self {
            account,
            extra: vec![Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY],
            client: None,
            with_pac: true,
            means: Some(Means {
                account: account.0,
                key: None,
                certificate: None,
            }),
            signed_by_service: true,
            signed_in: world.now,
            sent: world.now,
            ends: world.now + Span::hours(10),
            mutual: false,
            mechanism_is_kerberos: true,
            session: trust::Rng::array(&mut world.rng),
        }
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self, world: &mut World) -> String {
        let snapshot = world.directory.snapshot().unwrap();
        let account = snapshot.account_by_id(self.account).unwrap().unwrap();
        let service = snapshot
            .account_by_spn("HTTP/sts.corp.example")
            .unwrap()
            .unwrap();
        let krbtgt = snapshot
            .account_by_id(snapshot.domain().krbtgt)
            .unwrap()
            .unwrap();
        let (server, kdc) = (
            service.keys.newest().next().unwrap(),
            krbtgt.keys.newest().next().unwrap(),
        );
        let session = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &self.session);
        let signed_in = KerberosTime::from_unix(self.signed_in.unix());
        let realm = Realm::from("CORP.EXAMPLE");
        let name = PrincipalName::principal(&account.sam);
        let mut part = EncTicketPart {
            flags: TicketFlags::default(),
            key: EncryptionKey {
                keytype: EncryptionType(session.etype().number()),
                keyvalue: session.bytes().to_vec(),
            },
            crealm: realm.clone(),
            cname: name.clone(),
            transited: TransitedEncoding::NONE,
            authtime: signed_in,
            starttime: None,
            endtime: KerberosTime::from_unix(self.ends.unix()),
            renew_till: None,
            caddr: None,
            authorization_data: None,
        };
        if self.with_pac {
            let mut info =
                ValidationInfo::new(&account.sam, snapshot.domain().sid, account.sid.rid(), 513);
            info.extra_sids = self
                .extra
                .iter()
                .map(|sid| SidAndAttributes {
                    sid: *sid,
                    attributes: group::DEFAULT,
                })
                .collect();
            let client = ClientInfo {
                authentication_time: self.signed_in.whole_seconds().filetime(),
                name: self.client.clone().unwrap_or(account.sam.clone()),
            };
            let content = PacBuilder::new()
                .buffer(BufferType::LOGON_INFO, info.to_bytes().unwrap())
                .buffer(BufferType::CLIENT_INFO, client.to_bytes().unwrap());
            let stranger: KeySchedule = Key::random_to_key(server.key.etype(), &[9; 32]).into();
            let signer = if self.signed_by_service {
                server
            } else {
                VersionedKey {
                    kvno: server.kvno,
                    key: &stranger,
                }
            };
            let means = self.means.iter().map(Means::element).collect();
            pac::attach(&mut part, content, means, pac::For::Service, signer, kdc).unwrap();
        }
        let sname = PrincipalName::service("HTTP", "sts.corp.example");
        let ticket = ticket::seal(&part, realm.clone(), sname, server, &[1; 16]);
        let authenticator = Authenticator::new(
            realm,
            name,
            KerberosTime::from_unix(self.sent.unix()),
            Microseconds::new(self.sent.subsecond_micros()).unwrap_or_default(),
        );
        let cipher = session.encrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            &trust::Rng::array(&mut world.rng),
            &authenticator.encode(),
        );
        let sealed = EncryptedData {
            etype: EncryptionType(session.etype().number()),
            kvno: None,
            cipher,
        };
        let options = if self.mutual {
            ApOptions::MUTUAL_REQUIRED
        } else {
            ApOptions::default()
        };
        let request = ApReq::new(options, ticket, sealed).encode();
        let token = KerberosToken {
            id: KerberosTokenId::ApReq,
            message: &request,
        }
        .encode();
        let offer = if self.mechanism_is_kerberos {
            NegTokenInit::new(vec![KERBEROS], Some(token))
        } else {
            NegTokenInit::new(vec![NTLM, KERBEROS], Some(b"NTLMSSP\0".to_vec()))
        };
        format!("Negotiate {}", Base64::encode_string(&offer.encode()))
    }
}

/// An authorization request with a ticket.
pub(super) fn show(
    world: &mut World,
    browser: &mut Browser,
    header: &str,
    changes: &[(&str, &str)],
) -> Response {
    let request = Request::get(&authorize(changes)).with_header("Authorization", header);
    browser.send(world, request)
}

#[test]
fn a_computer_gets_the_four_claims_for_its_ticket() {
    // DREG-W2, protocols B.8.
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let header = Ticketed::of(&mut world, laptop).header(&mut world);
    let mut browser = Browser::default();
    assert_eq!(
        show(&mut world, &mut browser, &header, &[("amr_values", "")]).status,
        302
    );
    assert!(
        !browser.cookies.contains_key("__Host-keyporch-session"),
        "a computer has no session"
    );
    let code = browser.sent("code").unwrap();
    let response = browser.redeem(&mut world, &code, &[]);
    let claims = claims(json(&response)["access_token"].as_str().unwrap());
    assert_eq!(
        claims["http://schemas.microsoft.com/authorization/claims/PermitDeviceRegistrationClaim"],
        "true"
    );
    assert_eq!(
        claims["http://schemas.microsoft.com/ws/2012/01/accounttype"],
        "DJ"
    );
    let guid = Base64::encode_string(&laptop.0.to_windows_bytes());
    assert_eq!(
        claims["http://schemas.microsoft.com/identity/claims/onpremobjectguid"],
        guid
    );
    assert_eq!(claims["primarysid"], world.account(laptop).sid.to_string());
    assert_eq!(claims["amr"], serde_json::json!(["wia"]));
    assert_eq!(claims.get("upn"), None);
    assert_eq!(
        world
            .story
            .iter()
            .map(|event| event.step)
            .collect::<Vec<_>>(),
        ["DREG-F5"]
    );
}

#[test]
fn a_computer_gets_nothing_but_registration() {
    let mut world = World::with_app();
    let laptop = world.computer("LAPTOP-1");
    for changes in [
        &[("resource", "urn:microsoft:userinfo")][..],
        &[
            ("resource", "urn:app"),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
        ],
        &[
            ("resource", token::client::ADMINISTRATION),
            ("client_id", token::client::ADMINISTRATION_CLIENT),
        ],
    ] {
        let header = Ticketed::of(&mut world, laptop).header(&mut world);
        let mut browser = Browser::default();
        show(&mut world, &mut browser, &header, changes);
        assert_eq!(
            browser.sent("error").as_deref(),
            Some("unauthorized_client"),
            "{changes:?}"
        );
    }
}

#[test]
fn a_persons_token_permits_no_join() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let token = Browser::default().token(&mut world, &[]);
    let claims = claims(&token);
    assert!(
        claims
            .as_object()
            .unwrap()
            .keys()
            .all(|name| !name.contains("PermitDeviceRegistrationClaim"))
    );
}

#[test]
fn a_person_with_a_ticket_is_asked_for_the_second_factor_alone() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let header = Ticketed::of(&mut world, alice).header(&mut world);
    let mut browser = Browser::default();
    show(&mut world, &mut browser, &header, &[]);
    assert!(browser.page.form("totp").is_some() && browser.page.form("password").is_none());
    let totp = world.totp();
    browser.code(&mut world, &totp);
    assert!(browser.sent("code").is_some());
}

/// Lists a key on an account, and gives its name there.
fn list_key(
    world: &mut World,
    account: EntryId,
    device_id: Option<wire::Guid>,
) -> directory::KeyValueId {
    let key = PrivateKey::generate(KeyKind::P256);
    let new = NewKeyCredential {
        key_material: &bcrypt_blob(&key),
        key_usage: wire::key_credential::KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id,
        custom_key_information: None,
        last_logon: None,
        creation_time: None,
    };
    let blob = new.write().unwrap().as_bytes().to_vec();
    let name = directory::KeyValueId::of(&blob);
    let origin = directory::Origin::Registration;
    world.commit([change::add_key_credential(account, blob, origin)]);
    name
}

#[test]
fn a_ticket_from_before_another_password_gets_nothing() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    world.advance(Span::minutes(1));
    let mut before = Ticketed::of(&mut world, alice);
    world.advance(Span::hours(1));
    let material = directory::password::PasswordMaterial::random(&mut world.rng);
    world.commit([change::set_password(alice, material)]);
    world.advance(Span::seconds(1));
    let mut show_again = |ticketed: &mut Ticketed, now: Timestamp| {
        ticketed.sent = now;
        let header = ticketed.header(&mut world);
        let mut browser = Browser::default();
        let status = show(&mut world, &mut browser, &header, &[]).status;
        (status, world.refused.pop())
    };
    let now = before.signed_in + Span::hours(1) + Span::seconds(1);
    assert_eq!(
        show_again(&mut before, now),
        (
            401,
            Some(
                "kerberos ticket refused: the password was changed since, or must be changed"
                    .to_owned()
            )
        )
    );
    before.signed_in = now;
    assert_eq!(show_again(&mut before, now), (200, None));
}

#[test]
fn a_ticket_says_when_its_owner_signed_in_and_is_no_new_sign_in() {
    let mut world = World::with_app();
    let alice = world.person("alice");
    let mut ticketed = Ticketed::of(&mut world, alice);
    world.advance(Span::hours(9));
    ticketed.sent = world.now;
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    let header = ticketed.header(&mut world);
    let mut browser = Browser::default();
    let young = [&app[..], &[("max_age", "3600")]].concat();
    show(&mut world, &mut browser, &header, &young);
    assert!(
        browser.sent("code").is_none() && browser.page.form("password").is_some(),
        "signed in nine hours ago"
    );
    ticketed.sent = world.now + Span::millis(1);
    let header = ticketed.header(&mut world);
    let silent = [&young[..], &[("prompt", "none")]].concat();
    show(&mut world, &mut browser, &header, &silent);
    assert_eq!(browser.sent("error").as_deref(), Some("login_required"));

    ticketed.sent = world.now + Span::seconds(1);
    let header = ticketed.header(&mut world);
    let mut browser = Browser::default();
    show(&mut world, &mut browser, &header, &app);
    let code = browser.sent("code").unwrap();
    let uri = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
    ];
    let response = browser.redeem(&mut world, &code, &uri);
    let claims = claims(json(&response)["access_token"].as_str().unwrap());
    assert_eq!(claims["auth_time"], ticketed.signed_in.unix());
}

/// A ticket that was got with the key that an account lists under `name`.
fn by_key(world: &mut World, account: EntryId, name: directory::KeyValueId) -> Ticketed {
    let mut ticketed = Ticketed::of(world, account);
    ticketed.extra.push(Sid::KEY_TRUST_IDENTITY);
    let account = world.account(account);
    let mut listed = account.key_credentials.iter();
    let listed = listed.find(|listed| listed.id == name).unwrap();
    ticketed.means = Some(Means {
        account: account.id.0,
        key: Some(KeyMeans {
            fingerprint: listed.fingerprint.unwrap(),
            device: listed.device(),
        }),
        certificate: None,
    });
    ticketed
}

/// What becomes of a ticket: the answer's status, and why it was refused.
fn shown(world: &mut World, ticketed: &Ticketed) -> (u16, Option<String>) {
    let header = ticketed.header(world);
    let status = show(world, &mut Browser::default(), &header, &[]).status;
    (status, world.refused.pop())
}

fn gone(what: &str) -> (u16, Option<String>) {
    let why = format!("kerberos ticket refused: the {what} that got the ticket is gone");
    (401, Some(why))
}

#[test]
fn a_ticket_dies_with_the_very_key_that_got_it() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let first = list_key(&mut world, alice, None);
    let second = list_key(&mut world, alice, None);
    let of_first = by_key(&mut world, alice, first);
    let of_second = by_key(&mut world, alice, second);
    assert_eq!(shown(&mut world, &of_first), (200, None));
    world.commit([change::remove_key_credential(alice, first)]);
    assert_eq!(shown(&mut world, &of_first), gone("key"));
    assert_eq!(shown(&mut world, &of_second), (200, None));
}

#[test]
fn a_ticket_dies_with_the_device_of_its_key() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let id = wire::Guid::from_windows_bytes([5; 16]);
    let device = EntryId::random(&mut world.rng);
    let parent = world.directory.domain().unwrap().devices;
    let new = directory::NewEntry::device(device, parent, id, "LAPTOP-1");
    world.commit([new.into()]);
    let listed = list_key(&mut world, alice, Some(id));
    let ticketed = by_key(&mut world, alice, listed);
    assert_eq!(shown(&mut world, &ticketed), (200, None));
    world.commit([change::set_device_enabled(device, false)]);
    assert_eq!(shown(&mut world, &ticketed), gone("device"));
}

#[test]
fn a_ticket_that_does_not_say_what_got_it_or_was_another_accounts_is_refused() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let bob = world.person("bob");
    let mut ticketed = Ticketed::of(&mut world, alice);
    ticketed.means = Some(Means {
        account: bob.0,
        key: None,
        certificate: None,
    });
    assert_eq!(shown(&mut world, &ticketed), gone("account"));
    ticketed.means = None;
    let why = "kerberos ticket refused: the ticket does not say what got it";
    assert_eq!(shown(&mut world, &ticketed), (401, Some(why.to_owned())));
}

#[test]
fn a_ticket_by_key_counts_as_several_factors_but_never_as_fresh() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let listed = list_key(&mut world, alice, None);
    let by_strong_key = |world: &mut World, changes: &[(&str, &str)]| {
        let mut ticketed = by_key(world, alice, listed);
        ticketed.extra.push(Sid::KEY_PROPERTY_MFA);
        let header = ticketed.header(world);
        let mut browser = Browser::default();
        show(world, &mut browser, &header, changes);
        browser
    };
    let administration = [
        ("resource", token::client::ADMINISTRATION),
        ("client_id", token::client::ADMINISTRATION_CLIENT),
        ("amr_values", ""),
    ];
    assert!(
        by_strong_key(&mut world, &administration)
            .sent("code")
            .is_some()
    );
    assert!(
        by_strong_key(&mut world, &[]).page.form("totp").is_some(),
        "registration wants a fresh one"
    );
    let ticketed = by_key(&mut world, alice, listed);
    let header = ticketed.header(&mut world);
    let mut browser = Browser::default();
    show(&mut world, &mut browser, &header, &administration);
    assert!(
        browser.page.form("totp").is_some(),
        "a key that was registered without a second factor"
    );
}

#[test]
fn a_ticket_is_not_enough_to_set_up_an_authenticator() {
    let mut world = World::new();
    let alice = world.person("alice");
    let header = Ticketed::of(&mut world, alice).header(&mut world);
    let mut browser = Browser::default();
    show(&mut world, &mut browser, &header, &[]);
    assert!(browser.page.secret.is_none() && browser.page.form("password").is_some());
}

#[test]
fn the_service_proves_itself_where_the_client_asks_for_it() {
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let mut reply = |mutual: bool| {
        let mut ticketed = Ticketed::of(&mut world, laptop);
        ticketed.mutual = mutual;
        let header = ticketed.header(&mut world);
        let response = show(&mut world, &mut Browser::default(), &header, &[]);
        let value = response
            .headers
            .get_only("WWW-Authenticate")
            .unwrap()
            .strip_prefix("Negotiate ")
            .unwrap()
            .to_owned();
        let bytes = Base64::decode_vec(&value).unwrap();
        match Token::decode(&bytes).unwrap() {
            Token::Resp(NegTokenResp {
                neg_state: Some(NegState::AcceptCompleted),
                response_token,
                ..
            }) => response_token,
            other => panic!("{other:?}"),
        }
    };
    assert!(reply(false).is_none());
    let token = reply(true).unwrap();
    assert_eq!(
        KerberosToken::decode(&token).unwrap().id,
        KerberosTokenId::ApRep
    );
}

#[test]
fn refuses_tickets_that_are_not_good() {
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let mut refuse = |spoil: &dyn Fn(&mut Ticketed, Timestamp)| {
        let mut ticketed = Ticketed::of(&mut world, laptop);
        spoil(&mut ticketed, world.now);
        let header = ticketed.header(&mut world);
        let response = show(
            &mut world,
            &mut Browser::default(),
            &header,
            &[("amr_values", "")],
        );
        assert_eq!(
            (response.status, response.headers.get("WWW-Authenticate")),
            (401, Some("Negotiate"))
        );
        world.refused.pop().unwrap()
    };
    let starts = |reason: String, expected: &str| {
        assert!(
            reason.starts_with(&format!("kerberos ticket refused: {expected}")),
            "{reason}"
        )
    };
    starts(
        refuse(&|ticket, _| ticket.with_pac = false),
        "the ticket's PAC is not believed: there is no PAC",
    );
    starts(
        refuse(&|ticket, _| ticket.signed_by_service = false),
        "the ticket's PAC is not believed",
    );
    starts(
        refuse(&|ticket, _| ticket.client = Some("DC1$".into())),
        "the ticket's PAC is not believed",
    );
    starts(
        refuse(&|ticket, now| ticket.sent = now - Span::seconds(301)),
        "the clocks are too far apart",
    );
    starts(
        refuse(&|ticket, now| ticket.ends = now),
        "the ticket has expired",
    );
    starts(
        refuse(&|ticket, _| ticket.extra.push(Sid::SERVICE_ASSERTED_IDENTITY)),
        "the ticket was obtained in the client's name",
    );
    starts(
        refuse(&|ticket, _| ticket.mechanism_is_kerberos = false),
        "the token is not kerberos'",
    );
}

#[test]
fn a_ticket_is_shown_once() {
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let header = Ticketed::of(&mut world, laptop).header(&mut world);
    assert_eq!(
        show(&mut world, &mut Browser::default(), &header, &[]).status,
        302
    );
    assert_eq!(
        show(&mut world, &mut Browser::default(), &header, &[]).status,
        401
    );
    assert_eq!(
        world.refused,
        ["kerberos ticket refused: the authenticator was seen before"]
    );
}

#[test]
fn a_disabled_computer_gets_nothing() {
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let control = world.account(laptop).control;
    world.commit([change::disable(laptop, control)]);
    let header = Ticketed::of(&mut world, laptop).header(&mut world);
    assert_eq!(
        show(&mut world, &mut Browser::default(), &header, &[]).status,
        401
    );
    assert_eq!(
        world.refused,
        ["kerberos ticket refused: the account is disabled"]
    );
}

#[test]
fn any_other_header_is_refused_or_passed_over() {
    let mut world = World::new();
    for header in [
        "Negotiate",
        "Negotiate !",
        "Negotiate AAAA",
        "negotiate YIIB",
        "Negotiate TlRMTVNTUAABAAAA",
    ] {
        assert_eq!(
            show(&mut world, &mut Browser::default(), header, &[]).status,
            401,
            "{header}"
        );
    }
    assert_eq!(
        show(&mut world, &mut Browser::default(), "Basic YTpi", &[]).status,
        200
    );
}

#[test]
fn a_request_that_is_answered_again_after_a_conflict_is_no_replay() {
    let mut world = World::new();
    let laptop = world.computer("LAPTOP-1");
    let header = Ticketed::of(&mut world, laptop).header(&mut world);
    let request =
        Request::get(&authorize(&[("amr_values", "")])).with_header("Authorization", &header);
    let request = Browser::default().request(request);
    // Somebody else's commit comes between the answer and its own.
    let snapshot = world.directory.snapshot().unwrap();
    let view = crate::View {
        snapshot: &snapshot,
        settings: &world.settings,
        memory: &world.memory,
        lockout: &world.lockout,
        password_cost: crypto::password::Cost::LEAST,
    };
    let lost = crate::answer(&request, &view, world.now, &mut world.rng);
    assert!(lost.refused.is_none());
    let touched = [change::set(
        laptop,
        directory::Attribute::Description,
        "touched",
    )];
    world
        .directory
        .commit(&touched, &directory::Reads::none(), world.now)
        .unwrap();
    let conflict = world
        .directory
        .commit(&lost.changes, &snapshot.into_reads(), world.now);
    assert_eq!(conflict.unwrap_err(), directory::CommitError::Conflict);
    assert_eq!(world.ask(&request).status, 302);
}
