//! The prerequisites (4.2): whether provisioning starts, and the report that says why not.

use core::fmt;

use policy::Effective;
use serde::Serialize;

use crate::codes::Code;

/// What is known about device, session and person before anything starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// How the device is joined.
    pub joined: Joined,
    /// Who authenticates the people of this organisation.
    pub realm: Realm,
    /// Whether the person proved themselves to the tenant, or on premises to the federation service
    /// or the domain, rather than with an account of this device alone.
    pub signed_in: bool,
    /// The hardware that keys could live in.
    pub security_device: SecurityDevice,
    /// Whether the session is a remote one.
    pub remote_session: bool,
    /// Whether the person signed in with a FIDO2 security key (PROV-1.6).
    pub security_key_sign_in: bool,
    /// Who starts it.
    pub started: Started,
    /// What certificate trust needs, where it was looked at.
    pub certificate: CertificateFacts,
    /// Whether a partial TGT came at sign-in; `None` when it was not looked at.
    pub cloud_tgt: Option<bool>,
}

/// How a device is joined (DSR-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Joined {
    /// Not at all.
    Not,
    /// To the domain, and not registered (DJ).
    Domain,
    /// To the domain, and registered with the enterprise DRS.
    Enterprise,
    /// To the tenant (AADJ).
    Tenant,
    /// To the domain, and registered with the tenant (HAADJ).
    Hybrid,
}

impl Joined {
    /// Whether the device is in the domain, for which an unset policy means no enrolment (PROV-1.4).
    #[must_use]
    pub const fn to_domain(self) -> bool {
        matches!(self, Self::Domain | Self::Enterprise | Self::Hybrid)
    }
}

/// Who authenticates the people of the organisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Realm {
    /// The tenant itself.
    Managed,
    /// The federation service.
    Federated,
}

/// The hardware that keys could live in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecurityDevice {
    /// None: keys are kept in software.
    None,
    /// A TPM of version 1.2.
    Tpm12,
    /// A TPM of version 2.0.
    Tpm20,
}

/// Who starts provisioning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Started {
    /// The device, after the person signed in (PROV-1.1).
    AfterSignIn,
    /// The person, or another tool on their behalf: the mechanism that takes the place of post-logon
    /// provisioning where policy turns that off (PROV-1.3).
    ByPerson,
}

/// What certificate trust needs. `None` is not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CertificateFacts {
    /// Whether there is an enterprise PRT.
    pub enterprise_prt: Option<bool>,
    /// Whether discovery says that the registration authority is ready.
    pub authority_ready: Option<bool>,
    /// Whether the logon certificate template is ready.
    pub template_ready: Option<bool>,
}

/// The three states of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Tested {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It was not reached, or does not apply.
    #[serde(rename = "Not Tested")]
    NotTested,
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "Yes",
            Self::No => "No",
            Self::NotTested => "Not Tested",
        })
    }
}

impl From<bool> for Tested {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// How a logon certificate would be enrolled (PROV-2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum CertEnrollment {
    /// By the registration authority: Group Policy asks for a certificate.
    #[serde(rename = "enrollment authority")]
    EnrollmentAuthority,
    /// By the MDM.
    #[serde(rename = "mobile device management")]
    MobileDeviceManagement,
    /// Not at all.
    #[serde(rename = "none")]
    None,
}

impl fmt::Display for CertEnrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EnrollmentAuthority => "enrollment authority",
            Self::MobileDeviceManagement => "mobile device management",
            Self::None => "none",
        })
    }
}

/// The verdict (PROV-2.14).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum PreReqResult {
    /// Provisioning will be launched.
    WillProvision,
    /// It will not.
    WillNotProvision,
}

impl fmt::Display for PreReqResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WillProvision => "WillProvision",
            Self::WillNotProvision => "WillNotProvision",
        })
    }
}

/// One check of the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// Its ID.
    pub id: &'static str,
    /// The status tool's field.
    pub field: &'static str,
    /// The event's data name; ours where the documents give a label alone.
    pub data: &'static str,
    /// What it says.
    pub tested: Tested,
}

impl Check {
    /// What to do when it does not hold.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self.id {
            "PROV-2.1" => "this device is not joined; join it first",
            "PROV-2.2" => "the person is not signed in with an account of the organisation",
            "PROV-2.3" => "the policy does not enable it (setting UsePassportForWork)",
            "PROV-2.4" => "the policy leaves provisioning to another tool (PROV-1.3)",
            "PROV-2.5" => {
                "policy requires a hardware security device that this one does not have \
                 (setting RequireSecurityDevice)"
            }
            "PROV-2.6" => "the session is a remote one; sign in at the device itself",
            "PROV-2.9" => "there is no enterprise PRT yet",
            "PROV-2.10" => "the registration authority is not ready",
            "PROV-2.11" => "the logon certificate template is not ready",
            "PROV-2.12" => "the MDM's user certificate is not ready",
            "PROV-2.13" => "no cloud Kerberos ticket came at sign-in",
            "PROV-1.6" => "the person signed in with a security key, which does not start it",
            _ => "a prerequisite is not met",
        }
    }

    /// The code of 11.1, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self.id {
            "PROV-2.1" => Some(Code::NOT_JOINED),
            "PROV-2.5" => Some(Code::NEEDS_TPM),
            _ => None,
        }
    }
}

/// The prerequisite report: every check in its order, and the verdict (EV-358, EV-360, EV-362).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// PROV-2.1 to PROV-2.6 and PROV-2.9 to PROV-2.13, in this order.
    pub checks: Vec<Check>,
    /// PROV-2.7: whether policy asks for a certificate for on-premises authentication.
    pub logon_cert_required: bool,
    /// PROV-2.8.
    pub cert_enrollment: CertEnrollment,
    /// PROV-2.14.
    pub result: PreReqResult,
}

impl Report {
    /// Checks everything that the documents check, in their order. A check after the first that does
    /// not hold, and one that does not apply, is `Not Tested`.
    #[must_use]
    pub fn of(facts: &Facts, policy: &Effective) -> Self {
        let mut walk = Walk::default();
        let joined = matches!(
            facts.joined,
            Joined::Enterprise | Joined::Tenant | Joined::Hybrid
        );
        walk.check("PROV-2.1", "IsDeviceJoined", "DeviceIsJoined", Some(joined));
        walk.check("PROV-2.2", "IsUserAzureAD", "AADPrt", Some(facts.signed_in));
        // PROV-1.4: on a domain-joined device unset is no, on a tenant-joined one it is yes.
        let enabled = policy.use_hello.unwrap_or(!facts.joined.to_domain());
        walk.check(
            "PROV-2.3",
            "PolicyEnabled",
            "NgcPolicyEnabled",
            Some(enabled),
        );
        let offered = policy.post_logon_provisioning || facts.started == Started::ByPerson;
        walk.check(
            "PROV-2.4",
            "PostLogonEnabled",
            "PostLogonProvisioningEnabled",
            Some(offered),
        );
        let eligible = match facts.security_device {
            SecurityDevice::Tpm20 => true,
            SecurityDevice::Tpm12 => !policy.exclude_tpm12,
            SecurityDevice::None => !policy.require_security_device,
        };
        walk.check(
            "PROV-2.5",
            "DeviceEligible",
            "NgcHardwarePolicyMet",
            Some(eligible),
        );
        walk.check(
            "PROV-2.6",
            "SessionIsNotRemote",
            "UserIsRemote",
            Some(!facts.remote_session),
        );

        let cert_enrollment = if policy.certificate_for_on_premises {
            CertEnrollment::EnrollmentAuthority
        } else {
            CertEnrollment::None
        };
        let by_authority = cert_enrollment == CertEnrollment::EnrollmentAuthority;
        let certificate = |fact: Option<bool>| by_authority.then(|| fact.unwrap_or(false));
        walk.check(
            "PROV-2.9",
            "AdfsRefreshToken",
            "AdfsRefreshToken",
            certificate(facts.certificate.enterprise_prt),
        );
        walk.check(
            "PROV-2.10",
            "AdfsRaIsReady",
            "AdfsRaIsReady",
            certificate(facts.certificate.authority_ready),
        );
        walk.check(
            "PROV-2.11",
            "LogonCertTemplateReady",
            "LogonCertTemplateReady",
            certificate(facts.certificate.template_ready),
        );
        // No policy of this release comes by MDM, so that no certificate does.
        walk.check(
            "PROV-2.12",
            "MdmCertificateReady",
            "MdmCertificateReady",
            None,
        );
        let cloud_trust = cert_enrollment == CertEnrollment::None
            && facts.joined == Joined::Hybrid
            && policy.cloud_trust_for_on_premises;
        walk.check(
            "PROV-2.13",
            "OnPremTGT",
            "CloudTgt",
            cloud_trust.then(|| facts.cloud_tgt.unwrap_or(false)),
        );
        if facts.security_key_sign_in && facts.started == Started::AfterSignIn {
            walk.check(
                "PROV-1.6",
                "SecurityKeySignIn",
                "SecurityKeySignIn",
                Some(false),
            );
        }

        Self {
            result: if walk.failed {
                PreReqResult::WillNotProvision
            } else {
                PreReqResult::WillProvision
            },
            checks: walk.checks,
            logon_cert_required: policy.certificate_for_on_premises,
            cert_enrollment,
        }
    }

    /// Whether provisioning starts.
    #[must_use]
    pub fn will_provision(&self) -> bool {
        self.result == PreReqResult::WillProvision
    }

    /// The check that stopped it.
    #[must_use]
    pub fn failed(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.tested == Tested::No)
    }

    /// The event to log: 358 when it starts, 360 when not, 361 and 362 in the variants of a device
    /// that gets a logon certificate.
    #[must_use]
    pub fn event_id(&self) -> u16 {
        match (self.result, self.cert_enrollment) {
            (PreReqResult::WillProvision, _) => 358,
            (_, CertEnrollment::EnrollmentAuthority) => 362,
            (_, CertEnrollment::MobileDeviceManagement) => 361,
            (_, CertEnrollment::None) => 360,
        }
    }

    /// The fields of the status tool's section (DSR-8) in their order: `YES`, `NO` or `Not Tested`,
    /// then certificate enrolment and the verdict.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let value = |tested| match tested {
            Tested::Yes => "YES".to_owned(),
            Tested::No => "NO".to_owned(),
            Tested::NotTested => Tested::NotTested.to_string(),
        };
        let (before, after): (Vec<_>, Vec<_>) = self
            .checks
            .iter()
            .map(|check| (check.field, value(check.tested)))
            .partition(|(field, _)| BEFORE_CERTIFICATES.contains(field));
        let mut fields = before;
        fields.push(("CertEnrollment", self.cert_enrollment.to_string()));
        fields.extend(after);
        fields.push(("PreReqResult", self.result.to_string()));
        fields
    }
}

const BEFORE_CERTIFICATES: [&str; 6] = [
    "IsDeviceJoined",
    "IsUserAzureAD",
    "PolicyEnabled",
    "PostLogonEnabled",
    "DeviceEligible",
    "SessionIsNotRemote",
];

/// The checks so far: after one that does not hold, none is tested.
#[derive(Default)]
struct Walk {
    checks: Vec<Check>,
    failed: bool,
}

impl Walk {
    fn check(
        &mut self,
        id: &'static str,
        field: &'static str,
        data: &'static str,
        holds: Option<bool>,
    ) {
        let tested = match holds {
            Some(holds) if !self.failed => Tested::from(holds),
            _ => Tested::NotTested,
        };
        self.failed |= tested == Tested::No;
        self.checks.push(Check {
            id,
            field,
            data,
            tested,
        });
    }
}
