//! Writes seeds into the corpora: messages of real exchanges between our client and our KDC, certificates, rows and
//! files of a small world, and the files that other programs made for `wire`'s tests. Requests, JSON and texts were
//! written by hand, into their corpora.

use std::io;
use std::path::{Path, PathBuf};

use crypto::etype::{Etype, Key};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::{START, Seeded};
use ticket::client::{Handled, Initial, KdcTrust, Secret, Wish};
use wire::asn1::Extensions as Later;
use wire::kerberos::{
    AsReq, AuthorizationData, AuthorizationDataElement, AuthorizationDataType, KdcProxyMessage,
    KrbError, MethodData, PaData, PaDataType, PrincipalName,
};
use wire::pac::{BufferType, ClientInfo, PacBuilder, Requestor, ValidationInfo};
use wire::pkinit::PaPkAsReq;
use wire::x509::{
    BasicConstraints, Extension, GeneralName, KerberosName, Name, TbsCertificate, assemble, oid,
};

fn main() -> io::Result<()> {
    let mut corpus = Corpus::open();
    let pair = PrivateKey::generate(KeyKind::P256);
    let certificate = certificate(&pair);
    corpus.add("certificate", "self-signed", &certificate)?;
    corpus.add("public_key", "p256-spki", &pair.public_key().to_spki_der())?;
    corpus.add("public_key", "p256-pkcs8", &pair.to_pkcs8_der())?;
    let request =
        wire::x509::csr::encode_info(&Name::common("device"), &pair.public_key().to_spki_der());
    corpus.add("csr", "p256", &signed(&pair, &request))?;
    corpus.add("crl", "empty", &signed(&pair, &revocation_list(&pair)))?;
    kerberos(&mut corpus, &pair, &certificate)?;
    pac(&mut corpus)?;
    texts(&mut corpus)?;
    dns(&mut corpus)?;
    for (target, name, bytes) in keyporch_fuzz::armor_seeds() {
        corpus.add(target, name, &bytes)?;
    }
    for (target, name, bytes) in keyporch_fuzz::seeds() {
        corpus.add(target, &name, &bytes)?;
    }
    files(&mut corpus)
}

struct Corpus(PathBuf);

impl Corpus {
    fn open() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))
    }

    /// Writes a seed, unless it is there: keys differ from run to run, and history should not.
    fn add(&mut self, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.0.join(target);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(name);
        if !path.exists() {
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn signed(key: &PrivateKey, to_be_signed: &[u8]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let signature = key.sign(algorithm, to_be_signed).unwrap_or_default();
    assemble(to_be_signed, &algorithm.identifier_der(), &signature)
}

fn certificate(key: &PrivateKey) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(key.public_key()).identifier_der();
    let spki = key.public_key().to_spki_der();
    let extensions = [
        Extension::basic_constraints(BasicConstraints {
            ca: false,
            path_length: None,
        }),
        Extension::extended_key_usage(&[oid::PKINIT_KDC, oid::CLIENT_AUTHENTICATION], false),
        Extension::subject_alternative_name(
            &[
                GeneralName::Dns("dc1.corp.example".into()),
                GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE")),
            ],
            false,
        ),
        Extension::crl_distribution_points(&["http://pki.corp.example/root.crl"]),
    ];
    let tbs = TbsCertificate {
        serial: &[0x4b, 1, 2, 3, 4, 5, 6, 7],
        signature_algorithm: &algorithm,
        issuer: &Name::common("dc1"),
        not_before: START.unix(),
        not_after: START.unix() + 86_400,
        subject: &Name::common("dc1"),
        spki: &spki,
        extensions: &extensions,
    };
    signed(key, &tbs.encode())
}

fn revocation_list(key: &PrivateKey) -> Vec<u8> {
    wire::x509::TbsCertList {
        signature_algorithm: &SignatureAlgorithm::default_for(key.public_key()).identifier_der(),
        issuer: &Name::common("root"),
        this_update: START.unix(),
        next_update: START.unix() + 86_400,
        revoked: &[],
        extensions: &[Extension::crl_number(1)],
    }
    .encode()
}

/// What our client sends, with a password and with a key, and what belongs to it.
fn kerberos(corpus: &mut Corpus, pair: &PrivateKey, certificate: &[u8]) -> io::Result<()> {
    let mut rng = Seeded::new(1);
    let trust = KdcTrust::default();
    let secrets = [
        ("password", Secret::Password("correct horse")),
        (
            "key-pair",
            Secret::KeyPair {
                signer: pair,
                certificate,
                trust: &trust,
            },
        ),
    ];
    for (name, secret) in secrets {
        let client = PrincipalName::principal("alice");
        let wish = Wish::ticket_granting("CORP.EXAMPLE");
        let (exchange, first) =
            Initial::start(client, "CORP.EXAMPLE".into(), wish, secret, START, &mut rng);
        corpus.add("kdc_request", &format!("{name}-first"), &first)?;
        corpus.add("server_kdc", &format!("{name}-first"), &first)?;
        let proxied = KdcProxyMessage::new(&first, Some("CORP.EXAMPLE".into())).encode();
        corpus.add("kdc_proxy", &format!("{name}-first"), &proxied)?;
        let hints = hints();
        corpus.add("kdc_reply", "preauth-required", &hints)?;
        corpus.add("kdc_answer", "preauth-required", &hints)?;
        let Ok(Handled::Send(_, second)) = exchange.handle(&hints, START, &mut rng) else {
            continue;
        };
        corpus.add("kdc_request", &format!("{name}-second"), &second)?;
        corpus.add("server_kdc", &format!("{name}-second"), &second)?;
        let request = AsReq::decode(&second).map_err(io::Error::other)?;
        corpus.add("preauthentication", name, &request.padata.encode())?;
        if let Some(padata) = request.find_padata(PaDataType::PK_AS_REQ) {
            corpus.add("pkinit", name, padata)?;
            let message = PaPkAsReq::decode(padata).map_err(io::Error::other)?;
            corpus.add("cms", name, &message.signed_auth_pack)?;
            corpus.add("server_pkinit", name, &message.signed_auth_pack)?;
            let signed = wire::cms::SignedData::decode(&message.signed_auth_pack)
                .map_err(io::Error::other)?;
            corpus.add(
                "pkinit",
                "auth-pack",
                signed.encap_content_info.e_content.unwrap_or_default(),
            )?;
        }
    }
    corpus.add(
        "pkinit",
        "dh-key-info",
        &wire::pkinit::KdcDhKeyInfo {
            subject_public_key: vec![4; 65],
            nonce: 7.into(),
            dh_key_expiration: None,
            extensions: Later::NONE,
        }
        .encode(),
    )?;
    let data = AuthorizationData::from([AuthorizationDataElement {
        ad_type: AuthorizationDataType::AD_IF_RELEVANT,
        ad_data: vec![0x30, 0],
    }]);
    corpus.add("ticket_content", "authorization-data", &data.encode())
}

/// KDC_ERR_PREAUTH_REQUIRED as our KDC says it.
fn hints() -> Vec<u8> {
    let info = wire::kerberos::EtypeInfo2::from([wire::kerberos::EtypeInfo2Entry {
        etype: wire::kerberos::EncryptionType::AES256_CTS_HMAC_SHA1_96,
        salt: Some("CORP.EXAMPLEalice".into()),
        s2kparams: None,
    }]);
    let methods = MethodData::from([
        PaData::new(PaDataType::ETYPE_INFO2, info.encode()),
        PaData::empty(PaDataType::PK_AS_REQ),
        PaData::empty(PaDataType::ENC_TIMESTAMP),
    ]);
    let mut error = KrbError::new(
        wire::kerberos::ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
        wire::kerberos::KerberosTime::from_unix(START.unix()),
        wire::kerberos::Microseconds::default(),
        "CORP.EXAMPLE".into(),
        PrincipalName::krbtgt("CORP.EXAMPLE"),
    );
    error.e_data = Some(methods.encode());
    error.encode()
}

fn pac(corpus: &mut Corpus) -> io::Result<()> {
    let sid = wire::Sid::domain_of([1, 2, 3]);
    let mut info = ValidationInfo::new("alice", sid, 1105, 513);
    info.full_name = "Alice".into();
    let logon = info.to_bytes().map_err(io::Error::other)?;
    let client = ClientInfo {
        authentication_time: START.filetime(),
        name: "alice".into(),
    };
    let client = client.to_bytes().map_err(io::Error::other)?;
    let etype = Etype::Aes256CtsHmacSha1_96;
    let pac = PacBuilder::new()
        .buffer(BufferType::LOGON_INFO, logon.clone())
        .buffer(BufferType::CLIENT_INFO, client.clone())
        .buffer(BufferType::REQUESTOR, Requestor { sid }.to_bytes())
        .signature(
            BufferType::SERVER_CHECKSUM,
            etype.checksum_type(),
            etype.checksum_len(),
        )
        .build()
        .map_err(io::Error::other)?;
    corpus.add("pac", "ticket-granting", pac.as_bytes())?;
    corpus.add("pac", "logon-info", &logon)?;
    corpus.add("pac", "client-info", &client)?;
    let key = Key::random_to_key(etype, &[7; 32]);
    let sealed = wire::kerberos::EncryptedData {
        etype: wire::kerberos::EncryptionType(etype.number()),
        kvno: Some(1.into()),
        cipher: key.encrypt(wire::kerberos::KeyUsage::TICKET, &[1; 16], b"nothing"),
    };
    let ticket = wire::kerberos::Ticket {
        realm: "CORP.EXAMPLE".into(),
        sname: PrincipalName::krbtgt("CORP.EXAMPLE"),
        enc_part: sealed.clone(),
    };
    corpus.add("ticket_content", "ticket", &ticket.encode())?;
    let shown =
        wire::kerberos::ApReq::new(wire::kerberos::ApOptions::MUTUAL_REQUIRED, ticket, sealed)
            .encode();
    corpus.add("ap_exchange", "ap-req", &shown)?;
    let token = wire::spnego::KerberosToken {
        id: wire::spnego::KerberosTokenId::ApReq,
        message: &shown,
    }
    .encode();
    corpus.add("spnego", "kerberos", &token)?;
    let offer = wire::spnego::NegTokenInit::new([wire::spnego::KERBEROS], Some(token));
    corpus.add("spnego", "init", &offer.encode())
}

fn texts(corpus: &mut Corpus) -> io::Result<()> {
    corpus.add(
        "principal_text",
        "service",
        b"host/pc.corp.example@CORP.EXAMPLE",
    )?;
    corpus.add("principal_text", "escaped", b"a\\/b\\@c/d@REALM")?;
    corpus.add(
        "dn_binary",
        "short",
        b"B:8:DEADBEEF:CN=Alice,CN=Users,DC=corp,DC=example",
    )?;
    corpus.add("identifiers", "sid", b"S-1-5-21-1-2-3-1105")?;
    corpus.add(
        "identifiers",
        "guid",
        b"47f577e3-d2d0-4a0a-8aca-e0501098bde4",
    )?;
    corpus.add("identifiers", "time", b"2026-11-21T12:00:00Z")?;
    corpus.add(
        "http",
        "form",
        b"grant_type=authorization_code&code=a%2Bb+c&state=&x",
    )?;
    corpus.add(
        "registration",
        "key",
        br#"{"kngc":"UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQAB"}"#,
    )?;
    corpus.add(
        "registration",
        "join",
        br#"{"CertificateRequest":{"Type":"pkcs10","Data":"MAA="},"TransportKey":"UlNBMQ==","TargetDomain":"corp.example","DeviceType":"Linux","OSVersion":"12","DeviceDisplayName":"LAPTOP-1","JoinType":6,"Attributes":{"ReuseDevice":"true"}}"#,
    )?;
    corpus.add(
        "jws",
        "es256",
        b"eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL3N0cyJ9.AAAA",
    )
}

/// Answers of a nameserver, put together by hand, by RFC 1035 4.1: what was asked for stands at 12, the first record at 30.
fn dns(corpus: &mut Corpus) -> io::Result<()> {
    const AT_NAME: &[u8] = &[0xc0, 12];
    const BELOW: &[u8] = b"\x04here\xc0\x11";
    let record = |owner: &[u8], kind: u8, data: &[u8]| {
        let length = u16::try_from(data.len()).unwrap_or_default().to_be_bytes();
        [owner, &[0, kind, 0, 1, 0, 0, 14, 16], &length, data].concat()
    };
    let options = [&[0, 0, 41, 4, 0xd0][..], &[0; 6]].concat();
    let answer = |flags: u8, code: u8, records: &[Vec<u8>]| {
        let count = u8::try_from(records.len()).unwrap_or_default();
        let head = [0x12, 0x34, flags, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 1];
        let question = b"\x04corp\x07example\0\0\x10\0\x01";
        [&head[..], question, &records.concat(), &options].concat()
    };
    let texts = [
        record(AT_NAME, 16, b"\x07v=spf1 \x04-all"),
        record(AT_NAME, 16, b"\x08keyporch"),
    ];
    let alias = [record(AT_NAME, 5, BELOW), record(BELOW, 16, b"\x01x")];
    corpus.add("dns", "texts", &answer(0x81, 0, &texts))?;
    corpus.add("dns", "alias", &answer(0x81, 0, &alias))?;
    corpus.add("dns", "no-such-name", &answer(0x85, 3, &[]))?;
    corpus.add("dns", "truncated", &answer(0x83, 0, &texts))?;
    corpus.add("dns", "failed", &answer(0x81, 2, &[]))?;
    corpus.add("dns", "name", b"_keyporch.Corp.Example.")
}

/// Which target a vector of `wire`'s tests is for, by the beginning of its path.
const VECTORS: &[(&str, &str)] = &[
    ("testdata/key_credential/", "key_credential"),
    ("testdata/ccache/", "ccache"),
    ("testdata/keytab/", "keytab"),
    ("testdata/pac/", "pac"),
    ("tests/vectors/kerberos/as-req", "kdc_request"),
    ("tests/vectors/kerberos/tgs-req", "kdc_request"),
    ("tests/vectors/kerberos/as-rep", "kdc_reply"),
    ("tests/vectors/kerberos/tgs-rep", "kdc_reply"),
    ("tests/vectors/kerberos/krb-error", "kdc_reply"),
    ("tests/vectors/kerberos/enc-as-rep", "kdc_reply"),
    ("tests/vectors/kerberos/enc-tgs-rep", "kdc_reply"),
    ("tests/vectors/kerberos/enc-ticket", "ticket_content"),
    ("tests/vectors/kerberos/ap-req", "ap_exchange"),
    ("tests/vectors/kerberos/authenticator", "ap_exchange"),
    ("tests/vectors/kerberos/krb-cred", "ap_exchange"),
    ("tests/vectors/kerberos/enc-krb-cred", "ap_exchange"),
    ("tests/vectors/kerberos/pa-enc-ts", "preauthentication"),
    ("tests/vectors/kerberos/spnego", "spnego"),
];

/// Vectors that other programs made.
fn files(corpus: &mut Corpus) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire");
    let mut waiting = vec![root.join("testdata"), root.join("tests/vectors")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let within = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            let Some((_, target)) = VECTORS
                .iter()
                .find(|(beginning, _)| within.starts_with(beginning))
            else {
                continue;
            };
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let bytes = vector(&path)?;
            corpus.add(target, &name, &bytes)?;
            match *target {
                "kdc_request" => corpus.add("server_kdc", &name, &bytes)?,
                "kdc_reply" => corpus.add("kdc_answer", &name, &bytes)?,
                _ => {}
            }
            if let Ok(link) = wire::key_credential::KeyCredentialLink::parse(&bytes) {
                corpus.add("key_material", &name, link.key_material())?;
            }
        }
    }
    Ok(())
}

/// Some vectors are hexadecimal text, some are bytes.
fn vector(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.iter().all(u8::is_ascii_hexdigit) {
        return Ok(bytes);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    Ok(text
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect())
}
