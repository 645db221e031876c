//! The two halves of a key agreement: domain parameters, curves, public values (RFC 4556 3.2.1, RFC
//! 3279 2.3.3, PKCS#3, RFC 5349).

use der::Sequence;
use der::asn1::{BitString, UintRef};

use super::oid;
use crate::asn1::{
    self, AlgorithmIdentifierOwned, Any, AnyRef, Malformed, ObjectIdentifier,
    SubjectPublicKeyInfoOwned,
};

/// The longest INTEGER of a MODP group that is read, in bytes: MODP-8192 and its sign byte.
const MAX_INTEGER: usize = 1025;

/// The group of a Diffie-Hellman key. Numbers are big-endian without leading zero bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainParameters<'a> {
    /// The prime.
    pub p: &'a [u8],
    /// The generator.
    pub g: &'a [u8],
    /// The order of the subgroup. Clients leave it out or write 0 (which is `Some` of no byte), so for
    /// a prime that is known it says nothing (protocols E.3.2).
    pub q: Option<&'a [u8]>,
}

/// ```text
/// DomainParameters ::= SEQUENCE {
///    p       INTEGER, -- odd prime, p=jq +1
///    g       INTEGER, -- generator, g
///    q       INTEGER, -- factor of p-1
///    j       INTEGER OPTIONAL, -- subgroup factor
///    validationParms  ValidationParms OPTIONAL }
/// ```
#[derive(Sequence)]
struct X942<'a> {
    p: UintRef<'a>,
    g: UintRef<'a>,
    #[asn1(optional = "true")]
    q: Option<UintRef<'a>>,
    #[asn1(optional = "true")]
    j: Option<UintRef<'a>>,
    #[asn1(optional = "true")]
    validation_parms: Option<AnyRef<'a>>,
}

/// ```text
/// DHParameter ::= SEQUENCE {
///    prime INTEGER, -- p
///    base INTEGER, -- g
///    privateValueLength INTEGER OPTIONAL }
/// ```
#[derive(Sequence)]
struct Pkcs3<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
    #[asn1(optional = "true")]
    private_value_length: Option<UintRef<'a>>,
}

impl<'a> DomainParameters<'a> {
    /// The AlgorithmIdentifier that names this group: `dhpublicnumber` with X9.42 parameters, as
    /// clients' keys and TD-DH-PARAMETERS carry it. `q` is written as 0 where it is not given.
    ///
    /// # Errors
    /// [`Malformed`] when a number is beyond what ASN.1 can carry, which none of a MODP group is.
    pub fn algorithm(&self) -> Result<AlgorithmIdentifierOwned, Malformed> {
        let write = || {
            Any::encode_from(&X942 {
                p: unsigned(self.p)?,
                g: unsigned(self.g)?,
                q: Some(unsigned(self.q.unwrap_or_default())?),
                j: None,
                validation_parms: None,
            })
        };
        Ok(AlgorithmIdentifierOwned {
            oid: oid::DH_PUBLIC_NUMBER,
            parameters: Some(write().map_err(malformed)?),
        })
    }
}

/// A client's half of the agreement, read from its SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicValue<'a> {
    /// In a group of numbers modulo a prime.
    Dh {
        /// The group.
        parameters: DomainParameters<'a>,
        /// The public value `y`, big-endian without leading zero bytes.
        public: &'a [u8],
    },
    /// On a named curve.
    Ec {
        /// The curve.
        curve: ObjectIdentifier,
        /// The point as SEC 1 2.3.3 encodes it; nobody has looked whether it is on the curve.
        point: &'a [u8],
    },
    /// Of an algorithm, or with parameters, that are not known here.
    Other(ObjectIdentifier),
}

impl<'a> PublicValue<'a> {
    /// Reads a public value.
    ///
    /// # Errors
    /// [`Malformed`] when the algorithm is one we know and the rest is not of its form.
    pub fn read(key: &'a SubjectPublicKeyInfoOwned) -> Result<PublicValue<'a>, Malformed> {
        let algorithm = key.algorithm.oid;
        let parameters = key.algorithm.parameters.as_ref();
        let Some(bits) = key.subject_public_key.as_bytes() else {
            return Err(malformed(der::Tag::BitString.value_error().into()));
        };
        match (algorithm, parameters) {
            (oid::DH_PUBLIC_NUMBER, Some(parameters)) => {
                let group: X942<'a> = parameters.decode_as().map_err(malformed)?;
                Ok(PublicValue::Dh {
                    parameters: DomainParameters {
                        p: group.p.as_bytes(),
                        g: group.g.as_bytes(),
                        q: group.q.map(|q| match q.as_bytes() {
                            // The one byte of zero is the number without bytes.
                            [0] => &[],
                            bytes => bytes,
                        }),
                    },
                    public: dh_public_key(bits)?,
                })
            }
            (oid::DH_KEY_AGREEMENT, Some(parameters)) => {
                let group: Pkcs3<'a> = parameters.decode_as().map_err(malformed)?;
                Ok(PublicValue::Dh {
                    parameters: DomainParameters {
                        p: group.prime.as_bytes(),
                        g: group.base.as_bytes(),
                        q: None,
                    },
                    public: dh_public_key(bits)?,
                })
            }
            (oid::EC_PUBLIC_KEY, Some(parameters)) => match parameters.decode_as() {
                Ok(curve) => Ok(PublicValue::Ec { curve, point: bits }),
                // specifiedCurve and implicitCurve (RFC 5480 2.1.1 forbids both).
                Err(_) => Ok(PublicValue::Other(algorithm)),
            },
            _ => Ok(PublicValue::Other(algorithm)),
        }
    }

    /// Writes a public value; `None` for [`PublicValue::Other`].
    ///
    /// # Errors
    /// [`Malformed`] when a number is beyond what ASN.1 can carry.
    pub fn to_key(&self) -> Result<Option<SubjectPublicKeyInfoOwned>, Malformed> {
        let (algorithm, bits) = match self {
            PublicValue::Dh { parameters, public } => {
                (parameters.algorithm()?, encode_dh_public_key(public))
            }
            PublicValue::Ec { curve, point } => {
                let parameters = Some(Any::encode_from(curve).map_err(malformed)?);
                let algorithm = AlgorithmIdentifierOwned {
                    oid: oid::EC_PUBLIC_KEY,
                    parameters,
                };
                (algorithm, point.to_vec())
            }
            PublicValue::Other(_) => return Ok(None),
        };
        Ok(Some(SubjectPublicKeyInfoOwned {
            algorithm,
            subject_public_key: BitString::from_bytes(&bits).map_err(malformed)?,
        }))
    }
}

/// Reads the public value of a MODP group from the contents of a subjectPublicKey:
/// `DHPublicKey ::= INTEGER -- public key, y = g^x mod p` (RFC 3279 2.3.3). Big-endian, without leading
/// zero bytes.
///
/// # Errors
/// [`Malformed`] when the bits are not one non-negative INTEGER.
pub fn dh_public_key(bits: &[u8]) -> Result<&[u8], Malformed> {
    asn1::decode::<UintRef<'_>>(bits, WHAT, MAX_INTEGER + 8).map(|y| y.as_bytes())
}

/// Writes the public value of a MODP group as the contents of a subjectPublicKey. `y` is big-endian;
/// leading zero bytes do not matter.
#[must_use]
pub fn encode_dh_public_key(y: &[u8]) -> Vec<u8> {
    unsigned(y).map_or_else(|_| Vec::new(), |y| asn1::encode(&y))
}

/// A number of any bytes; zero is one byte on the wire, for an INTEGER without contents is none.
fn unsigned(bytes: &[u8]) -> der::Result<UintRef<'_>> {
    UintRef::new(if bytes.is_empty() { &[0] } else { bytes })
}

const WHAT: &str = "public value of a key agreement";

fn malformed(source: der::Error) -> Malformed {
    Malformed::Syntax { what: WHAT, source }
}
