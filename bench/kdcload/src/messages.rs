//! Requests, and what their replies must hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::aes_sha1::{CHECKSUM_TYPE, ETYPE, UsageKeys, checksum};
use crate::der::{
    Element, application, bits, context, first, general_string, generalized_time, integer, octets,
    sequence, tlv,
};
use crate::pkinit::{Agreement, KdcCertificate, Signing};

const PA_TGS_REQ: u64 = 1;
const PA_ENC_TIMESTAMP: u64 = 2;
const PA_PK_AS_REQ: u64 = 16;
const PA_PK_AS_REP: u64 = 17;
const PA_PAC_REQUEST: u64 = 128;

const AS_REQ: u8 = 10;
const TGS_REQ: u8 = 12;
const TGS_REP: u8 = 0x6d;
const KRB_ERROR: u8 = 0x7e;

const FORWARDABLE: u32 = 0x4000_0000;
const RENEWABLE_OK: u32 = 0x0000_0010;

/// Hours that a ticket is asked for.
const LIFETIME: u64 = 8 * 3600;

/// A request that waits to be sent, with what is needed to open its reply.
pub struct Request {
    pub bytes: Vec<u8>,
    nonce: u32,
    proof: Proof,
}

enum Proof {
    /// None: nothing is given for it.
    Nothing,
    Timestamp {
        key: Vec<u8>,
    },
    Signature {
        dh_nonce: Option<Vec<u8>>,
    },
    Ticket {
        session_key: Vec<u8>,
    },
}

/// What a checked reply gives.
pub struct Granted {
    pub session_key: Vec<u8>,
    pub ticket: Vec<u8>,
    /// Whether the DH secret began with a zero byte, which must count.
    pub zero_led: bool,
}

/// What every request of a run has in common.
pub struct Common {
    pub realm: String,
    /// Whether a PAC is asked for.
    pub pac: bool,
}

impl Common {
    /// An AS-REQ with an encrypted timestamp. `keys` are those of `key` for usage 1.
    pub fn timestamp(&self, client: &str, key: &[u8], keys: &UsageKeys) -> Request {
        let (body, nonce) = self.initial_body(client);
        let (time, micros) = stamp();
        let stamp = sequence(&[
            &context(0, &generalized_time(&time)),
            &context(1, &integer(micros)),
        ]);
        let proof = padata(PA_ENC_TIMESTAMP, &encrypted(&keys.encrypt(&stamp)));
        let bytes = kdc_request(AS_REQ, &[&proof, &self.pac_request()], &body);
        Request {
            bytes,
            nonce,
            proof: Proof::Timestamp { key: key.to_vec() },
        }
    }

    /// An AS-REQ without pre-authentication.
    pub fn bare(&self, client: &str) -> Request {
        let (body, nonce) = self.initial_body(client);
        Request {
            bytes: kdc_request(AS_REQ, &[&self.pac_request()], &body),
            nonce,
            proof: Proof::Nothing,
        }
    }

    /// An AS-REQ with a timestamp that no key opens: its bytes are by chance.
    pub fn guess(&self, client: &str) -> Request {
        let (body, nonce) = self.initial_body(client);
        // As long as a confounder, a timestamp with its microseconds, and a checksum.
        let proof = padata(PA_ENC_TIMESTAMP, &encrypted(&random::<56>()));
        Request {
            bytes: kdc_request(AS_REQ, &[&proof, &self.pac_request()], &body),
            nonce,
            proof: Proof::Nothing,
        }
    }

    /// An AS-REQ with a signature (PKINIT).
    pub fn signature(
        &self,
        client: &str,
        signing: &Signing,
        agreement: &Agreement,
        dh_nonce: bool,
    ) -> Request {
        let (body, nonce) = self.initial_body(client);
        let (time, micros) = stamp();
        let dh_nonce = dh_nonce.then(|| random::<32>().to_vec());
        let signed = signing.pa_pk_as_req(
            agreement,
            &body,
            nonce,
            (&time, micros),
            dh_nonce.as_deref(),
        );
        let bytes = kdc_request(
            AS_REQ,
            &[&padata(PA_PK_AS_REQ, &signed), &self.pac_request()],
            &body,
        );
        Request {
            bytes,
            nonce,
            proof: Proof::Signature { dh_nonce },
        }
    }

    /// A TGS-REQ. `keys` are those of the session key for usage 7.
    pub fn service(
        &self,
        client: &str,
        service: &[&str],
        tgt: &Granted,
        keys: &UsageKeys,
    ) -> Request {
        let nonce = nonce();
        let body = self.body(None, service, nonce, FORWARDABLE);
        let (time, micros) = stamp();
        let sum = checksum(&tgt.session_key, 6, &body);
        let sum = sequence(&[
            &context(0, &integer(CHECKSUM_TYPE)),
            &context(1, &octets(&sum)),
        ]);
        let authenticator = application(
            2,
            &sequence(&[
                &context(0, &integer(5)),
                &context(1, &general_string(&self.realm)),
                &context(2, &principal(1, &[client])),
                &context(3, &sum),
                &context(4, &integer(micros)),
                &context(5, &generalized_time(&time)),
            ]),
        );
        let shown = application(
            14,
            &sequence(&[
                &context(0, &integer(5)),
                &context(1, &integer(14)),
                &context(2, &bits(&[0; 4])),
                &context(3, &tgt.ticket),
                &context(4, &encrypted(&keys.encrypt(&authenticator))),
            ]),
        );
        let bytes = kdc_request(TGS_REQ, &[&padata(PA_TGS_REQ, &shown)], &body);
        Request {
            bytes,
            nonce,
            proof: Proof::Ticket {
                session_key: tgt.session_key.clone(),
            },
        }
    }

    fn initial_body(&self, client: &str) -> (Vec<u8>, u32) {
        let nonce = nonce();
        (
            self.body(
                Some(client),
                &["krbtgt", &self.realm],
                nonce,
                FORWARDABLE | RENEWABLE_OK,
            ),
            nonce,
        )
    }

    fn body(&self, client: Option<&str>, service: &[&str], nonce: u32, options: u32) -> Vec<u8> {
        let client = client.map(|client| context(1, &principal(1, &[client])));
        sequence(&[
            &context(0, &bits(&options.to_be_bytes())),
            &client.unwrap_or_default(),
            &context(2, &general_string(&self.realm)),
            &context(3, &principal(2, service)),
            &context(5, &generalized_time(&kerberos_time(seconds() + LIFETIME))),
            &context(7, &integer(nonce.into())),
            &context(8, &sequence(&[&integer(ETYPE)])),
        ])
    }

    fn pac_request(&self) -> Vec<u8> {
        padata(
            PA_PAC_REQUEST,
            &sequence(&[&context(0, &tlv(1, &[if self.pac { 0xff } else { 0 }]))]),
        )
    }
}

impl Request {
    /// Checks a reply fully; an error names the first thing that is wrong.
    pub fn check(
        &self,
        reply: &[u8],
        agreement: Option<&Agreement>,
        kdc: Option<&KdcCertificate>,
    ) -> Result<Granted, String> {
        let reply = first(reply).ok_or("the reply is not DER")?;
        if reply.tag == KRB_ERROR {
            return Err(said(&reply));
        }
        match &self.proof {
            Proof::Nothing => Err("an answer without a proof".to_owned()),
            Proof::Timestamp { key } => open(&reply, key, 3, self.nonce),
            Proof::Ticket { session_key } if reply.tag == TGS_REP => {
                open(&reply, session_key, 8, self.nonce)
            }
            Proof::Ticket { .. } => Err("the reply is no TGS-REP".to_owned()),
            Proof::Signature { dh_nonce } => {
                let answer = pk_as_rep(&reply).ok_or("the reply has no PA-PK-AS-REP")?;
                let agreement = agreement.ok_or("no agreement was made")?;
                let agreed = agreement.with_reply(answer, self.nonce, dh_nonce.as_deref(), kdc)?;
                let granted = open(&reply, &agreed.key, 3, self.nonce);
                if granted.is_err() && open(&reply, &agreed.cut_short, 3, self.nonce).is_ok() {
                    // Wrong all the same, but it is known what went wrong (RFC 4556 3.2.3.1).
                    return Err(
                        "the shared secret was used without its leading zero bytes".to_owned()
                    );
                }
                granted.map(|granted| Granted {
                    zero_led: agreed.zero_led,
                    ..granted
                })
            }
        }
    }
}

/// Opens the enc-part of a KDC-REP and compares the nonce.
fn open(reply: &Element<'_>, key: &[u8], usage: u32, nonce: u32) -> Result<Granted, String> {
    let whole = reply.inner().ok_or("the reply is empty")?;
    let sealed = whole.within(0xa6).ok_or("the reply has no enc-part")?;
    let etype = sealed.within(0xa0).map(|etype| etype.number());
    if etype != Some(ETYPE) {
        return Err(format!("the enc-part has etype {etype:?}"));
    }
    let cipher = sealed.within(0xa2).ok_or("the enc-part has no cipher")?;
    let plain = UsageKeys::new(key, usage)
        .decrypt(cipher.body)
        .ok_or("the enc-part does not open")?;
    let part = first(&plain)
        .and_then(|part| part.inner())
        .ok_or("the enc-part holds no EncKDCRepPart")?;
    let repeated = part
        .within(0xa2)
        .ok_or("the enc-part has no nonce")?
        .number();
    if repeated & 0xffff_ffff != u64::from(nonce) {
        return Err("the nonce is another".to_owned());
    }
    let session_key = part
        .within(0xa0)
        .and_then(|key| key.within(0xa1))
        .ok_or("the enc-part has no key")?;
    let ticket = whole.child(0xa5).ok_or("the reply has no ticket")?;
    Ok(Granted {
        session_key: session_key.body.to_vec(),
        ticket: ticket.body.to_vec(),
        zero_led: false,
    })
}

fn pk_as_rep<'a>(reply: &Element<'a>) -> Option<&'a [u8]> {
    let all = reply.inner()?.within(0xa2)?.children();
    let is_answer = |one: &&Element<'a>| {
        one.within(0xa1)
            .is_some_and(|kind| kind.number() == PA_PK_AS_REP)
    };
    Some(all.iter().find(is_answer)?.within(0xa2)?.body)
}

fn said(error: &Element<'_>) -> String {
    let code = error
        .inner()
        .and_then(|error| error.within(0xa6))
        .map_or(0, |code| code.number());
    format!("KRB-ERROR {code}")
}

fn kdc_request(number: u8, all: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let kind = context(2, &integer(number.into()));
    let padata = context(3, &sequence(all));
    application(
        number,
        &sequence(&[&context(1, &integer(5)), &kind, &padata, &context(4, body)]),
    )
}

fn principal(kind: u64, parts: &[&str]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| general_string(part)).collect();
    sequence(&[&context(0, &integer(kind)), &context(1, &tlv(0x30, &parts))])
}

fn padata(kind: u64, value: &[u8]) -> Vec<u8> {
    sequence(&[&context(1, &integer(kind)), &context(2, &octets(value))])
}

fn encrypted(cipher: &[u8]) -> Vec<u8> {
    sequence(&[&context(0, &integer(ETYPE)), &context(2, &octets(cipher))])
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes).expect("random bytes");
    bytes
}

fn nonce() -> u32 {
    u32::from_be_bytes(random()) & 0x7fff_ffff | 1
}

fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A time of now, with microseconds that no other request of this run has: no cache may answer for the KDC.
fn stamp() -> (String, u64) {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    (
        kerberos_time(seconds() - serial / 1_000_000),
        serial % 1_000_000,
    )
}

/// Seconds since 1970 as KerberosTime.
fn kerberos_time(seconds: u64) -> String {
    // Civil from days, with March as the first month of the year, so that the leap day comes last.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        assert_eq!(kerberos_time(0), "19700101000000Z");
        assert_eq!(kerberos_time(951_868_799), "20000229235959Z");
        assert_eq!(kerberos_time(1_795_262_400), "20261121120000Z");
    }
}
