//! The simple types of RFC 4120 5.2: strings and flags.

use core::borrow::Borrow;
use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use der::{DecodeValue, EncodeValue, Error, FixedTag, Header, Length, Reader, Result, Tag, Writer};

/// Text of RFC 4120 5.2.1.
///
/// ```text
/// KerberosString  ::= GeneralString (IA5String)
/// ```
///
/// The RFC wants ASCII; clients in use send UTF-8, which is read and written as it is. Other bytes
/// are refused: nobody could say which name they spell.
///
/// A copy shares the text: the same names go into a ticket, its reply and the reply's secret part.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosString(Arc<str>);

/// A realm's name (RFC 4120 5.2.2): `Realm ::= KerberosString`. Case counts; by convention it is upper.
pub type Realm = KerberosString;

impl KerberosString {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for KerberosString {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for KerberosString {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KerberosString {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KerberosString {
    fn from(text: &str) -> Self {
        KerberosString(text.into())
    }
}

impl From<String> for KerberosString {
    fn from(text: String) -> Self {
        KerberosString(text.into())
    }
}

impl From<KerberosString> for String {
    fn from(text: KerberosString) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for KerberosString {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for KerberosString {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for KerberosString {
    /// Control characters come escaped, so that a name cannot write a line of somebody's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            match part.char_indices().next_back() {
                Some((at, last)) if last.is_control() => {
                    f.write_str(part.get(..at).unwrap_or_default())?;
                    write!(f, "{}", last.escape_default())?;
                }
                _ => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KerberosString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FixedTag for KerberosString {
    const TAG: Tag = Tag::GeneralString;
}

impl<'a> DecodeValue<'a> for KerberosString {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let bytes = reader.read_slice(header.length())?;
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(KerberosString(text.into())),
            Err(_) => Err(reader.error(Self::TAG.value_error())),
        }
    }
}

impl EncodeValue for KerberosString {
    fn value_len(&self) -> Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(self.0.as_bytes())
    }
}

/// Makes a newtype over `KerberosFlags` (RFC 4120 5.2.8) with a constant per named bit. Bit 0 is the
/// most significant, as the RFC counts.
///
/// ```text
/// KerberosFlags   ::= BIT STRING (SIZE (32..MAX))
/// ```
macro_rules! flags {
    ($(#[$doc:meta])* pub struct $type:ident { $($(#[$bit_doc:meta])* $name:ident = $bit:literal,)* }) => {
        $(#[$doc])*
        ///
        /// Read leniently: bits beyond the 32nd are ignored and missing ones are zero, for clients
        /// send both. Always written as 32 bits.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $type(pub u32);

        impl $type {
            /// No bit set.
            pub const NONE: $type = $type(0);
            $($(#[$bit_doc])* pub const $name: $type = $type(0x8000_0000 >> $bit);)*

            /// Whether every bit of `bits` is set.
            #[must_use]
            pub const fn contains(self, bits: $type) -> bool {
                self.0 & bits.0 == bits.0
            }

            /// Whether any bit of `bits` is set.
            #[must_use]
            pub const fn intersects(self, bits: $type) -> bool {
                self.0 & bits.0 != 0
            }

            /// With the bits of `bits` set too.
            #[must_use]
            pub const fn with(self, bits: $type) -> $type {
                $type(self.0 | bits.0)
            }

            /// With the bits of `bits` cleared.
            #[must_use]
            pub const fn without(self, bits: $type) -> $type {
                $type(self.0 & !bits.0)
            }
        }

        impl core::ops::BitOr for $type {
            type Output = $type;

            fn bitor(self, other: $type) -> $type {
                self.with(other)
            }
        }

        impl core::ops::BitOrAssign for $type {
            fn bitor_assign(&mut self, other: $type) {
                *self = self.with(other);
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut rest = *self;
                let mut set = f.debug_set();
                $(if self.contains($type::$name) {
                    rest = rest.without($type::$name);
                    set.entry(&format_args!("{}", stringify!($name)));
                })*
                if rest != $type::NONE {
                    set.entry(&format_args!("{:#010x}", rest.0));
                }
                set.finish()
            }
        }

        impl der::FixedTag for $type {
            const TAG: der::Tag = der::Tag::BitString;
        }

        impl<'a> der::DecodeValue<'a> for $type {
            type Error = der::Error;

            fn decode_value<R: der::Reader<'a>>(reader: &mut R, header: der::Header) -> der::Result<Self> {
                $crate::kerberos::basic::decode_flags(reader, header).map($type)
            }
        }

        impl der::EncodeValue for $type {
            fn value_len(&self) -> der::Result<der::Length> {
                Ok(der::Length::new(5))
            }

            fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
                writer.write_byte(0)?;
                writer.write(&self.0.to_be_bytes())
            }
        }
    };
}

pub(super) use flags;

/// The first 32 bits of a BIT STRING.
pub(super) fn decode_flags<'a, R: Reader<'a>>(reader: &mut R, header: Header) -> Result<u32> {
    let bytes = reader.read_slice(header.length())?;
    let Some((&unused, bits)) = bytes.split_first() else {
        return Err(reader.error(Tag::BitString.length_error()));
    };
    if unused > 7 || (bits.is_empty() && unused != 0) {
        return Err(reader.error(Tag::BitString.value_error()));
    }
    let mut first = [0; 4];
    for (to, from) in first.iter_mut().zip(bits) {
        *to = *from;
    }
    if let Some(last) = first.get_mut(bits.len().wrapping_sub(1)) {
        // The last octet's unused bits are no bits at all, whatever they hold.
        *last &= 0xff << unused;
    }
    Ok(u32::from_be_bytes(first))
}

flags! {
    /// What a ticket may be used for (RFC 4120 5.3, RFC 6806 11): `TicketFlags ::= KerberosFlags`.
    pub struct TicketFlags {
        /// The client may get a ticket-granting ticket with other addresses.
        FORWARDABLE = 1,
        /// This is such a ticket, or was issued on one.
        FORWARDED = 2,
        /// The client may get other tickets, not ticket-granting ones, with other addresses.
        PROXIABLE = 3,
        /// This is such a ticket.
        PROXY = 4,
        /// The ticket may be postdated.
        MAY_POSTDATE = 5,
        /// The ticket was postdated.
        POSTDATED = 6,
        /// The ticket must be validated by the KDC before use.
        INVALID = 7,
        /// The ticket may be renewed until `renew-till`.
        RENEWABLE = 8,
        /// The ticket came from the AS exchange.
        INITIAL = 9,
        /// The client was authenticated before the ticket was issued.
        PRE_AUTHENT = 10,
        /// That authentication used hardware.
        HW_AUTHENT = 11,
        /// The KDC checked the transited field.
        TRANSITED_POLICY_CHECKED = 12,
        /// The service is trusted for delegation.
        OK_AS_DELEGATE = 13,
        /// The reply's encrypted part carries protected pre-authentication data (RFC 6806 11).
        ENC_PA_REP = 15,
        /// The client is anonymous (RFC 8062).
        ANONYMOUS = 16,
    }
}

flags! {
    /// What a client asks of the KDC (RFC 4120 5.4.1): `KDCOptions ::= KerberosFlags`.
    pub struct KdcOptions {
        /// A forwardable ticket.
        FORWARDABLE = 1,
        /// The ticket-granting ticket forwarded to other addresses.
        FORWARDED = 2,
        /// A proxiable ticket.
        PROXIABLE = 3,
        /// A proxy ticket.
        PROXY = 4,
        /// A ticket that may be postdated.
        ALLOW_POSTDATE = 5,
        /// A postdated ticket.
        POSTDATED = 6,
        /// A renewable ticket.
        RENEWABLE = 8,
        /// S4U2proxy: the additional ticket names the client (MS-SFU 2.2.3).
        CNAME_IN_ADDL_TKT = 14,
        /// The KDC may answer with another form of the names (RFC 6806 5).
        CANONICALIZE = 15,
        /// An anonymous ticket (RFC 8062).
        REQUEST_ANONYMOUS = 16,
        /// Skip the check of the transited field.
        DISABLE_TRANSITED_CHECK = 26,
        /// A renewable ticket is welcome where the asked lifetime cannot be had.
        RENEWABLE_OK = 27,
        /// The ticket is to be encrypted in the additional ticket's session key.
        ENC_TKT_IN_SKEY = 28,
        /// Renew the ticket that is presented.
        RENEW = 30,
        /// Validate the postdated ticket that is presented.
        VALIDATE = 31,
    }
}

flags! {
    /// What a client asks of a service (RFC 4120 5.5.1): `APOptions ::= KerberosFlags`.
    pub struct ApOptions {
        /// The ticket is encrypted in the session key of the service's own ticket-granting ticket.
        USE_SESSION_KEY = 1,
        /// The service must prove itself by an AP-REP.
        MUTUAL_REQUIRED = 2,
    }
}

flags! {
    /// What the client supports (MS-KILE 2.2.10), the content of PA-PAC-OPTIONS.
    pub struct PacOptionFlags {
        /// Claims.
        CLAIMS = 0,
        /// The request is to reach a writable domain controller.
        BRANCH_AWARE = 1,
        /// Forward to a full domain controller.
        FORWARD_TO_FULL_DC = 2,
        /// Resource-based constrained delegation.
        RESOURCE_BASED_CONSTRAINED_DELEGATION = 3,
    }
}
