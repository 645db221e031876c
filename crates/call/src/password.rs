//! Changing a password from a terminal: the federation service's own page for it, its form filled without a browser
//! (`/adfs/portal/updatepassword`, protocols F.1).

use http::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use http::{Method, Response};
use token::pages::reader::{self, Form, Read};
use zeroize::Zeroizing;

use crate::client::{Client, request};
use crate::cookies::Jar;
use crate::fault::CallFault;
use crate::sign_in::{Fields, Person, Question, SignInFault, hidden_of, question_of, refusal};
use crate::url::Url;

/// How often one run fills the form.
const TRIES: usize = 6;
/// The `id` of the page's form.
const FORM: &str = "update-password";

/// Changes a person's password: asks `person` for the name (unless `name` says it), the present password, the new one,
/// and, where the service wants it, the code of the second factor. Gives the name.
///
/// What the service does not take is asked for again with the service's own words.
///
/// # Errors
/// [`SignInFault`]. Where the person has no other answer, it is [`SignInFault::Refused`] with those words.
pub fn change_password(
    client: &Client,
    base: &str,
    name: Option<&str>,
    person: &mut dyn Person,
) -> Result<String, SignInFault> {
    let address = format!("{}/adfs/portal/updatepassword", base.trim_end_matches('/'));
    let url = Url::parse(&address).ok_or(CallFault::Address { address })?;
    let mut portal = Portal {
        client,
        url,
        jar: Jar::default(),
    };
    let mut page = portal.fetch(None)?;
    let mut answers = Answers::default();
    for _ in 0..TRIES {
        let form = page.form(FORM).ok_or(SignInFault::NotUnderstood(
            "a page without the form for a new password",
        ))?;
        answers.ask(form, page.error.as_deref(), name, person)?;
        let filled = answers.filled(form);
        page = portal.fetch(Some((&form.action, filled)))?;
        if page.done.is_some() {
            return Ok(answers.name());
        }
    }
    Err(SignInFault::Refused(page.error.unwrap_or_else(|| {
        "the new password was refused too often".to_owned()
    })))
}

/// The page, and the cookies that it has set.
struct Portal<'a> {
    client: &'a Client,
    url: Url,
    jar: Jar,
}

impl Portal<'_> {
    /// The page, or what it answers to the filled form.
    fn fetch(&mut self, form: Option<(&str, Fields)>) -> Result<Read, SignInFault> {
        let cookies = self.jar.header();
        let mut headers = vec![(ACCEPT, "text/html")];
        if let Some(cookies) = &cookies {
            headers.push((COOKIE, cookies.as_str()));
        }
        let sent = match form {
            None => request(Method::GET, self.url.as_str(), &headers, Vec::new())?,
            Some((action, fields)) => {
                let action = self
                    .url
                    .join(action)
                    .filter(|action| action.same_origin(&self.url));
                let action = action.ok_or(SignInFault::NotUnderstood(
                    "a form that is sent to another server",
                ))?;
                headers.push((CONTENT_TYPE, "application/x-www-form-urlencoded"));
                let pairs = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()));
                let body = wire::http::write_query(pairs).into_bytes();
                request(Method::POST, action.as_str(), &headers, body)?
            }
        };
        let answer: Response<Vec<u8>> = self.client.send(sent)?;
        self.jar.take(answer.headers());
        let page = reader::read(&String::from_utf8_lossy(answer.body()));
        match page.done.is_some() || !page.forms.is_empty() {
            true => Ok(page),
            false => Err(refusal(&answer, page)),
        }
    }
}

/// What the person has answered so far. A code that is asked for alone leaves the rest as it was.
#[derive(Default)]
struct Answers {
    given: Vec<(Question, Zeroizing<String>)>,
}

impl Answers {
    fn of(&self, question: Question) -> Option<&Zeroizing<String>> {
        let found = self.given.iter().find(|(asked, _)| *asked == question);
        found.map(|(_, answer)| answer)
    }

    fn name(&self) -> String {
        self.of(Question::Name)
            .map_or_else(String::new, |name| name.to_string())
    }

    /// Asks for what the form needs, anew where it was refused.
    fn ask(
        &mut self,
        form: &Form,
        problem: Option<&str>,
        name: Option<&str>,
        person: &mut dyn Person,
    ) -> Result<(), SignInFault> {
        // The service has taken the passwords, and asks for the code beside them.
        let code_alone = form
            .required
            .iter()
            .any(|field| field == token::totp::FIELD);
        let mut problem_told = problem;
        if code_alone {
            let sent = self.of(Question::Code).is_some();
            self.given.retain(|(asked, _)| *asked != Question::Code);
            // That the code is missing is no problem before it was asked for.
            problem_told = problem.filter(|_| sent);
        } else {
            self.given.clear();
        }
        for field in &form.fields {
            let Some(question) = question_of(field) else {
                continue;
            };
            let wanted = question != Question::Code || code_alone;
            if !wanted || self.of(question).is_some() {
                continue;
            }
            let known = name.filter(|_| question == Question::Name && problem_told.is_none());
            let answer = known
                .map(|name| Zeroizing::new(name.to_owned()))
                .or_else(|| person.answer(question, problem_told.take()));
            let answer = answer.ok_or_else(|| match problem {
                Some(said) => SignInFault::Refused(said.to_owned()),
                None => SignInFault::Cancelled,
            })?;
            self.given.push((question, answer));
        }
        Ok(())
    }

    /// The form's fields with the answers in them.
    fn filled(&self, form: &Form) -> Fields {
        let mut fields = hidden_of(form);
        for field in &form.fields {
            let answer = question_of(field).and_then(|question| self.of(question));
            fields.push((field.clone(), answer.cloned().unwrap_or_default()));
        }
        fields
    }
}
