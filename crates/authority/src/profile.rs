//! What each kind of certificate says: from typed facts to the bytes to be signed.
//!
//! To add a profile: a variant of [`Profile`] with the facts it is made of, its extensions here, and its row
//! in the linter's own table (`lint/certificate.rs`), written from the specification and not from here.

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use crypto::key::PublicKey;
use crypto::signature::SignatureAlgorithm;
use trust::{Span, Timestamp};
use wire::Sid;
use wire::x509::device::{DeviceExtensions, Length};
use wire::x509::{
    BasicConstraints, Extension, GeneralName, KerberosName, KeyUsage, Name, TbsCertificate, oid,
};

use crate::lint::Kind;

/// Extended key usages of a certificate to sign in with (protocols E.5.1, PKI-T4).
const LOGON_PURPOSES: [ObjectIdentifier; 3] = [
    oid::SMART_CARD_LOGON,
    oid::CLIENT_AUTHENTICATION,
    oid::PKINIT_CLIENT_AUTHENTICATION,
];

/// How long before now a certificate begins, for clocks that are behind.
pub(crate) const BACKDATED: Span = Span::hours(1);

/// The longest common name (RFC 5280 appendix A, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Extended key usages of a KDC certificate (protocols E.3.5).
const KDC_PURPOSES: [ObjectIdentifier; 4] = [
    oid::PKINIT_KDC,
    oid::SERVER_AUTHENTICATION,
    oid::CLIENT_AUTHENTICATION,
    oid::SMART_CARD_LOGON,
];

/// What a certificate is for, with the facts that go into it. Names come from the directory or the
/// configuration, never from a request (protocols G.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Profile {
    /// A self-signed certification authority of this name.
    Root(Name),
    /// A key distribution centre (protocols E.3.5, PKI-T1, AUTH-KDC-5 to 10).
    Kdc(KdcNames),
    /// A TLS server (PKI-T2).
    TlsServer(TlsNames),
    /// A person's, to sign in with (protocols E.5, PKI-T4).
    Logon(LogonNames),
    /// A device (protocols B.5), with how the lengths of its extensions are written.
    Device(DeviceExtensions, Length),
}

/// The names in a KDC certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KdcNames {
    /// The host's full name, `dc1.corp.example`.
    pub host: String,
    /// The domain, `corp.example`.
    pub domain: String,
    /// The domain's short name, `CORP` (AUTH-KDC-10).
    pub netbios: Option<String>,
    /// The realm, `CORP.EXAMPLE`.
    pub realm: String,
}

/// What a certificate to sign in with says of the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogonNames {
    /// The account's name, for who reads the certificate: `alice`.
    pub name: String,
    /// The user principal name, `alice@corp.example`.
    pub upn: String,
    /// The account's SID, which is what the KDC goes by.
    pub sid: Sid,
}

/// The names in a TLS server's certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsNames {
    /// Host names; the first is the subject's common name too. A leftmost `*` is allowed.
    pub hosts: Vec<String>,
    /// Addresses that clients connect to by number.
    pub addresses: Vec<IpAddr>,
}

/// Where relying parties find what belongs to an authority. Plain HTTP (PKI-CDP-1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Places {
    pub(crate) list: String,
    pub(crate) certificate: String,
}

/// The authority that shall sign, as far as it shows in what it signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Issuer {
    pub(crate) name: Name,
    pub(crate) key: KeyIdentifier,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) places: Option<Places>,
}

/// The first 160 bits of SHA-256 over the public key (RFC 7093 2, method 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyIdentifier(pub(crate) [u8; 20]);

impl KeyIdentifier {
    pub(crate) fn of(key: &PublicKey) -> Self {
        let digest = match key {
            PublicKey::Rsa(key) => crypto::digest::sha256(&key.to_pkcs1_der()),
            PublicKey::Ec(key) => crypto::digest::sha256(key.point()),
        };
        let mut identifier = [0; 20];
        for (place, octet) in identifier.iter_mut().zip(digest) {
            *place = octet;
        }
        Self(identifier)
    }
}

impl Profile {
    /// What the linter is told to expect.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Root(_) => Kind::Root,
            Self::Kdc(_) => Kind::Kdc,
            Self::TlsServer(_) => Kind::TlsServer,
            Self::Logon(_) => Kind::Logon,
            Self::Device(..) => Kind::Device,
        }
    }

    /// The TBSCertificate for `key`. It ends with its issuer at the latest.
    pub(crate) fn encode(
        &self,
        key: &PublicKey,
        serial: &[u8],
        issuer: &Issuer,
        life: Span,
        now: Timestamp,
    ) -> Vec<u8> {
        let not_before = (now - BACKDATED).max(issuer.not_before).unix();
        let not_after = (now + life).min(issuer.not_after).unix();
        let subject = self.subject();
        TbsCertificate {
            serial,
            signature_algorithm: &issuer.algorithm.identifier_der(),
            issuer: &issuer.name,
            not_before,
            not_after,
            subject: &subject,
            spki: &key.to_spki_der(),
            extensions: &self.extensions(key, issuer),
        }
        .encode()
    }

    fn subject(&self) -> Name {
        let common = |name: Option<&str>| match name {
            Some(name) if name.len() <= MAX_COMMON_NAME => Name::common(name),
            // A longer name stands in the alternative names alone, which are critical then.
            _ => Name::empty(),
        };
        match self {
            Self::Root(name) => name.clone(),
            Self::Kdc(names) => common(Some(&names.host)),
            Self::TlsServer(names) => common(names.hosts.first().map(String::as_str)),
            Self::Logon(names) => common(Some(&names.name)),
            Self::Device(extensions, _) => {
                common(extensions.device.map(|id| id.to_string()).as_deref())
            }
        }
    }

    /// All that the certificate says beside names and dates.
    pub(crate) fn extensions(&self, key: &PublicKey, issuer: &Issuer) -> Vec<Extension> {
        let empty_subject = self.subject().is_empty();
        let root = matches!(self, Self::Root(_));
        let constraints = BasicConstraints {
            ca: root,
            // Each authority signs for its subjects itself: none stands below it.
            path_length: root.then_some(0),
        };
        let mut extensions = vec![
            Extension::basic_constraints(constraints),
            Extension::key_usage(self.key_usage(key)),
        ];
        match self {
            Self::Root(_) => {}
            Self::Kdc(names) => extensions.extend([
                Extension::extended_key_usage(&KDC_PURPOSES, false),
                Extension::certificate_template_name("DomainController"),
                Extension::subject_alternative_name(&kdc_names(names), empty_subject),
            ]),
            Self::TlsServer(names) => extensions.extend([
                Extension::extended_key_usage(&[oid::SERVER_AUTHENTICATION], false),
                Extension::subject_alternative_name(&tls_names(names), empty_subject),
            ]),
            Self::Logon(names) => extensions.extend([
                Extension::extended_key_usage(&LOGON_PURPOSES, false),
                Extension::subject_alternative_name(
                    &[GeneralName::UserPrincipalName(names.upn.clone())],
                    empty_subject,
                ),
                Extension::security_identifier(&names.sid),
            ]),
            Self::Device(device, length) => {
                let purposes = [oid::CLIENT_AUTHENTICATION];
                extensions.push(Extension::extended_key_usage(&purposes, true));
                extensions.extend(device.write(*length));
            }
        }
        extensions.push(Extension::subject_key_identifier(&KeyIdentifier::of(key).0));
        extensions.push(Extension::authority_key_identifier(&issuer.key.0));
        if let (false, Some(places)) = (root, &issuer.places) {
            extensions.push(Extension::crl_distribution_points(&[&places.list]));
            let issuers = [places.certificate.as_str()];
            extensions.push(Extension::authority_information_access(&issuers));
        }
        extensions
    }

    fn key_usage(&self, key: &PublicKey) -> KeyUsage {
        let signs = KeyUsage::DIGITAL_SIGNATURE;
        match (self, key) {
            (Self::Root(_), _) => KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN),
            (Self::Kdc(_) | Self::TlsServer(_), PublicKey::Rsa(_)) => {
                signs.and(KeyUsage::KEY_ENCIPHERMENT)
            }
            // Only RSA encrypts keys (RFC 5480 3).
            (Self::Kdc(_) | Self::TlsServer(_), PublicKey::Ec(_))
            | (Self::Device(..) | Self::Logon(_), _) => signs,
        }
    }
}

fn kdc_names(names: &KdcNames) -> Vec<GeneralName> {
    let mut list = vec![
        GeneralName::Dns(names.host.clone()),
        GeneralName::Dns(names.domain.clone()),
    ];
    list.extend(names.netbios.clone().map(GeneralName::Dns));
    list.push(GeneralName::Kerberos(KerberosName::kdc(&names.realm)));
    list
}

fn tls_names(names: &TlsNames) -> Vec<GeneralName> {
    let hosts = names.hosts.iter().cloned().map(GeneralName::Dns);
    let addresses = names.addresses.iter().copied().map(GeneralName::Ip);
    hosts.chain(addresses).collect()
}
