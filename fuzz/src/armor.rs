//! FAST: its messages, and what the KDC makes of anything inside of good armor.

use std::sync::LazyLock;

use crypto::etype::{Etype, Key};
use directory::lockout::Lockout;
use directory::testing::{START, Seeded};
use kdc::Transport;
use ticket::client::{Credential, Handled, Initial, Secret, Wish};
use wire::asn1::{Der, Extensions};
use wire::kerberos::{
    ApOptions, ApReq, AsReq, Authenticator, Checksum, ChecksumType, EncryptedData, EncryptionKey,
    EncryptionType, FastArmorType, FastOptions, KdcOptions, KdcReqBody, KerberosTime, KeyUsage,
    KrbFastArmor, KrbFastArmoredRep, KrbFastArmoredReq, KrbFastReq, KrbFastResponse, Microseconds,
    PaData, PaDataType, PaFxFastReply, PaFxFastRequest, PrincipalName, Realm, TgsReq,
};

use crate::kerberos::canonical;
use crate::server;

/// The first byte of an input for [`server_fast`] whose rest is asked in a TGS-REQ; with any other it is an AS-REQ.
pub(crate) const GRANTING: u8 = b'T';

pub(crate) fn fast(bytes: &[u8]) {
    canonical!(PaFxFastRequest, bytes);
    canonical!(PaFxFastReply, bytes);
    canonical!(KrbFastReq, bytes);
    canonical!(KrbFastResponse, bytes);
}

/// A machine's ticket-granting ticket.
static MACHINE: LazyLock<Credential> =
    LazyLock::new(|| machine().expect("a machine gets a ticket with its key"));

fn machine() -> Option<Credential> {
    let key = server::machine_key();
    let (name, realm) = (PrincipalName::principal("PC-1$"), Realm::from(REALM));
    let mut rng = Seeded::new(11);
    let wish = Wish::ticket_granting(REALM);
    let secret = Secret::Key(&key);
    let (mut exchange, mut message) = Initial::start(name, realm, wish, secret, START, &mut rng);
    loop {
        let lockout = Lockout::default();
        let answer = server::answer(&message, Transport::Stream, &lockout)?;
        match exchange.handle(&answer, START, &mut rng).ok()? {
            Handled::Send(next, again) => (exchange, message) = (*next, again),
            Handled::Done(credential) => return Some(*credential),
        }
    }
}

const REALM: &str = "CORP.EXAMPLE";

fn subkey() -> Key {
    Key::random_to_key(MACHINE.key.etype(), &[5; 32])
}

/// The armor key that inputs are wrapped with.
pub(crate) fn armor_key() -> Key {
    subkey().combine(&MACHINE.key, b"subkeyarmor", b"ticketarmor")
}

fn sealed(key: &Key, cipher: Vec<u8>) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher,
    }
}

/// The ticket, shown by who knows its session key; `body` is covered where the usage is that of a TGS-REQ.
fn shown(usage: KeyUsage, body: &[u8], confounder: &[u8; 16]) -> Vec<u8> {
    let key = &MACHINE.key;
    let mut authenticator = Authenticator::new(
        MACHINE.client_realm.clone(),
        MACHINE.client.clone(),
        KerberosTime::from_unix(START.unix()),
        Microseconds::default(),
    );
    let covers = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
    authenticator.cksum = Some(checksum(key, covers, body));
    authenticator.subkey = Some(EncryptionKey {
        keytype: EncryptionType(subkey().etype().number()),
        keyvalue: subkey().bytes().to_vec(),
    });
    let cipher = key.encrypt(usage, confounder, &authenticator.encode());
    ApReq::new(ApOptions::NONE, MACHINE.ticket.clone(), sealed(key, cipher)).encode()
}

fn checksum(key: &Key, usage: KeyUsage, covered: &[u8]) -> Checksum {
    Checksum {
        cksumtype: ChecksumType(key.etype().checksum_type()),
        checksum: key.checksum(usage, covered).to_vec(),
    }
}

fn body(client: Option<PrincipalName>, service: PrincipalName) -> KdcReqBody {
    KdcReqBody {
        kdc_options: KdcOptions::FORWARDABLE,
        cname: client,
        realm: REALM.into(),
        sname: Some(service),
        from: None,
        till: KerberosTime::EPOCH,
        rtime: None,
        nonce: 1.into(),
        etype: [EncryptionType::AES256_CTS_HMAC_SHA1_96].into(),
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    }
}

fn armored(
    inside: &[u8],
    armor: Option<KrbFastArmor>,
    covered: &[u8],
    confounder: &[u8; 16],
) -> PaData {
    let key = armor_key();
    let armored = PaFxFastRequest::ArmoredData(KrbFastArmoredReq {
        armor,
        req_checksum: checksum(&key, KeyUsage::FAST_REQ_CHECKSUM, covered),
        enc_fast_req: sealed(&key, key.encrypt(KeyUsage::FAST_ENC, confounder, inside)),
        extensions: Extensions::NONE,
    });
    PaData::new(PaDataType::FX_FAST, armored.encode())
}

/// The bytes as what stands inside of armor that is in order.
pub(crate) fn server_fast(bytes: &[u8]) {
    let Some((kind, inside)) = bytes.split_first() else {
        return;
    };
    // Each input has an authenticator of its own, or all but the first were repetitions.
    let digest = crypto::digest::sha256(bytes);
    let (confounder, _) = digest.split_first_chunk().expect("it has 32 bytes");
    let krbtgt = PrincipalName::krbtgt(REALM);
    let message = if *kind == GRANTING {
        let body = Der::new(body(None, krbtgt));
        let shown = shown(KeyUsage::TGS_REQ_AUTHENTICATOR, body.as_bytes(), confounder);
        let armored = armored(inside, None, &shown, confounder);
        let padata = [PaData::new(PaDataType::TGS_REQ, shown), armored];
        TgsReq::with_encoded_body(padata, body).encode()
    } else {
        let body = Der::new(body(Some(PrincipalName::principal("alice")), krbtgt));
        let armor = KrbFastArmor {
            armor_type: FastArmorType::FX_FAST_ARMOR_AP_REQUEST,
            armor_value: shown(KeyUsage::AP_REQ_AUTHENTICATOR, b"", confounder),
            extensions: Extensions::NONE,
        };
        let armored = armored(inside, Some(armor), body.as_bytes(), confounder);
        AsReq::with_encoded_body([armored], body).encode()
    };
    // Nobody is locked out by what the inputs before this one tried.
    server::answer(&message, Transport::Datagram, &Lockout::default());
}

/// Seeds for both targets: requests for an initial ticket and for one more, and answers.
pub fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let key = armor_key();
    let request = |padata: Vec<PaData>, body: KdcReqBody| {
        KrbFastReq {
            fast_options: FastOptions::HIDE_CLIENT_NAMES,
            padata: padata.into(),
            req_body: Der::new(body),
            extensions: Extensions::NONE,
        }
        .encode()
        .to_vec()
    };
    let krbtgt = PrincipalName::krbtgt(REALM);
    let alice = Some(PrincipalName::principal("alice"));
    let first = request(
        vec![PaData::empty(PaDataType::REQ_ENC_PA_REP)],
        body(alice.clone(), krbtgt.clone()),
    );
    let challenge = sealed(&key, key.encrypt(KeyUsage(54), &[1; 16], b"no timestamp"));
    let challenge = PaData::new(PaDataType::ENCRYPTED_CHALLENGE, challenge.encode());
    let cookie = PaData::new(PaDataType::FX_COOKIE, b"keyporch");
    let second = request(vec![cookie, challenge], body(alice, krbtgt.clone()));
    let granted = request(vec![], body(None, krbtgt));
    let response = KrbFastResponse {
        padata: vec![PaData::empty(PaDataType::FX_ERROR)].into(),
        strengthen_key: Some(EncryptionKey {
            keytype: EncryptionType(Etype::ALL[0].number()),
            keyvalue: vec![7; 32],
        }),
        finished: None,
        nonce: 1.into(),
        extensions: Extensions::NONE,
    }
    .encode();
    let reply = PaFxFastReply::ArmoredData(KrbFastArmoredRep {
        enc_fast_rep: sealed(&key, vec![9; 80]),
        extensions: Extensions::NONE,
    });
    let outer = armored(&first, None, b"", &[1; 16]).padata_value;
    let with = |kind: u8, inside: &[u8]| [&[kind], inside].concat();
    vec![
        ("server_fast", "first", with(b'A', &first)),
        ("server_fast", "challenge", with(b'A', &second)),
        ("server_fast", "granting", with(GRANTING, &granted)),
        ("fast", "request-inside", first),
        ("fast", "request", outer),
        ("fast", "response-inside", response.to_vec()),
        ("fast", "response", reply.encode()),
    ]
}
