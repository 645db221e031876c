//! An administrator's commands against a server of one's own, as `docs/` has them.

use keyporch_interop::Server;

/// What each list shows of a server that was just set up.
const LISTS: &[(&[&str], &str)] = &[
    (&["user", "list"], "admin@corp.example"),
    (&["group", "list"], "Domain Admins"),
    (&["computer", "list"], "dc1.corp.example"),
    (&["device", "list"], "No device is registered."),
    (&["key", "list"], "No key is listed."),
    (&["key", "versions"], "seals tickets"),
    (&["service", "list"], "kadmin/changepw"),
    (&["certificate", "list"], "dc1.corp.example"),
    (&["issuer", "list"], "CN=CORP Enterprise Root"),
    (&["policy", "list"], "Nothing is set"),
    (&["policy", "settings"], "UsePassportForWork"),
    (&["policy", "show"], "UsePassportForWork"),
    (&["audit"], "server.set-up"),
];

#[test]
fn every_list_is_shown_in_words_and_as_json() {
    let server = Server::start();
    for (command, words) in LISTS {
        let said = server.admin(command).succeeded();
        assert!(said.contains(words), "{command:?}: {said}");
        server.admin_json(command);
    }
}

#[test]
fn keys_are_rotated_and_shown_as_the_page_says() {
    let server = Server::start();
    for name in ["krbtgt", "kadmin-changepw"] {
        let said = server.admin(&["key", "rotate", name]).succeeded();
        assert!(said.contains("has keys of version 2"), "{said}");
        let said = server
            .admin(&["key", "rotate", name])
            .refused("were renewed a short while ago");
        assert!(said.contains("do: Wait until "), "{said}");
    }
    let shown = server.admin(&["key", "versions"]).succeeded();
    assert_eq!(shown.matches("seals tickets").count(), 2, "{shown}");
    assert_eq!(shown.matches("opens tickets until").count(), 2, "{shown}");
    server
        .admin(&["key", "rotate", "krbtgt", "--force"])
        .succeeded();
    let said = server
        .admin(&["key", "rotate", "nobody"])
        .refused("there is no key of the KDC nobody");
    assert!(said.contains("keyporch admin key versions"), "{said}");
}

#[test]
fn a_mapping_is_shown_with_its_person_and_taken_back_as_it_is_shown() {
    const MAPPING: &str = "X509:<SKI>0123abcd";
    let server = Server::start();
    server.add_person("alice", "a long first password 1");
    let show = || server.admin(&["user", "show", "alice"]).succeeded();
    assert!(!show().contains("X509:"));
    server.admin(&["user", "map", "alice", MAPPING]).succeeded();
    assert!(show().contains(MAPPING), "{}", show());
    let said = server
        .admin(&["user", "unmap", "alice", "card.pem"])
        .refused("card.pem is no mapping");
    assert!(said.contains("keyporch admin user show alice"), "{said}");
    for words in ["maps to alice no more", "did not map to alice"] {
        let said = server
            .admin(&["user", "unmap", "alice", MAPPING])
            .succeeded();
        assert!(said.contains(words), "{said}");
        assert!(!show().contains("X509:"));
    }
}
