//! What is asked for somebody else and told about it (MS-SFU 2.2, MS-KILE 2.2, MS-PAC 2.9), and what services and clients
//! say about new passwords (RFC 3244).

use wire::asn1::Der;
use wire::kerberos::{
    ChangePasswdData, Checksum, ChecksumType, KerbErrorData, KerbExtError, PaForUser, PaPacOptions,
    PaS4uX509User, PacOptionFlags, PasswordPolicyInfo, PasswordReply, PasswordRequest,
    PasswordResult, PasswordResultCode, PrincipalName, S4uOptions, S4uUserId,
    SupportedEncryptionTypes,
};
use wire::pac::DelegationInfo;

use crate::Seed;

/// What was read is the same when it was written and read again.
macro_rules! same {
    ($type:ty, $bytes:expr) => {
        <$type>::decode($bytes).ok().inspect(|value| {
            let again = <$type>::decode(&value.encode()).expect("what was written can be read");
            assert_eq!(&again, value);
        })
    };
}

pub(crate) fn messages(bytes: &[u8]) {
    if let Some(asked) = same!(PaForUser, bytes) {
        let parts = asked.user_name.components().map(str::len).sum::<usize>();
        let length = 4 + parts + asked.user_realm.len() + asked.auth_package.len();
        assert_eq!(asked.checksum_input().len(), length, "all of it is covered");
    }
    if let Some(asked) = same!(PaS4uX509User, bytes) {
        let id = asked.user_id.as_bytes();
        let read = S4uUserId::decode(id).expect("it was read");
        assert_eq!(&read, &*asked.user_id);
        // The checksum is over the bytes as they came, so they must not change on the way.
        let again = PaS4uX509User::decode(&asked.encode()).expect("what was written can be read");
        assert_eq!(again.user_id.as_bytes(), id);
    }
    same!(S4uUserId, bytes);
    same!(PaPacOptions, bytes);
    if let Some(data) = same!(KerbErrorData, bytes)
        && let Some(error) = data.extended()
    {
        assert_eq!(KerbErrorData::from(error).extended(), Some(error));
    }
    if let Some(error) = KerbExtError::decode(bytes) {
        assert_eq!(KerbExtError::decode(&error.encode()), Some(error));
    }
    if let Some(types) = SupportedEncryptionTypes::decode(bytes) {
        assert_eq!(types.encode(), bytes);
    }
    if let Ok(info) = DelegationInfo::parse(bytes) {
        let again = info.to_bytes().expect("what was read can be written");
        assert_eq!(DelegationInfo::parse(&again).as_ref(), Ok(&info));
    }
    passwords(bytes);
}

fn passwords(bytes: &[u8]) {
    same!(ChangePasswdData, bytes);
    if let Ok(request) = PasswordRequest::decode(bytes) {
        assert!(PasswordRequest::is_one(bytes));
        let again = request.encode().expect("what was read can be written");
        assert_eq!(PasswordRequest::decode(&again).as_ref(), Ok(&request));
    }
    if let Ok(reply) = PasswordReply::decode(bytes) {
        let again = reply.encode().expect("what was read can be written");
        assert_eq!(PasswordReply::decode(&again).as_ref(), Ok(&reply));
    }
    if let Some(result) = PasswordResult::decode(bytes) {
        assert_eq!(result.encode(), bytes);
        assert!(result.text().is_none() || result.policy().is_none());
    }
    if let Some(policy) = PasswordPolicyInfo::decode(bytes) {
        assert_eq!(policy.encode(), bytes);
    }
}

pub(crate) fn seeds() -> Vec<Seed> {
    let cksum = || Checksum {
        cksumtype: ChecksumType(crypto::for_user::CHECKSUM_TYPE),
        checksum: vec![9; 16],
    };
    let alice = || PrincipalName::principal("alice");
    let for_user = PaForUser {
        user_name: alice(),
        user_realm: "CORP.EXAMPLE".into(),
        cksum: cksum(),
        auth_package: PaForUser::AUTH_PACKAGE.into(),
    };
    let id = S4uUserId {
        nonce: 7.into(),
        cname: Some(alice()),
        crealm: "CORP.EXAMPLE".into(),
        subject_certificate: Some(vec![0x30, 0]),
        options: Some(S4uOptions::USE_REPLY_KEY_USAGE),
        extensions: wire::asn1::Extensions::NONE,
    };
    let user = PaS4uX509User {
        user_id: Der::new(id.clone()),
        checksum: cksum(),
    };
    let options = PaPacOptions {
        flags: PacOptionFlags::RESOURCE_BASED_CONSTRAINED_DELEGATION,
    };
    let delegated = DelegationInfo {
        proxy_target: "http/web.corp.example".into(),
        transited_services: vec!["front@CORP.EXAMPLE".into(), "middle@CORP.EXAMPLE".into()],
    };
    let error = KerbExtError::new(KerbExtError::NOT_FOUND);
    let password = ChangePasswdData {
        newpasswd: b"a much better phrase".to_vec(),
        targname: Some(alice()),
        targrealm: Some("CORP.EXAMPLE".into()),
    };
    let result = PasswordResult::new(PasswordResultCode::SOFTERROR, "too short");
    let policy = PasswordPolicyInfo {
        min_length: 8,
        history: 24,
        properties: PasswordPolicyInfo::COMPLEX,
        expire: 42 * PasswordPolicyInfo::DAY,
        min_age: PasswordPolicyInfo::DAY,
    };
    let all: [(&str, Vec<u8>); 10] = [
        ("for-user", for_user.encode().to_vec()),
        ("x509-user", user.encode().to_vec()),
        ("user-id", id.encode().to_vec()),
        ("pac-options", options.encode().to_vec()),
        ("delegation", delegated.to_bytes().unwrap_or_default()),
        ("error-data", KerbErrorData::from(error).encode().to_vec()),
        ("extended-error", error.encode().to_vec()),
        ("new-password", password.encode().to_vec()),
        ("password-result", result.encode()),
        ("password-policy", policy.encode()),
    ];
    let seed = |(name, bytes): (&str, Vec<u8>)| ("s4u_messages", name.to_owned(), bytes);
    all.into_iter().map(seed).collect()
}
