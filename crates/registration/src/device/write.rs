//! What an approved device is written with.

use directory::{
    Actor, Attribute, AuditRecord, Change, Device, DeviceCertificate, Edit, EntryId, NewEntry,
    Origin, Value, change,
};
use trust::enrolment::DeviceEnrolment;
use trust::{Rng, Timestamp};
use wire::key_credential::KeyUsage;
use wire::x509::Certificate;

use super::{AUTHORITY_REQUESTS, Approved, Asked, Refused, Registered, TrustType};
use crate::key_value;
use crate::proven_device::{KEYS, KEYS_OF, SPKI_OF, certificate_identity, public_key_hash};

impl Approved<'_> {
    /// The entry of the device: known already, or new in `changes`; and the request for its certificate.
    #[must_use]
    pub fn ask(&self, name: &[u8], expires: Timestamp, rng: &mut dyn Rng) -> Asked {
        let mut changes = Vec::new();
        let (entry, is_new) = match &self.existing {
            Some(device) => (device.id, false),
            None => {
                let entry = EntryId::random(rng);
                changes.push(self.entry(entry).into());
                (entry, true)
            }
        };
        let enrolment =
            DeviceEnrolment::new(entry.0, self.extensions.clone(), self.device_key.clone());
        changes.push(change::put(
            AUTHORITY_REQUESTS,
            name,
            enrolment.to_bytes(),
            expires,
        ));
        Asked {
            entry,
            is_new,
            changes,
        }
    }

    /// What whoever registers it is called.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.owner.upn.as_deref().unwrap_or(&self.owner.sam)
    }

    /// objectGUID of whoever registers it.
    #[must_use]
    pub fn owner_id(&self) -> EntryId {
        self.owner.id
    }

    /// The device that is taken over with another key than it had: it was set up anew.
    #[must_use]
    pub fn former(&self) -> Option<&Device> {
        let hash = public_key_hash(self.device_key.key());
        self.existing.as_deref().filter(|device| {
            let mut certificates = device.certificates.iter().peekable();
            certificates.peek().is_some()
                && certificates.all(|certificate| certificate.public_key_hash != hash)
        })
    }

    /// Writes the device with its certificate over what is there (DREG-W4), and the audit record.
    ///
    /// # Errors
    /// [`Refused::UnknownDevice`] when the entry is gone by now.
    pub fn register(
        self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Registered, Refused> {
        let device = self.existing.as_deref().ok_or(Refused::UnknownDevice)?;
        let thumbprint = crypto::digest::sha1(certificate.der());
        let identity = certificate_identity(thumbprint, self.device_key.key());
        let mut changes = self.overwrite(device, &identity, now);
        // DREG-W4.
        let transport = key_value::write(
            &self.transport_material,
            KeyUsage::Stk,
            self.device_id,
            self.source,
            now,
        );
        changes.push(change::add_key_credential(
            device.id,
            transport,
            Origin::Registration,
        ));
        changes.extend(self.hold_keys(device.id));
        changes.push(change::audit(self.audit(device.id, now)));
        Ok(Registered {
            device_id: self.device_id,
            thumbprint,
            changes,
        })
    }

    /// A new device object, which cannot prove itself yet, since it has no certificate.
    fn entry(&self, id: EntryId) -> NewEntry {
        NewEntry::device(id, self.devices, self.device_id, self.request.display_name)
            .with(Attribute::MsDsRegisteredOwner, self.owner.sid)
    }

    /// The attributes that both a new and a known device get.
    fn attributes(
        &self,
        certificate: &DeviceCertificate,
        now: Timestamp,
    ) -> Vec<(Attribute, Value)> {
        vec![
            (
                Attribute::AltSecurityIdentities,
                certificate.to_identity().into(),
            ),
            (Attribute::MsDsDeviceOsType, self.request.device_type.into()),
            (
                Attribute::MsDsDeviceOsVersion,
                self.request.os_version.into(),
            ),
            (Attribute::MsDsRegisteredUsers, self.owner.sid.into()),
            (Attribute::MsDsRegisteredOwner, self.owner.sid.into()),
            (
                Attribute::MsDsDeviceTrustType,
                (self.trust_type as i64).into(),
            ),
            (Attribute::MsDsDeviceObjectVersion, 2i64.into()),
            (Attribute::MsDsCloudIsManaged, false.into()),
            (Attribute::MsDsApproximateLastLogonTimeStamp, now.into()),
        ]
    }

    /// The edits to a known device: its attributes, enabled again, its transport key replaced.
    fn overwrite(
        &self,
        device: &Device,
        certificate: &DeviceCertificate,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut edits = vec![Edit::set(Attribute::DisplayName, self.request.display_name)];
        edits.extend(
            self.attributes(certificate, now)
                .into_iter()
                .map(|(name, value)| Edit::Set(name, vec![value])),
        );
        let mut changes = vec![change::modify(device.id, edits)];
        let transport = device
            .key_credentials
            .iter()
            .filter(|key| key.usage() == Some(KeyUsage::Stk));
        changes.extend(transport.map(|key| change::remove_key_credential(device.id, key.id)));
        changes
    }

    /// Notes that this device holds its two keys, and no longer those of before.
    fn hold_keys(&self, entry: EntryId) -> Vec<Change> {
        let now_held = [
            self.device_key.key().fingerprint(),
            self.transport_key.key().fingerprint(),
        ];
        let device = self.device_id.to_bytes().to_vec();
        let mut changes: Vec<Change> = self
            .held
            .iter()
            .map(|before| change::remove(KEYS, before.to_vec()))
            .collect();
        changes
            .extend(now_held.map(|key| change::put(KEYS, key.0, device.clone(), Timestamp::NEVER)));
        let list = [device, now_held.iter().flat_map(|key| key.0).collect()].concat();
        changes.push(change::put(
            KEYS_OF,
            entry.0.to_bytes(),
            list,
            Timestamp::NEVER,
        ));
        let spki = self.device_key.key().to_spki_der();
        changes.push(change::put(
            SPKI_OF,
            entry.0.to_bytes(),
            spki,
            Timestamp::NEVER,
        ));
        changes
    }

    fn audit(&self, id: EntryId, now: Timestamp) -> AuditRecord {
        let actor = Actor {
            sid: Some(self.owner.sid),
            name: match self.trust_type {
                TrustType::Domain => self.owner.sam.clone(),
                TrustType::Tenant | TrustType::Registered => self.owner().to_owned(),
            },
        };
        let record = AuditRecord::done(now, actor, "device.register")
            .on(id, self.request.display_name)
            .about_device(self.device_id)
            .about_key(self.device_key.key().fingerprint());
        match self.request.from {
            Some(from) => record.from_address(from),
            None => record,
        }
    }
}
