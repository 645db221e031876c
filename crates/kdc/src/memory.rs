//! What a KDC remembers between two requests. All of it may be forgotten: nothing here lets anybody in.

use std::sync::Arc;

use crypto::etype::{Etype, Key, KeySchedule};
use crypto::key::PublicKey;
use crypto::signature::Verifier;
use directory::EntryId;
use directory::sources::{Source, Sources};
use ticket::{KeySet, Recent};
use trust::{Rng, Span, Timestamp};

use crate::armoring::Armoring;
use crate::refused::Refused;

/// Authenticators remembered at once. Beyond them the oldest go: a replay gives nothing to who cannot read the
/// answer.
const AUTHENTICATORS: usize = 400_000;

/// Answers remembered at once, of one or two kilobytes each.
const ANSWERS: usize = 16_000;

/// What makes an answer a long one, in bytes: a person in hundreds of groups, or authorization data that a
/// client sent along, up to the longest request.
const LONG: usize = 8 * 1024;

/// Long answers remembered at once.
const LONG_ANSWERS: usize = 512;

/// How long a datagram that is sent again gets its first answer: longer than clients try.
const ANSWERED_FOR: Span = Span::seconds(30);

/// How long it is not tried again to get what could not be got about revocation, at least.
const NOT_HAD_FOR: Span = Span::seconds(30);

/// Certificates about which this is remembered at once.
const NOT_HAD: usize = 10_000;

fn nobodys_key(etype: Etype, rng: &mut dyn Rng) -> (u32, KeySchedule) {
    (1, Key::random_to_key(etype, &rng.bytes()).into())
}

/// Keys whose private halves nobody knows: a number without known factors, and the generator of P-256.
fn nobodys_verifiers() -> Vec<Verifier> {
    /// SubjectPublicKeyInfo with rsaEncryption, up to the modulus of 2,048 bits; and what follows on it, 65,537.
    const RSA: ([u8; 33], [u8; 5]) = (
        [
            0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
            0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
            0x02, 0x82, 0x01, 0x01, 0x00,
        ],
        [0x02, 0x03, 0x01, 0x00, 0x01],
    );
    let rsa = [&RSA.0[..], &[0xc3; 256], &RSA.1].concat();
    let keys = [rsa.as_slice(), &P256_GENERATOR];
    let keys = keys
        .into_iter()
        .filter_map(|key| PublicKey::from_spki_der(key).ok());
    keys.map(Verifier::new).collect()
}

/// The generator of P-256 as a public key (FIPS 186-4 D.1.2.3).
const P256_GENERATOR: [u8; 91] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1,
    0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
    0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
    0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// A message, by the SHA-256 digest of its bytes.
pub(crate) type MessageId = [u8; 32];

/// A request as it came. One that came in armor is what was inside, with the bytes and name of what it came in.
pub(crate) struct Received<'m, M> {
    /// What it says.
    pub(crate) request: &'m M,
    /// Its bytes.
    pub(crate) bytes: &'m [u8],
    /// Which message it is.
    pub(crate) id: MessageId,
    /// From where.
    pub(crate) from: Option<Source>,
}

/// The memory of one KDC process.
pub struct Memory {
    /// Authenticators that were accepted, and the message that each came in, for twice the skew; timestamps that were
    /// counted, under themselves. Lockout bounds how many wrong ones there are.
    authenticators: Recent<MessageId>,
    /// The tickets that were given, by request.
    answers: Recent<Arc<[u8]>>,
    /// The same for long answers: few of them, so that memory stays bounded whoever asks for what.
    long_answers: Recent<Arc<[u8]>>,
    /// What could not be got about revocation, for a while.
    pub(crate) not_had: Recent<()>,
    /// The policy about armor.
    pub(crate) armoring: Armoring,
    /// Where requests come from; the directory over LDAP counts here, too.
    pub sources: Sources,
    /// Keys that are nobody's, one of each etype: what a message is tried with that there is no key for, so that it takes
    /// as long.
    pub(crate) nobodys_keys: KeySet,
    /// The same for signatures: a key by RSA and one by elliptic curves.
    pub(crate) nobodys_verifiers: Vec<Verifier>,
}

impl Memory {
    /// An empty memory for a realm with this skew.
    #[must_use]
    pub fn new(skew: Span, rng: &mut dyn Rng) -> Self {
        Self {
            authenticators: Recent::new(skew + skew, AUTHENTICATORS),
            answers: Recent::new(ANSWERED_FOR, ANSWERS),
            long_answers: Recent::new(ANSWERED_FOR, LONG_ANSWERS),
            not_had: Recent::new(NOT_HAD_FOR, NOT_HAD),
            armoring: Armoring::default(),
            nobodys_keys: KeySet::new(Etype::ALL.map(|etype| nobodys_key(etype, rng)).into()),
            nobodys_verifiers: nobodys_verifiers(),
            sources: Sources::new(rng),
        }
    }

    /// Takes an authenticator, by a digest, that came in a message. The same message again is no repetition:
    /// it is answered alike, be it that its first answer was lost, or that it is being computed.
    ///
    /// # Errors
    /// [`Refused::Repeated`] when it came in another message before (protocols E.3.1 step 5).
    pub(crate) fn take_authenticator(
        &self,
        authenticator: [u8; 32],
        message: MessageId,
        now: Timestamp,
    ) -> Result<(), Refused> {
        match self.authenticators.remember(authenticator, message, now) {
            Some(first) if first != message => Err(Refused::Repeated),
            _ => Ok(()),
        }
    }

    /// Whether what should prove something is a new attempt, or one that was counted already, be it right or wrong.
    pub(crate) fn is_first_attempt(&self, account: EntryId, sealed: &[u8], now: Timestamp) -> bool {
        let attempt = [&account.0.to_windows_bytes(), sealed].concat();
        let attempt = crypto::digest::sha256(&attempt);
        let before = self.authenticators.remember(attempt, attempt, now);
        before.is_none()
    }

    /// The answer that a message got lately, if it was a ticket.
    pub(crate) fn answer_to(&self, message: &MessageId, now: Timestamp) -> Option<Arc<[u8]>> {
        self.answers
            .find(message, now)
            .or_else(|| self.long_answers.find(message, now))
    }

    /// Remembers a ticket that was given.
    pub(crate) fn answered(&self, message: MessageId, answer: &Arc<[u8]>, now: Timestamp) {
        let answers = match answer.len() {
            ..LONG => &self.answers,
            _ => &self.long_answers,
        };
        answers.remember(message, Arc::clone(answer), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_a_key_of_each_kind() {
        let kinds = nobodys_verifiers();
        let kinds: Vec<usize> = kinds.iter().map(|one| one.key().bits()).collect();
        assert_eq!(kinds, [2_048, 256]);
    }
}
