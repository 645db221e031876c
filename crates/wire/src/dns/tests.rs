//! Messages made by hand, by RFC 1035 4.1; nothing here was recorded.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;

/// What a label of the question's name stands at: behind the header.
const AT_NAME: [u8; 2] = [0xc0, 12];
const IN: u16 = CLASS_IN;

fn question() -> TxtQuestion {
    TxtQuestion {
        id: 0x1234,
        name: Name::parse("corp.example").unwrap(),
    }
}

/// An answer to [`question`] with these flags and sections.
fn message(flags: u16, answers: &[Vec<u8>], additional: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let counts = [answers.len() as u16, 0, additional.len() as u16];
    for number in [0x1234, flags, 1].into_iter().chain(counts) {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&hex!(
        "04 63 6f 72 70  07 65 78 61 6d 70 6c 65  00  0010 0001"
    ));
    answers
        .iter()
        .chain(additional)
        .for_each(|record| bytes.extend(record));
    bytes
}

fn good(answers: &[Vec<u8>]) -> Vec<u8> {
    message(0x8180, answers, &[])
}

fn record(owner: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(hex!("00000e10"));
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn txt(owner: &[u8], parts: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for part in parts {
        data.push(part.len() as u8);
        data.extend(part.bytes());
    }
    record(owner, TYPE_TXT, IN, &data)
}

fn texts(texts: &[&str]) -> Result<Answer, InvalidAnswer> {
    let texts = texts.iter().map(|text| text.as_bytes().to_vec());
    Ok(Answer::Texts(texts.collect()))
}

#[test]
fn a_question_is_what_the_document_says() {
    let asked = question();
    let plain = hex!(
        "1234 0100 0001 0000 0000 0000  04 63 6f 72 70  07 65 78 61 6d 70 6c 65  00  0010 0001"
    );
    assert_eq!(asked.encode(None), plain);
    let mut extended = plain.to_vec();
    extended[11] = 1;
    extended.extend(hex!("00 0029 04d0 00000000 0000"));
    assert_eq!(asked.encode(Some(DATAGRAM)), extended);
}

#[test]
fn a_name_is_of_labels_that_hosts_and_services_have() {
    fn name(text: &str) -> Option<Name> {
        Name::parse(text)
    }
    assert_eq!(name("Corp.Example."), name("corp.example"));
    assert_ne!(name("corp.example"), name("corpexample"));
    assert!(name("_keyporch.corp.example").is_some());
    let long = "a".repeat(63);
    assert!(name(&format!("{long}.{long}.{long}.{}", "a".repeat(61))).is_some());
    let too_long = format!("{long}.{long}.{long}.{}", "a".repeat(62));
    for none in [
        "",
        ".",
        "..",
        ".corp.example",
        "corp..example",
        "corp.example..",
        "corp example",
        "cörp.example",
        "a\\.b",
        &"a".repeat(64),
        &too_long,
    ] {
        assert_eq!(name(none), None, "{none:?}");
    }
}

#[test]
fn the_strings_of_a_record_are_joined_and_records_stay_apart() {
    let answer = good(&[
        txt(&AT_NAME, &["v=spf1 ", "-all"]),
        txt(&AT_NAME, &[""]),
        record(&AT_NAME, 15, IN, &hex!("000a c00c")),
        txt(&AT_NAME, &["keyporch"]),
    ]);
    assert_eq!(
        question().answer(&answer),
        texts(&["v=spf1 -all", "", "keyporch"])
    );
}

#[test]
fn names_are_the_same_in_capitals_and_without_compression() {
    let written_out = hex!("04 43 4f 52 50  07 65 78 61 6d 70 6c 65  00");
    let mut answer = good(&[txt(&written_out, &["keyporch"])]);
    answer[13] = b'C';
    assert_eq!(question().answer(&answer), texts(&["keyporch"]));
}

#[test]
fn records_of_other_names_types_and_classes_are_not_the_names() {
    let other = hex!("04 65 76 69 6c c0 11");
    let answer = good(&[
        txt(&other, &["keyporch"]),
        record(&AT_NAME, TYPE_TXT, 3, b"\x08keyporch"),
        record(&AT_NAME, 99, IN, b"\x08keyporch"),
    ]);
    assert_eq!(question().answer(&answer), texts(&[]));
}

#[test]
fn an_alias_has_the_texts_of_the_name_that_it_stands_for() {
    let target = hex!("04 68 65 72 65 c0 11");
    let alias = record(&AT_NAME, TYPE_CNAME, IN, &target);
    let answer = good(&[
        txt(&target, &["there"]),
        alias.clone(),
        txt(&AT_NAME, &["none"]),
    ]);
    assert_eq!(question().answer(&answer), texts(&["there"]));
    let back = record(&target, TYPE_CNAME, IN, &AT_NAME);
    assert_eq!(
        question().answer(&good(&[alias, back])),
        Err(InvalidAnswer::Aliases)
    );
    let longer = record(&AT_NAME, TYPE_CNAME, IN, &hex!("c00c 00"));
    assert_eq!(
        question().answer(&good(&[longer])),
        Err(InvalidAnswer::Record)
    );
}

#[test]
fn nothing_of_that_name_and_nothing_of_that_type_are_no_texts() {
    for flags in [0x8180, 0x8183, 0x8583] {
        let answer = message(flags, &[], &[]);
        assert_eq!(question().answer(&answer), texts(&[]), "{flags:x}");
    }
}

#[test]
fn failures_are_told_apart_with_and_without_the_question() {
    let failed = |code| Ok(Answer::Failed(ResponseCode(code)));
    for code in [1, 2, 4, 5, 9] {
        let answer = message(0x8180 | code, &[], &[]);
        assert_eq!(question().answer(&answer), failed(code));
    }
    for (code, taken) in [(1, true), (4, true), (0, false), (2, false), (3, false)] {
        let mut answer = message(0x8180 | code, &[], &[]);
        answer[5] = 0;
        answer.truncate(12);
        let said = question().answer(&answer);
        assert_eq!(said.is_ok(), taken, "{code}");
        assert!(taken || said == Err(InvalidAnswer::Another));
    }
    // BADVERS is 16, the upper bits of which are in the OPT record (RFC 6891 6.1.3).
    let mut options = record(&[0], TYPE_OPT, DATAGRAM, b"");
    options[5..9].copy_from_slice(&hex!("01000000"));
    let answer = message(0x8180, &[], &[options.clone()]);
    assert_eq!(question().answer(&answer), failed(16));
    let answer = message(0x8180, &[], &[options.clone(), options]);
    assert_eq!(question().answer(&answer), Err(InvalidAnswer::Record));
}

#[test]
fn an_answer_that_is_cut_on_purpose_says_so_whatever_is_left_of_it() {
    let mut answer = message(0x8380, &[txt(&AT_NAME, &["half"])], &[]);
    assert_eq!(question().answer(&answer), Ok(Answer::Truncated));
    answer.truncate(40);
    assert_eq!(question().answer(&answer), Ok(Answer::Truncated));
}

#[test]
fn what_answers_another_question_is_no_answer() {
    let answer = good(&[txt(&AT_NAME, &["keyporch"])]);
    let changed = |at: usize, to: u8| {
        let mut answer = answer.clone();
        answer[at] = to;
        question().answer(&answer)
    };
    for (at, to) in [
        (1, 0x35),  // the ID
        (2, 0x01),  // a question itself
        (2, 0x89),  // another operation
        (5, 0),     // no question
        (5, 2),     // two
        (13, b'k'), // another name
        (27, 1),    // another type
        (29, 3),    // another class
    ] {
        assert_eq!(changed(at, to), Err(InvalidAnswer::Another), "{at}");
    }
    for length in 0..30 {
        assert_eq!(
            question().answer(&answer[..length]),
            Err(InvalidAnswer::Another)
        );
    }
}

#[test]
fn an_answer_that_ends_early_or_late_is_none() {
    let answer = good(&[txt(&AT_NAME, &["keyporch"]), txt(&AT_NAME, &["two"])]);
    for length in 30..answer.len() {
        let said = question().answer(&answer[..length]);
        assert_eq!(said, Err(InvalidAnswer::Truncated), "{length}");
    }
    let longer = [&answer[..], &[0]].concat();
    assert_eq!(question().answer(&longer), Err(InvalidAnswer::Trailing));
}

#[test]
fn texts_fill_their_record() {
    for data in [&b""[..], b"\x05four", b"\x04four\x01"] {
        let answer = good(&[record(&AT_NAME, TYPE_TXT, IN, data)]);
        assert_eq!(
            question().answer(&answer),
            Err(InvalidAnswer::Record),
            "{data:?}"
        );
    }
}

#[test]
fn names_do_not_point_forward_or_in_circles_and_are_not_too_long() {
    let refused = |owner: &[u8]| {
        let said = question().answer(&good(&[txt(owner, &["x"])]));
        assert_eq!(said, Err(InvalidAnswer::Name), "{owner:x?}");
    };
    // The first record's name stands at 30.
    refused(&[0xc0, 30]);
    refused(&[0xc0, 200]);
    refused(&[0xff, 0xff]);
    refused(&hex!("01 61 c0 1e"));
    refused(&hex!("01 61 c0 20"));
    refused(&hex!("40 61"));
    refused(&hex!("80 61"));
    let label = [&[63][..], &[b'a'; 63]].concat();
    refused(&[&label.repeat(4)[..], &[0]].concat());
    // 63, 63, 63 and 48 letters: with the name that is pointed to, one too many or just enough.
    for (last, enough) in [(48, true), (49, false)] {
        let owner = [
            &label.repeat(3)[..],
            &[last],
            &vec![b'a'; usize::from(last)],
            &AT_NAME,
        ]
        .concat();
        let said = question().answer(&good(&[txt(&owner, &["x"])]));
        assert_eq!(said.is_ok(), enough);
    }
    // Each record's name points to the name of the one before.
    let mut answers = vec![txt(&AT_NAME, &["x"])];
    let mut place = 30;
    for _ in 1..MOST_JUMPS {
        let [high, low] = u16::to_be_bytes(0xc000 | place);
        place += answers.last().unwrap().len() as u16;
        answers.push(txt(&[high, low], &["x"]));
    }
    let said = question().answer(&good(&answers));
    assert_eq!(said, texts(&["x"; MOST_JUMPS]));
    let [high, low] = u16::to_be_bytes(0xc000 | place);
    answers.push(txt(&[high, low], &["x"]));
    let said = question().answer(&good(&answers));
    assert_eq!(said, Err(InvalidAnswer::Name));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_texts_are_not_longer_than_what_came(
        tail in proptest::collection::vec(any::<u8>(), 0..200),
        counts in any::<[u8; 3]>(),
    ) {
        let mut answer = good(&[]);
        answer[7] = counts[0] % 4;
        answer[9] = counts[1] % 2;
        answer[11] = counts[2] % 2;
        answer.extend(&tail);
        if let Ok(Answer::Texts(texts)) = question().answer(&answer) {
            prop_assert!(texts.iter().map(Vec::len).sum::<usize>() <= tail.len());
        }
        let _ = question().answer(&tail);
    }
}
