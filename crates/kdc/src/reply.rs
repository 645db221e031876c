//! Refusals as they are sent (RFC 4120 5.9.1, protocols E.3.6).

use directory::Account;
use trust::{Rng, Timestamp};
use wire::asn1::AlgorithmIdentifierOwned;
use wire::kerberos::{
    AsReq, KdcReqBody, KerbErrorData, KerbExtError, KrbError, MethodData, Microseconds, PaData,
    PaDataType, TypedData, TypedDataElement,
};
use wire::pkinit::TdCmsDigestAlgorithms;

use crate::View;
use crate::anonymous;
use crate::crypto_policy::CryptoPolicy;
use crate::fast::Armor;
use crate::lifetime::kerberos_time;
use crate::preauth::{hints, pkinit};
use crate::refused::Refused;

/// What a refusal says beside its code.
pub(crate) enum Data {
    /// What the client may prove itself by.
    Methods(MethodData),
    /// What would have been accepted.
    Typed(PaDataType, Vec<u8>),
    /// What is the matter with the client's account, in Windows' words (MS-KILE 2.2.1).
    Status(KerbExtError),
}

impl Data {
    fn encode(self) -> Vec<u8> {
        match self {
            Self::Methods(methods) => methods.encode(),
            Self::Typed(data_type, data) => {
                let element = TypedDataElement {
                    data_type,
                    data_value: Some(data),
                };
                TypedData::from([element]).encode()
            }
            Self::Status(status) => KerbErrorData::from(status).encode(),
        }
    }

    /// The same where there is one list for all, in FAST: the numbers of both kinds are of one registry.
    pub(crate) fn into_padata(self) -> Vec<PaData> {
        match self {
            Self::Methods(methods) => methods.into_vec(),
            Self::Typed(data_type, data) => vec![PaData::new(data_type, data)],
            // The number that Windows uses for it there; elsewhere it is a salt's.
            Self::Status(status) => {
                vec![PaData::new(PaDataType::PW_SALT, status.encode().to_vec())]
            }
        }
    }
}

/// The KRB-ERROR for a refusal. The reason stays with us: there is no `e-text`.
pub(crate) fn refusal(
    refused: &Refused,
    body: Option<&KdcReqBody>,
    data: Option<Data>,
    view: &View<'_>,
    now: Timestamp,
) -> Vec<u8> {
    let mut error = error(refused, body, view, now);
    error.e_data = data.map(Data::encode);
    error.encode()
}

/// As [`refusal`], under the request's armor where it has one.
pub(crate) fn refusal_under(
    armor: Option<&Armor>,
    refused: &Refused,
    body: &KdcReqBody,
    data: Option<Data>,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Vec<u8> {
    match armor {
        None => refusal(refused, Some(body), data, view, now),
        Some(armor) => armor.refusal(error(refused, Some(body), view, now), data, view, rng),
    }
}

/// The KRB-ERROR without data.
fn error(
    refused: &Refused,
    body: Option<&KdcReqBody>,
    view: &View<'_>,
    now: Timestamp,
) -> KrbError {
    let service = body.and_then(|body| body.sname.clone());
    let mut error = KrbError::new(
        refused.code(),
        kerberos_time(now),
        Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
        view.realm.name.clone(),
        service.unwrap_or_else(|| view.realm.krbtgt()),
    );
    if let Some(client) = body.and_then(|body| body.cname.clone()) {
        error.crealm = Some(view.realm.name.clone());
        error.cname = Some(client);
    }
    error
}

/// What a client can do better next time, where the code says that there is something.
pub(crate) fn data(
    refused: &Refused,
    request: &AsReq,
    armor: Option<&Armor>,
    account: Option<&Account>,
    view: &View<'_>,
    now: Timestamp,
) -> Option<Data> {
    match refused {
        Refused::PreauthRequired
        | Refused::WrongPassword
        | Refused::AsWrongPassword(_)
        | Refused::FreshnessStale
        | Refused::FreshnessMissing => {
            if account.is_none() && anonymous::is_asked_for(&request.req_body, view.realm) {
                return Some(Data::Methods(anonymous::methods(request, view)));
            }
            let krbtgt = view.krbtgt().ok()?;
            let fresh = matches!(refused, Refused::FreshnessStale | Refused::FreshnessMissing);
            let methods = hints(request, armor, account?, &krbtgt.keys, fresh, view, now);
            Some(Data::Methods(methods))
        }
        Refused::Nobody(told) => data(told, request, armor, account, view, now),
        // What is missing; a client that has armor then tries with it.
        Refused::ArmorRequired => {
            let methods = MethodData::from([PaData::empty(PaDataType::FX_FAST)]);
            Some(Data::Methods(methods))
        }
        Refused::DhParameters => Some(Data::Typed(
            PaDataType::TD_DH_PARAMETERS,
            pkinit::agreement::accepted_groups(&view.realm.crypto),
        )),
        Refused::CertificateInvalid(invalid) => {
            let (data_type, data) = pkinit::told::about(invalid, view.issuers)?;
            Some(Data::Typed(data_type, data))
        }
        Refused::DigestNotAccepted => Some(Data::Typed(
            PaDataType::TD_CMS_DIGEST_ALGORITHMS,
            accepted_digests(&view.realm.crypto),
        )),
        _ => None,
    }
}

/// What is the matter with the client's account, for clients that show it, where the code says less. For who has proven to
/// be the client: nobody else learns whether an account is there, let alone in which state.
pub(crate) fn status(refused: &Refused) -> Option<Data> {
    let status = match refused {
        Refused::ClientDisabled => KerbExtError::ACCOUNT_DISABLED,
        Refused::ClientExpired => KerbExtError::ACCOUNT_EXPIRED,
        Refused::PasswordMustChange => KerbExtError::PASSWORD_MUST_CHANGE,
        _ => return None,
    };
    Some(Data::Status(KerbExtError::new(status)))
}

fn accepted_digests(policy: &CryptoPolicy) -> Vec<u8> {
    let identifiers = policy.digests().map(|digest| AlgorithmIdentifierOwned {
        oid: digest.oid(),
        parameters: None,
    });
    identifiers.collect::<TdCmsDigestAlgorithms>().encode()
}
