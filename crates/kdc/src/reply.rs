//! Refusals as they are sent (RFC 4120 5.9.1, protocols E.3.6).

use crypto::digest::DigestAlgorithm;
use directory::Account;
use trust::Timestamp;
use wire::asn1::AlgorithmIdentifierOwned;
use wire::kerberos::{
    AsReq, KdcReqBody, KrbError, Microseconds, PaDataType, TypedData, TypedDataElement,
};
use wire::pkinit::TdCmsDigestAlgorithms;

use crate::View;
use crate::lifetime::kerberos_time;
use crate::preauth::{hints, pkinit};
use crate::refused::Refused;

/// The KRB-ERROR for a refusal. The reason stays with us: there is no `e-text`.
pub(crate) fn refusal(
    refused: &Refused,
    body: Option<&KdcReqBody>,
    data: Option<Vec<u8>>,
    view: &View<'_>,
    now: Timestamp,
) -> Vec<u8> {
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
    error.e_data = data;
    error.encode()
}

/// What a client can do better next time, where the code says that there is something.
pub(crate) fn data(
    refused: &Refused,
    request: &AsReq,
    account: Option<&Account>,
    view: &View<'_>,
    now: Timestamp,
) -> Option<Vec<u8>> {
    match refused {
        Refused::PreauthRequired
        | Refused::WrongPassword
        | Refused::FreshnessStale
        | Refused::FreshnessMissing => {
            let krbtgt = view.krbtgt().ok()?;
            let fresh = matches!(refused, Refused::FreshnessStale | Refused::FreshnessMissing);
            Some(hints(request, account?, &krbtgt.keys, fresh, view, now).encode())
        }
        Refused::DhParameters => Some(typed(
            PaDataType::TD_DH_PARAMETERS,
            pkinit::agreement::accepted_groups(),
        )),
        Refused::DigestNotAccepted => Some(typed(
            PaDataType::TD_CMS_DIGEST_ALGORITHMS,
            accepted_digests(),
        )),
        _ => None,
    }
}

fn typed(data_type: PaDataType, data: Vec<u8>) -> Vec<u8> {
    let element = TypedDataElement {
        data_type,
        data_value: Some(data),
    };
    TypedData::from([element]).encode()
}

fn accepted_digests() -> Vec<u8> {
    let accepted = [
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    ];
    let identifiers = accepted.map(|digest| AlgorithmIdentifierOwned {
        oid: digest.oid(),
        parameters: None,
    });
    TdCmsDigestAlgorithms::from(identifiers).encode()
}
