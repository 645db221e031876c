//! A computer or person proves itself by a Kerberos ticket (RFC 4559, RFC 4178): `Authorization: Negotiate`.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use directory::{Account, Change, ClaimId, Fault, Lost, change};
use ticket::{Accepted, Means, Unaccepted, VersionedKey, pac};
use token::authentication::FirstFactor;
use trust::{Rng, Span};
use wire::Sid;
use wire::kerberos::{ApOptions, ApReq, KeyUsage};
use wire::spnego::{
    GssToken, KERBEROS, KERBEROS_MICROSOFT, KerberosToken, KerberosTokenId, NegState, NegTokenResp,
    Token,
};

use crate::account::{self, Unusable};
use crate::asked::Asked;

/// How far a client's clock may be from ours.
const SKEW: Span = Span::minutes(5);

/// Why a ticket is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The header is no base64 of a token.
    #[error("the token cannot be read")]
    Unreadable,
    /// The client's first choice is another mechanism than Kerberos.
    #[error("the token is not kerberos'")]
    Mechanism,
    /// We have no key for the service that the client must ask for.
    #[error("the directory has no service principal {0}")]
    NoService(String),
    /// Ticket or authenticator are not good.
    #[error(transparent)]
    Ticket(#[from] Unaccepted),
    /// The ticket's PAC is missing, not signed for us, or says nothing of an account.
    #[error("the ticket's PAC is not believed: {0}")]
    Pac(String),
    /// A service obtained the ticket in the client's name, so the client was not here.
    #[error("the ticket was obtained in the client's name")]
    NotInPerson,
    /// The ticket does not say what got it: our own KDC's do.
    #[error("the ticket does not say what got it")]
    NoMeans,
    /// What got the ticket is gone.
    #[error("the {} that got the ticket is gone", .0.name())]
    Gone(Lost),
    /// The account is not known.
    #[error("the account is not known")]
    UnknownAccount,
    /// The account cannot be used.
    #[error(transparent)]
    Account(#[from] Unusable),
}

/// Somebody whose ticket was accepted. Only [`prove`] makes one.
pub(crate) struct Proven {
    pub(crate) account: Arc<Account>,
    pub(crate) first: FirstFactor,
    /// The value of `WWW-Authenticate` by which we prove ourselves in turn.
    pub(crate) reply: String,
    /// The claim of this very authenticator, to be committed with what follows from it.
    pub(crate) claim: Change,
}

/// Judges the token of an `Authorization: Negotiate` header.
pub(crate) fn prove(
    asked: &Asked<'_, '_>,
    header: &str,
    rng: &mut dyn Rng,
) -> Result<Result<Proven, Refused>, Fault> {
    let request = match read(header) {
        Ok(request) => request,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = asked.view.settings.service_principal();
    let Some(service) = asked.view.snapshot.account_by_spn(&name)? else {
        return Ok(Err(Refused::NoService(name)));
    };
    // What a ticket leads to is committed, and the request answered again on a conflict: a memory of what was seen
    // would take that for a replay. So an authenticator is claimed in the same commit, for every node to see.
    let once = ClaimId::new("federation.authenticator", &request.authenticator.cipher);
    if asked.view.snapshot.claimed(&once, asked.now)? {
        return Ok(Err(Unaccepted::Repeated.into()));
    }
    let judged = ticket::judge(
        &request,
        &service.keys,
        KeyUsage::AP_REQ_AUTHENTICATOR,
        SKEW,
        asked.now,
    );
    let (accepted, key) = match judged {
        Ok(judged) => judged,
        Err(unaccepted) => return Ok(Err(unaccepted.into())),
    };
    let client = match client(&accepted, key) {
        Ok(client) => client,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(account) = asked.view.snapshot.account_by_sid(&client.sid)? else {
        return Ok(Err(Refused::UnknownAccount));
    };
    // A ticket outlives what happens to its account: for hours, where nobody looks.
    let since = account::end_of_second(accepted.ticket.authtime.unix());
    if let Err(unusable) = account::usable_since(&account, account::Proven::at(since), asked.now) {
        return Ok(Err(unusable.into()));
    }
    let Some(means) = means(&accepted) else {
        return Ok(Err(Refused::NoMeans));
    };
    if let Some(lost) = asked.view.snapshot.lost(&means, &account)? {
        return Ok(Err(Refused::Gone(lost)));
    }
    let mutual = request.ap_options.contains(ApOptions::MUTUAL_REQUIRED);
    Ok(Ok(Proven {
        account,
        first: FirstFactor::kerberos(asked.now, since, client.multi_factor),
        reply: reply(&accepted, mutual, rng),
        // Its moment may be a skew ahead of ours, and is taken until a skew behind, both to the last instant.
        claim: change::claim(once, asked.now + SKEW + SKEW + Span::seconds(1)),
    }))
}

/// The AP-REQ in a SPNEGO token, or in a Kerberos token without SPNEGO around it, which some clients send.
fn read(header: &str) -> Result<ApReq, Refused> {
    let bytes = Base64::decode_vec(header.trim()).map_err(|_| Refused::Unreadable)?;
    let kerberos = match Token::decode(&bytes).map_err(|_| Refused::Unreadable)? {
        Token::Init(init) => init.mech_token.ok_or(Refused::Mechanism)?,
        Token::Mechanism(GssToken {
            mechanism: KERBEROS | KERBEROS_MICROSOFT,
            ..
        }) => bytes,
        Token::Mechanism(_) | Token::Resp(_) => return Err(Refused::Mechanism),
    };
    let kerberos = KerberosToken::decode(&kerberos).ok_or(Refused::Mechanism)?;
    if kerberos.id != KerberosTokenId::ApReq {
        return Err(Refused::Mechanism);
    }
    ApReq::decode(kerberos.message).map_err(|_| Refused::Unreadable)
}

/// Who the client is by the ticket's PAC.
struct Client {
    sid: Sid,
    /// Whether they signed in by a key that was registered with a second factor.
    multi_factor: bool,
}

fn client(accepted: &Accepted, key: VersionedKey<'_>) -> Result<Client, Refused> {
    let believed = pac::verify_as_service(&accepted.ticket, key)
        .map_err(|error| Refused::Pac(error.to_string()))?;
    let nobody = || Refused::Pac("it names no account".to_owned());
    let info = believed.logon_info().ok_or_else(nobody)?;
    let sid = info
        .logon_domain_id
        .and_then(|domain| domain.with_rid(info.user_id))
        .ok_or_else(nobody)?;
    let has = |wanted: Sid| info.extra_sids.iter().any(|extra| extra.sid == wanted);
    if has(Sid::SERVICE_ASSERTED_IDENTITY) {
        return Err(Refused::NotInPerson);
    }
    Ok(Client {
        sid,
        multi_factor: has(Sid::KEY_TRUST_IDENTITY) && has(Sid::KEY_PROPERTY_MFA),
    })
}

/// What got the ticket. It is the KDC's word, for no client's element of that type comes into a ticket.
fn means(accepted: &Accepted) -> Option<Means> {
    let data = accepted.ticket.authorization_data.as_ref()?;
    Means::find(data)
}

/// SPNEGO's last token, with the AP-REP where the client wants one.
fn reply(accepted: &Accepted, mutual: bool, rng: &mut dyn Rng) -> String {
    let proof = mutual.then(|| {
        let reply = accepted.reply(&rng.bytes()).encode();
        KerberosToken {
            id: KerberosTokenId::ApRep,
            message: &reply,
        }
        .encode()
    });
    let token = NegTokenResp {
        neg_state: Some(NegState::AcceptCompleted),
        supported_mech: Some(KERBEROS),
        response_token: proof,
        ..NegTokenResp::default()
    };
    format!("Negotiate {}", Base64::encode_string(&token.encode()))
}
