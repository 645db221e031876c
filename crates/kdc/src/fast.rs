//! FAST: requests and answers under an armor key (RFC 6113 5.4, protocols E.7).
//!
//! The armor key of an AS-REQ comes of a ticket-granting ticket that is shown with it, the machine's as a rule; that of a
//! TGS-REQ of the ticket and subkey that the request rests on. What is asked is what stands inside; of what stands
//! outside nothing is believed. Whoever answers from inside says everything inside, a refusal, too: outside they have one
//! code, but for those that ask for a proof and for TCP, and nearly all of them one length.
//!
//! The authenticator of armor may come again: clients show the same one throughout an exchange, and who does not know
//! its subkey can make nothing with it.

use crypto::etype::Key;
use ticket::Accepted;
use trust::{Rng, Timestamp};
use wire::kerberos::{
    ANONYMOUS_REALM, ApReq, AsReq, AuthorizationData, AuthorizationDataType, Checksum,
    ChecksumType, ErrorCode, FastArmorType, FastOptions, KdcReq, KeyUsage, KrbError,
    KrbFastArmoredRep, KrbFastArmoredReq, KrbFastFinished, KrbFastReq, KrbFastResponse, MethodData,
    Microseconds, PaData, PaDataType, PaFxFastReply, PaFxFastRequest, PrincipalName, Realm, TgsReq,
    Ticket,
};

use crate::View;
use crate::anonymous;
use crate::issue;
use crate::lifetime::kerberos_time;
use crate::refused::Refused;
use crate::reply::Data;
use crate::tgs_exchange;

/// The options that we know.
const KNOWN: FastOptions = FastOptions::HIDE_CLIENT_NAMES;

/// What clients send back with their next request. Nothing need be remembered, so it says nothing; MIT's client does
/// not go on without one.
const COOKIE: &[u8] = b"keyporch";

/// Refusals inside are filled up to a multiple of this, in bytes, so that from outside one looks like another.
const FILLED_TO: usize = 1_024;

/// Pre-authentication data of no meaning, to fill with.
const FILLING: PaDataType = PaDataType(0);

/// The armor of one exchange.
pub(crate) struct Armor {
    key: Key,
    hides_client: bool,
    /// The nonce of the request inside.
    nonce: u32,
    /// Whose ticket it was made of; none where it is the client's own, in the TGS exchange.
    pub(crate) holder: Option<String>,
}

/// An armored request, opened.
pub(crate) struct Opened<const TYPE: i32> {
    /// Its armor.
    pub(crate) armor: Armor,
    /// What is asked.
    pub(crate) request: KdcReq<TYPE>,
    /// Why it is refused before it is looked at.
    pub(crate) flaw: Option<Refused>,
}

/// An armor key, and whose ticket it was made of.
struct Forged {
    key: Key,
    holder: Option<String>,
}

/// Opens an armored AS-REQ.
///
/// # Errors
/// [`Refused`], where there is no armor to answer under.
pub(crate) fn open_initial(
    padata: &[u8],
    outer: &AsReq,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Opened<10>, Refused> {
    let PaFxFastRequest::ArmoredData(armored) =
        PaFxFastRequest::decode(padata).map_err(|_| Refused::Malformed)?;
    let armor = armored.armor.as_ref();
    let armor = armor
        .filter(|armor| armor.armor_type == FastArmorType::FX_FAST_ARMOR_AP_REQUEST)
        .ok_or(Refused::ArmorMissing)?;
    let shown = ApReq::decode(&armor.armor_value).map_err(|_| Refused::Malformed)?;
    let forged = of_ticket(&shown, view, now).map_err(|refused| match refused {
        Refused::Fault => Refused::Fault,
        refused => Refused::Armor(Box::new(refused)),
    })?;
    open(&armored, forged, outer.req_body.as_bytes())
}

/// Opens a TGS-REQ, if it is armored. `accepted` is the ticket that it rests on.
///
/// # Errors
/// [`Refused`], where there is no armor to answer under, or an authenticator says that there was.
pub(crate) fn open_granting(
    outer: &TgsReq,
    accepted: &Accepted,
) -> Result<Option<Opened<12>>, Refused> {
    let Some(padata) = outer.find_padata(PaDataType::FX_FAST) else {
        // Somebody on the way took the armor off (RFC 6113 5.4.2).
        let authenticator = accepted.authenticator.authorization_data.as_ref();
        let used = has(authenticator, AuthorizationDataType::AD_FX_FAST_USED);
        return match used {
            true => Err(Refused::ArmorTakenOff),
            false => Ok(None),
        };
    };
    let PaFxFastRequest::ArmoredData(armored) =
        PaFxFastRequest::decode(padata).map_err(|_| Refused::Malformed)?;
    if armored.armor.is_some() {
        return Err(Refused::ArmorOfItsOwn);
    }
    let shown = outer.find_padata(PaDataType::TGS_REQ);
    let forged = Forged {
        key: armor_key(accepted)?,
        holder: None,
    };
    open(&armored, forged, shown.ok_or(Refused::NoTgt)?).map(Some)
}

/// Judges whether a ticket-granting ticket gets other tickets: neither it nor its authenticator may say that it is for
/// armor alone (RFC 6113 5.4.1.1).
///
/// # Errors
/// [`Refused::ArmorAlone`].
pub(crate) fn check_not_armor(accepted: &Accepted) -> Result<(), Refused> {
    let ticket = accepted.ticket.authorization_data.as_ref();
    let authenticator = accepted.authenticator.authorization_data.as_ref();
    let kind = AuthorizationDataType::AD_FX_FAST_ARMOR;
    match has(ticket, kind) || has(authenticator, kind) {
        true => Err(Refused::ArmorAlone),
        false => Ok(()),
    }
}

/// The armor key of a ticket-granting ticket of this realm, which must be as good as for getting other tickets: opened,
/// shown by who knows its session key, now, and with what got it still there.
fn of_ticket(shown: &ApReq, view: &View<'_>, now: Timestamp) -> Result<Forged, Refused> {
    if shown.ticket.realm != view.realm.name || !view.realm.is_krbtgt(&shown.ticket.sname) {
        return Err(Refused::NotUs);
    }
    let krbtgt = view.krbtgt()?;
    let (usage, skew) = (KeyUsage::AP_REQ_AUTHENTICATOR, view.realm.lifetimes.skew);
    let (accepted, key) = ticket::judge(shown, &krbtgt.keys, usage, skew, now)?;
    let part = &accepted.ticket;
    let holder = match anonymous::is_anonymous(part, view.realm)? {
        true => part.cname.to_string(),
        false => {
            let mut progress = tgs_exchange::Progress::default();
            let (.., account) =
                tgs_exchange::believe(part, key, &krbtgt, &mut progress, view, now)?;
            account.sam.clone()
        }
    };
    Ok(Forged {
        key: armor_key(&accepted)?,
        holder: Some(holder),
    })
}

/// RFC 6113 5.4.1.1. The subkey must be there, or two armors of one ticket had one key.
fn armor_key(accepted: &Accepted) -> Result<Key, Refused> {
    let subkey = issue::subkey(accepted)?.ok_or(Refused::ArmorWithoutSubkey)?;
    Ok(subkey.combine(&accepted.session_key, b"subkeyarmor", b"ticketarmor"))
}

fn open<const TYPE: i32>(
    armored: &KrbFastArmoredReq,
    forged: Forged,
    covered: &[u8],
) -> Result<Opened<TYPE>, Refused> {
    let key = forged.key;
    let opened = key
        .decrypt(KeyUsage::FAST_ENC, &armored.enc_fast_req.cipher)
        .map_err(|_| Refused::ArmoredBadIntegrity)?;
    let inner = KrbFastReq::decode(&opened).map_err(|_| Refused::Malformed)?;
    let flaw = check(&key, &armored.req_checksum, covered)
        .and_then(|()| {
            let unknown = inner.fast_options.unknown_critical(KNOWN);
            match unknown == FastOptions::NONE {
                true => Ok(()),
                false => Err(Refused::FastOptionUnknown),
            }
        })
        .err();
    Ok(Opened {
        armor: Armor {
            key,
            hides_client: inner.fast_options.contains(FastOptions::HIDE_CLIENT_NAMES),
            nonce: inner.req_body.nonce.into(),
            holder: forged.holder,
        },
        request: KdcReq::with_encoded_body(inner.padata, inner.req_body),
        flaw,
    })
}

/// The checksum binds what is inside to what it came in.
fn check(key: &Key, checksum: &Checksum, covered: &[u8]) -> Result<(), Refused> {
    if checksum.cksumtype.0 != key.etype().checksum_type() {
        return Err(Refused::ArmoredChecksumType);
    }
    key.verify_checksum(KeyUsage::FAST_REQ_CHECKSUM, covered, &checksum.checksum)
        .map_err(|_| Refused::ArmoredModified)
}

/// Whether there is an element of this type, at the top or in AD-IF-RELEVANT.
fn has(data: Option<&AuthorizationData>, kind: AuthorizationDataType) -> bool {
    data.into_iter().flatten().any(|element| {
        element.ad_type == kind
            || element.ad_type == AuthorizationDataType::AD_IF_RELEVANT
                && AuthorizationData::decode(&element.ad_data)
                    .is_ok_and(|inner| inner.iter().any(|element| element.ad_type == kind))
    })
}

/// The client as the reply outside of the armor names it.
pub(crate) struct Shown {
    pub(crate) realm: Realm,
    pub(crate) name: PrincipalName,
}

impl Armor {
    /// The armor key.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The reply key, strengthened, and what stands outside in place of `padata` (RFC 6113 5.4.3).
    pub(crate) fn seal(
        &self,
        padata: MethodData,
        reply_key: &Key,
        ticket: &Ticket,
        client: &Shown,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> (MethodData, Key) {
        let strengthen = issue::session_key(reply_key.etype(), rng);
        let usage = KeyUsage::FAST_FINISHED;
        let response = KrbFastResponse {
            padata,
            strengthen_key: Some(issue::key_of(&strengthen)),
            finished: Some(KrbFastFinished {
                timestamp: kerberos_time(now),
                usec: Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
                crealm: client.realm.clone(),
                cname: client.name.clone(),
                ticket_checksum: Checksum {
                    cksumtype: ChecksumType(self.key.etype().checksum_type()),
                    checksum: self.key.checksum(usage, &ticket.encode()).to_vec(),
                },
                extensions: wire::asn1::Extensions::NONE,
            }),
            nonce: self.nonce.into(),
            extensions: wire::asn1::Extensions::NONE,
        };
        let key = strengthen.combine(reply_key, b"strengthenkey", b"replykey");
        ([self.wrap(&response.encode(), rng)].into(), key)
    }

    /// The client as it may be named outside.
    pub(crate) fn shown(&self, client: Shown) -> Shown {
        match self.hides_client {
            true => Shown {
                realm: Realm::from(ANONYMOUS_REALM),
                name: PrincipalName::anonymous(),
            },
            false => client,
        }
    }

    /// A refusal (RFC 6113 5.4.4): `error` and its data inside, and outside nothing but that there is one, or that the
    /// client has not proven itself yet.
    pub(crate) fn refusal(
        &self,
        mut error: KrbError,
        data: Option<Data>,
        view: &View<'_>,
        rng: &mut dyn Rng,
    ) -> Vec<u8> {
        // What a client is to do next, the next message shows anyhow; Heimdal's 7.8 looks for it outside.
        let outside = match error.error_code {
            code @ ErrorCode::KDC_ERR_PREAUTH_REQUIRED => code,
            // Whoever carries the message looks for this, and sees no further than here.
            code @ ErrorCode::KRB_ERR_RESPONSE_TOO_BIG => code,
            _ => ErrorCode::KRB_ERR_GENERIC,
        };
        let mut outer = KrbError::new(
            outside,
            error.stime,
            error.susec,
            view.realm.name.clone(),
            view.realm.krbtgt(),
        );
        error.e_data = None;
        let mut padata = vec![PaData::new(PaDataType::FX_ERROR, error.encode())];
        if let Some(data) = data {
            padata.extend(data.into_padata());
            padata.push(PaData::new(PaDataType::FX_COOKIE, COOKIE));
        }
        let response = self.filled(padata);
        outer.e_data = Some(MethodData::from([self.wrap(&response, rng)]).encode());
        outer.encode()
    }

    /// The response with these, of a length that does not tell what they are.
    fn filled(&self, padata: Vec<PaData>) -> zeroize::Zeroizing<Vec<u8>> {
        let encode = |filling: usize| {
            let mut padata = padata.clone();
            padata.push(PaData::new(FILLING, vec![0; filling]));
            KrbFastResponse {
                padata: padata.into(),
                strengthen_key: None,
                finished: None,
                nonce: self.nonce.into(),
                extensions: wire::asn1::Extensions::NONE,
            }
            .encode()
        };
        // Of at least this many bytes, so that the lengths before them are as long each time.
        let least = 256;
        let bare = encode(least);
        encode(least + bare.len().next_multiple_of(FILLED_TO) - bare.len())
    }

    fn wrap(&self, response: &[u8], rng: &mut dyn Rng) -> PaData {
        let reply = PaFxFastReply::ArmoredData(KrbFastArmoredRep {
            enc_fast_rep: issue::encrypt(&self.key, KeyUsage::FAST_REP, response, rng),
            extensions: wire::asn1::Extensions::NONE,
        });
        PaData::new(PaDataType::FX_FAST, reply.encode())
    }
}
