//! What the KDC tells a client that did not, or not rightly, pre-authenticate (RFC 4120 5.9.1; protocols E.2).

use crypto::etype::Etype;
use directory::{Account, AccountControl};
use ticket::Keys;
use trust::Timestamp;
use wire::kerberos::{
    AsReq, EncryptionType, EtypeInfo2, EtypeInfo2Entry, KerberosString, MethodData, PaData,
    PaDataType,
};

use super::pkinit::freshness;
use crate::View;
use crate::crypto_policy::account_takes;
use crate::fast::Armor;
use crate::nobody;

/// The methods that the account may use, in the order that we would. `fresh` gives a token for freshness
/// whether the client says that it knows of them or not: it sent one, or should have.
///
/// Where unknown names are hidden, it is not told either whether the account takes a password or has one: who asks has
/// proven nothing yet.
pub(crate) fn hints(
    request: &AsReq,
    armor: Option<&Armor>,
    account: &Account,
    krbtgt: &impl Keys,
    fresh: bool,
    view: &View<'_>,
    now: Timestamp,
) -> MethodData {
    let hides = view.realm.hide_unknown_names;
    let etypes = etypes(request, account, view);
    let info = match hides {
        true => usual_etype_info2(&etypes, account, view),
        false => etype_info2(&etypes, account),
    };
    let password = hides || !account.control.contains(AccountControl::SMARTCARD_REQUIRED);
    let mut methods = Vec::with_capacity(4);
    methods.push(PaData::new(PaDataType::ETYPE_INFO2, info.encode()));
    if !view.identities.is_empty() {
        methods.push(PaData::empty(PaDataType::PK_AS_REQ));
        let asks = fresh || request.find_padata(PaDataType::AS_FRESHNESS).is_some();
        if let (true, Some(key)) = (asks, krbtgt.newest().next()) {
            let token = freshness::token(key, now);
            methods.push(PaData::new(PaDataType::AS_FRESHNESS, token));
        }
    }
    if password {
        // Under armor nobody need give away what passwords can be tried on.
        methods.push(PaData::empty(match armor {
            Some(_) => PaDataType::ENCRYPTED_CHALLENGE,
            None => PaDataType::ENC_TIMESTAMP,
        }));
    }
    if armor.is_none() {
        methods.push(PaData::empty(PaDataType::FX_FAST));
    }
    methods.into()
}

/// The etypes of the request that the realm uses and the account may, as the client prefers them.
fn etypes(request: &AsReq, account: &Account, view: &View<'_>) -> Vec<Etype> {
    request
        .req_body
        .etype
        .iter()
        .filter_map(|etype| Etype::from_number(etype.0))
        .filter(|etype| view.realm.etypes.contains(etype) && account_takes(account, *etype))
        .collect()
}

/// As [`etype_info2`] tells it of somebody who has a password, whoever it is: with the usual salt where there is none, and of
/// each etype where there is no key at all.
fn usual_etype_info2(etypes: &[Etype], account: &Account, view: &View<'_>) -> EtypeInfo2 {
    let current = account.keys.current();
    let entries = etypes.iter().filter_map(|etype| {
        let salt = match current {
            Some(keys) => keys.of(*etype)?.salt.as_str(),
            None => "",
        };
        let salt = match salt {
            "" => KerberosString::from(nobody::usual_salt(account, view).as_str()),
            salt => KerberosString::from(salt),
        };
        Some(EtypeInfo2Entry {
            etype: EncryptionType(etype.number()),
            salt: Some(salt),
            s2kparams: None,
        })
    });
    entries.collect()
}

/// How the client makes its key of the password, for each of `etypes` that the account has a key of. The
/// salts rest with the keys, so that a rename keeps them (protocols E.1).
pub(crate) fn etype_info2(etypes: &[Etype], account: &Account) -> EtypeInfo2 {
    let current = account.keys.current();
    let entry = |etype: &Etype, salt| EtypeInfo2Entry {
        etype: EncryptionType(etype.number()),
        salt,
        s2kparams: None,
    };
    let salted: EtypeInfo2 = etypes
        .iter()
        .filter_map(|etype| {
            let salt = &current?.of(*etype)?.salt;
            Some(entry(etype, Some(KerberosString::from(salt.as_str()))))
        })
        .collect();
    match salted.is_empty() {
        // An account without a password still tells etypes: clients give up without them.
        true => etypes.iter().map(|etype| entry(etype, None)).collect(),
        false => salted,
    }
}
