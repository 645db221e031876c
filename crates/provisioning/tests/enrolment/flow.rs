//! The flow table, and the on-premises key trust flow (PROV-F7).

use policy::Effective;
use provisioning::dialogue::Cancelled;
use provisioning::doors::{DeviceError, RegistrationError, TokenError};
use provisioning::phases::second_factor::NotFresh;
use provisioning::prerequisites::{Joined, Realm};
use provisioning::{Code, FLOWS, Facts, Flow, Stopped, Usable};
use trust::Span;
use wire::Guid;

use crate::script::{START, World, tenant_facts, token};

#[test]
fn enrols_step_by_step_as_the_document_says() {
    let mut world = World::new();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert_eq!(
        world.asked(),
        [
            "offer alice@corp.example replaces=false",
            "token for alice@corp.example",
            "second factor Given",
            "pin of 6 or more []",
            "working CreatingKey",
            "create 271828",
            "working RegisteringKey",
            "register RSA1 with eyJ",
            "keep 1d1d1d1d-1d1d-1d1d-1d1d-1d1d1d1d1d1d",
            "done alice@corp.example Now",
        ]
    );
}

#[test]
fn the_story_is_that_of_docs_flows_onprem_key() {
    let mut world = World::new();
    world.enrol().unwrap();
    let document = include_str!("../../../../docs/flows/onprem-key.md");
    // The rows of the table that the device tells; the others are told by the servers.
    let told: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.last() == Some(&"") && cells.contains(&"provisioning"))
        .map(|cells| cells[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(world.steps(), told);
}

#[test]
fn every_flow_has_its_id_its_scenario_and_its_letters() {
    for (index, flow) in FLOWS.iter().enumerate() {
        assert_eq!(flow.id, format!("PROV-F{}", index + 1));
        assert!(flow.phases.starts_with('A'));
        assert_eq!(Flow::named(flow.scenario), Some(flow));
        assert_eq!(Flow::named(flow.id), Some(flow));
    }
    assert!(Flow::named("onprem-key").unwrap().is_built());
    assert_eq!(Flow::named("onprem"), None);
}

#[test]
fn join_realm_and_policy_lead_to_one_flow() {
    let none = Effective::default();
    let certificate = Effective {
        certificate_for_on_premises: true,
        ..Effective::default()
    };
    let cloud_trust = Effective {
        cloud_trust_for_on_premises: true,
        ..Effective::default()
    };
    let (managed, federated) = (Realm::Managed, Realm::Federated);
    for (joined, realm, policy, id) in [
        (Joined::Tenant, managed, &none, "PROV-F1"),
        (Joined::Tenant, federated, &none, "PROV-F2"),
        (Joined::Hybrid, managed, &none, "PROV-F3"),
        (Joined::Hybrid, managed, &cloud_trust, "PROV-F4"),
        (Joined::Tenant, managed, &cloud_trust, "PROV-F4"),
        (Joined::Hybrid, federated, &certificate, "PROV-F6"),
        (Joined::Enterprise, federated, &none, "PROV-F7"),
        (Joined::Enterprise, federated, &cloud_trust, "PROV-F7"),
        (Joined::Enterprise, federated, &certificate, "PROV-F8"),
    ] {
        assert_eq!(
            Flow::of(joined, realm, policy).id,
            id,
            "{joined:?} {realm:?}"
        );
    }
}

#[test]
fn a_flow_that_is_not_built_is_refused_with_its_name_and_asks_nobody() {
    let mut world = World::new();
    let federated = Facts {
        realm: Realm::Federated,
        ..tenant_facts()
    };
    let stopped = world.enrol_with(&federated).unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "this release cannot do PROV-F2: tenant-joined, federated"
    );
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn unmet_prerequisites_stop_it_before_anybody_is_asked() {
    let mut world = World::new();
    world.policy.use_hello = None; // PROV-1.4: unset on a domain-joined device
    let stopped = world.enrol().unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "provisioning does not start: the policy does not enable it (setting UsePassportForWork)"
    );
    assert_eq!(world.asked(), [""; 0]);
    assert_eq!(world.steps(), ["PROV-2"]);
}

#[test]
fn a_token_without_a_device_ends_phase_a_with_its_code() {
    // F1.A4: missing device ID, 0x801C044D.
    let mut world = World::new();
    let mut bare = token();
    bare.device = None;
    world.tokens = [Ok(bare)].into();
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped, Stopped::NotFresh(NotFresh::NoDevice));
    assert_eq!(stopped.code().unwrap().to_string(), "0x801C044D");
    assert!(!world.was_asked("create"));
}

#[test]
fn a_token_for_somebody_else_or_another_device_is_refused() {
    let mut world = World::new();
    let mut other = token();
    other.upn = "bob@corp.example".to_owned();
    world.tokens = [Ok(other)].into();
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped.code(), Some(Code::NOT_AUTHORISED));

    let mut elsewhere = token();
    elsewhere.device = Some(Guid::from_bytes([9; 16]));
    world.tokens = [Ok(elsewhere)].into();
    assert_eq!(
        world.enrol(),
        Err(Stopped::NotFresh(NotFresh::AnotherDevice))
    );
}

#[test]
fn a_token_that_speaks_of_no_second_factor_or_has_expired_is_refused() {
    let mut world = World::new();
    let mut one_factor = token();
    one_factor.second_factor_at = None;
    let mut expired = token();
    expired.expires = START;
    let mut future = token();
    future.second_factor_at = Some(START + Span::minutes(6));
    for (token, reason) in [
        (one_factor, NotFresh::NoSecondFactor),
        (expired, NotFresh::Expired),
        (future, NotFresh::Stale),
    ] {
        world.tokens = [Ok(token)].into();
        let stopped = world.enrol().unwrap_err();
        assert_eq!(stopped, Stopped::NotFresh(reason));
        assert_eq!(stopped.code(), Some(Code::SECOND_FACTOR_MISSING));
    }
}

#[test]
fn a_refused_registration_leaves_no_key_and_carries_its_code() {
    // ACC-6: failures at each phase leave no half-registered key.
    for (error, code) in [
        (RegistrationError::SecondFactor, Some("0x801C03ED")),
        (
            RegistrationError::NotAuthorised("no".to_owned()),
            Some("0x801C03EA"),
        ),
        (RegistrationError::Quota, Some("0x801C000E")),
        (RegistrationError::UnexpectedStatus(418), Some("0x801C03EB")),
        (RegistrationError::Attestation, Some("0x801C03EE")),
        (
            RegistrationError::NotUnderstood("?".to_owned()),
            Some("0x801C03E9"),
        ),
        (RegistrationError::Unreachable("down".to_owned()), None),
    ] {
        let mut world = World::new();
        world.register = Err(error.clone());
        let stopped = world.enrol().unwrap_err();
        assert_eq!(stopped, Stopped::Registration(error));
        assert_eq!(stopped.code().map(|code| code.to_string()).as_deref(), code);
        assert_eq!(world.asked().last().unwrap(), "discard");
        assert!(!world.was_asked("keep") && !world.was_asked("done"));
        assert!(!stopped.advice().is_empty());
    }
}

#[test]
fn a_key_registered_for_somebody_else_is_not_kept() {
    let mut world = World::new();
    world.register.as_mut().unwrap().upn = "bob@corp.example".to_owned();
    assert!(matches!(
        world.enrol(),
        Err(Stopped::RegisteredForAnother { .. })
    ));
    assert!(!world.was_asked("keep"));
    assert!(world.was_asked("discard"));
}

#[test]
fn a_device_that_cannot_make_or_keep_the_key_leaves_none() {
    let mut world = World::new();
    world.create = Err(DeviceError::Fault("disk full".to_owned()));
    assert_eq!(
        world.enrol().unwrap_err().to_string(),
        "the device could not keep the key: disk full"
    );
    assert!(world.was_asked("discard") && !world.was_asked("register"));

    let mut world = World::new();
    world.keep = Err(DeviceError::Damaged("garbled".to_owned()));
    assert_eq!(world.enrol().unwrap_err().code(), Some(Code::BAD_DATA));
    assert!(world.was_asked("discard") && !world.was_asked("done"));
}

#[test]
fn an_enrolled_person_is_told_so_before_the_second_factor() {
    // E-02; with `replace` it is the destructive reset (RST-1).
    let mut world = World::new();
    world.ready = Err(DeviceError::AlreadyEnrolled);
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped.code().unwrap().entry().unwrap().id, "E-02");
    assert_eq!(world.asked(), [""; 0]);

    world.replace = true;
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(world.was_asked("offer alice@corp.example replaces=true"));
}

#[test]
fn the_eleventh_person_is_pointed_to_security_keys() {
    // LIM-1, ACC-20.
    let mut world = World::new();
    world.ready = Err(DeviceError::TooManyPeople { limit: 10 });
    let stopped = world.enrol().unwrap_err();
    assert!(stopped.to_string().contains("FIDO2"));
    assert_eq!(stopped.code(), None);
}

#[test]
fn an_unreachable_federation_service_says_so_rather_than_no_device() {
    // E-27 has two causes that must be told apart.
    let mut world = World::new();
    world.tokens = [Err(TokenError::Unreachable("refused".to_owned()))].into();
    let stopped = world.enrol().unwrap_err();
    assert_eq!(
        stopped.to_string(),
        "the sign-in service cannot be reached: refused"
    );
    assert_eq!(stopped.code(), Some(Code::NO_DEVICE_IN_TOKEN));
    assert!(stopped.advice().contains("network"));
}

#[test]
fn cancelling_at_any_step_is_a_cancellation() {
    let mut world = World::new();
    world.tokens = [Err(TokenError::Cancelled(Cancelled))].into();
    assert_eq!(world.enrol(), Err(Stopped::Cancelled(Cancelled)));

    let mut world = World::new();
    world.pins.clear();
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped, Stopped::Cancelled(Cancelled));
    assert_eq!(stopped.code().unwrap().to_string(), "0x80090036");
}

#[test]
fn the_story_of_a_managed_tenant_is_that_of_docs_flows_cloud_managed() {
    let mut world = World::new();
    // PROV-1.4: on a device that is joined to the tenant, a policy that says nothing lets people enrol.
    world.policy.use_hello = None;
    assert_eq!(world.enrol_with(&tenant_facts()), Ok(Usable::Now));
    let document = include_str!("../../../../docs/flows/cloud-managed.md");
    let told: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.last() == Some(&"") && cells.contains(&"provisioning"))
        .map(|cells| cells[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(world.steps(), told);
}

#[test]
fn a_second_factor_that_the_tenant_still_counts_is_not_asked_for() {
    // F1.A2, PROV-5.6: the token comes of the device's primary refresh token alone.
    let mut world = World::new();
    world.tokens = [Ok(provisioning::doors::DrsToken {
        asked: false,
        ..token()
    })]
    .into();
    assert_eq!(world.enrol_with(&tenant_facts()), Ok(Usable::Now));
    assert!(world.was_asked("second factor StillFresh"));
    assert!(!world.steps().contains(&"F1.A3"));
    assert!(world.steps().contains(&"F1.A4"));
}

#[test]
fn a_token_of_the_tenant_that_names_no_device_registers_no_key() {
    // F1.A4.
    let mut world = World::new();
    world.tokens = [Ok(provisioning::doors::DrsToken {
        device: None,
        ..token()
    })]
    .into();
    let stopped = world.enrol_with(&tenant_facts()).unwrap_err();
    assert_eq!(stopped, Stopped::NotFresh(NotFresh::NoDevice));
    assert_eq!(stopped.code(), Some(Code::NO_DEVICE_IN_TOKEN));
    assert!(!world.was_asked("create") && !world.was_asked("register"));
}
