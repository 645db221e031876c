//! The text of a primary refresh token.
//!
//! `1.` and 107 characters: the tenant, the account, the row, a secret. The first three find the row and prove nothing. Known
//! clients take a token without a dot for base64 and open it (protocols A.7.3), hence the `1.`.

use base64ct::{Base64UrlUnpadded, Encoding};
use token::secret::{Digest, Purpose};
use trust::Rng;
use wire::Guid;
use zeroize::{Zeroize, Zeroizing};

const PREFIX: &str = "1.";
const LENGTH: usize = 3 * 16 + 32;

/// What stands in the text.
pub(crate) struct PrtText {
    pub(crate) tenant: Guid,
    pub(crate) account: Guid,
    pub(crate) id: Guid,
    secret: Zeroizing<[u8; 32]>,
}

impl PrtText {
    /// A new one of an account.
    pub(crate) fn draw(tenant: Guid, account: Guid, rng: &mut dyn Rng) -> Self {
        Self {
            tenant,
            account,
            id: Guid::from_random(rng.bytes()),
            secret: Zeroizing::new(rng.bytes()),
        }
    }

    /// Reads the text; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        let read = Base64UrlUnpadded::decode(text.strip_prefix(PREFIX)?, &mut *bytes);
        if read.map(<[u8]>::len) != Ok(LENGTH) {
            return None;
        }
        let (tenant, rest) = bytes.split_first_chunk::<16>()?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let secret = rest.first_chunk::<32>()?;
        Some(Self {
            tenant: Guid::from_bytes(*tenant),
            account: Guid::from_bytes(*account),
            id: Guid::from_bytes(*id),
            secret: Zeroizing::new(*secret),
        })
    }

    /// The text, for the device.
    pub(crate) fn reveal(&self) -> String {
        let guids = [self.tenant, self.account, self.id].map(Guid::to_bytes);
        let mut bytes = Zeroizing::new(guids.concat());
        bytes.extend_from_slice(&*self.secret);
        let text = PREFIX.to_owned() + &Base64UrlUnpadded::encode_string(&bytes);
        bytes.zeroize();
        text
    }

    /// What rests of the secret.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(Purpose::PrimaryRefreshToken, &*self.secret)
    }
}

impl core::fmt::Debug for PrtText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PrtText")
            .field("account", &self.account)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use directory::testing::Seeded;

    use super::*;

    #[test]
    fn a_text_reads_as_it_was_written() {
        let mut rng = Seeded::new(3);
        let [tenant, account] = [1, 2].map(|byte| Guid::from_random([byte; 16]));
        let drawn = PrtText::draw(tenant, account, &mut rng);
        let text = drawn.reveal();
        assert_eq!((text.len(), &text[..2]), (109, "1."));
        let read = PrtText::parse(&text).unwrap();
        assert_eq!((read.tenant, read.account), (tenant, account));
        assert_eq!(read.id, drawn.id);
        assert!(read.digest().same(&drawn.digest()));
        assert!(!format!("{read:?}").contains(&text[80..]));
    }

    #[test]
    fn refuses_other_texts() {
        let text = PrtText::draw(Guid::NIL, Guid::NIL, &mut Seeded::new(3)).reveal();
        let shorter = &text[..108];
        let longer = format!("{text}A");
        let other = text.replacen("1.", "0.", 1);
        for wrong in ["", "1.", shorter, &longer, &other, &text[2..]] {
            assert!(PrtText::parse(wrong).is_none(), "{wrong}");
        }
    }
}
