//! The JSON of BeginAuth and EndAuth (protocols A.5.4): what is asked, and what is answered.
//!
//! The answer has status 200 and the same members whatever happened, for known clients read them first.

use serde::{Deserialize, Serialize};
use wire::http::Response;

use super::password::own_tokens;
use super::refused::Refused;
use crate::asked::Asked;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use signin::browser::Browser;
use signin::on_its_way::{self, OnItsWay};

/// What is asked. The two requests write some names differently.
#[derive(Deserialize)]
pub(super) struct Question {
    /// Which second factor.
    #[serde(rename = "AuthMethodId")]
    pub(super) method: String,
    #[serde(alias = "ctx", rename = "Ctx")]
    pub(super) context: String,
    #[serde(alias = "flowToken", rename = "FlowToken")]
    flow_token: String,
    /// What the person typed.
    #[serde(rename = "AdditionalAuthData", default)]
    pub(super) typed: Option<String>,
}

/// What is answered.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Said<'q> {
    success: bool,
    ctx: &'q str,
    flow_token: &'q str,
    /// The number to match on another device; none.
    entropy: u8,
    /// Whether the same may be tried again.
    retry: bool,
    auth_method_id: &'q str,
    session_id: String,
    correlation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'q str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err_code: Option<u32>,
}

impl Question {
    /// The sign-in that is meant, in the browser to which its page was given.
    pub(super) fn sign_in(&self, asked: &Asked<'_, '_>) -> Result<(Browser, OnItsWay), Trouble> {
        // Known clients send the canary in a header.
        let canary = asked.request.headers.get("canary").unwrap_or_default();
        let browser = own_tokens(asked, [&self.flow_token, canary], &self.context)?;
        let found = on_its_way::find(&asked.sign_in(), &self.context, &browser)?;
        Ok((browser, found))
    }

    fn said(&self, asked: &Asked<'_, '_>, success: bool, retry: bool) -> Said<'_> {
        Said {
            success,
            ctx: &self.context,
            flow_token: &self.flow_token,
            entropy: 0,
            retry,
            auth_method_id: &self.method,
            session_id: asked.trace.to_string(),
            correlation_id: asked.correlation.to_string(),
            message: None,
            err_code: None,
        }
    }

    /// It went well. Context and token stay what they are.
    pub(super) fn right(&self, asked: &Asked<'_, '_>) -> Answer {
        Answer::now(Response::json(200, &self.said(asked, true, false)))
    }

    /// It did not, and why; the sign-in stays as it is, and so do context and token. `message` is what the person is told.
    pub(super) fn wrong(
        &self,
        asked: &Asked<'_, '_>,
        reason: &dyn Reason,
        message: &str,
        retry: bool,
    ) -> Answer {
        let said = Said {
            message: Some(message),
            err_code: Some(reason.number().code()),
            ..self.said(asked, false, retry)
        };
        Answer::now(Response::json(200, &said)).because(asked, reason)
    }

    /// An answer to a request that was refused before anything was looked at.
    pub(super) fn or_refusal(
        &self,
        asked: &Asked<'_, '_>,
        answer: Result<Answer, Trouble>,
    ) -> Result<Answer, Trouble> {
        match answer {
            Err(Trouble::Refused(reason)) => {
                Ok(self.wrong(asked, reason.as_ref(), reason.sentence(), false))
            }
            other => other,
        }
    }
}

/// Reads the question; what is none is answered as one that names nothing.
#[allow(
    clippy::result_large_err,
    reason = "an answer is what there is to say, and it is said once"
)]
pub(super) fn read(asked: &Asked<'_, '_>) -> Result<Question, Answer> {
    let nothing = Question {
        method: String::new(),
        context: String::new(),
        flow_token: String::new(),
        typed: None,
    };
    match asked.json::<Question>() {
        Ok(question) if question.method.len() <= 64 => Ok(question),
        Ok(_) => Err(nothing.wrong(asked, &Refused::Method, Refused::Method.sentence(), false)),
        Err(reason) => Err(nothing.wrong(asked, &reason, reason.sentence(), false)),
    }
}
