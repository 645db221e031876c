//! Kerberos by SASL: the mechanisms GSSAPI (RFC 4752) and GSS-SPNEGO ([MS-ADTS] 5.1.1.1.2), and the layer that keeps what
//! passes afterwards.

use ticket::gss::{Context, wanted};
use ticket::{Accepted, Rules, Unaccepted};
use trust::{Rng, Span, Timestamp};
use wire::kerberos::{ApOptions, ApReq, AuthorizationData, AuthorizationDataType, KeyUsage};
use wire::spnego::{
    GssFlag, GssToken, KERBEROS, KERBEROS_MICROSOFT, KerberosToken, KerberosTokenId, NegState,
    NegTokenResp, Token,
};

use super::session::{Channel, View};
use super::settings::ChannelBindings;
use crate::error::Fault;
use crate::presented::{NotPresented, Presented, presented};

/// How far a client's clock may be from ours.
const SKEW: Span = Span::minutes(5);

/// The longest message that is taken, and sent, within the layer, in bytes.
pub const LARGEST: usize = 1 << 20;

/// The mechanisms, as the root of the server names them.
pub(super) const MECHANISMS: [&str; 2] = ["GSSAPI", "GSS-SPNEGO"];

/// RFC 4752's layers.
const NO_LAYER: u8 = 1;
const SIGNED: u8 = 2;
const SEALED: u8 = 4;

/// Why a ticket proves nothing here. The client is told less.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the token cannot be read")]
    Unreadable,
    #[error("the token is not kerberos'")]
    Mechanism,
    #[error(transparent)]
    Ticket(#[from] Unaccepted),
    #[error(transparent)]
    NotPresented(#[from] NotPresented),
    #[error("the session key is of an etype that is not supported")]
    Etype,
    #[error("the client is bound to another TLS connection, or to none where it must be")]
    Bindings,
    #[error("the client's choice of a layer is not one that was offered")]
    Layer,
    #[error("the client would act as somebody else")]
    Authorization,
    #[error("neither TLS nor the client keeps what passes from being changed")]
    Unprotected,
}

impl Refused {
    /// Whether somebody was there with a ticket that one of our KDCs made.
    pub(super) const fn is_of_somebody(&self) -> bool {
        !matches!(
            self,
            Self::Unreadable | Self::Mechanism | Self::Ticket(Unaccepted::Ticket(_))
        )
    }
}

/// Where a bind by SASL is.
#[derive(Debug)]
pub(super) enum Step {
    /// The client was accepted and told so; its own turn, with nothing to say.
    Accepted(Established),
    /// The layers were offered.
    Offered(Established, u8),
}

/// A context that was established, and with whom.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) who: Presented,
    context: Context,
    flags: u32,
}

/// What a step of a bind comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The client is sent this, and answers.
    More(Vec<u8>, Box<Step>),
    /// The client is who it says; it is sent this, and from then on the layer holds, if there is one.
    Done(Box<Presented>, Option<Vec<u8>>, Option<Box<Layer>>),
    /// The client is nobody.
    Refused(Refused),
}

/// What keeps messages after a bind: each is wrapped.
#[derive(Debug)]
pub struct Layer {
    context: Context,
    seal: bool,
}

/// What came is not the peer's next message of the layer. The connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not the next message of this connection")]
pub struct NotKept;

impl Layer {
    /// Wraps a message: four bytes of length, and the token.
    #[must_use]
    pub fn wrap(&mut self, message: &[u8], rng: &mut dyn Rng) -> Vec<u8> {
        let token = self.context.wrap(message, self.seal, rng);
        let length = u32::try_from(token.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes(), token.as_slice()].concat()
    }

    /// Unwraps a token, without its length.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, NotKept> {
        let (message, sealed) = self.context.unwrap(token).map_err(|_| NotKept)?;
        // Who agreed to encrypt does.
        if self.seal && !sealed {
            return Err(NotKept);
        }
        Ok(message)
    }

    /// Whether messages are encrypted.
    #[must_use]
    pub const fn seals(&self) -> bool {
        self.seal
    }
}

/// The first message of a bind.
pub(super) fn begin(
    spnego: bool,
    token: &[u8],
    channel: &Channel,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Outcome, Fault> {
    let request = match read(token) {
        Ok(request) => request,
        Err(refused) => return Ok(Outcome::Refused(refused)),
    };
    let own = view.snapshot.domain().domain_controller;
    let Some(service) = view.snapshot.account_by_id(own)? else {
        return Err(Fault::Corrupt("domain controller"));
    };
    let rules = Rules {
        skew: SKEW,
        seen: view.seen,
        usage: KeyUsage::AP_REQ_AUTHENTICATOR,
    };
    let (accepted, key) = match ticket::judge(&request, &service.keys, rules.usage, rules.skew, now)
    {
        Ok(judged) => judged,
        Err(unaccepted) => return Ok(Outcome::Refused(unaccepted.into())),
    };
    let digest = crypto::digest::sha256(&request.authenticator.cipher);
    if view.seen.remember(digest, (), now).is_some() {
        return Ok(Outcome::Refused(Unaccepted::Repeated.into()));
    }
    let who = match presented(&accepted, key, view.snapshot, now)? {
        Ok(who) => who,
        Err(refused) => return Ok(Outcome::Refused(refused.into())),
    };
    let wanted = wanted(&accepted);
    let bindings = wanted.as_ref().map(|wanted| wanted.bindings);
    let rule = view.settings.channel_bindings;
    if !bound_here(rule, bindings, knows_bindings(&accepted), channel) {
        return Ok(Outcome::Refused(Refused::Bindings));
    }
    let flags = wanted.map_or(0, |wanted| wanted.flags);
    let Some(context) = Context::accepted(&accepted) else {
        return Ok(Outcome::Refused(Refused::Etype));
    };
    let mutual = request.ap_options.contains(ApOptions::MUTUAL_REQUIRED);
    let proof = mutual.then(|| {
        let message = accepted.reply(&rng.bytes()).encode();
        let id = KerberosTokenId::ApRep;
        KerberosToken {
            id,
            message: &message,
        }
        .encode()
    });
    let established = Established {
        who,
        context,
        flags,
    };
    if spnego {
        return Ok(negotiated(established, proof, token, channel, view));
    }
    Ok(match proof {
        Some(proof) => Outcome::More(proof, Box::new(Step::Accepted(established))),
        None => offer(established, channel, view, rng),
    })
}

/// The AP-REQ in a token of Kerberos or SPNEGO.
fn read(token: &[u8]) -> Result<ApReq, Refused> {
    let kerberos = match Token::decode(token).map_err(|_| Refused::Unreadable)? {
        Token::Init(init) => init.mech_token.ok_or(Refused::Mechanism)?,
        Token::Mechanism(GssToken {
            mechanism: KERBEROS | KERBEROS_MICROSOFT,
            ..
        }) => token.to_vec(),
        Token::Mechanism(_) | Token::Resp(_) => return Err(Refused::Mechanism),
    };
    let kerberos = KerberosToken::decode(&kerberos).ok_or(Refused::Mechanism)?;
    if kerberos.id != KerberosTokenId::ApReq {
        return Err(Refused::Mechanism);
    }
    ApReq::decode(kerberos.message).map_err(|_| Refused::Unreadable)
}

/// Whether a client that says which TLS connection it is on is on this one (RFC 5929 `tls-server-end-point`), and whether one
/// may be taken that says nothing. Without TLS there is nothing to be bound to, and the layer keeps what passes.
fn bound_here(
    rule: ChannelBindings,
    bindings: Option<[u8; 16]>,
    knows: bool,
    channel: &Channel,
) -> bool {
    let said = bindings.filter(|said| *said != [0; 16]);
    match (rule, said) {
        (ChannelBindings::Never, _) => true,
        (_, Some(theirs)) => channel.bindings == Some(theirs),
        (ChannelBindings::WhenSupported, None) => !(knows && channel.encrypted),
        (ChannelBindings::Always, None) => !channel.encrypted,
    }
}

/// KERB_AP_OPTIONS_CBT ([MS-KILE] 2.2.12): the client knows of channel bindings, and would say them if it was given any.
const KNOWS_BINDINGS: u32 = 0x4000;

/// Whether the client says so, in the authorization data of its authenticator.
fn knows_bindings(accepted: &Accepted) -> bool {
    let data = accepted.authenticator.authorization_data.iter().flatten();
    let within = data.filter(|element| element.ad_type == AuthorizationDataType::AD_IF_RELEVANT);
    let mut within = within.filter_map(|element| AuthorizationData::decode(&element.ad_data).ok());
    within.any(|list| {
        list.iter().any(|element| {
            let options = element.ad_data.first_chunk::<4>();
            element.ad_type == AuthorizationDataType::AD_AUTH_DATA_AP_OPTIONS
                && options.is_some_and(|bits| u32::from_le_bytes(*bits) & KNOWS_BINDINGS != 0)
        })
    })
}

/// SPNEGO: the flags of the context say which layer holds.
fn negotiated(
    established: Established,
    proof: Option<Vec<u8>>,
    token: &[u8],
    channel: &Channel,
    view: &View<'_, '_>,
) -> Outcome {
    let has = |flag: GssFlag| established.flags & flag.0 != 0;
    // Within TLS, too: who asks for a layer wraps all that follows, and Cyrus' library asks for one there.
    let (seal, sign) = (has(GssFlag::CONF), has(GssFlag::INTEG));
    let layer = (seal || sign).then_some(seal);
    if layer.is_none() && !channel.encrypted && !view.settings.unsigned_sasl {
        return Outcome::Refused(Refused::Unprotected);
    }
    let reply = match token.first() {
        // Some send the mechanism's own token by this name.
        Some(_) if matches!(Token::decode(token), Ok(Token::Mechanism(_))) => proof,
        _ => {
            let answer = NegTokenResp {
                neg_state: Some(NegState::AcceptCompleted),
                supported_mech: Some(KERBEROS),
                response_token: proof,
                ..NegTokenResp::default()
            };
            Some(answer.encode())
        }
    };
    let layer = layer.map(|seal| {
        let context = established.context;
        Box::new(Layer { context, seal })
    });
    Outcome::Done(Box::new(established.who), reply, layer)
}

/// RFC 4752 3.1: which layers there are, and how long a message within may be. Within TLS all of them, as slapd and Active
/// Directory have it: Python's ldap3 takes an offer of none but "no layer" for a broken one.
fn offer(
    mut established: Established,
    channel: &Channel,
    view: &View<'_, '_>,
    rng: &mut dyn Rng,
) -> Outcome {
    let mut layers = SIGNED | SEALED;
    if channel.encrypted || view.settings.unsigned_sasl {
        layers |= NO_LAYER;
    }
    let [_, high, middle, low] = u32::try_from(LARGEST).unwrap_or(0).to_be_bytes();
    let offer = established
        .context
        .wrap(&[layers, high, middle, low], false, rng);
    Outcome::More(offer, Box::new(Step::Offered(established, layers)))
}

/// The next message of a bind.
pub(super) fn go_on(
    step: Box<Step>,
    token: &[u8],
    channel: &Channel,
    view: &View<'_, '_>,
    rng: &mut dyn Rng,
) -> Outcome {
    match *step {
        Step::Accepted(established) if token.is_empty() => offer(established, channel, view, rng),
        Step::Accepted(_) => Outcome::Refused(Refused::Unreadable),
        Step::Offered(mut established, layers) => {
            let Ok((choice, _)) = established.context.unwrap(token) else {
                return Outcome::Refused(Refused::Unreadable);
            };
            let [layer, _, _, _, identity @ ..] = choice.as_slice() else {
                return Outcome::Refused(Refused::Layer);
            };
            if layer.count_ones() != 1 || layer & layers == 0 {
                return Outcome::Refused(Refused::Layer);
            }
            if !is_own(identity, &established.who) {
                return Outcome::Refused(Refused::Authorization);
            }
            let Established { who, context, .. } = established;
            let seal = *layer == SEALED;
            let layer = (*layer != NO_LAYER).then(|| Box::new(Layer { context, seal }));
            Outcome::Done(Box::new(who), None, layer)
        }
    }
}

/// Whether an authorization identity is the client's own: nobody acts as somebody else here.
fn is_own(identity: &[u8], who: &Presented) -> bool {
    let Ok(text) = std::str::from_utf8(identity) else {
        return false;
    };
    let text = text.strip_prefix("u:").unwrap_or(text);
    let name = text.split('@').next().unwrap_or_default();
    text.is_empty()
        || crate::value::folded(name) == crate::value::folded(&who.account.sam)
        || who
            .account
            .upn
            .as_deref()
            .is_some_and(|upn| crate::value::folded(upn) == crate::value::folded(text))
}

#[cfg(test)]
mod tests {
    use super::super::session::Shown;
    use super::*;

    #[test]
    fn channel_bindings_are_asked_for_as_the_setting_says() {
        use ChannelBindings::{Always, Never, WhenSupported};
        let (own, another) = (Some([1; 16]), Some([2; 16]));
        let channel = |encrypted, bindings| Channel {
            from: "192.0.2.1".to_owned(),
            encrypted,
            signed: encrypted,
            start_tls: false,
            certificate: Shown::Nothing,
            bindings,
        };
        let tls = channel(true, own);
        let plain = channel(false, None);
        // A certificate whose signature has no digest that bindings are defined for.
        let nameless = channel(true, None);
        let zeros = Some([0; 16]);
        for (rule, bindings, knows, channel, expected) in [
            (Never, another, true, &tls, true),
            (Never, None, true, &tls, true),
            (WhenSupported, own, false, &tls, true),
            (WhenSupported, another, false, &tls, false),
            (WhenSupported, None, false, &tls, true),
            (WhenSupported, zeros, false, &tls, true),
            (WhenSupported, zeros, true, &tls, false),
            (WhenSupported, zeros, true, &plain, true),
            (WhenSupported, another, false, &plain, false),
            (WhenSupported, another, false, &nameless, false),
            (Always, own, false, &tls, true),
            (Always, another, false, &tls, false),
            (Always, zeros, false, &tls, false),
            (Always, None, false, &tls, false),
            (Always, None, false, &plain, true),
            (Always, None, false, &nameless, false),
        ] {
            assert_eq!(
                bound_here(rule, bindings, knows, channel),
                expected,
                "{rule:?} {bindings:?} {knows}"
            );
        }
    }
}
