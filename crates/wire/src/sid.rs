//! Security identifiers (MS-DTYP 2.4.2).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A security identifier (MS-DTYP 2.4.2): who somebody is to every access decision.
///
/// ```text
/// typedef struct _SID {
///   UCHAR Revision;                            // 1
///   UCHAR SubAuthorityCount;                   // 1 to 15
///   SID_IDENTIFIER_AUTHORITY IdentifierAuthority; // six bytes, big-endian
///   ULONG SubAuthority[];                      // little-endian
/// } SID;
/// ```
///
/// A domain account's SID is the domain's SID followed by a relative identifier (RID). The text form,
/// [`fmt::Display`] and in serde alike, is `S-1-5-21-…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    authority: u64,
    /// Places past `count` are zero, so that derived comparisons see only what counts.
    sub_authorities: [u32; Sid::MAX_SUB_AUTHORITIES],
    count: u8,
}

/// Why bytes, a text or parts are not a SID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSid {
    /// The revision is not 1.
    #[error("the SID's revision is not 1")]
    Revision,
    /// There is no sub-authority, or there are more than fifteen.
    #[error("a SID has 1 to 15 sub-authorities")]
    SubAuthorityCount,
    /// The bytes are fewer or more than the sub-authority count says.
    #[error("the SID's length does not match its sub-authority count")]
    Length,
    /// The authority does not fit in 48 bits.
    #[error("the SID's authority does not fit in 48 bits")]
    Authority,
    /// The text is not of the form `S-1-…`.
    #[error("not a SID: expected S-1-authority-subauthority-…")]
    Text,
}

impl Sid {
    /// The largest number of sub-authorities (MS-DTYP 2.4.2.2).
    pub const MAX_SUB_AUTHORITIES: usize = 15;

    /// `S-1-1-0`, everyone.
    pub const EVERYONE: Sid = Sid::well_known(1, [0]);
    /// `S-1-5-7`, someone who did not authenticate.
    pub const ANONYMOUS: Sid = Sid::well_known(5, [7]);
    /// `S-1-5-9`, the forest's domain controllers.
    pub const ENTERPRISE_DOMAIN_CONTROLLERS: Sid = Sid::well_known(5, [9]);
    /// `S-1-5-10`, in an access list: the object itself.
    pub const PRINCIPAL_SELF: Sid = Sid::well_known(5, [10]);
    /// `S-1-5-11`, everyone who authenticated.
    pub const AUTHENTICATED_USERS: Sid = Sid::well_known(5, [11]);
    /// `S-1-5-18`, the operating system itself.
    pub const LOCAL_SYSTEM: Sid = Sid::well_known(5, [18]);
    /// `S-1-5-32-544`, the built-in Administrators.
    pub const BUILTIN_ADMINISTRATORS: Sid = Sid::well_known(5, [32, 544]);
    /// `S-1-5-32-545`, the built-in Users.
    pub const BUILTIN_USERS: Sid = Sid::well_known(5, [32, 545]);
    /// `S-1-18-1`: the client proved possession of its credentials to the KDC.
    pub const AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY: Sid = Sid::well_known(18, [1]);
    /// `S-1-18-2`: a service asserted the client's identity (S4U).
    pub const SERVICE_ASSERTED_IDENTITY: Sid = Sid::well_known(18, [2]);
    /// `S-1-18-3`: the client's PKINIT request carried a fresh token (RFC 8070).
    pub const FRESH_PUBLIC_KEY_IDENTITY: Sid = Sid::well_known(18, [3]);
    /// `S-1-18-4`: the client signed in by a key listed on its account (key trust).
    pub const KEY_TRUST_IDENTITY: Sid = Sid::well_known(18, [4]);
    /// `S-1-18-5`: the key was registered with a second factor.
    pub const KEY_PROPERTY_MFA: Sid = Sid::well_known(18, [5]);
    /// `S-1-18-6`: the key was attested when it was registered.
    pub const KEY_PROPERTY_ATTESTATION: Sid = Sid::well_known(18, [6]);

    /// A SID of parts known when this was written. Panics, at compile time, when they are not a SID.
    const fn well_known<const N: usize>(authority: u64, parts: [u32; N]) -> Sid {
        assert!(N >= 1 && N <= Sid::MAX_SUB_AUTHORITIES);
        let mut sub_authorities = [0; Sid::MAX_SUB_AUTHORITIES];
        let mut position = 0;
        while position < N {
            sub_authorities[position] = parts[position];
            position += 1;
        }
        Sid {
            authority,
            sub_authorities,
            count: N as u8,
        }
    }

    /// From an identifier authority (48 bits) and one to fifteen sub-authorities.
    ///
    /// # Errors
    /// [`InvalidSid::Authority`] or [`InvalidSid::SubAuthorityCount`] when they are out of range.
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Result<Sid, InvalidSid> {
        if authority >> 48 != 0 {
            return Err(InvalidSid::Authority);
        }
        let mut parts = [0; Sid::MAX_SUB_AUTHORITIES];
        let place = parts
            .get_mut(..sub_authorities.len())
            .ok_or(InvalidSid::SubAuthorityCount)?;
        if place.is_empty() {
            return Err(InvalidSid::SubAuthorityCount);
        }
        place.copy_from_slice(sub_authorities);
        Ok(Sid {
            authority,
            sub_authorities: parts,
            count: sub_authorities.len() as u8,
        })
    }

    /// The SID of a domain, `S-1-5-21-a-b-c`.
    #[must_use]
    pub const fn domain_of(parts: [u32; 3]) -> Sid {
        Sid::well_known(5, [21, parts[0], parts[1], parts[2]])
    }

    /// The identifier authority, a number of 48 bits; 5 is "NT authority".
    #[must_use]
    pub const fn authority(&self) -> u64 {
        self.authority
    }

    /// The sub-authorities, one to fifteen; the last is the RID.
    #[must_use]
    pub fn sub_authorities(&self) -> &[u32] {
        self.sub_authorities
            .get(..usize::from(self.count))
            .unwrap_or_default()
    }

    /// The relative identifier: the last sub-authority.
    #[must_use]
    pub fn rid(&self) -> u32 {
        self.sub_authorities().last().copied().unwrap_or_default()
    }

    /// This SID with `rid` appended; `None` when it has fifteen sub-authorities already.
    #[must_use]
    pub fn with_rid(&self, rid: u32) -> Option<Sid> {
        let mut longer = *self;
        *longer.sub_authorities.get_mut(usize::from(self.count))? = rid;
        longer.count += 1;
        Some(longer)
    }

    /// This SID without its RID, which for an account is its domain; `None` when nothing would be left.
    #[must_use]
    pub fn domain(&self) -> Option<Sid> {
        let (_, rest) = self.sub_authorities().split_last()?;
        Sid::new(self.authority, rest).ok()
    }

    /// Whether this is `domain` with one RID after it.
    #[must_use]
    pub fn is_in(&self, domain: &Sid) -> bool {
        self.domain().as_ref() == Some(domain)
    }

    /// From the binary form, all of `bytes` and no more.
    ///
    /// # Errors
    /// [`InvalidSid`] with what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sid, InvalidSid> {
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or(InvalidSid::Length)?;
        let [revision, count, authority @ ..] = *head;
        if revision != 1 {
            return Err(InvalidSid::Revision);
        }
        if count == 0 || usize::from(count) > Sid::MAX_SUB_AUTHORITIES {
            return Err(InvalidSid::SubAuthorityCount);
        }
        let (parts, odd) = rest.as_chunks::<4>();
        if parts.len() != usize::from(count) || !odd.is_empty() {
            return Err(InvalidSid::Length);
        }
        let mut sid = Sid {
            authority: authority
                .iter()
                .fold(0, |value, &byte| (value << 8) | u64::from(byte)),
            sub_authorities: [0; Sid::MAX_SUB_AUTHORITIES],
            count,
        };
        for (place, part) in sid.sub_authorities.iter_mut().zip(parts) {
            *place = u32::from_le_bytes(*part);
        }
        Ok(sid)
    }

    /// The binary form, 8 bytes and 4 for each sub-authority.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 4 * usize::from(self.count));
        bytes.push(1);
        bytes.push(self.count);
        bytes.extend(self.authority.to_be_bytes().iter().skip(2));
        for part in self.sub_authorities() {
            bytes.extend(part.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // MS-DTYP 2.4.2.1: an authority that does not fit in 32 bits is written in hexadecimal.
        if self.authority >> 32 == 0 {
            write!(f, "S-1-{}", self.authority)?;
        } else {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        }
        self.sub_authorities()
            .iter()
            .try_for_each(|part| write!(f, "-{part}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = InvalidSid;

    fn from_str(text: &str) -> Result<Sid, InvalidSid> {
        let rest = text
            .strip_prefix("S-1-")
            .or_else(|| text.strip_prefix("s-1-"))
            .ok_or(InvalidSid::Text)?;
        let mut parts = rest.split('-');
        let authority = parse_authority(parts.next().unwrap_or_default())?;
        let mut sub_authorities = [0u32; Sid::MAX_SUB_AUTHORITIES];
        let mut count = 0usize;
        for part in parts {
            let place = sub_authorities
                .get_mut(count)
                .ok_or(InvalidSid::SubAuthorityCount)?;
            *place = parse_decimal(part)?
                .try_into()
                .map_err(|_| InvalidSid::Text)?;
            count += 1;
        }
        Sid::new(authority, sub_authorities.get(..count).unwrap_or_default())
    }
}

fn parse_authority(text: &str) -> Result<u64, InvalidSid> {
    let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).map_err(|_| InvalidSid::Text)?
        }
        Some(_) => return Err(InvalidSid::Text),
        None => parse_decimal(text)?,
    };
    if value >> 48 == 0 {
        Ok(value)
    } else {
        Err(InvalidSid::Authority)
    }
}

/// Digits alone: the standard parser would also take a plus sign.
fn parse_decimal(text: &str) -> Result<u64, InvalidSid> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidSid::Text);
    }
    text.parse().map_err(|_| InvalidSid::Text)
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sid, D::Error> {
        crate::text::deserialize_from_str(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn text_and_bytes_are_two_forms_of_one_sid() {
        let sid: Sid = "S-1-5-21-397955417-626881126-188441444-512"
            .parse()
            .unwrap();
        let bytes = hex!("01 05 000000000005 15000000 5951b817 66725d25 64633b0b 00020000");
        assert_eq!(sid.to_bytes(), bytes);
        assert_eq!(Sid::from_bytes(&bytes), Ok(sid));
        assert_eq!(sid.rid(), 512);
        assert_eq!(
            sid.domain(),
            Some(Sid::domain_of([397955417, 626881126, 188441444]))
        );
        assert_eq!(sid.domain().unwrap().with_rid(512), Some(sid));
        assert!(sid.is_in(&sid.domain().unwrap()) && !sid.is_in(&sid));
        assert_eq!(Sid::BUILTIN_ADMINISTRATORS.to_string(), "S-1-5-32-544");
        assert_eq!(
            serde_json::to_string(&Sid::KEY_TRUST_IDENTITY).unwrap(),
            "\"S-1-18-4\""
        );
    }

    #[test]
    fn an_authority_above_32_bits_is_written_in_hexadecimal() {
        let sid = Sid::new(0x0001_0000_0000, &[7]).unwrap();
        assert_eq!(sid.to_string(), "S-1-0x000100000000-7");
        assert_eq!("S-1-0x100000000-7".parse(), Ok(sid));
    }

    #[test]
    fn a_sid_never_grows_past_fifteen_sub_authorities() {
        let full = Sid::new(5, &[1; 15]).unwrap();
        assert_eq!(full.with_rid(1), None);
        assert_eq!(Sid::from_bytes(&full.to_bytes()), Ok(full));
        assert_eq!(Sid::EVERYONE.domain(), None);
    }

    #[test]
    fn refuses_each_malformed_form_for_its_reason() {
        assert_eq!(Sid::new(5, &[]), Err(InvalidSid::SubAuthorityCount));
        assert_eq!(Sid::new(5, &[0; 16]), Err(InvalidSid::SubAuthorityCount));
        assert_eq!(Sid::new(1 << 48, &[0]), Err(InvalidSid::Authority));
        for (bytes, reason) in [
            (
                &hex!("02 01 000000000005 12000000")[..],
                InvalidSid::Revision,
            ),
            (
                &hex!("01 00 000000000005")[..],
                InvalidSid::SubAuthorityCount,
            ),
            (
                &hex!("01 10 000000000005")[..],
                InvalidSid::SubAuthorityCount,
            ),
            (&hex!("01 02 000000000005 12000000")[..], InvalidSid::Length),
            (
                &hex!("01 01 000000000005 12000000 00")[..],
                InvalidSid::Length,
            ),
            (&hex!("01 01 0000")[..], InvalidSid::Length),
        ] {
            assert_eq!(Sid::from_bytes(bytes), Err(reason), "{bytes:02x?}");
        }
        for (text, reason) in [
            ("", InvalidSid::Text),
            ("S-1", InvalidSid::Text),
            ("S-1-", InvalidSid::Text),
            ("S-1-5", InvalidSid::SubAuthorityCount),
            ("S-2-5-18", InvalidSid::Text),
            ("S-1-5--18", InvalidSid::Text),
            ("S-1-5-+18", InvalidSid::Text),
            ("S-1-5-4294967296", InvalidSid::Text),
            ("S-1-0x1000000000000-1", InvalidSid::Authority),
            (
                "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
                InvalidSid::SubAuthorityCount,
            ),
        ] {
            assert_eq!(text.parse::<Sid>(), Err(reason), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_sid_survives_both_forms(
            authority in 0u64..1 << 48,
            parts in proptest::collection::vec(any::<u32>(), 1..=15),
        ) {
            let sid = Sid::new(authority, &parts).unwrap();
            prop_assert_eq!(Sid::from_bytes(&sid.to_bytes()), Ok(sid));
            prop_assert_eq!(sid.to_string().parse(), Ok(sid));
        }

        #[test]
        fn accepted_bytes_encode_back_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(sid) = Sid::from_bytes(&bytes) {
                prop_assert_eq!(sid.to_bytes(), bytes);
            }
        }
    }
}
