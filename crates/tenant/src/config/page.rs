//! The page itself: an HTML document whose one script holds the members (protocols A.5).

use serde_json::{Map, Value, json};
use token::access_pass;
use wire::http::Response;

use crate::asked::Asked;
use crate::words::{Refusal, description};

/// `authMethodId` of a code that somebody types (protocols A.5.3).
pub(super) const CODE: &str = "PhoneAppOTP";
/// `authMethodId` of a Temporary Access Pass.
pub(super) const ACCESS_PASS: &str = "AccessPass";

/// A page with these members. `sessionId` and `canary` stand in every page, and no member may be null: what is not there
/// is left out.
///
/// The client takes the document apart with its own hands: it wants `$Config=` without a space, and takes what stands
/// from there to two characters before the last `//]]>`.
pub(crate) fn page(
    asked: &Asked<'_, '_>,
    canary: &str,
    mut members: Map<String, Value>,
) -> Response {
    members.insert("sessionId".into(), asked.trace.to_string().into());
    members.insert("correlationId".into(), asked.correlation.to_string().into());
    members.insert("canary".into(), canary.into());
    members.retain(|_, value| !value.is_null());
    let json = in_script(&Value::Object(members).to_string());
    let html = format!(
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body><script type=\"text/javascript\">//<![CDATA[\n\
         $Config={json};\n//]]></script></body></html>"
    );
    Response::html(200, html)
        .with_header("X-Frame-Options", "DENY")
        .with_header(
            "Content-Security-Policy",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
        )
}

/// JSON as it may stand in a script of a page: the three characters by which HTML would end it are escaped, which JSON
/// has in its texts alone.
fn in_script(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

/// The page that says what was refused. Its status is 200: the client loses what comes with another.
pub(crate) fn refused(asked: &Asked<'_, '_>, refusal: &Refusal) -> Response {
    let number = refusal.number;
    let mut members = Map::new();
    members.insert("pgid".into(), "ConvergedError".into());
    members.insert("sErrorCode".into(), number.code().to_string().into());
    members.insert("iErrorCode".into(), json!(number.code()));
    let text = description(asked, number, refusal.sentence);
    members.insert("sErrTxt".into(), text.clone().into());
    members.insert("strServiceExceptionMessage".into(), text.into());
    page(asked, &asked.trace.to_string(), members)
}

/// The address of something of this tenant on the login host: whole, and with the tenant's identifier, so that nothing has to
/// be guessed when it is asked for.
pub(super) fn address(asked: &Asked<'_, '_>, path: &str) -> String {
    let login = asked.view.deployment.login.url();
    format!("{login}/{}/{path}", asked.known.id)
}

/// The page that asks for a second factor (protocols A.5.2): `offered` are the names of the adapters.
pub(super) fn second_factor(
    asked: &Asked<'_, '_>,
    context: &str,
    token: &str,
    offered: &[&str],
) -> Response {
    let mut proofs: Vec<Value> = Vec::new();
    for adapter in offered {
        let (method, display) = match *adapter {
            access_pass::ID => (ACCESS_PASS, "Temporary Access Pass"),
            // The field for codes takes a recovery code as well.
            _ => (CODE, "Code of your authenticator"),
        };
        if !proofs.iter().any(|proof| proof["authMethodId"] == method) {
            proofs.push(json!({
                "authMethodId": method,
                "isDefault": proofs.is_empty(),
                "display": display,
            }));
        }
    }
    let mut members = Map::new();
    members.insert("pgid".into(), "ConvergedTFA".into());
    members.insert("arrUserProofs".into(), proofs.into());
    members.insert("sCtx".into(), context.into());
    members.insert("sFT".into(), token.into());
    for (member, path) in [
        ("urlBeginAuth", "SAS/BeginAuth"),
        ("urlEndAuth", "SAS/EndAuth"),
        ("urlPost", "SAS/ProcessAuth"),
    ] {
        members.insert(member.into(), address(asked, path).into());
    }
    members.insert("iMaxPollAttempts".into(), json!(1));
    members.insert("iPollingInterval".into(), json!(1_000));
    page(asked, token, members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_would_end_the_script_does_not() {
        let nasty = "</script>//]]>&amp;\"\\u003c<input type=\"submit\">$Config=";
        let written = in_script(&json!({ "sErrTxt": nasty }).to_string());
        assert!(!written.contains(['<', '>', '&']), "{written}");
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["sErrTxt"], nasty);
    }
}
