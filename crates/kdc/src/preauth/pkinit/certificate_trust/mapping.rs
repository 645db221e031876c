//! Is the certificate the account's? (Protocols E.5.2 to E.5.5, MS-PKCA 3.1.5.2.1; the class of CVE-2022-26923.)
//!
//! Strong is what names an account beyond doubt: its SID, from an issuer that may know it, or a value of
//! altSecurityIdentities that names this certificate or its key. Weak is what another account may be called one
//! day: a name. Weak counts where the realm's rule lets it, and then from no issuer that was not told to name
//! people.

use crypto::digest;
use directory::{Account, AccountKind};
use trust::path::{Invalid, Valid, Why};
use trust::revocation::{IssuerId, Mapping};
use wire::Sid;
use wire::kerberos::{NameType, PrincipalName};
use wire::x509::mapping::{CertificateMapping, MappedName};
use wire::x509::{Certificate, GeneralName, Malformed};

use crate::View;
use crate::client;
use crate::realm::StrongMapping;
use crate::refused::Refused;

/// What the names in a certificate say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Named {
    /// There are none.
    Nobody,
    /// They are the account's.
    Account,
    /// They are somebody else's, or nobody's.
    Another,
}

/// Judges whether the certificate is the account's.
///
/// # Errors
/// [`Refused::ClientNameMismatch`] where it names another person, [`Refused::CertificateMismatch`] where it is not
/// bound to this one strongly enough.
pub(super) fn check(valid: &Valid<'_>, account: &Account, view: &View<'_>) -> Result<(), Refused> {
    let Some(certificate) = valid.path.first() else {
        return Err(Refused::Fault);
    };
    let anchor = valid.anchor;
    let mapping = match anchor.own() {
        Some(_) => Mapping::Sid,
        None => {
            let anchor = IssuerId::of(anchor.certificate());
            view.directory.issuer_settings(&anchor)?.mapping
        }
    };
    let sid = sid_of(certificate).map_err(|_| malformed(certificate))?;
    let named = named(certificate, account, view)?;
    let mismatch = || match named {
        Named::Another => Refused::ClientNameMismatch,
        Named::Nobody | Named::Account => Refused::CertificateMismatch,
    };
    // An issuer that may say whose it is has the first word, and the last one.
    if mapping == Mapping::Sid
        && let Some(sid) = sid
    {
        return match sid == account.sid {
            true => Ok(()),
            false => Err(mismatch()),
        };
    }
    let explicit = explicit(certificate, sid.as_ref(), account);
    if explicit == Some(true) {
        return Ok(());
    }
    // Whoever wrote a SID into it said whose it is, and it is not this account's, whatever names say (E.5.4).
    let of_another = sid.as_ref().is_some_and(|sid| *sid != account.sid);
    // Ours are given to people with the SID alone; those of servers and devices, without it, are nobody's to sign in with.
    let names_people = anchor.own().is_none() && mapping != Mapping::Explicit;
    let named_here = names_people && named == Named::Account;
    let weak = !of_another && (explicit == Some(false) || named_here);
    let allowed = match view.realm.strong_mapping {
        StrongMapping::Full => false,
        StrongMapping::Compatibility { backdating } => {
            // Older than its account, it was another's of the same name.
            certificate.not_before() >= (account.created - backdating).unix()
        }
        StrongMapping::Disabled => true,
    };
    match weak && allowed {
        true => Ok(()),
        false => Err(mismatch()),
    }
}

pub(super) fn malformed(certificate: &Certificate) -> Refused {
    Refused::CertificateInvalid(Box::new(Invalid {
        why: Why::Malformed("a name or the SID"),
        certificate: Box::new(certificate.clone()),
    }))
}

/// The SID in a certificate, by extension or by URI (E.5.4); where there are both they are one.
pub(super) fn sid_of(certificate: &Certificate) -> Result<Option<Sid>, Malformed> {
    let extensions = certificate.extensions();
    let one = extensions.security_identifier()?;
    let other = extensions.security_identifier_uri()?;
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(Malformed::Unexpected("two SIDs")),
        (one, other) => Ok(one.or(other)),
    }
}

/// Implicit mapping (E.5.3). A certificate that names another account, too, names nobody.
fn named(certificate: &Certificate, account: &Account, view: &View<'_>) -> Result<Named, Refused> {
    let names = certificate.extensions().subject_alternative_names();
    let names = names.map_err(|_| malformed(certificate))?;
    let mut found = Named::Nobody;
    for name in &names {
        let holder = match name {
            GeneralName::UserPrincipalName(upn) => client::of_upn(upn, &view.directory)?,
            GeneralName::Kerberos(principal) if principal.realm == view.realm.name.as_str() => {
                let kind = match principal.name_type {
                    // Certificates carry 0 for "I do not know".
                    0 => NameType::NT_PRINCIPAL,
                    kind => NameType(kind),
                };
                let components = principal.components.iter().map(String::as_str);
                let principal = PrincipalName::new(kind, components);
                client::account_of(&principal, view.realm, &view.directory)?
            }
            GeneralName::Kerberos(_) => None,
            // A machine is called by its host's name.
            GeneralName::Dns(host) if account.kind == AccountKind::Computer => {
                let own = account.dns_host_name.as_deref();
                if own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
                    found = Named::Account;
                } else if found == Named::Nobody {
                    found = Named::Another;
                }
                continue;
            }
            _ => continue,
        };
        match holder {
            Some(holder) if holder.id == account.id => found = Named::Account,
            Some(_) => return Ok(Named::Another),
            None if found == Named::Nobody => found = Named::Another,
            None => {}
        }
    }
    Ok(found)
}

/// Explicit mapping (E.5.2): `true` for a strong value of the account that fits, `false` for a weak one.
fn explicit(certificate: &Certificate, sid: Option<&Sid>, account: &Account) -> Option<bool> {
    let values = account.alt_security_identities.iter();
    let fitting = values
        .filter_map(|value| value.parse::<CertificateMapping>().ok())
        .filter(|mapping| fits(mapping, certificate, sid));
    fitting.map(|mapping| mapping.is_strong()).max()
}

fn fits(mapping: &CertificateMapping, certificate: &Certificate, sid: Option<&Sid>) -> bool {
    let same = |name: &MappedName, own| MappedName::of(own).is_some_and(|own| own.is_same(name));
    let is_issuer = |name| same(name, certificate.issuer());
    let is_subject = |name| same(name, certificate.subject());
    match mapping {
        CertificateMapping::IssuerSerial { issuer, serial } => {
            let own = CertificateMapping::issuer_serial(certificate);
            is_issuer(issuer)
                && matches!(own, Some(CertificateMapping::IssuerSerial { serial: own, .. }) if own == *serial)
        }
        CertificateMapping::SubjectKeyIdentifier(identifier) => {
            let own = certificate.extensions().subject_key_identifier();
            own.is_ok_and(|own| own.as_ref() == Some(identifier))
        }
        CertificateMapping::Sha1PublicKey(hash) => digests_of_key(certificate).contains(hash),
        CertificateMapping::IssuerSid { issuer, sid: named } => {
            is_issuer(issuer) && sid == Some(named)
        }
        CertificateMapping::IssuerSubject { issuer, subject } => {
            is_issuer(issuer) && is_subject(subject)
        }
        CertificateMapping::Subject(subject) => is_subject(subject),
        CertificateMapping::Rfc822(mailbox) => {
            let names = certificate.extensions().subject_alternative_names();
            names.is_ok_and(|names| {
                names.iter().any(|name| {
                    matches!(name, GeneralName::Email(own) if own.eq_ignore_ascii_case(mailbox))
                })
            })
        }
    }
}

/// SHA-1 over the public key, by itself and with its algorithm: tools write either.
pub(super) fn digests_of_key(certificate: &Certificate) -> Vec<[u8; 20]> {
    let spki = certificate.spki();
    let mut digests = vec![digest::sha1(spki)];
    digests.extend(wire::x509::public_key_octets(spki).map(digest::sha1));
    digests
}
