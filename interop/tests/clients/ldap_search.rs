//! `ldapsearch` and `ldapcompare`: filters, pages, order, limits, names.

use keyporch_interop::{Lab, Ldap};

use crate::ldap::BASE;

const FLEET: &str = "OU=Fleet,DC=corp,DC=example";

/// A unit with five people and two groups, one within the other.
#[track_caller]
fn fleet(administrator: &Ldap<'_>) {
    let mut ldif = format!("dn: {FLEET}\nobjectClass: organizationalUnit\n\n");
    for name in ["Ada", "Ben", "Cleo", "Dan", "Eve"] {
        let sam = name.to_lowercase();
        let _ = std::fmt::Write::write_fmt(
            &mut ldif,
            format_args!(
                "dn: CN={name},{FLEET}\nobjectClass: user\nsAMAccountName: {sam}\ntitle: pilot\n\n"
            ),
        );
    }
    ldif.push_str(&format!(
        "dn: CN=Pilots,{FLEET}\nobjectClass: group\nsAMAccountName: Pilots\nmember: CN=Ada,{FLEET}\nmember: CN=Ben,{FLEET}\n\n\
         dn: CN=Everybody,{FLEET}\nobjectClass: group\nsAMAccountName: Everybody\nmember: CN=Pilots,{FLEET}\n\
         member: CN=Eve,{FLEET}\n",
    ));
    administrator.ask("ldapadd", &[], &ldif).succeeded();
}

/// The first components of the names that were found, in their order.
fn names(found: &str) -> Vec<&str> {
    let names = found.lines().filter_map(|line| line.strip_prefix("dn: "));
    names
        .map(|name| name.split(',').next().unwrap_or_default())
        .map(|first| first.split_once('=').map_or(first, |(_, value)| value))
        .collect()
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

#[test]
fn filters_find_by_equality_bits_chains_and_bytes_that_are_no_text() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    fleet(&administrator);
    let found = |filter: &str| {
        let text = administrator.find(&["-b", FLEET, filter, "cn"]).succeeded();
        sorted(names(&text)).join(" ")
    };
    assert_eq!(found("(sAMAccountName=ADA)"), "Ada");
    assert_eq!(
        found("(&(title=pilot)(!(cn=a*))(|(cn=*e)(cn=b*)))"),
        "Ben Eve"
    );
    assert_eq!(found("(sAMAccountName>=dan)"), "Dan Eve Everybody Pilots");
    assert_eq!(found("(anr=cle)"), "Cleo");
    assert_eq!(found("(cn=nobody)"), "");
    // A group's members, and those of the groups within it (1.2.840.113556.1.4.1941).
    let everybody = format!("CN=Everybody,{FLEET}");
    assert_eq!(found(&format!("(memberOf={everybody})")), "Eve Pilots");
    let chain = format!("(memberOf:1.2.840.113556.1.4.1941:={everybody})");
    assert_eq!(found(&chain), "Ada Ben Eve Pilots");
    // Bits, all of them and any (.803 and .804).
    let bits = |rule: &str, value: i32| {
        found(&format!(
            "(userAccountControl:1.2.840.113556.1.4.{rule}:={value})"
        ))
    };
    let people = "Ada Ben Cleo Dan Eve";
    assert_eq!(bits("803", 512), people);
    assert_eq!(bits("803", 512 + 4096), "");
    assert_eq!(bits("804", 512 + 4096), people);

    let shown = administrator.find(&["-b", FLEET, "(cn=Cleo)", "objectGUID", "objectSid"]);
    let shown = shown.succeeded();
    for attribute in ["objectGUID", "objectSid"] {
        let value = shown
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{attribute}:: ")))
            .expect("it is no text, and so in base 64");
        let escaped = escaped(value);
        assert_eq!(found(&format!("({attribute}={escaped})")), "Cleo");
        let other = match escaped.starts_with("\\00") {
            true => escaped.replacen("\\00", "\\01", 1),
            false => format!("\\00{}", &escaped[3..]),
        };
        assert_eq!(found(&format!("({attribute}={other})")), "");
    }
}

/// A value in base 64 as a filter has it (RFC 4515 3).
fn escaped(base64: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut held = 0;
    let mut text = String::new();
    for letter in base64.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS
            .iter()
            .position(|own| *own == letter)
            .expect("it is of base 64");
        bits = bits << 6 | u32::try_from(value).expect("it is small");
        held += 6;
        if held >= 8 {
            held -= 8;
            text.push_str(&format!("\\{:02x}", bits >> held & 0xff));
        }
    }
    text
}

#[test]
fn what_is_found_comes_in_pages_and_in_order_and_within_limits() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    fleet(&administrator);
    let all = "Ada Ben Cleo Dan Eve Everybody Fleet Pilots";

    let paged = administrator.find(&["-E", "pr=3/noprompt", "-b", FLEET, "(objectClass=*)", "cn"]);
    let paged = paged.succeeded();
    assert_eq!(sorted(names(&paged)).join(" "), all);
    assert_eq!(
        paged.matches("# pagedresults: cookie=").count(),
        3,
        "{paged}"
    );

    let order = |by: &str| {
        let sort = format!("sss={by}");
        let text = administrator
            .find(&["-E", &sort, "-b", FLEET, "(cn=*)", "cn"])
            .succeeded();
        names(&text).join(" ")
    };
    assert_eq!(order("cn"), "Ada Ben Cleo Dan Eve Everybody Pilots");
    assert_eq!(order("-cn"), "Pilots Everybody Eve Dan Cleo Ben Ada");
    let both = [
        "-E",
        "sss=-cn",
        "-E",
        "pr=3/noprompt",
        "-b",
        FLEET,
        "(cn=*)",
        "cn",
    ];
    let both = administrator.find(&both).succeeded();
    assert_eq!(
        names(&both).join(" "),
        "Pilots Everybody Eve Dan Cleo Ben Ada"
    );
    // An order that there is not, and has to be.
    let unknown = ["-E", "!sss=nonsense", "-b", FLEET, "(cn=*)", "cn"];
    assert!(!administrator.find(&unknown).ok);

    let scope = |scope: &str| {
        let text = administrator
            .find(&["-s", scope, "-b", FLEET, "(objectClass=*)", "cn"])
            .succeeded();
        sorted(names(&text)).join(" ")
    };
    assert_eq!(scope("base"), "Fleet");
    assert_eq!(scope("one"), "Ada Ben Cleo Dan Eve Everybody Pilots");
    assert_eq!(scope("sub"), all);

    let limited = administrator.find(&["-z", "2", "-b", FLEET, "(objectClass=*)", "cn"]);
    assert_eq!(limited.code, Some(4), "{}", limited.text);
    assert_eq!(names(&limited.text).len(), 2);
    let missing = administrator.find(&["-b", "OU=Nowhere,DC=corp,DC=example", "(cn=*)"]);
    assert_eq!(missing.code, Some(32), "{}", missing.text);
    assert!(
        missing.text.contains("Matched DN: DC=corp,DC=example"),
        "{}",
        missing.text
    );
    let elsewhere = administrator.find(&["-b", "DC=elsewhere,DC=example", "(cn=*)"]);
    assert_eq!(elsewhere.code, Some(10), "{}", elsewhere.text);
    assert!(
        elsewhere.text.contains("ldap://elsewhere.example/"),
        "{}",
        elsewhere.text
    );
    // A control that nobody knows is passed over, unless it must not be.
    let unknown = |control: &str| {
        administrator.find(&[
            "-e",
            control,
            "-s",
            "base",
            "-b",
            BASE,
            "(objectClass=*)",
            "dc",
        ])
    };
    unknown("1.2.3.4").succeeded();
    assert_eq!(unknown("!1.2.3.4").code, Some(12));
}

#[test]
fn names_come_with_ids_and_long_lists_in_ranges() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    fleet(&administrator);
    let ada = format!("CN=Ada,{FLEET}");
    let plain = administrator
        .find(&["-s", "base", "-b", &ada, "cn"])
        .succeeded();
    assert!(plain.contains(&format!("dn: {ada}\n")), "{plain}");
    // In base 64, for it begins with `<`.
    let extended = [
        "-E",
        "1.2.840.113556.1.4.529",
        "-s",
        "base",
        "-b",
        &ada,
        "cn",
    ];
    let extended = administrator.find(&extended).succeeded();
    assert!(extended.starts_with("dn:: PEdVSUQ9"), "{extended}");
    assert!(extended.contains("cn: Ada"), "{extended}");

    let pilots = format!("CN=Pilots,{FLEET}");
    let range = |asked: &str| {
        let asked = format!("member;range={asked}");
        administrator
            .find(&["-s", "base", "-b", &pilots, "(objectClass=*)", &asked])
            .succeeded()
    };
    let first = range("0-0");
    assert_eq!(first.matches("member;range=0-0: CN=").count(), 1, "{first}");
    let rest = range("1-*");
    assert_eq!(rest.matches("member;range=1-*: CN=").count(), 1, "{rest}");

    let compare = |value: &str| administrator.ask("ldapcompare", &[&ada, value], "").code;
    assert_eq!(compare("title:PILOT"), Some(6));
    assert_eq!(compare("title:captain"), Some(5));
}
