//! The prerequisite report (PROV-2.*) and what starts provisioning (PROV-1.*).

use policy::Effective;
use provisioning::prerequisites::{
    CertEnrollment, Facts, Joined, PreReqResult, Report, SecurityDevice, Started, Tested,
};

use crate::script::{enabled, facts};

/// Makes one check fail.
type Spoil = fn(&mut Facts, &mut Effective);

fn tested(report: &Report, id: &str) -> Tested {
    report
        .checks
        .iter()
        .find(|check| check.id == id)
        .map_or(Tested::NotTested, |check| check.tested)
}

fn failed(facts: &Facts, policy: &Effective) -> Option<&'static str> {
    Report::of(facts, policy).failed().map(|check| check.id)
}

#[test]
fn a_device_that_meets_everything_will_provision() {
    // PROV-2.14, EV-358.
    let report = Report::of(&facts(), &enabled());
    assert!(report.will_provision());
    assert_eq!(report.event_id(), 358);
    assert_eq!(
        report.fields(),
        [
            ("IsDeviceJoined", "YES"),
            ("IsUserAzureAD", "YES"),
            ("PolicyEnabled", "YES"),
            ("PostLogonEnabled", "YES"),
            ("DeviceEligible", "YES"),
            ("SessionIsNotRemote", "YES"),
            ("CertEnrollment", "none"),
            ("AdfsRefreshToken", "Not Tested"),
            ("AdfsRaIsReady", "Not Tested"),
            ("LogonCertTemplateReady", "Not Tested"),
            ("MdmCertificateReady", "Not Tested"),
            ("OnPremTGT", "Not Tested"),
            ("PreReqResult", "WillProvision"),
        ]
        .map(|(field, value)| (field, value.to_owned()))
    );
}

#[test]
fn each_failing_check_says_no_and_those_after_it_are_not_tested() {
    // ACC-7.
    let spoil: [(&str, Spoil); 6] = [
        ("PROV-2.1", |facts, _| facts.joined = Joined::Domain),
        ("PROV-2.2", |facts, _| facts.signed_in = false),
        ("PROV-2.3", |_, policy| policy.use_hello = Some(false)),
        ("PROV-2.4", |_, policy| {
            policy.post_logon_provisioning = false
        }),
        ("PROV-2.5", |_, policy| {
            policy.require_security_device = true
        }),
        ("PROV-2.6", |facts, _| facts.remote_session = true),
    ];
    for (index, (id, spoil)) in spoil.into_iter().enumerate() {
        let (mut facts, mut policy) = (facts(), enabled());
        spoil(&mut facts, &mut policy);
        let report = Report::of(&facts, &policy);
        assert_eq!(report.failed().map(|check| check.id), Some(id));
        assert_eq!(report.result, PreReqResult::WillNotProvision);
        assert_eq!(report.event_id(), 360);
        for (position, check) in report.checks.iter().enumerate() {
            let expected = match position.cmp(&index) {
                std::cmp::Ordering::Less => Tested::Yes,
                std::cmp::Ordering::Equal => Tested::No,
                std::cmp::Ordering::Greater => Tested::NotTested,
            };
            assert_eq!(check.tested, expected, "{id}: {}", check.id);
        }
    }
}

#[test]
fn an_unset_policy_means_no_on_a_domain_joined_device_and_yes_on_a_tenant_joined_one() {
    // PROV-1.4.
    let unset = Effective::default();
    for (joined, expected) in [
        (Joined::Enterprise, Some("PROV-2.3")),
        (Joined::Hybrid, Some("PROV-2.3")),
        (Joined::Tenant, None),
    ] {
        let facts = Facts { joined, ..facts() };
        assert_eq!(failed(&facts, &unset), expected, "{joined:?}");
    }
}

#[test]
fn a_person_may_start_it_where_post_logon_provisioning_is_off() {
    // PROV-1.3: another tool may provision.
    let policy = Effective {
        post_logon_provisioning: false,
        ..enabled()
    };
    let by_person = Facts {
        started: Started::ByPerson,
        ..facts()
    };
    assert_eq!(failed(&facts(), &policy), Some("PROV-2.4"));
    assert_eq!(failed(&by_person, &policy), None);
}

#[test]
fn the_hardware_policy_decides_by_the_tpm() {
    // POL-S2, POL-S2a, ACC-25.
    let require = Effective {
        require_security_device: true,
        ..enabled()
    };
    let exclude = Effective {
        exclude_tpm12: true,
        ..require.clone()
    };
    for (device, policy, eligible) in [
        (SecurityDevice::None, &enabled(), true),
        (SecurityDevice::None, &require, false),
        (SecurityDevice::Tpm12, &require, true),
        (SecurityDevice::Tpm12, &exclude, false),
        (SecurityDevice::Tpm20, &exclude, true),
    ] {
        let facts = Facts {
            security_device: device,
            ..facts()
        };
        let report = Report::of(&facts, policy);
        assert_eq!(
            tested(&report, "PROV-2.5"),
            Tested::from(eligible),
            "{device:?}"
        );
    }
    let report = Report::of(&facts(), &require);
    let check = report.failed().unwrap();
    assert_eq!(check.code().unwrap().to_string(), "0x80090035"); // E-07
    assert!(check.remedy().contains("RequireSecurityDevice"));
}

#[test]
fn a_policy_for_certificates_tests_the_registration_authority() {
    // PROV-2.7 to PROV-2.11, EV-362.
    let policy = Effective {
        certificate_for_on_premises: true,
        ..enabled()
    };
    let report = Report::of(&facts(), &policy);
    assert!(report.logon_cert_required);
    assert_eq!(report.cert_enrollment, CertEnrollment::EnrollmentAuthority);
    assert_eq!(report.failed().map(|check| check.id), Some("PROV-2.9"));
    assert_eq!(report.event_id(), 362);

    let mut ready = facts();
    ready.certificate.enterprise_prt = Some(true);
    ready.certificate.authority_ready = Some(true);
    ready.certificate.template_ready = Some(true);
    assert!(Report::of(&ready, &policy).will_provision());
}

#[test]
fn the_cloud_ticket_is_tested_on_hybrid_devices_with_cloud_trust_alone() {
    // PROV-2.13, PROV-2.16.
    let policy = Effective {
        cloud_trust_for_on_premises: true,
        ..enabled()
    };
    let hybrid = Facts {
        joined: Joined::Hybrid,
        ..facts()
    };
    assert_eq!(failed(&hybrid, &policy), Some("PROV-2.13"));
    let with_ticket = Facts {
        cloud_tgt: Some(true),
        ..hybrid
    };
    assert_eq!(failed(&with_ticket, &policy), None);
    for joined in [Joined::Tenant, Joined::Enterprise] {
        let report = Report::of(&Facts { joined, ..facts() }, &policy);
        assert_eq!(tested(&report, "PROV-2.13"), Tested::NotTested);
        assert!(report.will_provision());
    }
    assert_eq!(failed(&hybrid, &enabled()), None);
}

#[test]
fn a_security_key_sign_in_does_not_start_it() {
    // PROV-1.6.
    let mut with_key = facts();
    with_key.security_key_sign_in = true;
    assert_eq!(failed(&with_key, &enabled()), Some("PROV-1.6"));
    with_key.started = Started::ByPerson;
    assert_eq!(failed(&with_key, &enabled()), None);
}

#[test]
fn the_report_names_the_code_of_an_unjoined_device() {
    let alone = Facts {
        joined: Joined::Not,
        ..facts()
    };
    let report = Report::of(&alone, &enabled());
    assert_eq!(
        report.failed().unwrap().code().unwrap().to_string(),
        "0x801C0015"
    );
}
