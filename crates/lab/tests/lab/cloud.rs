//! The lab of a tenant: new, resumed, and beside one of another scenario.

use std::path::Path;

use lab::Options;

use super::story::{description, once, run, steps};

fn of_a_tenant(dir: &Path) -> Options {
    Options {
        scenario: "cloud-managed".to_owned(),
        json: true,
        ..once(dir)
    }
}

/// The steps in the tables of the flow's page, but for the second factor that is asked for where none is fresh: the join's is.
fn documented() -> Vec<String> {
    include_str!("../../../../docs/flows/cloud-managed.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|step| *step != "F1.A3")
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_tenants_lab_tells_its_documented_story_and_a_resumed_one_signs_in() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    let told = run(&of_a_tenant(&dir)).unwrap();
    assert_eq!(steps(&told), documented(), "{told}");
    let first = description(&dir);
    for absent in ["realm", "krb5_conf", "kdc", "ldap", "federation"] {
        assert!(first[absent].is_null(), "{absent}: {first}");
    }
    let tenant = &first["tenant"];
    assert_eq!(tenant["domains"], serde_json::json!(["corp.example"]));
    let base = tenant["base"].as_str().unwrap();
    assert!(base.starts_with("https://login.corp.example:"), "{base}");
    assert!(tenant["id"].as_str().unwrap().parse::<wire::Guid>().is_ok());
    for file in [
        "/root_pem",
        "/hosts",
        "/users/0/hello_key_pem",
        "/devices/0/certificate_pem",
    ] {
        let path = first.pointer(file).and_then(|path| path.as_str()).unwrap();
        assert!(Path::new(path).exists(), "{file}");
    }

    let told = run(&of_a_tenant(&dir)).unwrap();
    let sign_in: Vec<String> = documented()
        .into_iter()
        .filter(|step| step.starts_with("AUTH-F1"))
        .collect();
    assert_eq!(steps(&told), sign_in, "{told}");
    let second = description(&dir);
    for member in ["/users", "/admin", "/devices", "/tenant"] {
        assert_eq!(first.pointer(member), second.pointer(member), "{member}");
    }
}

#[test]
fn a_device_that_lost_its_files_joins_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    run(&of_a_tenant(&dir)).unwrap();
    std::fs::remove_dir_all(dir.join("device")).unwrap();
    let told = steps(&run(&of_a_tenant(&dir)).unwrap());
    assert!(told.iter().any(|step| step == "DREG-F1.G"), "{told:?}");
    assert!(told.iter().any(|step| step == "F1.C2"), "{told:?}");
}

#[test]
fn a_lab_of_another_scenario_is_left_as_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    run(&of_a_tenant(&dir)).unwrap();
    let before = std::fs::read(dir.join("lab-state.json")).unwrap();
    let fault = run(&once(&dir)).unwrap_err();
    assert_eq!(fault.exit_code(), 2);
    assert!(fault.to_string().contains("cloud-managed"), "{fault}");
    assert_eq!(std::fs::read(dir.join("lab-state.json")).unwrap(), before);
}
