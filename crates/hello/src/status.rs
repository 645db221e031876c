//! The status of device and person (4.4), under the field names that `dsregcmd` uses (DSR-1 to DSR-8).
//!
//! A section is a struct whose members carry their field's exact name. As text it looks as administrators
//! know it; as JSON it is an object of strings, section by section. A field that is `None` is left out.

mod fields;

use core::fmt;

use provisioning::Report;
use provisioning::prerequisites::Joined;
use serde::ser::{Serialize, SerializeMap, Serializer};
use trust::Timestamp;
use wire::Guid;
use wire::x509::Thumbprint;

use self::fields::{Shown, section};
use crate::container::Container;
use crate::prt::Prt;
use crate::registration::{Registration, Tenant};
use crate::vault::Vault;

/// The whole status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// DSR-1.
    pub device_state: DeviceState,
    /// DSR-2; `None` while the device is not registered. The documents show it for tenant-joined
    /// devices alone; a device of the enterprise DRS has an ID and a certificate just the same.
    pub device_details: Option<DeviceDetails>,
    /// DSR-3; `None` without a tenant.
    pub tenant_details: Option<TenantDetails>,
    /// DSR-4.
    pub user_state: UserState,
    /// DSR-5.
    pub sso_state: SsoState,
    /// DSR-6, of a domain-joined device that could not register.
    pub pre_join: Option<PreJoinDiagnostics>,
    /// DSR-7.
    pub post_join: Option<PostJoinDiagnostics>,
    /// DSR-8; may be left out once the person has enrolled (PROV-2.15).
    pub prerequisites: Option<Report>,
}

section! {
    /// DSR-1.
    pub struct DeviceState("Device State") {
        /// Joined to the tenant. Excludes `EnterpriseJoined`.
        azure_ad_joined: bool = "AzureAdJoined",
        /// Registered with the enterprise DRS.
        enterprise_joined: bool = "EnterpriseJoined",
        /// Joined to the domain.
        domain_joined: bool = "DomainJoined",
        /// The domain's NetBIOS name.
        domain_name: Option<String> = "DomainName",
    }
}

section! {
    /// DSR-2.
    pub struct DeviceDetails("Device Details") {
        /// The device ID.
        device_id: Option<Guid> = "DeviceId",
        /// The device certificate's SHA-1 thumbprint.
        thumbprint: Option<Thumbprint> = "Thumbprint",
        /// From when to when it is valid.
        device_certificate_validity: Option<Validity> = "DeviceCertificateValidity",
        /// The key container that holds the device key.
        key_container_id: Option<Guid> = "KeyContainerId",
        /// Who keeps the device key.
        key_provider: Option<String> = "KeyProvider",
        /// Whether it is in a TPM.
        tpm_protected: Option<bool> = "TpmProtected",
        /// Whether the registration service knows the device.
        device_auth_status: Option<DeviceAuthStatus> = "DeviceAuthStatus",
        /// Whether this is a virtual desktop.
        virtual_desktop: Option<VirtualDesktop> = "Virtual Desktop",
    }
}

section! {
    /// DSR-3. An empty MDM address means that there is none, or not for this person.
    pub struct TenantDetails("Tenant Details") {
        /// The tenant's name.
        tenant_name: Option<String> = "TenantName",
        /// The tenant's ID.
        tenant_id: Option<Guid> = "TenantId",
        /// The identity provider.
        idp: Option<String> = "Idp",
        /// The authorization endpoint.
        auth_code_url: Option<String> = "AuthCodeUrl",
        /// The token endpoint.
        access_token_url: Option<String> = "AccessTokenUrl",
        /// The MDM's enrolment address.
        mdm_url: Option<String> = "MdmUrl",
        /// The MDM's terms of use.
        mdm_tou_url: Option<String> = "MdmTouUrl",
        /// The MDM's compliance page.
        mdm_compliance_url: Option<String> = "MdmComplianceUrl",
        /// The settings synchronisation's address.
        settings_url: Option<String> = "SettingsUrl",
        /// The join service's version.
        join_srv_version: Option<String> = "JoinSrvVersion",
        /// The join service's address.
        join_srv_url: Option<String> = "JoinSrvUrl",
        /// The join service's resource ID.
        join_srv_id: Option<String> = "JoinSrvId",
        /// The key service's version.
        key_srv_version: Option<String> = "KeySrvVersion",
        /// The key service's address.
        key_srv_url: Option<String> = "KeySrvUrl",
        /// The key service's resource ID.
        key_srv_id: Option<String> = "KeySrvId",
        /// The WebAuthn service's version.
        web_authn_srv_version: Option<String> = "WebAuthNSrvVersion",
        /// The WebAuthn service's address.
        web_authn_srv_url: Option<String> = "WebAuthNSrvUrl",
        /// The WebAuthn service's resource ID.
        web_authn_srv_id: Option<String> = "WebAuthNSrvId",
        /// The device management service's version.
        device_management_srv_ver: Option<String> = "DeviceManagementSrvVer",
        /// The device management service's address.
        device_management_srv_url: Option<String> = "DeviceManagementSrvUrl",
        /// The device management service's resource ID.
        device_management_srv_id: Option<String> = "DeviceManagementSrvId",
    }
}

section! {
    /// DSR-4.
    pub struct UserState("User State") {
        /// Whether the person has enrolled.
        ngc_set: bool = "NgcSet",
        /// The registered key's ID, in braces.
        ngc_key_id: Option<Braced> = "NgcKeyId",
        /// How the PIN can be reset.
        can_reset: Option<CanReset> = "CanReset",
        /// Whether a work account was added to a personal device.
        workplace_joined: Option<bool> = "WorkplaceJoined",
        /// Whether a default account is set in the token broker.
        wam_default_set: Option<bool> = "WamDefaultSet",
        /// The default account's authority.
        wam_default_authority: Option<String> = "WamDefaultAuthority",
        /// The default account's provider.
        wam_default_id: Option<String> = "WamDefaultId",
        /// The default account's ID.
        wam_default_guid: Option<Braced> = "WamDefaultGUID",
    }
}

section! {
    /// DSR-5. The fields from `AcquirePrtDiagnostics` on are there after a failure since the last success.
    pub struct SsoState("SSO State") {
        /// Whether there is a PRT of the tenant.
        azure_ad_prt: Option<bool> = "AzureAdPrt",
        /// When it was renewed last.
        azure_ad_prt_update_time: Option<Timestamp> = "AzureAdPrtUpdateTime",
        /// When it ends.
        azure_ad_prt_expiry_time: Option<Timestamp> = "AzureAdPrtExpiryTime",
        /// Who issued it.
        azure_ad_prt_authority: Option<String> = "AzureAdPrtAuthority",
        /// Whether there is a PRT of the federation service.
        enterprise_prt: Option<bool> = "EnterprisePrt",
        /// When it was renewed last.
        enterprise_prt_update_time: Option<Timestamp> = "EnterprisePrtUpdateTime",
        /// When it ends.
        enterprise_prt_expiry_time: Option<Timestamp> = "EnterprisePrtExpiryTime",
        /// Who issued it.
        enterprise_prt_authority: Option<String> = "EnterprisePrtAuthority",
        /// Whether there is a TGT for the domain.
        on_prem_tgt: Option<bool> = "OnPremTgt",
        /// Whether there is a TGT for the tenant.
        cloud_tgt: Option<bool> = "CloudTgt",
        /// The names that the tenant's realm answers for.
        kerb_top_level_names: Option<String> = "KerbTopLevelNames",
        /// `PRESENT` after a failure to get a PRT.
        acquire_prt_diagnostics: Option<String> = "AcquirePrtDiagnostics",
        /// `PRESENT` after a failure to renew one.
        refresh_prt_diagnostics: Option<String> = "RefreshPrtDiagnostics",
        /// When that was.
        previous_prt_attempt: Option<Timestamp> = "Previous Prt Attempt",
        /// The status code it ended with.
        attempt_status: Option<String> = "Attempt Status",
        /// Whose it was.
        user_identity: Option<String> = "User Identity",
        /// What it was tried with.
        credential_type: Option<String> = "Credential Type",
        /// The request's ID.
        correlation_id: Option<Guid> = "Correlation ID",
        /// Where it was sent.
        endpoint_uri: Option<String> = "Endpoint URI",
        /// How.
        http_method: Option<String> = "HTTP Method",
        /// The transport's error.
        http_error: Option<String> = "HTTP Error",
        /// The HTTP status.
        http_status: Option<String> = "HTTP status",
        /// The server's code.
        server_error_code: Option<String> = "Server Error Code",
        /// The server's words.
        server_error_description: Option<String> = "Server Error Description",
    }
}

section! {
    /// DSR-6.
    pub struct PreJoinDiagnostics("Pre-Join Diagnostics") {
        /// Who ran the status tool.
        user_context: Option<String> = "User Context",
        /// The device's clock.
        client_time: Option<Timestamp> = "Client Time",
        /// Whether the directory was reached.
        ad_connectivity_test: Option<TestResult> = "AD Connectivity Test",
        /// Whether the service connection point was found.
        ad_configuration_test: Option<TestResult> = "AD Configuration Test",
        /// Whether the registration service was discovered.
        drs_discovery_test: Option<TestResult> = "DRS Discovery Test",
        /// Whether it was reached.
        drs_connectivity_test: Option<TestResult> = "DRS Connectivity Test",
        /// Whether the device got a token for it.
        token_acquisition_test: Option<TestResult> = "Token acquisition Test",
        /// Whether the join falls back to the synchronised one.
        fallback_to_sync_join: Option<String> = "Fallback to Sync-Join",
        /// When the device was registered before.
        previous_registration: Option<Timestamp> = "Previous Registration",
        /// How it registers.
        registration_type: Option<String> = "Registration Type",
        /// The phase that failed.
        error_phase: Option<ErrorPhase> = "Error Phase",
        /// The device's code.
        client_error_code: Option<String> = "Client ErrorCode",
        /// The server's code.
        server_error_code: Option<String> = "Server ErrorCode",
        /// The server's words.
        server_message: Option<String> = "Server Message",
        /// The HTTP status.
        https_status: Option<String> = "Https Status",
        /// The server's ID of the request.
        request_id: Option<Guid> = "Request Id",
    }
}

section! {
    /// DSR-7.
    pub struct PostJoinDiagnostics("Post-Join Diagnostics") {
        /// Whether the device is marked for recovery.
        aad_recovery_enabled: Option<bool> = "AadRecoveryEnabled",
        /// Whether the device key signs.
        key_sign_test: Option<KeySignTest> = "KeySignTest",
    }
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub to: Timestamp,
}

/// A GUID that is shown in braces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Braced(pub Guid);

/// Whether the registration service knows the device (DSR-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceAuthStatus {
    /// It does.
    Success,
    /// It does not any more.
    DisabledOrDeleted,
    /// It could not be asked.
    Error,
}

/// Whether this is a virtual desktop (DSR-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VirtualDesktop {
    /// Nobody said so.
    NotSet,
    /// It is.
    Yes,
    /// Somebody said something else.
    Invalid,
}

/// How the PIN can be reset (DSR-4, RST-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CanReset {
    /// By enrolling anew; the only way on premises (RST-2).
    DestructiveOnly,
    /// With the key kept.
    NonDestructiveOnly,
    /// Both ways.
    DestructiveAndNonDestructive,
    /// It is not known.
    Unknown,
}

/// What a test of the join found (DSR-6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestResult {
    /// It passed.
    Pass,
    /// It failed, with this code.
    Fail(String),
    /// It was not run.
    Skipped,
}

/// The phase of the join that failed (DSR-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorPhase {
    /// Before anything was asked.
    PreCheck,
    /// While the registration service was looked for.
    Discover,
    /// While the device authenticated.
    Auth,
    /// While it was registered.
    Join,
}

/// Whether the device key signs (DSR-7, DREG-7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySignTest {
    /// It does.
    Passed,
    /// It does not.
    Failed,
}

impl Status {
    /// The status of a device that is joined as `joined` says, for the person whose `container` it is.
    ///
    /// What only a server can say - tickets, whether the device is known - is left for the caller to fill in.
    /// What is there of the tenant for one person is added by [`with_prt`](Self::with_prt).
    #[must_use]
    pub fn of(
        joined: Joined,
        registration: Option<&Registration>,
        container: Option<&Container>,
        vault: &dyn Vault,
    ) -> Self {
        Self {
            device_state: DeviceState::of(joined, registration),
            device_details: registration.map(|registration| DeviceDetails::of(registration, vault)),
            tenant_details: registration
                .and_then(Registration::tenant)
                .map(TenantDetails::of),
            user_state: UserState::of(joined, container),
            sso_state: SsoState::default(),
            pre_join: None,
            post_join: registration.map(|_| PostJoinDiagnostics::of(vault)),
            prerequisites: None,
        }
    }

    /// The same with what this device holds to ask the tenant with: the person's primary refresh token, if one is
    /// valid (DSR-5).
    #[must_use]
    pub fn with_prt(mut self, prt: Option<&Prt>) -> Self {
        if let Some(tenant) = &self.tenant_details {
            self.sso_state = SsoState {
                azure_ad_prt: Some(prt.is_some()),
                azure_ad_prt_update_time: prt.map(Prt::updated),
                azure_ad_prt_expiry_time: prt.map(Prt::expires),
                azure_ad_prt_authority: prt.and_then(|_| tenant.authority()),
                ..self.sso_state
            };
        }
        self
    }

    /// The sections that there are, in their order: title, and each field's name and value.
    #[must_use]
    pub fn sections(&self) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
        let mut sections = vec![(DeviceState::TITLE, self.device_state.fields())];
        let mut add = |title, fields: Option<Vec<(&'static str, String)>>| {
            sections.extend(fields.map(|fields| (title, fields)));
        };
        add(
            DeviceDetails::TITLE,
            self.device_details.as_ref().map(DeviceDetails::fields),
        );
        add(
            TenantDetails::TITLE,
            self.tenant_details.as_ref().map(TenantDetails::fields),
        );
        add(UserState::TITLE, Some(self.user_state.fields()));
        add(SsoState::TITLE, Some(self.sso_state.fields()));
        add(
            PreJoinDiagnostics::TITLE,
            self.pre_join.as_ref().map(PreJoinDiagnostics::fields),
        );
        add(
            PostJoinDiagnostics::TITLE,
            self.post_join.as_ref().map(PostJoinDiagnostics::fields),
        );
        add(
            "Ngc Prerequisite Check",
            self.prerequisites.as_ref().map(Report::fields),
        );
        sections.retain(|(_, fields)| !fields.is_empty());
        sections
    }
}

impl DeviceState {
    /// The combinations of DSR-1, of which no other exists.
    #[must_use]
    pub fn of(joined: Joined, registration: Option<&Registration>) -> Self {
        let domain_joined = joined.to_domain();
        Self {
            azure_ad_joined: matches!(joined, Joined::Tenant | Joined::Hybrid),
            enterprise_joined: joined == Joined::Enterprise,
            domain_joined,
            domain_name: registration.filter(|_| domain_joined).map(|registration| {
                let netbios = registration.netbios.clone();
                netbios.unwrap_or_else(|| registration.domain.clone())
            }),
        }
    }
}

impl DeviceDetails {
    /// What the device knows of its own registration.
    #[must_use]
    pub fn of(registration: &Registration, vault: &dyn Vault) -> Self {
        let validity = registration.validity();
        Self {
            device_id: Some(registration.device_id),
            thumbprint: Some(registration.thumbprint()),
            device_certificate_validity: validity.map(|(from, to)| Validity { from, to }),
            key_provider: Some(vault.level().key_provider().to_owned()),
            tpm_protected: Some(vault.level().is_hardware()),
            ..Self::default()
        }
    }
}

impl TenantDetails {
    /// What the device knows of its tenant.
    #[must_use]
    pub fn of(tenant: &Tenant) -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            tenant_name: text(&tenant.name),
            tenant_id: Some(tenant.id),
            idp: text(&tenant.login),
            auth_code_url: text(&tenant.authorize),
            access_token_url: text(&tenant.token),
            join_srv_version: text(&tenant.join.version),
            join_srv_url: text(&tenant.join.endpoint),
            join_srv_id: text(&tenant.join.resource),
            key_srv_version: text(&tenant.keys.version),
            key_srv_url: text(&tenant.keys.endpoint),
            key_srv_id: text(&tenant.keys.resource),
            ..Self::default()
        }
    }

    /// Who issues the primary refresh tokens: the tenant at its sign-in host.
    fn authority(&self) -> Option<String> {
        let (login, id) = (self.idp.as_ref()?, self.tenant_id?);
        Some(format!("{login}/{id}"))
    }
}

impl UserState {
    /// What the device knows of a person's container.
    #[must_use]
    pub fn of(joined: Joined, container: Option<&Container>) -> Self {
        let registered = container.and_then(Container::registered);
        let can_reset = match joined {
            Joined::Domain | Joined::Enterprise => CanReset::DestructiveOnly,
            Joined::Not | Joined::Tenant | Joined::Hybrid => CanReset::Unknown,
        };
        Self {
            ngc_set: registered.is_some(),
            ngc_key_id: registered.map(|registered| Braced(registered.kid)),
            can_reset: registered.map(|_| can_reset),
            ..Self::default()
        }
    }
}

impl PostJoinDiagnostics {
    /// Has the device key sign something (DREG-7).
    #[must_use]
    pub fn of(vault: &dyn Vault) -> Self {
        use crypto::signature::SignatureAlgorithm;
        let signs = vault
            .device_key(crate::vault::DeviceKey::Device)
            .ok()
            .flatten()
            .is_some_and(|key| {
                let algorithm = SignatureAlgorithm::default_for(key.public_key());
                key.signer().sign(algorithm, b"KeySignTest").is_ok()
            });
        Self {
            aad_recovery_enabled: Some(!signs),
            key_sign_test: Some(if signs {
                KeySignTest::Passed
            } else {
                KeySignTest::Failed
            }),
        }
    }
}

const WIDTH: usize = 70;
const NAMES: usize = 26;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = "-".repeat(WIDTH);
        for (title, fields) in self.sections() {
            writeln!(
                f,
                "+{rule}+\n| {title:<width$}|\n+{rule}+\n",
                width = WIDTH - 1
            )?;
            for (name, value) in fields {
                writeln!(f, "{name:>NAMES$} : {value}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sections = self.sections();
        let mut map = serializer.serialize_map(Some(sections.len()))?;
        for (title, fields) in sections {
            map.serialize_entry(title, &fields::Object(&fields))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
