//! Finding accounts and devices.

use std::sync::Arc;

use crypto::key::Fingerprint;
use wire::{Guid, Sid};

use super::Snapshot;
use crate::account::{Account, AccountKind, KeyCredential};
use crate::cache::Parsed;
use crate::device::Device;
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout::{self, Listing};
use crate::password::{PasswordHistory, PasswordOwner, person_salt, salt_of};
use crate::reads::Observation;
use crate::record::Activity;
use crate::root_key::Belonging;
use crate::schema::{Attribute, Class};
use crate::value::folded;

/// The names under which an account is kept in the cache begin with the kind of name.
fn cache_name(attribute: Attribute, folded: &str) -> String {
    let kind = match attribute {
        Attribute::SamAccountName => 's',
        Attribute::UserPrincipalName => 'u',
        _ => 'p',
    };
    let mut name = String::with_capacity(folded.len() + 1);
    name.push(kind);
    name.push_str(folded);
    name
}

fn cache_names(account: &Account) -> Vec<String> {
    let sam = (Attribute::SamAccountName, account.sam.as_str());
    let upn = account
        .upn
        .iter()
        .map(|upn| (Attribute::UserPrincipalName, upn.as_str()));
    let spns = account
        .service_principals
        .iter()
        .map(|spn| (Attribute::ServicePrincipalName, spn.as_str()));
    std::iter::once(sam)
        .chain(upn)
        .chain(spns)
        .map(|(attribute, name)| cache_name(attribute, &folded(name)))
        .collect()
}

impl Snapshot<'_> {
    /// The account of a sAMAccountName, exactly that one: nothing is appended to it (a name without `$`
    /// never finds a computer, security.md row 2).
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_sam(&self, sam: &str) -> Result<Option<Arc<Account>>, Fault> {
        self.account_by(Attribute::SamAccountName, sam)
    }

    /// The account of a userPrincipalName, explicit or, where nobody has that one, implicit:
    /// sAMAccountName, `@`, and the domain's DNS name.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_upn(&self, upn: &str) -> Result<Option<Arc<Account>>, Fault> {
        if let Some(account) = self.account_by_explicit_upn(upn)? {
            return Ok(Some(account));
        }
        match upn.rsplit_once('@') {
            Some((sam, suffix)) if folded(suffix) == self.domain().dns_name => {
                self.account_by_sam(sam)
            }
            _ => Ok(None),
        }
    }

    /// The account that has this very userPrincipalName among its attributes.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_explicit_upn(&self, upn: &str) -> Result<Option<Arc<Account>>, Fault> {
        self.account_by(Attribute::UserPrincipalName, upn)
    }

    /// The account that lists a servicePrincipalName.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_spn(&self, spn: &str) -> Result<Option<Arc<Account>>, Fault> {
        self.account_by(Attribute::ServicePrincipalName, spn)
    }

    /// The account that a person means by what they type: a UPN, `DOMAIN\name`, or a bare name.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_name(&self, name: &str) -> Result<Option<Arc<Account>>, Fault> {
        let name = name.trim();
        if name.contains('@') {
            return self.account_by_upn(name);
        }
        match name.split_once('\\') {
            Some((domain, sam)) => {
                let domain = folded(domain);
                let own = self.domain();
                if domain == folded(&own.netbios_name) || domain == own.dns_name {
                    self.account_by_sam(sam)
                } else {
                    Ok(None)
                }
            }
            None => self.account_by_sam(name),
        }
    }

    /// The account with a SID.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_sid(&self, sid: &Sid) -> Result<Option<Arc<Account>>, Fault> {
        match self.id_by_sid(sid)? {
            Some(id) => self.account_by_id(id),
            None => Ok(None),
        }
    }

    /// The entry with a SID, whatever its class.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn id_by_sid(&self, sid: &Sid) -> Result<Option<EntryId>, Fault> {
        self.holder(layout::unique(Attribute::ObjectSid, &sid.to_bytes()))
    }

    /// The account with an id.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn account_by_id(&self, id: EntryId) -> Result<Option<Arc<Account>>, Fault> {
        Ok(match self.parsed(id)? {
            Some(Parsed::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// The account or device that lists a public key for signing in; who answers that a key belongs to
    /// somebody else (E.4 step 2) asks here.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn holder_of_key(&self, fingerprint: &Fingerprint) -> Result<Option<EntryId>, Fault> {
        self.holder(layout::fingerprint(&fingerprint.0))
    }

    /// The device with an msDS-DeviceID.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn device_by_id(&self, device: Guid) -> Result<Option<Arc<Device>>, Fault> {
        let name = format!("d{device}");
        if let Some(Parsed::Device(device)) =
            self.cached(|| self.directory.cache().find_named(&name))?
        {
            return Ok(Some(device));
        }
        let key = layout::unique(Attribute::MsDsDeviceId, &device.to_windows_bytes());
        match self.holder(key)? {
            Some(id) => self.device_by_entry(id),
            None => Ok(None),
        }
    }

    /// The device whose entry has an id.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn device_by_entry(&self, id: EntryId) -> Result<Option<Arc<Device>>, Fault> {
        Ok(match self.parsed(id)? {
            Some(Parsed::Device(device)) => Some(device),
            _ => None,
        })
    }

    /// The device whose certificate has a SHA-1 thumbprint. Whoever uses it compares the public key too
    /// ([`Device::certificates`], protocols B.5).
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn device_by_certificate(
        &self,
        thumbprint: &[u8; 20],
    ) -> Result<Option<Arc<Device>>, Fault> {
        let prefix = layout::listed_value(Listing::DeviceCertificate, thumbprint);
        match self.ids(&prefix, 1)?.first() {
            Some(id) => self.device_by_entry(*id),
            None => Ok(None),
        }
    }

    /// The devices that a person owns (msDS-RegisteredOwner), at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn devices_of_owner(&self, owner: &Sid, limit: usize) -> Result<Vec<Arc<Device>>, Fault> {
        let listing = Listing::Attribute(Attribute::MsDsRegisteredOwner);
        let ids = self.ids(&layout::listed_value(listing, &owner.to_bytes()), limit)?;
        let devices = ids.into_iter().map(|id| self.device_by_entry(id));
        devices.filter_map(Result::transpose).collect()
    }

    /// How many entries a person created (mS-DS-CreatorSID), at most `limit`: what the quota of computers
    /// counts.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn created_by(&self, creator: &Sid, limit: usize) -> Result<usize, Fault> {
        let listing = Listing::Attribute(Attribute::MsDsCreatorSid);
        let prefix = layout::listed_value(listing, &creator.to_bytes());
        Ok(self.ids(&prefix, limit)?.len())
    }

    /// The accounts and devices that list keys from a device, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn holders_of_device_keys(
        &self,
        device: Guid,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        let prefix = layout::listed_value(Listing::KeyDevice, &device.to_windows_bytes());
        self.ids(&prefix, limit)
    }

    /// The account of the ticket-granting service.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the account is not there.
    pub fn krbtgt(&self) -> Result<Arc<Account>, Fault> {
        self.account_by_id(self.domain().krbtgt)?
            .ok_or(Fault::Corrupt("krbtgt"))
    }

    /// The digests of an account's passwords.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn password_history(&self, id: EntryId) -> Result<PasswordHistory, Fault> {
        let Some((_, wrapped)) = self.row(layout::history(id))? else {
            return Ok(PasswordHistory::empty());
        };
        let belonging = Belonging::Attribute(id, Attribute::PasswordHistory);
        let secret = self.directory.root_key().unwrap(belonging, &wrapped)?;
        Ok(PasswordHistory::read(&secret)?)
    }

    /// An account that is to get another password, with what has to be known for that.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn password_owner(&self, account: Arc<Account>) -> Result<PasswordOwner, Fault> {
        Ok(PasswordOwner {
            history: self.password_history(account.id)?,
            salt: match account.kind {
                AccountKind::User => person_salt(&account.sam, self.domain()),
                _ => Some(salt_of(&account, self.domain())),
            },
            account,
        })
    }

    /// What is kept about an account outside of its entry.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn activity(&self, id: EntryId) -> Result<Activity, Fault> {
        match self.row(layout::activity(id))? {
            Some((_, payload)) => Ok(Activity::read(crate::codec::Reader::new(&payload))?),
            None => Ok(Activity::default()),
        }
    }

    /// The listed keys of an account or device.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn key_credentials(&self, holder: EntryId) -> Result<Vec<KeyCredential>, Fault> {
        // Every change to the list gives the holder's entry a new version.
        self.row(layout::entry(holder))?;
        super::key_credentials(self.store()?.read.as_ref(), holder)
    }

    /// For who does not tell that nobody has a name: where that had to be looked for in the storage, takes as long as if an
    /// account had been found there, which would have had to be read and opened. Where memory knew it, so it would have
    /// known an account, and this does nothing.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the account of the ticket-granting service, which is read instead, is not there.
    pub fn as_if_found(&self) -> Result<(), Fault> {
        if !self.missed.replace(false) {
            return Ok(());
        }
        let id = self.domain().krbtgt;
        let row = match self.directory.stand_in().get() {
            Some(row) => row,
            None => {
                let row = self.store()?.read.get(&layout::entry(id))?;
                let row = row.ok_or(Fault::Corrupt("krbtgt"))?;
                self.directory.stand_in().get_or_init(|| row)
            }
        };
        // The rows of two names were looked for, where an account has one, and its entry: so no third one is read here.
        let (stamp, mut payload) = layout::open_row(row)?;
        let entry = crate::Entry::read(id, stamp, &mut payload)?;
        Account::parse(&entry, Vec::new(), self.directory.root_key()).map(drop)
    }

    fn account_by(&self, attribute: Attribute, name: &str) -> Result<Option<Arc<Account>>, Fault> {
        let folded = folded(name);
        let cached = cache_name(attribute, &folded);
        if let Some(Parsed::Account(account)) =
            self.cached(|| self.directory.cache().find_named(&cached))?
        {
            return Ok(Some(account));
        }
        let key = layout::unique(attribute, folded.as_bytes());
        if self.known_row(&key)? == Some(None) {
            return Ok(None);
        }
        match self.holder(key.clone())? {
            Some(id) => self.account_by_id(id),
            None => {
                let number = self.store()?.number;
                self.directory.cache().keep_row(&key, None, number);
                self.missed.set(true);
                Ok(None)
            }
        }
    }

    /// The entry that an index row names.
    pub(super) fn holder(&self, key: Vec<u8>) -> Result<Option<EntryId>, Fault> {
        match self.row(key)? {
            Some((_, payload)) => Ok(Some(crate::codec::Reader::new(&payload).id()?)),
            None => Ok(None),
        }
    }

    /// An account, a device or a container, from memory or the storage.
    pub(super) fn parsed(&self, id: EntryId) -> Result<Option<Parsed>, Fault> {
        if let Some(found) = self.cached(|| self.directory.cache().find(id))? {
            return Ok(Some(found));
        }
        let opened = self.store()?;
        let read = opened.read.as_ref();
        let entry = super::entry(read, id)?;
        let stamp = entry.as_ref().map(|entry| entry.stamp);
        self.observe(Observation::Entry(id, stamp));
        let Some(entry) = entry else {
            return Ok(None);
        };
        let (parsed, names) = if entry.class.is_account() {
            let keys = super::keys_of(read, &entry)?;
            let account = Account::parse(&entry, keys, self.directory.root_key())?;
            let names = cache_names(&account);
            (Parsed::Account(Arc::new(account)), names)
        } else if entry.class == Class::Device {
            let device = Device::parse(&entry, super::keys_of(read, &entry)?)?;
            let names = vec![format!("d{}", device.device_id)];
            (Parsed::Device(Arc::new(device)), names)
        } else if entry.class.row().parent {
            (Parsed::Container(Arc::new(entry)), Vec::new())
        } else {
            return Ok(None);
        };
        self.directory.cache().keep(&parsed, names, opened.number);
        Ok(Some(parsed))
    }
}
