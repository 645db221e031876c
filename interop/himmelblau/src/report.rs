//! What is said on standard output: one JSON object a line, the last of which is a result or an error.

use himmelblau::error::MsalError;
use himmelblau::{ClientInfo, UserToken};
use serde_json::{Value, json};

use crate::base64::payload;

/// Why a step did not succeed.
pub(crate) enum Failure {
    /// The program was called wrongly: exit code 2.
    Usage(String),
    /// The library, or the server that it spoke to, refused: exit code 1.
    Refused(Box<MsalError>),
    /// Something on this machine is missing or broken: exit code 3.
    Machine(String),
}

impl From<MsalError> for Failure {
    fn from(error: MsalError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Machine(_) => 3,
        }
    }

    /// The last line.
    pub(crate) fn say(&self) {
        match self {
            Self::Usage(message) => say("error", json!({"kind": "Usage", "message": message})),
            Self::Machine(message) => say("error", json!({"kind": "Machine", "message": message})),
            Self::Refused(error) => say("error", refusal(error)),
        }
    }
}

/// An error of the library: its name, the codes of protocols A.3.2 that the server gave, what OAuth calls it, its text.
pub(crate) fn refusal(error: &MsalError) -> Value {
    let (codes, oauth, suberror) = match error {
        MsalError::AADSTSError(error) => (vec![error.code], None, None),
        MsalError::AcquireTokenFailed(answer) => (
            answer.error_codes.clone(),
            Some(answer.error.clone()),
            answer.suberror.clone(),
        ),
        _ => (Vec::new(), None, None),
    };
    let kind = match serde_json::to_value(error) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(members)) => members.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    json!({
        "kind": kind,
        "codes": codes,
        "oauth": oauth,
        "suberror": suberror,
        "message": error.to_string(),
    })
}

/// Says one line.
pub(crate) fn say(event: &str, members: Value) {
    let mut line = serde_json::Map::new();
    line.insert("event".to_owned(), event.into());
    match members {
        Value::Object(members) => line.extend(members),
        Value::Null => {}
        other => {
            line.insert("value".to_owned(), other);
        }
    }
    // Line by line also into a pipe: whoever waits for a user code reads it before the step ends.
    println!("{}", Value::Object(line));
}

/// A token as the server gave it, in the form in which the library reads one again.
pub(crate) fn whole(token: &UserToken) -> Value {
    let mut members = json!({
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "ext_expires_in": token.ext_expires_in,
        "refresh_token": token.refresh_token,
    });
    if let Some(scope) = &token.scope {
        members["scope"] = scope.as_str().into();
    }
    if let Some(access_token) = &token.access_token {
        members["access_token"] = access_token.as_str().into();
    }
    if let Some(id_token) = &token.id_token.raw {
        members["id_token"] = id_token.as_str().into();
    } else if !token.id_token.oid.is_empty() {
        members["id_token"] = json!(token.id_token);
    }
    if let ClientInfo {
        uid: Some(uid),
        utid: Some(utid),
    } = &token.client_info
    {
        members["client_info"] = json!({"uid": uid, "utid": utid});
    }
    members
}

/// A token, and what the library makes of it.
pub(crate) fn described(token: &UserToken) -> Value {
    json!({
        "token": whole(token),
        "claims": token.access_token.as_deref().and_then(payload),
        "id_claims": token.id_token.raw.as_deref().and_then(payload),
        "name": token.spn().ok(),
        "object_id": token.uuid().ok().map(|id| id.to_string()),
        "tenant_id": token.tenant_id().ok(),
        "mfa": token.amr_mfa().ok(),
        "ngcmfa": token.amr_ngcmfa().ok(),
    })
}

#[cfg(test)]
mod tests {
    use himmelblau::error::ErrorResponse;

    use super::*;

    #[test]
    fn tells_the_codes_of_a_refusal() {
        let error = MsalError::AcquireTokenFailed(ErrorResponse {
            error: "invalid_grant".to_owned(),
            error_description: "AADSTS135010: no such key.".to_owned(),
            suberror: None,
            error_codes: vec![135_010],
        });
        let told = refusal(&error);
        assert_eq!(told["kind"], "AcquireTokenFailed");
        assert_eq!(told["codes"], json!([135_010]));
        assert_eq!(told["oauth"], "invalid_grant");
        assert_eq!(refusal(&MsalError::MFARequired)["kind"], "MFARequired");
    }

    #[test]
    fn keeps_a_token_in_a_form_that_is_read_again() {
        let answer = json!({
            "token_type": "Bearer",
            "expires_in": "3599",
            "ext_expires_in": 3599,
            "refresh_token": "0.A",
            "access_token": "e30.eyJhbXIiOlsibWZhIl0sInRpZCI6InQifQ.",
            "id_token": {"name": "Alice", "oid": "o", "tid": "t", "preferred_username": "alice@corp.test"},
            "client_info": {
                "uid": "d0f8b3a7-1c2e-4f5a-9b6c-7d8e9f0a1b2c",
                "utid": "6973bb37-65f8-440e-b39e-dd57da64f6cf",
            },
        });
        let token: UserToken = serde_json::from_value(answer).expect("the library takes it");
        let again: UserToken = serde_json::from_value(whole(&token)).expect("and what is kept");
        assert_eq!(described(&again), described(&token));
        assert_eq!(described(&again)["name"], "alice@corp.test");
        assert_eq!(described(&again)["mfa"], true);
        assert_eq!(described(&again)["ngcmfa"], false);
        assert_eq!(whole(&again)["client_info"], whole(&token)["client_info"]);
    }

    #[test]
    fn makes_up_nothing_that_an_answer_did_not_have() {
        let answer = json!({
            "token_type": "Bearer", "expires_in": 1, "ext_expires_in": 0, "refresh_token": "0.A",
        });
        let token: UserToken =
            serde_json::from_value(answer.clone()).expect("the library takes it");
        assert_eq!(whole(&token), answer);
    }
}
