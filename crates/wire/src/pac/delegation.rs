//! S4U_DELEGATION_INFO (MS-PAC 2.9): by which services a client was delegated.

use super::StringTooLong;
use crate::ndr::{InvalidNdr, Reader, Utf16, Writer};

/// S4U_DELEGATION_INFO (MS-PAC 2.9), in tickets that S4U2proxy made.
///
/// ```text
/// typedef struct _S4U_DELEGATION_INFO {
///   RPC_UNICODE_STRING S4U2proxyTarget;
///   ULONG TransitedListSize;
///   [size_is(TransitedListSize)] PRPC_UNICODE_STRING S4UTransitedServices;
/// } S4U_DELEGATION_INFO;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationInfo {
    /// The service that the ticket is for, without realm: `http/web.corp.example`.
    pub proxy_target: String,
    /// The services that passed the client on, the first one first, with their realms.
    pub transited_services: Vec<String>,
}

impl DelegationInfo {
    /// How many services are read at most. Real chains have one or two.
    pub const MAX_TRANSITED: usize = 64;

    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidNdr`]; [`InvalidNdr::Count`] also for more than [`DelegationInfo::MAX_TRANSITED`] services.
    pub fn parse(bytes: &[u8]) -> Result<DelegationInfo, InvalidNdr> {
        let mut reader = Reader::new(bytes)?;
        let target = reader.string_head()?;
        let count = reader.u32()?;
        let present = reader.pointer()?;
        let proxy_target = reader.string_body(target)?;
        let count = usize::try_from(count).map_err(|_| InvalidNdr::Count)?;
        if count > Self::MAX_TRANSITED {
            return Err(InvalidNdr::Count);
        }
        let mut heads = Vec::new();
        if present {
            if usize::try_from(reader.u32()?) != Ok(count) {
                return Err(InvalidNdr::Count);
            }
            for _ in 0..count {
                heads.push(reader.string_head()?);
            }
        } else if count != 0 {
            return Err(InvalidNdr::Null);
        }
        let transited_services = heads
            .into_iter()
            .map(|head| reader.string_body(head))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(DelegationInfo {
            proxy_target,
            transited_services,
        })
    }

    /// Writes the buffer.
    ///
    /// # Errors
    /// [`StringTooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, StringTooLong> {
        let text = |text: &String| {
            Utf16::new(text)
                .map(Utf16::with_room_for_terminator)
                .ok_or(StringTooLong)
        };
        let target = text(&self.proxy_target)?;
        let services = self
            .transited_services
            .iter()
            .map(text)
            .collect::<Result<Vec<_>, _>>()?;
        // The count is that of a Vec of strings in memory, far below 2^32.
        let count = services.len() as u32;
        let mut writer = Writer::new();
        writer.string_head(&target);
        writer.u32(count);
        writer.pointer(true);
        writer.string_body(&target);
        writer.u32(count);
        for service in &services {
            writer.string_head(service);
        }
        for service in &services {
            writer.string_body(service);
        }
        Ok(writer.finish())
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// From MIT krb5 `t_ndr.c`, which took them from the wire of a Windows Server 2019 domain controller.
    const SHORT: [u8; 176] = hex!(
        "01100800cccccccca000000000000000000002002a002c00040002000100000008000200"
        "16000000000000001500000073007600630032002f006100640073006500720076006500"
        "72002e00610064002e0074006500730074000000010000003a003c000c0002001e000000"
        "000000001d00000073007600630031002f00610064007300650072007600650072002e00"
        "610064002e0074006500730074004000410044002e0054004500530054000000"
    );
    const DOUBLE: [u8; 264] = hex!(
        "01100800ccccccccf8000000000000000000020030003200040002000200000008000200"
        "1900000000000000180000006c006f006e0067007300760063002f006100640073006500"
        "72007600650072002e00610064002e007400650073007400020000003a003c000c000200"
        "3a003c00100002001e000000000000001d00000073007600630031002f00610064007300"
        "650072007600650072002e00610064002e0074006500730074004000410044002e005400"
        "45005300540000001e000000000000001d00000073007600630032002f00610064007300"
        "650072007600650072002e00610064002e0074006500730074004000410044002e005400"
        "450053005400000000000000"
    );

    #[test]
    fn what_windows_wrote_is_read_and_written_the_same() {
        let short = DelegationInfo::parse(&SHORT).unwrap();
        assert_eq!(short.proxy_target, "svc2/adserver.ad.test");
        assert_eq!(short.transited_services, ["svc1/adserver.ad.test@AD.TEST"]);
        assert_eq!(short.to_bytes().unwrap(), SHORT);
        let double = DelegationInfo::parse(&DOUBLE).unwrap();
        assert_eq!(double.proxy_target, "longsvc/adserver.ad.test");
        assert_eq!(
            double.transited_services,
            [
                "svc1/adserver.ad.test@AD.TEST",
                "svc2/adserver.ad.test@AD.TEST"
            ]
        );
        assert_eq!(double.to_bytes().unwrap(), DOUBLE);
    }

    /// The malformed buffers of MIT krb5 `t_ndr.c`, found there by fuzzing.
    #[test]
    fn refuses_the_malformed_buffers_that_others_stumbled_over() {
        let first = hex!(
            "011008202020202024000000202020202020202020202020202020202020202020ffffff"
            "ff202020202020200000000020202020"
        );
        let second = hex!(
            "0110080000ffffff24000000000000000000000000000000001e001e000000001e160000"
            "1e000000001e0000000000000000001e"
        );
        assert!(DelegationInfo::parse(&first).is_err());
        assert!(DelegationInfo::parse(&second).is_err());
    }

    #[test]
    fn refuses_counts_that_contradict_one_another_and_every_truncation() {
        let count_at = |at: usize, value: u32| {
            let mut bytes = SHORT;
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            DelegationInfo::parse(&bytes)
        };
        // TransitedListSize, then the conformant array's own count, then the pointer.
        assert_eq!(count_at(28, 2), Err(InvalidNdr::Count));
        assert_eq!(count_at(28, u32::MAX), Err(InvalidNdr::Count));
        assert_eq!(count_at(92, 2), Err(InvalidNdr::Count));
        assert_eq!(count_at(32, 0), Err(InvalidNdr::Null));
        for length in 0..SHORT.len() {
            assert!(DelegationInfo::parse(&SHORT[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_ticket_that_nobody_passed_on_has_an_empty_list() {
        let info = DelegationInfo {
            proxy_target: "http/web.corp.example".into(),
            transited_services: Vec::new(),
        };
        assert_eq!(DelegationInfo::parse(&info.to_bytes().unwrap()), Ok(info));
    }

    proptest! {
        #[test]
        fn every_chain_survives_its_encoding(target in ".{0,20}", services in proptest::collection::vec(".{0,20}", 0..6)) {
            let info = DelegationInfo { proxy_target: target, transited_services: services };
            prop_assert_eq!(DelegationInfo::parse(&info.to_bytes().unwrap()), Ok(info));
        }

        #[test]
        fn a_damaged_buffer_never_panics(at in 0usize..DOUBLE.len(), value: u8) {
            let mut bytes = DOUBLE;
            bytes[at] = value;
            let _ = DelegationInfo::parse(&bytes);
        }
    }
}
