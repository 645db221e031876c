//! The extensions of a device certificate (protocols B.5).

use const_oid::ObjectIdentifier;

use super::{Extension, Extensions, Malformed, Result, oid, tag, write};
use crate::Guid;

/// How the device belongs to its directory: extension `.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinType {
    /// `"0"`: registered by a person (workplace join).
    Registered,
    /// `"1"`: joined.
    Joined,
}

/// What a device certificate says in its own extensions, 1.2.840.113556.1.5.284.1 to .8, none critical.
///
/// These are hints: a server finds the device by the certificate's thumbprint and public key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceExtensions {
    /// `.1`: the instance of the registration service.
    pub instance: Option<Guid>,
    /// `.2`: the device.
    pub device: Option<Guid>,
    /// `.3`: objectGUID of the person who registered it.
    pub user: Option<Guid>,
    /// `.4`: objectGUID of the domain.
    pub domain: Option<Guid>,
    /// `.5`: the tenant.
    pub tenant: Option<Guid>,
    /// `.7`: how it belongs.
    pub join_type: Option<JoinType>,
    /// `.8`: the region, such as `EU`.
    pub region: Option<String>,
}

/// How the length of each value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `04 81 10`, with one octet more than needed, as public certificates have it (protocols B.5, K:
    /// `cert.device_ext_non_minimal_der`). The whole certificate stays DER: an extension's value is opaque.
    LikePublicCertificates,
    /// `04 10`.
    Minimal,
}

/// Bytes of one value that are read: a GUID, a digit, a region.
const MAX_VALUE: usize = 64;

fn number(last: u32) -> ObjectIdentifier {
    // An arc below 128 always fits: the OID grows by one octet.
    oid::DEVICE.push_arc(last).unwrap_or(oid::DEVICE)
}

impl DeviceExtensions {
    /// The extensions to put into a certificate, those that are `Some`, in the order of their numbers.
    #[must_use]
    pub fn write(&self, length: Length) -> Vec<Extension> {
        let guid = |guid: Option<Guid>| guid.map(|guid| guid.to_windows_bytes().to_vec());
        let join_type = self.join_type.map(|join_type| match join_type {
            JoinType::Registered => b"0".to_vec(),
            JoinType::Joined => b"1".to_vec(),
        });
        let region = self
            .region
            .as_ref()
            .map(|region| region.as_bytes().to_vec());
        [
            (1, guid(self.instance)),
            (2, guid(self.device)),
            (3, guid(self.user)),
            (4, guid(self.domain)),
            (5, guid(self.tenant)),
            (7, join_type),
            (8, region),
        ]
        .into_iter()
        .filter_map(|(last, value)| {
            Some(Extension {
                oid: number(last),
                critical: false,
                value: encode(&value?, length),
            })
        })
        .collect()
    }

    /// Reads them from a certificate, with the length of a value written either way.
    ///
    /// # Errors
    /// When one that is there is malformed.
    pub fn read(extensions: &Extensions) -> Result<Self> {
        let octets = |last| -> Result<Option<&[u8]>> {
            extensions
                .find(number(last))
                .map(|extension| tolerant_octet_string(&extension.value))
                .transpose()
        };
        let guid = |last| -> Result<Option<Guid>> {
            octets(last)?
                .map(|octets| Guid::from_windows_slice(octets).ok_or(MALFORMED))
                .transpose()
        };
        Ok(Self {
            instance: guid(1)?,
            device: guid(2)?,
            user: guid(3)?,
            domain: guid(4)?,
            tenant: guid(5)?,
            join_type: match octets(7)? {
                None => None,
                Some(b"0") => Some(JoinType::Registered),
                Some(b"1") => Some(JoinType::Joined),
                Some(_) => return Err(MALFORMED),
            },
            region: octets(8)?
                .map(|octets| match core::str::from_utf8(octets) {
                    Ok(region) if octets.is_ascii() => Ok(region.to_owned()),
                    _ => Err(MALFORMED),
                })
                .transpose()?,
        })
    }
}

const MALFORMED: Malformed = Malformed::Unexpected("a device extension");

fn encode(octets: &[u8], length: Length) -> Vec<u8> {
    match (length, u8::try_from(octets.len())) {
        (Length::LikePublicCertificates, Ok(short @ 0..=0x7f)) => {
            let mut value = vec![tag::OCTET_STRING, 0x81, short];
            value.extend_from_slice(octets);
            value
        }
        _ => write::octet_string(octets),
    }
}

/// An OCTET STRING whose length may be written with more octets than needed. The one place where BER is
/// read in a certificate: public device certificates have it so (protocols B.5).
fn tolerant_octet_string(value: &[u8]) -> Result<&[u8]> {
    let (length, content) = match value {
        [tag::OCTET_STRING, short @ 0..=0x7f, content @ ..] => (usize::from(*short), content),
        [tag::OCTET_STRING, long @ 0x81..=0x84, rest @ ..] => {
            let octets = usize::from(long & 0x7f);
            let (length, content) = rest.split_at_checked(octets).ok_or(Malformed::Truncated)?;
            let length = length
                .iter()
                .fold(0usize, |length, octet| (length << 8) | usize::from(*octet));
            (length, content)
        }
        _ => return Err(MALFORMED),
    };
    if content.len() == length && length <= MAX_VALUE {
        Ok(content)
    } else {
        Err(MALFORMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn all() -> DeviceExtensions {
        let guid = |text: &str| Some(text.parse().unwrap());
        DeviceExtensions {
            instance: guid("11111111-2222-3333-4444-555555555555"),
            device: guid("47f577e3-d2d0-4a0a-8aca-e0501098bde4"),
            user: guid("01020304-0506-0708-090a-0b0c0d0e0f10"),
            domain: guid("21020304-0506-0708-090a-0b0c0d0e0f10"),
            tenant: guid("31020304-0506-0708-090a-0b0c0d0e0f10"),
            join_type: Some(JoinType::Joined),
            region: Some("EU".into()),
        }
    }

    #[test]
    fn values_are_written_as_public_certificates_have_them() {
        let list = all().write(Length::LikePublicCertificates);
        let find = |last: u32| {
            let oid = oid::DEVICE.push_arc(last).unwrap();
            list.iter().find(|one| one.oid == oid).unwrap()
        };
        assert_eq!(
            find(2).value,
            hex!("048110 E377F547D0D20A4A8ACAE0501098BDE4"),
            "mixed-endian GUID behind 04 81 10"
        );
        assert_eq!(find(7).value, hex!("04810131"));
        assert_eq!(find(8).value, hex!("048102 4555"));
        assert!(list.iter().all(|extension| !extension.critical));
        assert_eq!(list.len(), 7);
        assert_eq!(find(1).oid.to_string(), "1.2.840.113556.1.5.284.1");
    }

    #[test]
    fn either_form_of_length_is_read() {
        for length in [Length::LikePublicCertificates, Length::Minimal] {
            let list = Extensions::from(all().write(length));
            assert_eq!(DeviceExtensions::read(&list), Ok(all()));
        }
        assert_eq!(
            tolerant_octet_string(&hex!("048400000001 31")),
            Ok(&b"1"[..])
        );
        let none = DeviceExtensions::default();
        assert_eq!(DeviceExtensions::read(&Extensions::default()), Ok(none));
    }

    #[test]
    fn refuses_values_that_are_not_what_their_number_says() {
        for (last, value) in [
            (2, &hex!("040f E377F547D0D20A4A8ACAE0501098BD")[..]),
            (2, &hex!("0410 E377F547D0D20A4A8ACAE0501098BD")),
            (2, &hex!("0c10 E377F547D0D20A4A8ACAE0501098BDE4")),
            (7, &hex!("0401 32")),
            (7, &hex!("0480 31 0000")),
            (7, &hex!("0485 0000000001 31")),
            (7, &hex!("0401 31 00")),
            (8, &hex!("0401 e9")),
            (8, &hex!("04")),
            (8, &hex!("0482 00")),
        ] {
            let list = Extensions::from(vec![Extension {
                oid: number(last),
                critical: false,
                value: value.to_vec(),
            }]);
            assert!(
                DeviceExtensions::read(&list).is_err(),
                "{last}: {value:02x?}"
            );
        }
        let mut long = hex!("0481 41").to_vec();
        long.resize(3 + 65, b'x');
        assert!(tolerant_octet_string(&long).is_err());
    }
}
