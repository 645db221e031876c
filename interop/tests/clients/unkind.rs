//! `keyporchd` where the machine is not kind: each trouble is a sentence that names it and says what to do, with an exit
//! code; nothing is half done, and nothing that was acknowledged is lost.
//!
//! Disks that are full or read-only are made in a mount namespace of the server's own (`unshare`), for root may write
//! what modes forbid.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use keyporch_interop::{Finished, Server, run};

/// A command that runs in a mount namespace of its own, where the words of `prepare` have been carried out first.
fn within(prepare: &str, command: &Command) -> Command {
    let mut words = vec![command.get_program().to_owned()];
    words.extend(command.get_args().map(ToOwned::to_owned));
    let mut own = Command::new("unshare");
    // Without root, a user namespace lends the right to mount.
    if !is_root() {
        own.arg("--map-root-user");
    }
    own.args([
        "--mount",
        "sh",
        "-ec",
        &format!("{prepare}\nexec \"$@\""),
        "sh",
    ])
    .args(words);
    own
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// What a refusal must be: an exit code, words of what happened, words of what to do.
#[track_caller]
fn told(finished: Finished, code: i32, words: &str, remedy: &str) -> String {
    assert_eq!(finished.code, Some(code), "{}", finished.text);
    let said = finished.refused(words);
    assert!(said.contains("error: "), "{said}");
    let advice = said.lines().find(|line| line.starts_with("   do: "));
    assert!(
        advice.is_some_and(|advice| advice.contains(remedy)),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// The folder of a server's data, as text.
fn data_folder(server: &Server) -> String {
    let path = server.data("directory.sqlite");
    path.parent()
        .expect("it lies in a folder")
        .display()
        .to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn each_port_that_is_taken_is_named_with_its_holder_and_its_setting() {
    let mut server = Server::set_up();
    let before = names(&server.data(""));
    let own = format!("(process {})", std::process::id());
    for (port, what, setting) in [
        (88, "the KDC (TCP)", "kdc"),
        (464, "password changes (TCP)", "password"),
        (443, "HTTPS", "https"),
        (80, "plain HTTP", "http"),
        (9464, "metrics and health", "operations"),
    ] {
        let address = (Ipv4Addr::LOCALHOST, server.port(port));
        let holder = TcpListener::bind(address).expect("the port is free");
        let words = format!(
            "the address 127.0.0.1:{} that {what} wants is taken by ",
            address.1
        );
        let remedy = format!("or give another address as {setting} under [listen].");
        let said = told(server.does_not_start(), 1, &words, &remedy);
        assert!(said.contains(&own), "{said}");
        drop(holder);
    }
    for (port, what, setting) in [
        (88, "the KDC (UDP)", "kdc"),
        (464, "password changes (UDP)", "password"),
    ] {
        let address = (Ipv4Addr::LOCALHOST, server.port(port));
        let holder = UdpSocket::bind(address).expect("the port is free");
        let words = format!(
            "the address 127.0.0.1:{} that {what} wants is taken by ",
            address.1
        );
        let remedy = format!("as {setting} under [listen].");
        told(server.does_not_start(), 1, &words, &remedy);
        drop(holder);
    }
    assert_eq!(
        names(&server.data("")),
        before,
        "no socket, no log: nothing was half started"
    );
    server.serve();
}

#[test]
fn a_second_server_over_the_same_store_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    told(
        server.does_not_start(),
        1,
        "another server has the store",
        "Stop the other server",
    );
    server.admin(&["user", "list"]).succeeded();
}

#[test]
fn a_set_up_on_a_full_disk_says_so_and_leaves_nothing_behind() {
    // From no room at all to room for almost everything.
    for room in ["16k", "48k", "96k", "144k"] {
        let server = Server::nowhere_yet();
        let data = server.data("");
        std::fs::create_dir(&data).expect("there is room for a folder");
        let mount = format!(
            "mount -t tmpfs -o mode=700,size={room} none '{}'",
            data.display()
        );
        let mut init = within(&mount, &server.init());
        told(
            run(&mut init, ""),
            1,
            "no space is left on the disk that holds",
            "Free some space",
        );
        assert_eq!(names(&server.path("")), ["data", "hosts"], "{room}");
    }
}

#[test]
fn a_set_up_where_nothing_may_be_written_says_where() {
    let server = Server::nowhere_yet();
    let folder = server.path("locked");
    std::fs::create_dir(&folder).expect("there is room for a folder");
    let mount = format!("mount -t tmpfs -o ro none '{}'", folder.display());
    let mut init = server.init();
    // The later of two options of a kind would be refused: this one stands alone.
    let arguments: Vec<_> = init.get_args().map(ToOwned::to_owned).collect();
    let at = arguments
        .iter()
        .position(|word| word == "--data")
        .expect("init has --data");
    let mut changed = Command::new(init.get_program());
    changed
        .args(&arguments[..=at])
        .arg(folder.join("data"))
        .args(&arguments[at + 2..]);
    init = changed;
    told(
        run(&mut within(&mount, &init), ""),
        1,
        "Read-only file system",
        "--data",
    );
    assert!(!server.config().exists());
}

#[test]
fn a_read_only_data_folder_is_named() {
    let server = Server::set_up();
    let data = data_folder(&server);
    let mount = format!("mount --bind '{data}' '{data}'; mount -o remount,bind,ro '{data}'");
    let mut serve = within(&mount, &server.keyporchd("serve"));
    told(
        run(&mut serve, ""),
        1,
        "the file system is read-only",
        "right to write the store",
    );
}

/// A disk that fills up under a server: who reads is served, who writes is refused, and when there is room again it goes
/// on by itself with everything that it had acknowledged.
#[test]
fn a_disk_that_fills_up_stops_who_writes_and_nobody_else_until_there_is_room() {
    let mut server = Server::set_up();
    let data = data_folder(&server);
    // The files move to a small disk; the socket stays where the test can reach it.
    let socket = server.path("admin.sock").display().to_string();
    server.configure(|text| text.replace(&format!("{data}/admin.sock"), &socket));
    let mount = format!(
        "cp -a '{data}' '{data}.kept'\n\
         mount -t tmpfs -o mode=700,size=4m none '{data}'\ncp -a '{data}.kept/.' '{data}/'"
    );
    let serve = within(&mount, &server.keyporchd("serve"));
    server.serve_by(serve);
    let admin = |arguments: &[&str]| {
        let mut command = Command::new(keyporch_interop::binary("keyporch"));
        command.args(["--socket", &socket, "admin"]).args(arguments);
        run(&mut command, "")
    };
    let password = server.file("password", "a long first password 1");
    admin(&[
        "user",
        "add",
        "alice",
        "--keep-password",
        "--password-file",
        &password,
    ])
    .succeeded();

    // As the server sees it, for the disk is mounted for it alone.
    let disk = format!("/proc/{}/root{data}", server.pid());
    let filler = Path::new(&disk).join("filler");
    let written = std::fs::write(&filler, vec![0; 8 << 20]);
    assert_eq!(
        written.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::StorageFull)
    );

    let mut acknowledged = Vec::new();
    let refused = (0..200).find_map(|number| {
        let name = format!("g-{number}");
        let added = admin(&["group", "add", &name]);
        match added.ok {
            true => acknowledged.push(name),
            false => return Some((name, added)),
        }
        None
    });
    let (refused, said) = refused.expect("the log of the store has to grow at some time");
    told(
        said,
        1,
        "no space is left on the disk of the server's store",
        "Free some space on the server",
    );

    // Who reads does not notice: the directory, the KDC, the federation service.
    admin(&["user", "list"]).succeeded();
    let krb5 = server.krb5("alice.ccache");
    krb5.kinit(&["alice"], "a long first password 1")
        .succeeded();
    krb5.kvno(&["krbtgt/CORP.EXAMPLE"]).succeeded();
    let url = format!(
        "https://sts.corp.example:{}/adfs/.well-known/openid-configuration",
        server.port(443)
    );
    let (roots, resolve) = (
        server.path("keyporch-roots.pem").display().to_string(),
        format!("sts.corp.example:{}:127.0.0.1", server.port(443)),
    );
    let fetch = [
        "--silent",
        "--show-error",
        "--fail",
        "--cacert",
        &roots,
        "--resolve",
        &resolve,
        &url,
    ];
    run(Command::new("curl").args(fetch), "").succeeded();
    admin(&["group", "add", &refused]).refused("error: ");

    std::fs::remove_file(&filler).expect("the filler can be removed");
    admin(&["group", "add", "afterwards"]).succeeded();
    admin(&["group", "add", &refused]).succeeded();
    acknowledged.extend([refused, "afterwards".to_owned()]);
    let listed = admin(&["group", "list", "--json"]).succeeded();
    for name in &acknowledged {
        assert!(
            listed.contains(&format!("\"{name}\"")),
            "{name} is lost: {listed}"
        );
    }
    let (status, said) = server.end_by("-TERM");
    assert!(status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_not_touched() {
    let server = Server::set_up();
    let store = server.data("directory.sqlite");
    // The user version of the SQLite file format: four bytes at 60, big endian.
    let mut bytes = std::fs::read(&store).expect("the store is there");
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&store, &bytes).expect("there is room");
    told(
        server.does_not_start(),
        2,
        "has version 99, this program knows 1",
        "Start the version that wrote it",
    );
    assert!(
        bytes == std::fs::read(&store).expect("it is there still"),
        "the store was touched"
    );
}

#[test]
fn a_damaged_store_is_said_to_be_one_wherever_the_damage_is() {
    let server = Server::set_up();
    let store = server.data("directory.sqlite");
    let whole = std::fs::read(&store).expect("the store is there");
    let flipped = |range: std::ops::Range<usize>| {
        let mut bytes = whole.clone();
        bytes[range].iter_mut().for_each(|byte| *byte ^= 0xa5);
        bytes
    };
    for (damage, bytes) in [
        ("the name of the format", flipped(0..16)),
        ("the size of its pages", flipped(16..18)),
        ("the mark of this program", flipped(68..72)),
        ("a page", flipped(8_192..16_384)),
        ("its end", whole[..40_000].to_vec()),
    ] {
        std::fs::write(&store, &bytes).expect("there is room");
        let finished = server.does_not_start();
        assert_eq!(finished.code, Some(1), "{damage}: {}", finished.text);
        told(
            finished,
            1,
            "directory.sqlite",
            "Restore the store from a backup.",
        );
    }
    std::fs::remove_file(&store).expect("it can be removed");
    let before = names(&server.data(""));
    told(
        server.does_not_start(),
        2,
        "there is no store",
        "restore it from a backup",
    );
    assert_eq!(
        names(&server.data("")),
        before,
        "no empty store takes its place"
    );
}

#[test]
fn a_root_key_that_is_missing_open_to_others_or_another_one_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::set_up();
    let path = server.data("root.key");
    let key = std::fs::read_to_string(&path).expect("the root key is there");
    let mode = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours")
    };
    mode(0o640);
    told(
        server.does_not_start(),
        2,
        "can be read by other users",
        "chmod 600",
    );
    mode(0o600);
    std::fs::write(&path, "0123\n").expect("there is room");
    told(
        server.does_not_start(),
        2,
        "is not 64 hexadecimal digits",
        "from its copy",
    );
    std::fs::write(&path, format!("{}\n", "5a".repeat(32))).expect("there is room");
    told(
        server.does_not_start(),
        2,
        "was written under another root key",
        "root_key under [store]",
    );
    std::fs::remove_file(&path).expect("it can be removed");
    let said = told(
        server.does_not_start(),
        1,
        "cannot be read",
        "from its copy",
    );
    assert!(!said.contains(key.trim()));
}

#[test]
fn each_mistake_in_the_configuration_is_named_with_its_line_and_its_remedy() {
    let server = Server::set_up();
    let written = std::fs::read_to_string(server.config()).expect("init wrote a configuration");
    for (from, to, what, remedy) in [
        (
            "[kdc]\nhost =",
            "[kdc]\nhots =",
            "there is no setting hots",
            "Write host in its place",
        ),
        (
            "[kdc]",
            "[kcd]",
            "there is no setting kcd",
            "Write kdc in its place",
        ),
        (
            "[kdc]",
            "[kdc]\nticket_hours = \"10h\"",
            "\"10h\"",
            "Give a whole number",
        ),
        (
            "[kdc]",
            "[kdc]\nticket_hours = -1",
            "`-1`",
            "Give a whole number",
        ),
        (
            "[kdc]",
            "[kdc]\nticket_hours = 0",
            "ticket_hours is too small",
            "Give 1 or more",
        ),
        (
            "[tls]",
            "[tls]\nnames = true",
            "boolean `true`",
            "Give a list in brackets",
        ),
        (
            "https = [",
            "https = [\"127.0.0.1\", ",
            "\"127.0.0.1\" is no address with a port",
            "[::1]:443",
        ),
        (
            "[federation]",
            "[federation]\nsigning_algorithm = \"HS256\"",
            "there is no value HS256",
            "Write RS256",
        ),
        (
            "[federation]",
            "[federation]\nkeys_per_person = 0",
            "keys_per_person must be at least 1",
            "Correct the setting",
        ),
        (
            "[federation]",
            "[federation]\nkeys-per-person = 3",
            "there is no setting keys-per-person",
            "Write keys_per_person",
        ),
        (
            "[audit]",
            "[log]\nlevel = \"loud\"\n[audit]",
            "\"loud\" is no log level",
            "Give error, warn, info or debug",
        ),
        (
            "[audit]",
            "[audit]\nrotate_at = 1",
            "rotate_at is too small",
            "Give 4096 or more",
        ),
        (
            "[authority]",
            "[authority]\nkdc_days = 0",
            "kdc_days is 0, expected 2 to 730",
            "Correct the setting",
        ),
    ] {
        let edited = written.replacen(from, to, 1);
        assert_ne!(edited, written, "{from}");
        std::fs::write(server.config(), &edited).expect("there is room");
        // The first line that differs, or the one after it where a section was begun above it.
        let first = edited
            .lines()
            .zip(written.lines())
            .take_while(|(new, old)| new == old)
            .count()
            + 1;
        for command in ["check", "serve"] {
            let said = told(run(&mut server.keyporchd(command), ""), 2, what, remedy);
            let places = [first, first + 1].map(|line| format!("keyporch.toml:{line}:"));
            assert!(
                places.iter().any(|place| said.contains(place)),
                "{to}: {said}"
            );
        }
    }
    std::fs::remove_file(server.config()).expect("it can be removed");
    told(
        server.does_not_start(),
        2,
        "the configuration cannot be read",
        "keyporchd init",
    );
}
