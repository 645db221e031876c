//! A computer or person proves itself by a Kerberos ticket (RFC 4559, RFC 4178): `Authorization: Negotiate`.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use directory::{Account, Change, ClaimId, Fault, NotPresented, change, presented};
use ticket::{Accepted, Unaccepted};
use token::authentication::FirstFactor;
use trust::{Rng, Span};
use wire::kerberos::{ApOptions, ApReq, KeyUsage};
use wire::spnego::{
    GssToken, KERBEROS, KERBEROS_MICROSOFT, KerberosToken, KerberosTokenId, NegState, NegTokenResp,
    Token,
};

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
    /// The ticket does not count, or not any more.
    #[error(transparent)]
    NotPresented(#[from] NotPresented),
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
    let who = match presented(&accepted, key, asked.view.snapshot, asked.now)? {
        Ok(who) => who,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let mutual = request.ap_options.contains(ApOptions::MUTUAL_REQUIRED);
    Ok(Ok(Proven {
        first: FirstFactor::kerberos(asked.now, who.since, who.multi_factor),
        account: who.account,
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
