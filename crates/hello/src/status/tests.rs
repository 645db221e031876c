//! The status as text and as JSON, for each state (ACC-24).

use crypto::key::KeyKind;
use crypto::password::Cost;
use provisioning::Secret;
use provisioning::doors::{Device as _, Registered};
use trust::Span;

use super::*;
use crate::certificate::self_signed;
use crate::file::MemoryFile;
use crate::hello::Hello;
use crate::registration::Found;
use crate::testing::{Dice, START, alice};
use crate::vault::DeviceKey;

fn joined_and_enrolled() -> Hello {
    let mut rng = Dice::new(5);
    let mut hello = Hello::open(Box::new(MemoryFile::new()), Cost::LEAST, &mut rng).unwrap();
    hello
        .vault_mut()
        .create_device_key(DeviceKey::Device, KeyKind::P256, &mut rng)
        .unwrap();
    let key = hello
        .vault()
        .device_key(DeviceKey::Device)
        .unwrap()
        .unwrap();
    let device_id = Guid::from_bytes([0xd0; 16]);
    let now = START + Span::days(1);
    let certificate = self_signed(key.signer(), &alice(), device_id, now, &mut rng).unwrap();
    let found = Found {
        domain: "corp.example".to_owned(),
        netbios: Some("CORP".to_owned()),
        realm: "CORP.EXAMPLE".to_owned(),
        computer: "LAPTOP-1$".to_owned(),
        computer_sid: None,
        device_id,
        federation: "https://sts.corp.example".to_owned(),
        kdcs: vec!["dc1.corp.example:88".to_owned()],
        certificate,
        roots: Vec::new(),
    };
    hello
        .register(Registration::new(found, START), &mut rng)
        .unwrap();
    let registered = Registered {
        kid: Guid::from_bytes([0x1d; 16]),
        upn: alice().upn,
        pctx: None,
    };
    let mut device = hello.enrolling(KeyKind::P256, &mut rng);
    device
        .create_user_key(&alice(), &Secret::from("271828"), START)
        .unwrap();
    device.keep(&alice(), &registered, START).unwrap();
    hello
}

fn status(hello: &Hello) -> Status {
    Status::of(
        Joined::Enterprise,
        hello.registration(),
        hello.containers().of(&alice().upn),
        hello.vault(),
    )
}

#[test]
fn an_enterprise_joined_device_with_an_enrolled_person_reads_as_dsregcmd_would_write_it() {
    let hello = joined_and_enrolled();
    let mut status = status(&hello);
    status.sso_state.enterprise_prt = Some(false);
    status.sso_state.on_prem_tgt = Some(true);
    let thumbprint = hello.registration().unwrap().thumbprint();
    let rule = "-".repeat(70);
    let head = |title: &str| format!("+{rule}+\n| {title:<69}|\n+{rule}+\n\n");
    let expected = [
        head("Device State"),
        "             AzureAdJoined : NO\n".to_owned(),
        "          EnterpriseJoined : YES\n".to_owned(),
        "              DomainJoined : YES\n".to_owned(),
        "                DomainName : CORP\n\n".to_owned(),
        head("Device Details"),
        "                  DeviceId : d0d0d0d0-d0d0-d0d0-d0d0-d0d0d0d0d0d0\n".to_owned(),
        format!("                Thumbprint : {thumbprint}\n"),
        " DeviceCertificateValidity : [ 2027-01-15 08:00:00.000 UTC -- 2057-01-08 08:00:00.000 UTC ]\n".to_owned(),
        "               KeyProvider : Software Key Storage Provider\n".to_owned(),
        "              TpmProtected : NO\n\n".to_owned(),
        head("User State"),
        "                    NgcSet : YES\n".to_owned(),
        "                  NgcKeyId : {1D1D1D1D-1D1D-1D1D-1D1D-1D1D1D1D1D1D}\n".to_owned(),
        "                  CanReset : DestructiveOnly\n\n".to_owned(),
        head("SSO State"),
        "             EnterprisePrt : NO\n".to_owned(),
        "                 OnPremTgt : YES\n\n".to_owned(),
        head("Post-Join Diagnostics"),
        "        AadRecoveryEnabled : NO\n".to_owned(),
        "               KeySignTest : PASSED\n\n".to_owned(),
    ];
    assert_eq!(status.to_string(), expected.concat());
}

#[test]
fn the_json_has_the_same_names_and_values() {
    let hello = joined_and_enrolled();
    let json = serde_json::to_value(status(&hello)).unwrap();
    assert_eq!(json["Device State"]["EnterpriseJoined"], "YES");
    assert_eq!(
        json["User State"]["NgcKeyId"],
        "{1D1D1D1D-1D1D-1D1D-1D1D-1D1D1D1D1D1D}"
    );
    assert!(json.get("Tenant Details").is_none());
    assert!(json.get("SSO State").is_none(), "no field is known");
}

#[test]
fn the_four_ways_of_being_joined_are_the_documented_combinations() {
    // DSR-1.
    for (joined, expected) in [
        (Joined::Not, [false, false, false]),
        (Joined::Tenant, [true, false, false]),
        (Joined::Domain, [false, false, true]),
        (Joined::Hybrid, [true, false, true]),
        (Joined::Enterprise, [false, true, true]),
    ] {
        let state = DeviceState::of(joined, None);
        assert_eq!(
            [
                state.azure_ad_joined,
                state.enterprise_joined,
                state.domain_joined
            ],
            expected,
            "{joined:?}"
        );
    }
}

#[test]
fn a_device_that_nobody_joined_shows_little() {
    let mut rng = Dice::new(6);
    let hello = Hello::open(Box::new(MemoryFile::new()), Cost::LEAST, &mut rng).unwrap();
    let status = Status::of(Joined::Not, None, None, hello.vault());
    let titles: Vec<_> = status
        .sections()
        .into_iter()
        .map(|(title, _)| title)
        .collect();
    assert_eq!(titles, ["Device State", "User State"]);
    assert_eq!(status.user_state.fields(), [("NgcSet", "NO".to_owned())]);
}

#[test]
fn a_lost_device_key_marks_the_device_for_recovery() {
    // DREG-7.
    let mut hello = joined_and_enrolled();
    hello
        .vault_mut()
        .remove_device_keys(&mut Dice::new(8))
        .unwrap();
    let post_join = status(&hello).post_join.unwrap();
    assert_eq!(post_join.key_sign_test, Some(KeySignTest::Failed));
    assert_eq!(post_join.aad_recovery_enabled, Some(true));
}

#[test]
fn the_prerequisites_stand_at_the_end() {
    use policy::Effective;
    use provisioning::prerequisites::{CertificateFacts, Facts, Realm, SecurityDevice, Started};
    let hello = joined_and_enrolled();
    let mut status = status(&hello);
    let facts = Facts {
        joined: Joined::Enterprise,
        realm: Realm::Federated,
        signed_in: true,
        security_device: SecurityDevice::None,
        remote_session: false,
        security_key_sign_in: false,
        started: Started::ByPerson,
        certificate: CertificateFacts::default(),
        cloud_tgt: None,
    };
    status.prerequisites = Some(Report::of(&facts, &Effective::default()));
    let (title, fields) = status.sections().pop().unwrap();
    assert_eq!(title, "Ngc Prerequisite Check");
    assert!(fields.contains(&("PolicyEnabled", "NO".to_owned())));
    assert_eq!(
        fields.last(),
        Some(&("PreReqResult", "WillNotProvision".to_owned()))
    );
}
