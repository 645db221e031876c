//! The security context that an AP exchange establishes for GSS-API, and the tokens that keep its messages (RFC 4121 4.2).

use crypto::etype::{Key, KeySchedule};
use trust::Rng;
use wire::kerberos::KeyUsage;
use wire::spnego::GssChecksum;

use crate::accept::Accepted;

/// `05 04`: a token of GSS_Wrap.
const WRAP: [u8; 2] = [5, 4];

/// The length of a token's header.
const HEADER: usize = 16;

/// The sender accepted the context.
const SENT_BY_ACCEPTOR: u8 = 1;
/// The message is encrypted.
const SEALED: u8 = 2;
/// The key is one that the acceptor chose.
const ACCEPTOR_SUBKEY: u8 = 4;

/// The type of the checksum by which an initiator says what it wants (RFC 4121 4.1.1).
const GSS_CHECKSUM: i32 = 0x8003;

/// A token is not the peer's next one, or was changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not the next one of this context")]
pub struct Broken;

/// Which side of a context somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who began.
    Initiator,
    /// Who was asked.
    Acceptor,
}

/// An established context, from one side.
pub struct Context {
    side: Side,
    key: KeySchedule,
    next_sent: u64,
    next_received: u64,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// A context with the key and the first sequence number of an AP exchange, which both sides use.
    #[must_use]
    pub fn new(side: Side, key: Key, sequence: u32) -> Self {
        Self {
            side,
            key: KeySchedule::new(key),
            next_sent: sequence.into(),
            next_received: sequence.into(),
        }
    }

    /// The acceptor's context, once the client was accepted: its key is the client's subkey, or else the session key.
    /// `None` where the subkey is of an etype that is not ours.
    #[must_use]
    pub fn accepted(accepted: &Accepted) -> Option<Self> {
        let key = match &accepted.authenticator.subkey {
            Some(subkey) => {
                let etype = crypto::etype::Etype::from_number(subkey.keytype.0)?;
                Key::new(etype, &subkey.keyvalue).ok()?
            }
            None => accepted.session_key.clone(),
        };
        let sequence = accepted
            .authenticator
            .seq_number
            .map_or(0, |number| number.0);
        Some(Self::new(Side::Acceptor, key, sequence))
    }

    /// A token for the peer with a message: encrypted where `seal` says so, and protected against changes anyway.
    #[must_use]
    pub fn wrap(&mut self, message: &[u8], seal: bool, rng: &mut dyn Rng) -> Vec<u8> {
        let sequence = self.next_sent;
        self.next_sent = self.next_sent.wrapping_add(1);
        let own = match self.side {
            Side::Acceptor => SENT_BY_ACCEPTOR,
            Side::Initiator => 0,
        };
        let usage = usage(self.side);
        if seal {
            let header = header(own | SEALED, 0, 0, sequence);
            let plain = zeroize::Zeroizing::new([message, &header].concat());
            let mut token = header.to_vec();
            self.key
                .encrypt_into(usage, &rng.bytes(), &plain, &mut token);
            return token;
        }
        let bare = header(own, 0, 0, sequence);
        let checksum = self.key.checksum(usage, &[message, &bare].concat());
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a checksum has 24 bytes at most"
        )]
        let extra = checksum.len() as u16;
        [&header(own, extra, 0, sequence), message, &checksum].concat()
    }

    /// The message in the peer's next token, and whether it was encrypted.
    ///
    /// # Errors
    /// [`Broken`]. The context is of no use any more then: nobody knows what the peer takes for sent.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<(Vec<u8>, bool), Broken> {
        let (header_bytes, body) = token.split_first_chunk::<HEADER>().ok_or(Broken)?;
        let [t0, t1, flags, filler, e0, e1, r0, r1, sequence @ ..] = *header_bytes;
        let extra = u16::from_be_bytes([e0, e1]);
        let rotation = usize::from(u16::from_be_bytes([r0, r1]));
        let sequence = u64::from_be_bytes(sequence);
        let theirs = match self.side {
            Side::Acceptor => 0,
            Side::Initiator => SENT_BY_ACCEPTOR,
        };
        let known = flags & !(SEALED | SENT_BY_ACCEPTOR) == 0;
        let from_peer = flags & SENT_BY_ACCEPTOR == theirs;
        // No acceptor here chooses a subkey.
        let without_subkey = flags & ACCEPTOR_SUBKEY == 0;
        if [t0, t1] != WRAP || filler != 0xff || !known || !from_peer || !without_subkey {
            return Err(Broken);
        }
        if sequence != self.next_received {
            return Err(Broken);
        }
        let other = match self.side {
            Side::Acceptor => Side::Initiator,
            Side::Initiator => Side::Acceptor,
        };
        let usage = usage(other);
        let mut body = body.to_vec();
        if !body.is_empty() {
            let places = rotation % body.len();
            body.rotate_left(places);
        }
        let sealed = flags & SEALED != 0;
        let message = if sealed {
            let plain = self.key.decrypt(usage, &body).map_err(|_| Broken)?;
            let (rest, inner) = plain.split_last_chunk::<HEADER>().ok_or(Broken)?;
            // The header inside is the one outside, without its rotation.
            if *inner != header(flags, extra, 0, sequence) {
                return Err(Broken);
            }
            let length = rest.len().checked_sub(usize::from(extra)).ok_or(Broken)?;
            rest.get(..length).ok_or(Broken)?.to_vec()
        } else {
            let length = body.len().checked_sub(usize::from(extra)).ok_or(Broken)?;
            let (message, checksum) = body.split_at_checked(length).ok_or(Broken)?;
            let bare = header(flags, 0, 0, sequence);
            self.key
                .verify_checksum(usage, &[message, &bare].concat(), checksum)
                .map_err(|_| Broken)?;
            message.to_vec()
        };
        self.next_received = self.next_received.wrapping_add(1);
        Ok((message, sealed))
    }
}

fn usage(sender: Side) -> KeyUsage {
    match sender {
        Side::Acceptor => KeyUsage::GSS_ACCEPTOR_SEAL,
        Side::Initiator => KeyUsage::GSS_INITIATOR_SEAL,
    }
}

fn header(flags: u8, extra: u16, rotation: u16, sequence: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&WRAP);
    header[2] = flags;
    header[3] = 0xff;
    header[4..6].copy_from_slice(&extra.to_be_bytes());
    header[6..8].copy_from_slice(&rotation.to_be_bytes());
    header[8..].copy_from_slice(&sequence.to_be_bytes());
    header
}

/// What the initiator says of the context it wants (RFC 4121 4.1.1); `None` where it says nothing in that form.
#[must_use]
pub fn wanted(accepted: &Accepted) -> Option<GssChecksum> {
    let checksum = accepted.authenticator.cksum.as_ref()?;
    if checksum.cksumtype.0 != GSS_CHECKSUM {
        return None;
    }
    GssChecksum::decode(&checksum.checksum)
}

#[cfg(test)]
mod tests {
    use crypto::etype::Etype;
    use trust::SystemRng;

    use super::*;

    fn pair() -> (Context, Context) {
        let key = || Key::new(Etype::Aes256CtsHmacSha384_192, &[7; 32]).unwrap();
        (
            Context::new(Side::Initiator, key(), u32::MAX),
            Context::new(Side::Acceptor, key(), u32::MAX),
        )
    }

    #[test]
    fn messages_come_back_both_ways_sealed_and_signed_and_in_their_order() {
        let (mut client, mut server) = pair();
        for seal in [true, false, true] {
            for message in [&b"a message"[..], b"", &[0; 70_000]] {
                let token = client.wrap(message, seal, &mut SystemRng);
                assert_eq!(server.unwrap(&token), Ok((message.to_vec(), seal)));
                assert_eq!(server.unwrap(&token), Err(Broken), "once");
                let token = server.wrap(message, seal, &mut SystemRng);
                assert_eq!(client.unwrap(&token), Ok((message.to_vec(), seal)));
            }
        }
        let first = client.wrap(b"first", true, &mut SystemRng);
        let second = client.wrap(b"second", true, &mut SystemRng);
        assert_eq!(server.unwrap(&second), Err(Broken));
        assert!(server.unwrap(&first).is_ok());
    }

    #[test]
    fn a_token_that_was_turned_is_turned_back() {
        let (mut client, mut server) = pair();
        for seal in [true, false] {
            let mut token = client.wrap(b"turned", seal, &mut SystemRng);
            let (_, body) = token.split_at_mut(HEADER);
            body.rotate_right(28);
            token[6..8].copy_from_slice(&28_u16.to_be_bytes());
            assert_eq!(server.unwrap(&token), Ok((b"turned".to_vec(), seal)));
        }
    }

    #[test]
    fn no_changed_bit_is_taken() {
        for seal in [true, false] {
            let (mut client, _) = pair();
            let token = client.wrap(b"message", seal, &mut SystemRng);
            for place in 0..token.len() * 8 {
                // A rotation by a whole turn of the body is none.
                let (_, mut server) = pair();
                let mut changed = token.clone();
                changed[place / 8] ^= 1 << (place % 8);
                assert_eq!(server.unwrap(&changed), Err(Broken), "{seal} {place}");
            }
            for end in 0..token.len() {
                let (_, mut server) = pair();
                assert_eq!(server.unwrap(&token[..end]), Err(Broken));
            }
        }
        // What one's own side sent is not the peer's.
        let (mut client, mut server) = pair();
        let token = server.wrap(b"message", true, &mut SystemRng);
        assert_eq!(server.unwrap(&token), Err(Broken));
        let token = client.wrap(b"message", true, &mut SystemRng);
        assert_eq!(client.unwrap(&token), Err(Broken));
    }
}
