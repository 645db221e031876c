//! Signing keys and the tokens that they sign.

use super::*;
use crypto::jose::SymmetricKey;
use serde_json::json;
use wire::{Guid, Sid};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const ISSUER: &str = "https://sts.corp.example/adfs";

fn claims(now: Timestamp) -> AccessToken {
    AccessToken {
        iss: ISSUER.into(),
        aud: "urn:r".into(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: now.unix() + 600,
        jti: Guid::from_bytes([1; 16]),
        sub: Guid::from_bytes([7; 16]).to_string(),
        oid: Guid::from_bytes([7; 16]),
        ver: "1.0".into(),
        appid: "app".into(),
        apptype: "Public".into(),
        scp: String::new(),
        auth_time: now.unix(),
        amr: vec!["pwd".into(), "mfa".into()],
        acr: String::new(),
        second_factor_instant: Some(now.to_rfc3339()),
        upn: Some("alice@corp.example".into()),
        unique_name: "alice@corp.example".into(),
        primarysid: "S-1-5-21-1-2-3-1104".parse::<Sid>().unwrap(),
        deviceid: None,
        permit_device_registration: None,
        account_type: None,
        onprem_object_guid: None,
        tid: None,
        appidacr: None,
        name: None,
        ipaddr: None,
    }
}

fn id_claims() -> IdToken {
    IdToken {
        iss: ISSUER.into(),
        aud: "app".into(),
        iat: 0,
        nbf: 0,
        exp: 0,
        auth_time: 0,
        nonce: None,
        sub: "s".into(),
        oid: Guid::from_bytes([7; 16]),
        amr: vec![],
        acr: String::new(),
        upn: None,
        unique_name: String::new(),
        name: None,
        email: None,
        tid: None,
        preferred_username: None,
        ver: None,
        sid: None,
    }
}

fn keys() -> SigningKeys {
    SigningKeys::first(KeyKind::P256, NOW)
}

fn kids(keys: &SigningKeys, now: Timestamp) -> Vec<String> {
    let set: Value = serde_json::from_str(&keys.jwks(now)).unwrap();
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_token_of_ours_is_accepted_where_and_when_it_is_valid() {
    let keys = keys();
    let token = keys.access_token(&claims(NOW), NOW).unwrap();
    let verify = |issuer, audience, now| keys.verify(&token, issuer, audience, now);
    let verified = verify(ISSUER, "urn:r", NOW + Span::seconds(599)).unwrap();
    assert_eq!(verified.second_factor_at(), Some(NOW));
    assert_eq!(
        verify(ISSUER, "urn:r", NOW + Span::seconds(600)),
        Err(NotAccepted::Expired)
    );
    assert_eq!(
        verify(ISSUER, "urn:r", NOW - Span::seconds(61)),
        Err(NotAccepted::NotYetValid)
    );
    assert_eq!(verify(ISSUER, "urn:s", NOW), Err(NotAccepted::Audience));
    assert_eq!(
        verify("https://other.example/adfs", "urn:r", NOW),
        Err(NotAccepted::Issuer)
    );
}

#[test]
fn refuses_tokens_of_other_keys_and_tokens_without_a_signature() {
    let keys = keys();
    let refuse = |token: &str| keys.verify(token, ISSUER, "urn:r", NOW).unwrap_err();
    let stranger = SigningKeys::first(KeyKind::P256, NOW);
    assert_eq!(
        refuse(&stranger.access_token(&claims(NOW), NOW).unwrap()),
        NotAccepted::Signature
    );

    let token = keys.access_token(&claims(NOW), NOW).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let kid = kids(&keys, NOW)[0].clone();
    let header = |alg: &str| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        Base64UrlUnpadded::encode_string(header.to_string().as_bytes())
    };
    assert_eq!(
        refuse(&format!("{}.{}.", header("none"), parts[1])),
        NotAccepted::Signature
    );
    assert_eq!(
        refuse(&format!("{}.{}.{}", header("RS256"), parts[1], parts[2])),
        NotAccepted::Signature
    );
    assert_eq!(
        refuse(&format!("{}.{}", parts[0], parts[1])),
        NotAccepted::Form
    );
    assert_eq!(refuse(""), NotAccepted::Form);

    // The public key as the secret of an HMAC (CVE-2015-9235).
    let public = keys.keys[0].private.public_key().to_spki_der();
    let mut members = Map::new();
    members.insert("typ".into(), ACCESS_TOKEN.into());
    members.insert("kid".into(), kid.clone().into());
    let payload = serde_json::to_vec(&claims(NOW)).unwrap();
    let secret = SymmetricKey::new(&crypto::digest::sha256(&public));
    assert_eq!(
        refuse(&secret.sign(members, &payload).unwrap()),
        NotAccepted::Signature
    );
}

#[test]
fn an_id_token_is_no_access_token() {
    let keys = keys();
    let payload = claims(NOW);
    let disguised = keys.sign(ID_TOKEN, &payload, None, NOW).unwrap();
    assert_eq!(
        keys.verify(&disguised, ISSUER, "urn:r", NOW),
        Err(NotAccepted::Form)
    );
    let access = keys.access_token(&payload, NOW).unwrap();
    assert_eq!(keys.id_token_hint(&access, ISSUER), Err(NotAccepted::Form));
}

#[test]
fn keys_come_back_from_rest_and_do_not_print_themselves() {
    let keys = keys();
    let back = SigningKeys::read(&keys.write()).unwrap();
    let token = keys.access_token(&claims(NOW), NOW).unwrap();
    assert!(back.verify(&token, ISSUER, "urn:r", NOW).is_ok());
    assert_eq!(
        SigningKeys::read(b"nonsense").unwrap_err(),
        Fault::Unreadable
    );
    let printed = format!("{keys:?}");
    let private = keys.keys[0].private.to_pkcs8_der();
    assert!(!printed.contains(&format!("{:?}", &private[private.len() - 8..])));
}

#[test]
fn a_successor_is_published_before_it_signs_and_the_old_key_until_its_tokens_ended() {
    let first = keys();
    assert!(first.renewed(KeyKind::P256, NOW + Span::days(87)).is_none());
    let due = NOW + Span::days(88);
    let both = first.renewed(KeyKind::P256, due).unwrap();
    assert_eq!(kids(&both, due).len(), 2);
    assert!(both.renewed(KeyKind::P256, due).is_none(), "once is enough");

    let kid_of = |token: &str| {
        crypto::jose::Unverified::parse(token)
            .unwrap()
            .header()
            .key_id()
            .unwrap()
            .to_owned()
    };
    let before = both
        .access_token(&claims(due), NOW + Span::days(90) - Span::seconds(1))
        .unwrap();
    let after = both
        .access_token(&claims(due), NOW + Span::days(90))
        .unwrap();
    assert_eq!(kid_of(&before), kids(&both, due)[0]);
    assert_eq!(kid_of(&after), kids(&both, due)[1]);

    let still = NOW + Span::days(91) - Span::seconds(1);
    assert_eq!(kids(&both, still).len(), 2);
    assert!(both.verify(&before, ISSUER, "urn:r", due).is_ok());
    let gone = both.renewed(KeyKind::P256, NOW + Span::days(91)).unwrap();
    assert_eq!(
        kids(&gone, NOW + Span::days(91)),
        [kids(&both, due)[1].clone()]
    );
}

#[test]
fn an_authority_that_slept_past_the_end_signs_again_at_once() {
    let late = NOW + Span::days(365);
    assert_eq!(keys().access_token(&claims(late), late), Err(Fault::NoKey));
    let renewed = keys().renewed(KeyKind::P256, late).unwrap();
    assert!(renewed.access_token(&claims(late), late).is_ok());
}

#[test]
fn an_rsa_key_signs_with_rs256() {
    let keys = SigningKeys::first(KeyKind::Rsa2048, NOW);
    assert_eq!(keys.algorithms(), ["RS256"]);
    let token = keys.access_token(&claims(NOW), NOW).unwrap();
    assert!(keys.verify(&token, ISSUER, "urn:r", NOW).is_ok());
}

fn app(now: Timestamp) -> AppToken {
    AppToken {
        iss: ISSUER.into(),
        aud: "urn:r".into(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: now.unix() + 600,
        jti: Guid::from_bytes([1; 16]),
        sub: "app".into(),
        ver: "1.0".into(),
        appid: "app".into(),
        appidacr: "1".into(),
        idtyp: "app".into(),
        roles: vec!["Read.All".into()],
        tid: Guid::from_bytes([3; 16]),
    }
}

#[test]
fn a_token_for_an_application_never_passes_for_a_persons() {
    let keys = keys();
    let own = keys.app_token_by(Algorithm::Es256, &app(NOW), NOW).unwrap();
    let persons = keys.access_token(&claims(NOW), NOW).unwrap();
    let (issuers, audiences) = ([ISSUER], ["urn:r"]);
    assert!(keys.verify_app(&own, &issuers, &audiences, NOW).is_ok());
    assert_eq!(
        keys.verify_for(&own, &issuers, &audiences, NOW),
        Err(NotAccepted::Form)
    );
    assert_eq!(
        keys.verify_app(&persons, &issuers, &audiences, NOW),
        Err(NotAccepted::Form)
    );
    assert_eq!(
        keys.verify_app(&own, &issuers, &["urn:s"], NOW),
        Err(NotAccepted::Audience)
    );
    let late = NOW + Span::seconds(600);
    assert_eq!(
        keys.verify_app(&own, &issuers, &audiences, late),
        Err(NotAccepted::Expired)
    );
}

#[test]
fn a_resource_and_an_authority_may_have_several_names() {
    let keys = keys();
    let token = keys.access_token(&claims(NOW), NOW).unwrap();
    let verify = |issuers: &[&str], audiences: &[&str]| {
        keys.verify_for(&token, issuers, audiences, NOW).map(|_| ())
    };
    assert_eq!(verify(&["https://a", ISSUER], &["urn:q", "urn:r"]), Ok(()));
    assert_eq!(verify(&["https://a"], &["urn:r"]), Err(NotAccepted::Issuer));
    assert_eq!(verify(&[ISSUER], &[]), Err(NotAccepted::Audience));
}

#[test]
fn a_certified_key_is_named_by_the_digest_of_its_certificate() {
    use base64ct::{Base64, Base64UrlUnpadded, Encoding};
    let first = SigningKeys::first_certified(KeyKind::P256, "login.corp.example", NOW).unwrap();
    let due = NOW + Span::days(88);
    let both = first.renewed(KeyKind::P256, due).unwrap();
    let both = SigningKeys::read(&both.write()).unwrap();
    let set: Value = serde_json::from_str(&both.jwks(due)).unwrap();
    let published = set["keys"].as_array().unwrap();
    assert_eq!(published.len(), 2);
    for key in published {
        let der = Base64::decode_vec(key["x5c"][0].as_str().unwrap()).unwrap();
        let digest = Base64UrlUnpadded::encode_string(&crypto::digest::sha1(&der));
        assert_eq!(key["kid"], digest.as_str());
        assert_eq!(key["x5t"], digest.as_str());
        assert_eq!(
            certified::common_name(&der).as_deref(),
            Some("login.corp.example")
        );
    }
    let token = both.access_token(&claims(due), due).unwrap();
    assert!(both.verify(&token, ISSUER, "urn:r", due).is_ok());
}

#[test]
fn of_two_sets_the_first_signs_unless_another_algorithm_is_asked_for() {
    let rsa = SigningKeys::first(KeyKind::Rsa2048, NOW);
    let ec = SigningKeys::first(KeyKind::P256, NOW);
    let both = SigningKeys::together(&[&rsa, &ec]);
    let mut names = both.algorithms();
    names.sort_unstable();
    assert_eq!(names, ["ES256", "RS256"]);
    let token = both.access_token(&claims(NOW), NOW).unwrap();
    assert!(rsa.verify(&token, ISSUER, "urn:r", NOW).is_ok());
    assert!(both.verify(&token, ISSUER, "urn:r", NOW).is_ok());
    let id_token = id_claims();
    let by_ec = both.id_token_by(Algorithm::Es256, &id_token, NOW).unwrap();
    assert!(ec.id_token_hint(&by_ec, ISSUER).is_ok());
    assert!(rsa.id_token_hint(&by_ec, ISSUER).is_err());
    assert_eq!(
        rsa.id_token_by(Algorithm::Es256, &id_token, NOW),
        Err(Fault::NoKey)
    );
}

#[test]
fn a_key_that_is_over_is_published_no_more_and_a_hint_is_of_one_of_our_names() {
    let keys = keys();
    let over = NOW + SIGNS_FOR + KEPT_AFTER;
    assert_eq!(kids(&keys, over - Span::seconds(1)).len(), 1);
    assert!(kids(&keys, over).is_empty());
    let mut other = id_claims();
    let hint = keys.id_token(&other, NOW).unwrap();
    assert!(keys.id_token_hint_of(&hint, &["x", ISSUER]).is_ok());
    other.iss = "https://other.example".into();
    let hint = keys.id_token(&other, NOW).unwrap();
    assert_eq!(keys.id_token_hint(&hint, ISSUER), Err(NotAccepted::Issuer));
}
