//! Joining a device (MS-DVRJ 3.1.5.1, protocols B.3, B.4, B.8.1; DREG-W1, DREG-W5).

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{BlobLength, InvalidBody, check_blob, check_text, parse_json};
use crate::sid::Sid;
use crate::text::{base64, optional_base64};

/// A device's request to join, posted to the join endpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinRequest {
    /// The device key, which is to be certified.
    pub certificate_request: CertificateRequest,
    /// The transport key: a BCRYPT_RSAKEY_BLOB (protocols D.5.1), or what devices of other makes send.
    #[serde(with = "base64")]
    pub transport_key: Vec<u8>,
    /// The registration service or domain that the device wants to join.
    pub target_domain: String,
    /// `Windows`, `Linux` and the like.
    pub device_type: String,
    /// The operating system's version.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// The name that people know the device by.
    pub device_display_name: String,
    /// How the device joins.
    pub join_type: JoinType,
    /// The certificate of the TPM's attestation key, DER.
    #[serde(
        default,
        with = "optional_base64",
        skip_serializing_if = "Option::is_none"
    )]
    pub aik_certificate: Option<Vec<u8>>,
    /// The TPM's statement about the device key.
    #[serde(
        default,
        with = "optional_base64",
        skip_serializing_if = "Option::is_none"
    )]
    pub attestation_data: Option<Vec<u8>>,
    /// What the client wishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<DeviceAttributes>,
    /// A challenge that an administrator prepared for this device, a JWT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_authorized_join_challenge: Option<String>,
}

/// The request for the device certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CertificateRequest {
    /// `pkcs10`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// PKCS#10, DER.
    #[serde(with = "base64")]
    pub data: Vec<u8>,
}

impl CertificateRequest {
    /// A PKCS#10 request.
    #[must_use]
    pub fn pkcs10(data: Vec<u8>) -> CertificateRequest {
        CertificateRequest {
            kind: "pkcs10".to_owned(),
            data,
        }
    }
}

/// How a device joins (protocols B.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JoinType(pub u32);

impl JoinType {
    /// It belongs to a tenant.
    pub const JOINED: JoinType = JoinType(0);
    /// A person's own device, registered for work.
    pub const REGISTERED: JoinType = JoinType(4);
    /// It belongs to a domain: the only type that a federation server takes.
    pub const DOMAIN_JOINED: JoinType = JoinType(6);
    /// It belongs to a tenant and to nobody in particular.
    pub const SHARED: JoinType = JoinType(8);
}

/// What the client wishes. Known clients write the booleans as texts, others as booleans (protocols B.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceAttributes {
    /// Take the device object that already has this name.
    #[serde(deserialize_with = "truth")]
    pub reuse_device: bool,
    /// The device is nobody's in particular.
    #[serde(deserialize_with = "truth")]
    pub shared_device: bool,
    /// Answer with the SIDs that local groups should take in.
    #[serde(deserialize_with = "truth")]
    pub return_client_sid: bool,
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Truth;

    impl serde::de::Visitor<'_> for Truth {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false, as a boolean or a text")
        }

        fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
            match text {
                _ if text.eq_ignore_ascii_case("true") => Ok(true),
                _ if text.eq_ignore_ascii_case("false") => Ok(false),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }
    }

    deserializer.deserialize_any(Truth)
}

impl JoinRequest {
    /// The longest body that is read, in bytes.
    pub const MAX_LENGTH: usize = 128 * 1024;

    /// Reads a request and checks its sizes: texts of 256 characters at most and without control characters, a
    /// certificate request and attestation of 16 KiB, a transport key of 4 KiB.
    ///
    /// # Errors
    /// [`InvalidBody`] with the member that is wrong.
    pub fn parse(body: &[u8]) -> Result<JoinRequest, InvalidBody> {
        const MAX_BLOB: usize = 16 * 1024;
        let request: JoinRequest = parse_json(body, JoinRequest::MAX_LENGTH)?;
        if request.certificate_request.kind != "pkcs10" {
            return Err(InvalidBody::CertificateRequestType);
        }
        check_blob(
            "CertificateRequest.Data",
            &request.certificate_request.data,
            MAX_BLOB,
        )?;
        check_blob("TransportKey", &request.transport_key, 4 * 1024)?;
        check_text("TargetDomain", &request.target_domain, 256)?;
        check_text("DeviceType", &request.device_type, 64)?;
        check_text("OSVersion", &request.os_version, 256)?;
        check_text("DeviceDisplayName", &request.device_display_name, 256)?;
        if let Some(certificate) = &request.aik_certificate {
            check_blob("AikCertificate", certificate, MAX_BLOB)?;
        }
        if let Some(data) = &request.attestation_data {
            check_blob("AttestationData", data, MAX_BLOB)?;
        }
        if let Some(challenge) = &request.pre_authorized_join_challenge {
            check_text("PreAuthorizedJoinChallenge", challenge, MAX_BLOB)?;
        }
        Ok(request)
    }
}

/// Without keys, certificates and the challenge.
impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest")
            .field("target_domain", &self.target_domain)
            .field("device_type", &self.device_type)
            .field("os_version", &self.os_version)
            .field("device_display_name", &self.device_display_name)
            .field("join_type", &self.join_type)
            .field(
                "certificate_request",
                &BlobLength(self.certificate_request.data.len()),
            )
            .field("transport_key", &BlobLength(self.transport_key.len()))
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CertificateRequest({}, {:?})",
            self.kind,
            BlobLength(self.data.len())
        )
    }
}

/// The answer to a join (protocols B.4, DREG-W5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinResponse {
    /// The device certificate.
    pub certificate: IssuedCertificate,
    /// Who registered the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<RegisteringUser>,
    /// What local groups should take in. Devices disregard it (DREG-W5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership_changes: Option<MembershipChanges>,
}

/// A device certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IssuedCertificate {
    /// SHA-1 of the certificate, hexadecimal in upper case.
    pub thumbprint: String,
    /// The certificate, DER. Written without line breaks, for clients wrap it by themselves.
    #[serde(with = "base64")]
    pub raw_body: Vec<u8>,
}

impl IssuedCertificate {
    /// A certificate and its SHA-1.
    #[must_use]
    pub fn new(certificate: Vec<u8>, thumbprint: [u8; 20]) -> IssuedCertificate {
        let mut text = String::new();
        crate::text::push_hex_upper(&mut text, &thumbprint);
        IssuedCertificate {
            thumbprint: text,
            raw_body: certificate,
        }
    }
}

impl fmt::Debug for IssuedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedCertificate({})", self.thumbprint)
    }
}

/// Who registered a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegisteringUser {
    /// The user principal name.
    pub upn: String,
}

/// What local groups should take in: one change from a federation server, a list of them from a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MembershipChanges {
    /// MS-DVRJ 3.1.5.1.1.2.
    One(MembershipChange),
    /// Protocols B.4.
    Many(Vec<MembershipChange>),
}

/// What one local group should take in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChange {
    /// The local group, such as [`Sid::BUILTIN_ADMINISTRATORS`].
    #[serde(rename = "LocalSID")]
    pub local_sid: Sid,
    /// Whom it should take in.
    #[serde(rename = "AddSIDs")]
    pub add_sids: Vec<Sid>,
}
