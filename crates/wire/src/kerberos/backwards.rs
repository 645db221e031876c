//! How the messages that a KDC makes for every ticket are written: from their end
//! ([`backwards`](crate::asn1::backwards)). Fields stand here from the last to the first.

use super::basic::{ApOptions, KdcOptions, KerberosString, TicketFlags};
use super::error::KrbError;
use super::kdc::{EncKdcRepPart, KdcRep, LastReqEntry};
use super::padata::PaData;
use super::principal::PrincipalName;
use super::ticket::{
    AuthorizationDataElement, Checksum, EncTicketPart, EncryptedData, EncryptionKey, HostAddress,
    Ticket, TransitedEncoding,
};
use super::time::{KerberosTime, Microseconds};
use crate::asn1::Constant;
use crate::asn1::backwards::{
    BIT_STRING, Backwards, GENERAL_STRING, GENERALIZED_TIME, SEQUENCE, WriteBackwards, application,
};

impl WriteBackwards for KerberosString {
    fn write(&self, to: &mut Backwards) {
        to.primitive(GENERAL_STRING, self.as_bytes());
    }
}

impl WriteBackwards for KerberosTime {
    fn write(&self, to: &mut Backwards) {
        to.primitive(GENERALIZED_TIME, &self.text());
    }
}

impl WriteBackwards for Microseconds {
    fn write(&self, to: &mut Backwards) {
        to.integer(self.get().into());
    }
}

/// `KerberosFlags`: 32 bits, none of them unused.
fn flags(bits: u32, to: &mut Backwards) {
    let [a, b, c, d] = bits.to_be_bytes();
    to.primitive(BIT_STRING, &[0, a, b, c, d]);
}

macro_rules! write_flags {
    ($($type:ty),*) => {$(
        impl WriteBackwards for $type {
            fn write(&self, to: &mut Backwards) {
                flags(self.0, to);
            }
        }
    )*};
}
write_flags!(TicketFlags, KdcOptions, ApOptions);

impl WriteBackwards for PrincipalName {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.field(1, &self.name_string);
            to.field(0, &self.name_type);
        });
    }
}

impl WriteBackwards for EncryptedData {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(2, &self.cipher);
            to.optional(1, &self.kvno);
            to.field(0, &self.etype);
        });
    }
}

impl WriteBackwards for EncryptionKey {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(1, &self.keyvalue);
            to.field(0, &self.keytype);
        });
    }
}

impl WriteBackwards for Checksum {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(1, &self.checksum);
            to.field(0, &self.cksumtype);
        });
    }
}

impl WriteBackwards for HostAddress {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(1, &self.address);
            to.field(0, &self.addr_type);
        });
    }
}

impl WriteBackwards for AuthorizationDataElement {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(1, &self.ad_data);
            to.field(0, &self.ad_type);
        });
    }
}

impl WriteBackwards for TransitedEncoding {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(1, &self.contents);
            to.within(0xa0, |to| to.integer(self.tr_type.into()));
        });
    }
}

impl WriteBackwards for PaData {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.octets(2, &self.padata_value);
            to.field(1, &self.padata_type);
        });
    }
}

impl WriteBackwards for Ticket {
    fn write(&self, to: &mut Backwards) {
        to.within(application(1), |to| {
            to.within(SEQUENCE, |to| {
                to.field(3, &self.enc_part);
                to.field(2, &self.sname);
                to.field(1, &self.realm);
                to.field(0, &Constant::<5>);
            });
        });
    }
}

impl WriteBackwards for EncTicketPart {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.optional(10, &self.authorization_data);
            to.optional(9, &self.caddr);
            to.optional(8, &self.renew_till);
            to.field(7, &self.endtime);
            to.optional(6, &self.starttime);
            to.field(5, &self.authtime);
            to.field(4, &self.transited);
            to.field(3, &self.cname);
            to.field(2, &self.crealm);
            to.field(1, &self.key);
            to.field(0, &self.flags);
        });
    }
}

impl WriteBackwards for LastReqEntry {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.field(1, &self.lr_value);
            to.field(0, &self.lr_type);
        });
    }
}

impl WriteBackwards for EncKdcRepPart {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.optional(12, &self.encrypted_pa_data);
            to.optional(11, &self.caddr);
            to.field(10, &self.sname);
            to.field(9, &self.srealm);
            to.optional(8, &self.renew_till);
            to.field(7, &self.endtime);
            to.optional(6, &self.starttime);
            to.field(5, &self.authtime);
            to.field(4, &self.flags);
            to.optional(3, &self.key_expiration);
            to.field(2, &self.nonce);
            to.field(1, &self.last_req);
            to.field(0, &self.key);
        });
    }
}

impl<const TYPE: i32> WriteBackwards for KdcRep<TYPE> {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            to.field(6, &self.enc_part);
            to.field(5, &self.ticket);
            to.field(4, &self.cname);
            to.field(3, &self.crealm);
            // DEFAULT: an empty one is left out.
            if !self.padata.is_empty() {
                to.field(2, &self.padata);
            }
            to.field(1, &Constant::<TYPE>);
            to.field(0, &Constant::<5>);
        });
    }
}

impl WriteBackwards for KrbError {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            if let Some(data) = &self.e_data {
                to.octets(12, data);
            }
            to.optional(11, &self.e_text);
            to.field(10, &self.sname);
            to.field(9, &self.realm);
            to.optional(8, &self.cname);
            to.optional(7, &self.crealm);
            to.field(6, &self.error_code);
            to.field(5, &self.susec);
            to.field(4, &self.stime);
            to.optional(3, &self.cusec);
            to.optional(2, &self.ctime);
            to.field(1, &Constant::<30>);
            to.field(0, &Constant::<5>);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::kdc::{AsRep, LastReq, TgsRep};
    use super::super::numbers::{
        AddressType, AuthorizationDataType, ChecksumType, EncryptionType, ErrorCode, LastReqType,
        PaDataType,
    };
    use super::super::padata::MethodData;
    use super::super::principal::NameType;
    use super::super::ticket::{AuthorizationData, HostAddresses};
    use super::*;
    use crate::asn1::backwards::encode_backwards;
    use crate::asn1::{UInt32, encode as derived, encode_application as derived_application};

    /// Lengths around those that change how a length is written, and around the room that a message starts with.
    const LENGTHS: [usize; 12] = [
        0, 1, 2, 100, 127, 128, 255, 256, 2_000, 2_100, 65_535, 70_000,
    ];

    const NUMBERS: [i32; 11] = [
        0,
        1,
        -1,
        127,
        128,
        -128,
        -129,
        32_767,
        32_768,
        i32::MIN,
        i32::MAX,
    ];

    fn names() -> Vec<PrincipalName> {
        let long = "x".repeat(300);
        vec![
            PrincipalName::principal(""),
            PrincipalName::principal("alice"),
            PrincipalName::krbtgt("CORP.EXAMPLE"),
            PrincipalName::new(NameType(-130), ["ä", long.as_str(), ""]),
            PrincipalName::new(NameType::NT_UNKNOWN, Vec::<&str>::new()),
        ]
    }

    fn sealed(length: usize, number: i32) -> EncryptedData {
        EncryptedData {
            etype: EncryptionType(number),
            kvno: length
                .is_multiple_of(2)
                .then_some(UInt32(number.cast_unsigned())),
            cipher: vec![7; length],
        }
    }

    fn addresses() -> HostAddresses {
        [
            HostAddress {
                addr_type: AddressType(2),
                address: vec![192, 0, 2, 1],
            },
            HostAddress {
                addr_type: AddressType(-5),
                address: Vec::new(),
            },
        ]
        .into()
    }

    fn padata(length: usize) -> MethodData {
        [
            PaData::empty(PaDataType::FX_FAST),
            PaData::new(PaDataType(-1), vec![1; length]),
        ]
        .into()
    }

    fn ticket(length: usize, name: &PrincipalName) -> Ticket {
        Ticket {
            realm: "CORP.EXAMPLE".into(),
            sname: name.clone(),
            enc_part: sealed(length, 18),
        }
    }

    /// Every combination of a length, a number, and a name, with and without what is optional.
    fn each(mut check: impl FnMut(usize, i32, &PrincipalName, bool)) {
        for length in LENGTHS {
            for number in NUMBERS {
                for name in names() {
                    check(length, number, &name, false);
                    check(length, number, &name, true);
                }
            }
        }
    }

    #[test]
    fn small_values_are_written_as_by_the_derived_code() {
        for length in LENGTHS {
            let list: AuthorizationData = [AuthorizationDataElement {
                ad_type: AuthorizationDataType(-1),
                ad_data: vec![3; length],
            }]
            .into();
            assert_eq!(list.encode(), derived(&list));
            assert_eq!(padata(length).encode(), derived(&padata(length)));
            for number in NUMBERS {
                let sealed = sealed(length, number);
                assert_eq!(sealed.encode(), derived(&sealed));
                let sum = Checksum {
                    cksumtype: ChecksumType(number),
                    checksum: vec![9; length],
                };
                assert_eq!(sum.encode(), derived(&sum));
                let key = EncryptionKey {
                    keytype: EncryptionType(number),
                    keyvalue: vec![5; length],
                };
                assert_eq!(encode_backwards(&key), derived(&key));
            }
        }
        let empty = AuthorizationData::new();
        assert_eq!(empty.encode(), derived(&empty));
    }

    #[test]
    fn tickets_and_answers_are_written_as_by_the_derived_code() {
        each(|length, number, name, all| {
            let ticket = ticket(length, name);
            assert_eq!(ticket.encode(), derived(&ticket));
            let padata = match all {
                true => padata(length),
                false => MethodData::new(),
            };
            let sealed = sealed(length, number);
            let (realm, name) = ("R".into(), name.clone());
            let initial = AsRep::new(padata.clone(), realm, name, ticket, sealed);
            assert_eq!(initial.encode(), derived_application(&initial, 11));
            let granted = TgsRep::new(
                padata,
                initial.crealm,
                initial.cname,
                initial.ticket,
                initial.enc_part,
            );
            assert_eq!(granted.encode(), derived_application(&granted, 13));
        });
    }

    #[test]
    fn what_is_sealed_is_written_as_by_the_derived_code() {
        each(|length, number, name, all| {
            let time = KerberosTime::from_unix(number.into());
            let key = EncryptionKey {
                keytype: EncryptionType(number),
                keyvalue: vec![5; 32],
            };
            let part = EncTicketPart {
                flags: TicketFlags(number.cast_unsigned()),
                key: key.clone(),
                crealm: "CORP.EXAMPLE".into(),
                cname: name.clone(),
                transited: TransitedEncoding {
                    tr_type: number,
                    contents: vec![1; length],
                },
                authtime: time,
                starttime: all.then_some(time),
                endtime: KerberosTime::MAX,
                renew_till: all.then_some(time),
                caddr: all.then(addresses),
                authorization_data: all.then(AuthorizationData::new),
            };
            assert_eq!(*part.encode(), derived_application(&part, 3));
            let part = EncKdcRepPart {
                key,
                last_req: LastReq::from([LastReqEntry {
                    lr_type: LastReqType(number),
                    lr_value: time,
                }]),
                nonce: UInt32(number.cast_unsigned()),
                key_expiration: all.then_some(time),
                flags: TicketFlags(number.cast_unsigned()),
                authtime: time,
                starttime: all.then_some(time),
                endtime: time,
                renew_till: all.then_some(time),
                srealm: "R".into(),
                sname: name.clone(),
                caddr: all.then(addresses),
                encrypted_pa_data: all.then(|| padata(length)),
            };
            assert_eq!(*part.encode_as_rep(), derived_application(&part, 25));
            assert_eq!(*part.encode_tgs_rep(), derived_application(&part, 26));
        });
    }

    #[test]
    fn errors_are_written_as_by_the_derived_code() {
        each(|length, number, name, all| {
            let mut error = KrbError::new(
                ErrorCode(number),
                KerberosTime::from_unix(number.into()),
                Microseconds::new(number.unsigned_abs() % 1_000_000).unwrap(),
                "CORP.EXAMPLE".into(),
                name.clone(),
            );
            if all {
                error.ctime = Some(KerberosTime::EPOCH);
                error.cusec = Microseconds::new(999_999);
                error.crealm = Some("R".into());
                error.cname = Some(name.clone());
                error.e_text = Some("text".into());
                error.e_data = Some(vec![2; length]);
            }
            assert_eq!(error.encode(), derived_application(&error, 30));
        });
    }
}
