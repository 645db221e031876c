//! Reading our own pages: what a program in a terminal needs of them to ask its user the same questions.
//!
//! This is no HTML parser. It reads the subset that the pages of this crate are written in, and finds nothing in
//! anything else.

use crate::secret::shows_only;

/// A form of a page.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Its `id`: which question it is.
    pub id: String,
    /// The address to post to.
    pub action: String,
    /// The hidden fields, to be sent back as they came.
    pub hidden: Vec<(String, String)>,
    /// The names of the fields to fill in.
    pub fields: Vec<String>,
    /// Those of them that must not stay empty.
    pub required: Vec<String>,
}

shows_only!("Form", Form: id, fields, required);

/// What a page says and asks.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Read {
    /// The forms, in the order of the page.
    pub forms: Vec<Form>,
    /// What went wrong (`#error`).
    pub error: Option<String>,
    /// What has been done (`#done`).
    pub done: Option<String>,
    /// The number for the administrator (`#trace`).
    pub trace: Option<String>,
    /// The URI of a new authenticator's secret (`#secret-uri`).
    pub secret_uri: Option<String>,
    /// The secret in groups of base32 (`#secret`).
    pub secret: Option<String>,
    /// The recovery codes (`#recovery-codes`).
    pub recovery_codes: Vec<String>,
}

shows_only!("Read", Read: forms, error, done, trace);

impl Read {
    /// The form with this `id`.
    #[must_use]
    pub fn form(&self, id: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.id == id)
    }
}

/// A tag with its attributes, and the text that follows it.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, String)>,
    text: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a page.
#[must_use]
pub fn read(html: &str) -> Read {
    let mut page = Read::default();
    let mut form: Option<Form> = None;
    let mut in_codes = false;
    for tag in tags(html) {
        let text = || Some(unescape(tag.text.trim())).filter(|text| !text.is_empty());
        match tag.attribute("id") {
            Some("error") => page.error = text(),
            Some("done") => page.done = text(),
            Some("trace") => page.trace = text(),
            Some("secret") => page.secret = text(),
            Some("secret-uri") => page.secret_uri = tag.attribute("href").map(str::to_owned),
            Some("recovery-codes") => in_codes = true,
            _ => {}
        }
        let attribute = |name| tag.attribute(name).unwrap_or_default().to_owned();
        match tag.name {
            "form" => {
                form = Some(Form {
                    id: attribute("id"),
                    action: attribute("action"),
                    ..Form::default()
                })
            }
            "/form" => page.forms.extend(form.take()),
            "/ol" => in_codes = false,
            "code" if in_codes => page.recovery_codes.extend(text()),
            "input" => {
                if let Some(form) = &mut form {
                    if tag.attribute("type") == Some("hidden") {
                        form.hidden.push((attribute("name"), attribute("value")));
                    } else {
                        form.fields.push(attribute("name"));
                        if tag.attribute("required").is_some() {
                            form.required.push(attribute("name"));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    page
}

/// The tags of a page, in order. Attribute values stand in double quotes, in which `<` and `>` are plain.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let name_end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '/'))
            .unwrap_or(after.len());
        let (name, mut inside) = after.split_at(name_end);
        let mut attributes = Vec::new();
        loop {
            inside = inside.trim_start();
            let end = inside.find(['=', '>', ' ']).unwrap_or(inside.len());
            let (attribute, more) = inside.split_at(end);
            if let Some((value, after_value)) = more
                .strip_prefix("=\"")
                .and_then(|value| value.split_once('"'))
            {
                attributes.push((attribute, unescape(value)));
                inside = after_value;
            } else if more.starts_with(' ') && !attribute.is_empty() {
                attributes.push((attribute, String::new()));
                inside = more;
            } else {
                inside = more;
                break;
            }
        }
        let after_tag = inside.split_once('>').map_or("", |(_, after)| after);
        let text = after_tag.split('<').next().unwrap_or_default();
        if !name.is_empty() {
            tags.push(Tag {
                name,
                attributes,
                text,
            });
        }
        rest = after_tag;
    }
    tags
}

/// Undoes the four escapes that our pages use.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
