//! The settings of the feature itself (6.2).

use super::{HELLO_FOLDER, hello_value};
use crate::setting::{About, Halves, Kind, Registry, Setting};

/// POL-S1. Whether people enrol at all.
#[derive(Clone, Copy, Debug)]
pub struct UsePassportForWork;

impl Setting for UsePassportForWork {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S1",
        name: "UsePassportForWork",
        title: "Use Windows Hello for Business",
        folder: HELLO_FOLDER,
        registry: hello_value("Enabled"),
        csp: Some("UsePassportForWork"),
        halves: Halves::Both,
        kind: Kind::Switch,
        unset: "nobody enrols on a domain-joined device; on a tenant-joined one everybody does (PROV-1.4)",
        doc: "Enabled: whoever is in scope enrols a PIN and a key. Disabled: nobody does. \
              People who enrolled before keep their credential (PROV-9.3).",
    };
}

/// POL-S1a. Whether enrolment waits for the person to start it.
#[derive(Clone, Copy, Debug)]
pub struct DisablePostLogonProvisioning;

impl Setting for DisablePostLogonProvisioning {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S1a",
        name: "DisablePostLogonProvisioning",
        title: "Do not start Windows Hello provisioning after sign-in",
        folder: HELLO_FOLDER,
        registry: hello_value("DisablePostLogonProvisioning"),
        csp: Some("DisablePostLogonProvisioning"),
        halves: Halves::Computer,
        kind: Kind::Switch,
        unset: "enrolment is offered after sign-in",
        doc: "True: enrolment is not offered after sign-in, because another tool does it (PROV-1.3).",
    };
}

/// POL-S2. Whether keys must live in a TPM.
#[derive(Clone, Copy, Debug)]
pub struct RequireSecurityDevice;

impl Setting for RequireSecurityDevice {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S2",
        name: "RequireSecurityDevice",
        title: "Use a hardware security device",
        folder: HELLO_FOLDER,
        registry: hello_value("RequireSecurityDevice"),
        csp: Some("RequireSecurityDevice"),
        halves: Halves::Computer,
        kind: Kind::Switch,
        unset: "a TPM is preferred, software is allowed",
        doc: "True: only a device with a usable TPM enrols. False: a TPM is preferred, and where \
              there is none the keys are kept in software.",
    };
}

/// POL-S2a. Whether a TPM of version 1.2 counts as none.
#[derive(Clone, Copy, Debug)]
pub struct ExcludeTpm12;

impl Setting for ExcludeTpm12 {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S2a",
        name: "TPM12",
        title: "Do not use the following security devices: TPM 1.2",
        folder: HELLO_FOLDER,
        registry: Registry {
            key: r"SOFTWARE\Policies\Microsoft\PassportForWork\ExcludeSecurityDevices",
            value: "TPM12",
        },
        csp: Some("ExcludeSecurityDevices/TPM12"),
        halves: Halves::Computer,
        kind: Kind::Switch,
        unset: "a TPM 1.2 is a hardware security device",
        doc: "True: a device whose TPM is of version 1.2 does not enrol. An option of \
              RequireSecurityDevice: without that it has no effect.",
    };
}

/// POL-S3. Whether people sign in to the domain with a certificate.
#[derive(Clone, Copy, Debug)]
pub struct UseCertificateForOnPremAuth;

impl Setting for UseCertificateForOnPremAuth {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S3",
        name: "UseCertificateForOnPremAuth",
        title: "Use certificate for on-premises authentication",
        folder: HELLO_FOLDER,
        registry: hello_value("UseCertificateForOnPremAuth"),
        csp: Some("UseCertificateForOnPremAuth"),
        halves: Halves::Both,
        kind: Kind::Switch,
        unset: "people sign in to the domain with their key, or with a cloud Kerberos ticket",
        doc: "True: certificate trust. It beats UseCloudTrustForOnPremAuth. A device whose flow \
              for certificate trust is not built refuses to enrol.",
    };
}

/// POL-S4. Whether people sign in to the domain with a ticket of the tenant.
#[derive(Clone, Copy, Debug)]
pub struct UseCloudTrustForOnPremAuth;

impl Setting for UseCloudTrustForOnPremAuth {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-S4",
        name: "UseCloudTrustForOnPremAuth",
        title: "Use cloud trust for on-premises authentication",
        folder: HELLO_FOLDER,
        registry: hello_value("UseCloudTrustForOnPremAuth"),
        csp: Some("UseCloudTrustForOnPremAuth"),
        halves: Halves::Computer,
        kind: Kind::Switch,
        unset: "people sign in to the domain with their key or a certificate",
        doc: "True: cloud Kerberos trust, unless UseCertificateForOnPremAuth is true as well.",
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn use_passport_for_work_reads_what_the_editor_calls_enabled_and_disabled() {
        let about = UsePassportForWork::ABOUT;
        assert_eq!(about.parse("enabled"), Ok(Value::Switch(true)));
        assert_eq!(about.parse("0"), Ok(Value::Switch(false)));
        assert_eq!(
            about.parse("2").unwrap_err().to_string(),
            "UsePassportForWork takes true or false"
        );
        // The example record of protocols I.4.
        assert_eq!(about.registry.value, "Enabled");
    }

    #[test]
    fn only_use_passport_and_certificate_trust_can_be_set_for_people() {
        let both: Vec<_> = [
            UsePassportForWork::ABOUT,
            DisablePostLogonProvisioning::ABOUT,
            RequireSecurityDevice::ABOUT,
            ExcludeTpm12::ABOUT,
            UseCertificateForOnPremAuth::ABOUT,
            UseCloudTrustForOnPremAuth::ABOUT,
        ]
        .into_iter()
        .filter(|about| about.halves == Halves::Both)
        .map(|about| about.id)
        .collect();
        assert_eq!(both, ["POL-S1", "POL-S3"]);
    }
}
