//! Credential caches: the file format that MIT and Heimdal tools read and write.
//!
//! Version 4, big-endian, as MIT documents it ("Credential cache file format"):
//!
//! ```text
//! cache:      05 04 | u16 header length | header fields { u16 tag, u16 length, bytes }
//!             | default principal | credentials to the end of the file
//! principal:  u32 name type | u32 number of components | data realm | data components
//! credential: principal client | principal server | u16 enctype, data key
//!             | u32 authtime, starttime, endtime, renew_till | u8 is_skey | u32 flags
//!             | u32 count, addresses { u16 type, data } | u32 count, authdata { u16 type, data }
//!             | data ticket | data second ticket
//! data:       u32 length | bytes
//! ```
//!
//! A credential whose server is in the realm `X-CACHECONF:` is no credential: it holds a setting
//! ([`Configuration`]) in the place of its ticket.

use zeroize::Zeroizing;

use crate::kerberos::{
    AddressType, AuthorizationDataElement, AuthorizationDataType, EncryptionKey, EncryptionType,
    HostAddress, KerberosTime, NameType, PrincipalName, TicketFlags,
};
use crate::principal::Principal;
use crate::read::Reader;

const VERSION_4: [u8; 2] = [0x05, 0x04];
const TAG_TIME_OFFSET: u16 = 1;
const CONFIGURATION_REALM: &str = "X-CACHECONF:";
const CONFIGURATION_NAME: &str = "krb5_ccache_conf_data";

/// A credential cache.
#[derive(Clone, Debug)]
pub struct CredentialCache {
    /// How far the KDC's clock is ahead of the device's, in seconds and microseconds, where a client noticed.
    pub time_offset: Option<(i32, i32)>,
    /// Whose cache it is.
    pub default_principal: Principal,
    /// Credentials and settings, in the order of the file.
    pub entries: Vec<Entry>,
}

/// One entry of a cache.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A ticket and what is needed to use it.
    Credential(Box<Credential>),
    /// A setting.
    Configuration(Configuration),
}

/// A ticket and what is needed to use it. [`KerberosTime::EPOCH`] stands for an absent time.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Whose ticket it is.
    pub client: Principal,
    /// The service it is for.
    pub server: Principal,
    /// The session key.
    pub session_key: EncryptionKey,
    /// When the client authenticated.
    pub auth_time: KerberosTime,
    /// From when the ticket is valid.
    pub start_time: KerberosTime,
    /// Until when the ticket is valid.
    pub end_time: KerberosTime,
    /// Until when the ticket can be renewed.
    pub renew_till: KerberosTime,
    /// Whether the ticket is encrypted in the session key of [`Credential::second_ticket`].
    pub is_user_to_user: bool,
    /// The ticket's flags.
    pub flags: TicketFlags,
    /// Where the ticket may be used from.
    pub addresses: Vec<HostAddress>,
    /// Authorization data that was asked for.
    pub authorization_data: Vec<AuthorizationDataElement>,
    /// The ticket, DER.
    pub ticket: Vec<u8>,
    /// The other ticket of a user-to-user exchange, DER; empty otherwise.
    pub second_ticket: Vec<u8>,
}

/// A setting that clients leave for themselves, such as `fast_avail` or `pa_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Its name.
    pub name: String,
    /// The principal that it concerns, as text with its realm.
    pub principal: Option<String>,
    /// Its value, a text more often than not.
    pub value: Vec<u8>,
}

/// Why bytes are not a credential cache of version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCache {
    /// The first two bytes are not `05 04`.
    #[error("not a credential cache of version 4")]
    Version,
    /// The bytes end inside an entry, or a length or count promises more than there is.
    #[error("the credential cache ends early")]
    Truncated,
    /// A name is not text, or has more than sixteen components.
    #[error("a name in the credential cache is malformed")]
    Name,
}

impl CredentialCache {
    /// An empty cache.
    #[must_use]
    pub fn new(default_principal: Principal) -> CredentialCache {
        CredentialCache {
            time_offset: None,
            default_principal,
            entries: Vec::new(),
        }
    }

    /// Adds a credential.
    pub fn push(&mut self, credential: Credential) {
        self.entries.push(Entry::Credential(Box::new(credential)));
    }

    /// Sets a setting in place of one of the same name and principal.
    pub fn configure(&mut self, name: &str, principal: Option<&Principal>, value: &[u8]) {
        let principal = principal.map(ToString::to_string);
        self.entries.retain(|entry| match entry {
            Entry::Configuration(known) => known.name != name || known.principal != principal,
            Entry::Credential(_) => true,
        });
        self.entries.push(Entry::Configuration(Configuration {
            name: name.to_owned(),
            principal,
            value: value.to_vec(),
        }));
    }

    /// The credentials, without settings.
    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Credential(credential) => Some(&**credential),
            Entry::Configuration(_) => None,
        })
    }

    /// The value of a setting.
    #[must_use]
    pub fn configuration(&self, name: &str, principal: Option<&Principal>) -> Option<&[u8]> {
        let principal = principal.map(ToString::to_string);
        self.entries.iter().find_map(|entry| match entry {
            Entry::Configuration(known) if known.name == name && known.principal == principal => {
                Some(known.value.as_slice())
            }
            _ => None,
        })
    }

    /// Reads a cache.
    ///
    /// # Errors
    /// [`InvalidCache`] with what is wrong. Versions 1 to 3, which depend on the machine or are obsolete, are not read.
    pub fn parse(bytes: &[u8]) -> Result<CredentialCache, InvalidCache> {
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(VERSION_4) {
            return Err(InvalidCache::Version);
        }
        let mut header = Reader::new(reader.counted_u16_be().ok_or(InvalidCache::Truncated)?);
        let mut time_offset = None;
        while !header.is_empty() {
            let tag = header.u16_be().ok_or(InvalidCache::Truncated)?;
            let mut value = Reader::new(header.counted_u16_be().ok_or(InvalidCache::Truncated)?);
            if tag == TAG_TIME_OFFSET {
                let seconds = value.u32_be().ok_or(InvalidCache::Truncated)?;
                let microseconds = value.u32_be().ok_or(InvalidCache::Truncated)?;
                time_offset = Some((seconds.cast_signed(), microseconds.cast_signed()));
            }
        }
        let default_principal = read_principal(&mut reader)?;
        let mut entries = Vec::new();
        while !reader.is_empty() {
            entries.push(read_entry(&mut reader)?);
        }
        Ok(CredentialCache {
            time_offset,
            default_principal,
            entries,
        })
    }

    /// Writes the cache. The bytes hold session keys, so they are wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(VERSION_4.to_vec());
        match self.time_offset {
            Some((seconds, microseconds)) => {
                for field in [12, TAG_TIME_OFFSET, 8] {
                    out.extend(field.to_be_bytes());
                }
                out.extend(seconds.to_be_bytes());
                out.extend(microseconds.to_be_bytes());
            }
            None => out.extend(0u16.to_be_bytes()),
        }
        push_principal(&mut out, &self.default_principal);
        for entry in &self.entries {
            match entry {
                Entry::Credential(credential) => push_credential(&mut out, credential),
                Entry::Configuration(setting) => {
                    push_credential(&mut out, &setting.as_credential(&self.default_principal));
                }
            }
        }
        out
    }
}

impl Configuration {
    /// A credential of nothing, with the value as its ticket.
    fn as_credential(&self, client: &Principal) -> Credential {
        let mut components = vec![CONFIGURATION_NAME.to_owned(), self.name.clone()];
        components.extend(self.principal.clone());
        Credential {
            client: client.clone(),
            server: Principal::new(
                PrincipalName::new(NameType::NT_PRINCIPAL, components),
                CONFIGURATION_REALM,
            ),
            session_key: EncryptionKey {
                keytype: EncryptionType(0),
                keyvalue: Vec::new(),
            },
            auth_time: KerberosTime::EPOCH,
            start_time: KerberosTime::EPOCH,
            end_time: KerberosTime::EPOCH,
            renew_till: KerberosTime::EPOCH,
            is_user_to_user: false,
            flags: TicketFlags::NONE,
            addresses: Vec::new(),
            authorization_data: Vec::new(),
            ticket: self.value.clone(),
            second_ticket: Vec::new(),
        }
    }

    /// The setting that a credential is, if its server says so.
    fn of(credential: &Credential) -> Option<Configuration> {
        if credential.server.realm != *CONFIGURATION_REALM {
            return None;
        }
        let mut components = credential.server.name.components();
        if components.next() != Some(CONFIGURATION_NAME) {
            return None;
        }
        let name = components.next()?.to_owned();
        let principal = components.next().map(str::to_owned);
        if components.next().is_some() {
            return None;
        }
        Some(Configuration {
            name,
            principal,
            value: credential.ticket.clone(),
        })
    }
}

fn read_entry(reader: &mut Reader<'_>) -> Result<Entry, InvalidCache> {
    let client = read_principal(reader)?;
    let server = read_principal(reader)?;
    let read = || {
        let keytype = EncryptionType(i32::from(reader.u16_be()?.cast_signed()));
        let session_key = EncryptionKey {
            keytype,
            keyvalue: reader.counted_u32_be()?.to_vec(),
        };
        let mut time = || {
            reader
                .u32_be()
                .map(|seconds| KerberosTime::from_unix(i64::from(seconds)))
        };
        let [auth_time, start_time, end_time, renew_till] = [time()?, time()?, time()?, time()?];
        let is_user_to_user = reader.u8()? != 0;
        let flags = TicketFlags(reader.u32_be()?);
        let addresses = read_typed(reader)?
            .map(|(kind, bytes)| HostAddress {
                addr_type: AddressType(kind),
                address: bytes,
            })
            .collect();
        let authorization_data = read_typed(reader)?
            .map(|(kind, bytes)| AuthorizationDataElement {
                ad_type: AuthorizationDataType(kind),
                ad_data: bytes,
            })
            .collect();
        let ticket = reader.counted_u32_be()?.to_vec();
        let second_ticket = reader.counted_u32_be()?.to_vec();
        Some(Credential {
            client,
            server,
            session_key,
            auth_time,
            start_time,
            end_time,
            renew_till,
            is_user_to_user,
            flags,
            addresses,
            authorization_data,
            ticket,
            second_ticket,
        })
    };
    let credential = read().ok_or(InvalidCache::Truncated)?;
    Ok(match Configuration::of(&credential) {
        Some(setting) => Entry::Configuration(setting),
        None => Entry::Credential(Box::new(credential)),
    })
}

/// A counted list of types and bytes. Each takes six bytes at least, so a count cannot promise more than is there.
fn read_typed(reader: &mut Reader<'_>) -> Option<impl Iterator<Item = (i32, Vec<u8>)> + use<>> {
    let count = reader.u32_be()?;
    let mut list = Vec::new();
    for _ in 0..count {
        let kind = i32::from(reader.u16_be()?.cast_signed());
        list.push((kind, reader.counted_u32_be()?.to_vec()));
    }
    Some(list.into_iter())
}

fn read_principal(reader: &mut Reader<'_>) -> Result<Principal, InvalidCache> {
    let name_type = reader.u32_be().ok_or(InvalidCache::Truncated)?;
    let count = reader.u32_be().ok_or(InvalidCache::Truncated)?;
    if count as usize > Principal::MAX_COMPONENTS {
        return Err(InvalidCache::Name);
    }
    let realm = reader.counted_u32_be().ok_or(InvalidCache::Truncated)?;
    let components = (0..count)
        .map(|_| reader.counted_u32_be())
        .collect::<Option<Vec<_>>>()
        .ok_or(InvalidCache::Truncated)?;
    Principal::from_parts(name_type, realm, &components).ok_or(InvalidCache::Name)
}

fn push_data(out: &mut Vec<u8>, data: &[u8]) {
    // What is written was received in messages of 128 KiB at most, or is a name.
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(data);
}

fn push_principal(out: &mut Vec<u8>, principal: &Principal) {
    out.extend(principal.name.name_type.0.to_be_bytes());
    out.extend((principal.name.components().len() as u32).to_be_bytes());
    push_data(out, principal.realm.as_bytes());
    for component in principal.name.components() {
        push_data(out, component.as_bytes());
    }
}

fn push_credential(out: &mut Vec<u8>, credential: &Credential) {
    push_principal(out, &credential.client);
    push_principal(out, &credential.server);
    out.extend((credential.session_key.keytype.0 as u16).to_be_bytes());
    push_data(out, &credential.session_key.keyvalue);
    for time in [
        credential.auth_time,
        credential.start_time,
        credential.end_time,
        credential.renew_till,
    ] {
        // The format ends in 2106; what lies later is cut to that.
        let seconds = u32::try_from(time.unix()).unwrap_or(u32::MAX);
        out.extend(seconds.to_be_bytes());
    }
    out.push(u8::from(credential.is_user_to_user));
    out.extend(credential.flags.0.to_be_bytes());
    out.extend((credential.addresses.len() as u32).to_be_bytes());
    for address in &credential.addresses {
        out.extend((address.addr_type.0 as u16).to_be_bytes());
        push_data(out, &address.address);
    }
    out.extend((credential.authorization_data.len() as u32).to_be_bytes());
    for element in &credential.authorization_data {
        out.extend((element.ad_type.0 as u16).to_be_bytes());
        push_data(out, &element.ad_data);
    }
    push_data(out, &credential.ticket);
    push_data(out, &credential.second_ticket);
}

#[cfg(test)]
mod tests;
