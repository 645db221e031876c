//! The codes that PIN creation can end with (11.1), what they mean and what to do about them.

use core::fmt;

/// A code as it is shown: `0x801C03ED`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u32);

impl Code {
    /// E-01: key data is damaged (NTE_BAD_DATA).
    pub const BAD_DATA: Self = Self(0x8009_0005);
    /// E-02: the container exists already.
    pub const EXISTS: Self = Self(0x8009_000F);
    /// E-03: the container or key is not there.
    pub const NOT_FOUND: Self = Self(0x8009_0011);
    /// E-07: policy needs a TPM and there is none.
    pub const NEEDS_TPM: Self = Self(0x8009_0035);
    /// E-08: the person cancelled.
    pub const CANCELLED: Self = Self(0x8009_0036);
    /// E-09: the account may not enrol.
    pub const NOT_AUTHORISED_TO_ENROL: Self = Self(0x801C_0003);
    /// E-10: the person's quota of devices is used up.
    pub const QUOTA: Self = Self(0x801C_000E);
    /// E-15: the device must be joined first.
    pub const NOT_JOINED: Self = Self(0x801C_0015);
    /// E-19: the server's answer was not understood.
    pub const INVALID_ANSWER: Self = Self(0x801C_03E9);
    /// E-20: the server could not authorise the person or the device.
    pub const NOT_AUTHORISED: Self = Self(0x801C_03EA);
    /// E-21: an HTTP status that was not expected.
    pub const UNEXPECTED_STATUS: Self = Self(0x801C_03EB);
    /// E-22: the server failed.
    pub const SERVER_FAILED: Self = Self(0x801C_03EC);
    /// E-23: no second factor, or one that is no longer fresh.
    pub const SECOND_FACTOR_MISSING: Self = Self(0x801C_03ED);
    /// E-24: the attestation was refused.
    pub const ATTESTATION: Self = Self(0x801C_03EE);
    /// E-27: the token names no device, or there is no token.
    pub const NO_DEVICE_IN_TOKEN: Self = Self(0x801C_044D);
    /// E-28: no credential was given.
    pub const NO_CREDENTIAL: Self = Self(0x801C_044E);

    /// What the table of 11.1 says about the code; `None` where it says nothing.
    #[must_use]
    pub fn entry(self) -> Option<&'static Entry> {
        ERRORS.iter().find(|entry| entry.codes.contains(&self.0))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A row of the table of 11.1.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The row's ID.
    pub id: &'static str,
    /// The codes it speaks of.
    pub codes: &'static [u32],
    /// What happened, to the person.
    pub says: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

const SIGN_OUT: &str = "sign out and in again; if that does not help, restart, then rejoin";

/// The table of 11.1, in its order. E-33 shares 0x801C03F2 with E-26, which comes first here because
/// it is the one that PIN creation meets.
pub const ERRORS: &[Entry] = &[
    Entry {
        id: "E-01",
        codes: &[0x8009_0005],
        says: "Hello key data is damaged on this device",
        advice: "rejoin the device",
    },
    Entry {
        id: "E-02",
        codes: &[0x8009_000F],
        says: "a Hello container already exists for this user",
        advice: "remove it, or rejoin the device",
    },
    Entry {
        id: "E-03",
        codes: &[0x8009_0011],
        says: "the expected Hello key is missing",
        advice: "rejoin the device",
    },
    Entry {
        id: "E-04",
        codes: &[0x8009_0029],
        says: "the TPM is not initialised",
        advice: "an administrator must prepare the TPM",
    },
    Entry {
        id: "E-05",
        codes: &[0x8009_002A],
        says: "there is not enough memory",
        advice: "close programs and try again",
    },
    Entry {
        id: "E-06",
        codes: &[0x8009_0031],
        says: "the TPM is locked out",
        advice: "restart; if that does not help, clear the TPM",
    },
    Entry {
        id: "E-07",
        codes: &[0x8009_0035],
        says: "policy requires a TPM and this device has none",
        advice: "an administrator can change the setting: Use a hardware security device",
    },
    Entry {
        id: "E-08",
        codes: &[0x8009_0036],
        says: "you cancelled",
        advice: "try again",
    },
    Entry {
        id: "E-09",
        codes: &[0x801C_0003],
        says: "your account may not enrol devices or Hello",
        advice: "an administrator can permit it",
    },
    Entry {
        id: "E-10",
        codes: &[0x801C_000E],
        says: "the device limit of this user is reached",
        advice: "remove a device, or have the limit raised",
    },
    Entry {
        id: "E-11",
        codes: &[0x801C_000F],
        says: "a restart is needed to finish",
        advice: "restart",
    },
    Entry {
        id: "E-12",
        codes: &[0x801C_0010],
        says: "the TPM's identity certificate is not trusted",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-13",
        codes: &[0x801C_0011],
        says: "the TPM's attestation of the device key failed",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-14",
        codes: &[0x801C_0012],
        says: "registration discovery was malformed",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-15",
        codes: &[0x801C_0015],
        says: "this device is not joined to the domain",
        advice: "join it first",
    },
    Entry {
        id: "E-16",
        codes: &[0x801C_0016],
        says: "the federation configuration is empty",
        advice: "check the federation service's configuration",
    },
    Entry {
        id: "E-17",
        codes: &[0x801C_0017],
        says: "the federation configuration names no domain",
        advice: "check the federation service's configuration",
    },
    Entry {
        id: "E-18",
        codes: &[0x801C_0018],
        says: "the federation configuration names no client address",
        advice: "check the federation service's configuration",
    },
    Entry {
        id: "E-19",
        codes: &[0x801C_03E9],
        says: "the server's answer was not understood",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-20",
        codes: &[0x801C_03EA],
        says: "token or permissions were rejected at key registration",
        advice: "an administrator should check the account, the device and its token",
    },
    Entry {
        id: "E-21",
        codes: &[0x801C_03EB],
        says: "the server answered with an unexpected status",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-22",
        codes: &[0x801C_03EC],
        says: "the server failed",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-23",
        codes: &[0x801C_03ED],
        says: "the second factor is missing or no longer fresh",
        advice: "start again and answer the second factor within ten minutes",
    },
    Entry {
        id: "E-24",
        codes: &[0x801C_03EE],
        says: "the TPM's proof was refused",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-25",
        codes: &[0x801C_03EF],
        says: "the TPM's identity certificate has expired",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-26",
        codes: &[0x801C_03F2],
        says: "registration failed: the directory has a conflict on a mail address",
        advice: "an administrator must remove the duplicate attribute",
    },
    Entry {
        id: "E-27",
        codes: &[0x801C_044D],
        says: "the token names no device, or there is no token for the user",
        advice: "rejoin the device, or check the network",
    },
    Entry {
        id: "E-28",
        codes: &[0x801C_044E],
        says: "no credential was entered",
        advice: SIGN_OUT,
    },
    Entry {
        id: "E-29",
        codes: &[0xC000_00BB],
        says: "this sign-in option is temporarily unavailable: the key has not reached the domain \
               yet, or no domain controller has a proper certificate",
        advice: "sign in another way; an administrator should check the KDC certificate",
    },
    Entry {
        id: "E-30",
        codes: &[
            0x8007_0057,
            0x8007_2F0C,
            0x8007_2F8F,
            0x8009_0010,
            0x8009_0020,
            0x8009_0027,
            0x8009_002D,
        ],
        says: "something was wrong that this code does not say more about",
        advice: "check the clock, then ask support",
    },
    Entry {
        id: "E-31",
        codes: &[
            0x801C_0001,
            0x801C_0002,
            0x801C_0006,
            0x801C_000B,
            0x801C_000C,
            0x801C_0013,
            0x801C_0014,
            0x801C_0019,
            0x801C_001A,
            0x801C_001B,
            0x801C_03F0,
            0x801C_03F1,
            0x801C_044C,
        ],
        says: "registration did not follow the protocol",
        advice: "ask support",
    },
    Entry {
        id: "E-32",
        codes: &[0x801C_004D],
        says: "there is no work account in the token broker",
        advice: "add the work account again",
    },
    Entry {
        id: "E-33",
        codes: &[0x801C_001D, 0x801C_0021],
        says: "the hybrid join is misconfigured, or the device is not synchronised yet",
        advice: "correct the service connection point, or wait for the synchronisation",
    },
    Entry {
        id: "E-34",
        codes: &[0x82AB_0011],
        says: "a certificate profile came by MDM while Hello is configured by Group Policy",
        advice: "configure Hello by MDM",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_table_is_here_once_and_in_order() {
        let ids: Vec<_> = ERRORS.iter().map(|entry| entry.id.to_owned()).collect();
        let expected: Vec<_> = (1..=34).map(|row| format!("E-{row:02}")).collect();
        assert_eq!(ids, expected);
        let codes: BTreeSet<_> = ERRORS.iter().flat_map(|entry| entry.codes).collect();
        let count: usize = ERRORS.iter().map(|entry| entry.codes.len()).sum();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn a_code_is_shown_as_the_documents_write_it_and_finds_its_row() {
        assert_eq!(Code::SECOND_FACTOR_MISSING.to_string(), "0x801C03ED");
        assert_eq!(Code::SECOND_FACTOR_MISSING.entry().unwrap().id, "E-23");
        assert_eq!(Code::NO_DEVICE_IN_TOKEN.entry().unwrap().id, "E-27");
        assert!(Code(1).entry().is_none());
    }
}
