//! Why a request is refused: the code and status that programs see, and in words what happened, why, and what to do.

use directory::password::PasswordRefused;
use serde_json::{Value, json};
use token::claims::NotAccepted;
use wire::http::Response;

use crate::authority::AuthorityFault;

/// The longest body that is looked at, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// Trouble of our own. It goes to the log; the peer learns that there was some.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The directory failed.
    #[error("the directory failed")]
    Directory(#[from] directory::Fault),
    /// The authority failed.
    #[error("the authority failed")]
    Authority(#[from] AuthorityFault),
    /// Something that cannot be failed.
    #[error("{0}")]
    Internal(&'static str),
}

/// A refusal, or trouble of our own.
#[derive(Debug)]
pub(crate) enum Trouble {
    Refused(Refused),
    Fault(Fault),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<directory::Fault> for Trouble {
    fn from(fault: directory::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<AuthorityFault> for Trouble {
    fn from(fault: AuthorityFault) -> Self {
        Self::Fault(fault.into())
    }
}

/// Why a request is refused. The messages are for the caller; they hold names, and never a secret.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is no bearer token.
    #[error("the request carries no access token")]
    NoToken,
    /// The token is not accepted.
    #[error("the access token is not accepted")]
    Token(#[source] NotAccepted),
    /// The token says of no second factor, or not when.
    #[error("the sign-in had no second factor that the server saw")]
    NoSecondFactor,
    /// The second factor is too long ago.
    #[error("the second factor was proven more than an hour ago")]
    StaleSecondFactor,
    /// The account cannot be used.
    #[error("your account cannot be used: {0}")]
    AccountUnusable(&'static str),
    /// The token's device is disabled or gone.
    #[error("the device that the token names is disabled, or is not registered any more")]
    DeviceUnusable,
    /// The connection proved no device certificate.
    #[error("the connection proved no device certificate")]
    NoDevice,
    /// It came over HTTP without TLS.
    #[error("the request came without TLS")]
    NotSecure,
    /// The caller lacks the right.
    #[error("you may not do this: {0}")]
    NotPermitted(&'static str),
    /// The caller has joined as many computers as they may.
    #[error("you have joined as many computers as a person may: {0}")]
    QuotaReached(usize),
    /// What it is about is protected.
    #[error("{name} is protected: {why}")]
    Protected {
        /// What it is called.
        name: String,
        /// By what.
        why: &'static str,
    },
    /// The keys of a protected account are for administrators alone.
    #[error("the keys of {0} are for administrators of the domain alone")]
    ProtectedKeys(String),
    /// The local administrator has no account.
    #[error("on the socket you are root, and root has no account here")]
    NoOwnAccount,
    /// The keys were renewed a short while ago, and tickets under the ones before would open no more.
    #[error(
        "the keys of {name} were renewed a short while ago: tickets under the version before would open no more"
    )]
    TooSoon {
        /// Whose keys.
        name: String,
        /// From when on nothing is lost, RFC 3339.
        when: String,
    },
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    NoSuchEndpoint,
    /// What is asked for is not there.
    #[error("there is no {what} {name}")]
    NotFound {
        /// Of which kind.
        what: &'static str,
        /// What it was called by.
        name: String,
    },
    /// It is something that a tenant has not.
    #[error("this is a tenant, and has no {0}")]
    NotInATenant(&'static str),
    /// It is something that a tenant alone has.
    #[error("this is no tenant, and has no {0}")]
    OnlyInATenant(&'static str),
    /// A name in a domain that is not the tenant's, or not verified yet.
    #[error("{0} is in no verified domain of the tenant")]
    DomainNotVerified(String),
    /// The endpoint does not take the method.
    #[error("the endpoint does not take this method")]
    Method,
    /// The body is too long.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The body is not said to be JSON.
    #[error("the body is not of type application/json")]
    NotJson,
    /// The body is not said to be LDIF.
    #[error("the body is not of type application/ldif")]
    NotLdif,
    /// The body is no LDIF.
    #[error("the body is not LDIF: {0}")]
    Ldif(String),
    /// What is asked of the directory in the words of LDAP cannot be asked.
    #[error("{0}")]
    Asked(String),
    /// The body is no JSON object.
    #[error("the body is not a JSON object: {0}")]
    Malformed(String),
    /// A member that is not known.
    #[error("the member {0:?} is not known here")]
    UnknownMember(String),
    /// A member that must be there.
    #[error("the member {0:?} is missing")]
    MissingMember(&'static str),
    /// A member with an impossible value.
    #[error("the member {name:?} is not possible: {why}")]
    InvalidMember {
        /// Which.
        name: String,
        /// What it must be.
        why: String,
    },
    /// A query parameter that is not known, or is there twice.
    #[error("the parameter {0:?} is not known here, or is given twice")]
    UnknownParameter(String),
    /// A query parameter or a part of the path with an impossible value.
    #[error("{name:?} is not possible: {why}")]
    InvalidParameter {
        /// Which.
        name: String,
        /// What it must be.
        why: String,
    },
    /// A name that another has.
    #[error("{what} {value} belongs to {holder}")]
    Taken {
        /// Of which kind.
        what: &'static str,
        /// The value.
        value: String,
        /// Whose it is.
        holder: String,
    },
    /// Several things are called by it.
    #[error("there is no resource {name}")]
    NoResource {
        /// What was asked for.
        name: String,
        /// The names of the resources that every tenant has.
        known: String,
    },
    /// Another application has the name.
    #[error("an application {name} is there, with the client ID {id}")]
    SameName {
        /// The name.
        name: String,
        /// The other one.
        id: String,
    },
    /// Several things fit a name.
    #[error("{name} could be several: {candidates}")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Which they are.
        candidates: String,
    },
    /// Nobody would be left who may administer.
    #[error("nobody would be left who can administer the domain")]
    LastAdministrator,
    /// It would be done to the caller.
    #[error("that is your own account")]
    Yourself,
    /// The computer is joined.
    #[error("a computer {0} is joined, with a registered device")]
    JoinedAlready(String),
    /// Something stands in the way.
    #[error("{0}")]
    InTheWay(String),
    /// The policy does not take the password.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// The key is not taken.
    #[error("the key is not taken: {0}")]
    Key(String),
}

impl Refused {
    /// A name that an account, group or other entry has.
    pub(crate) fn taken(what: &'static str, value: &str, holder: &str) -> Self {
        Self::Taken {
            what,
            value: value.to_owned(),
            holder: holder.to_owned(),
        }
    }

    pub(crate) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound {
            what,
            name: name.chars().take(200).collect(),
        }
    }

    pub(crate) fn member(name: &str, why: impl Into<String>) -> Self {
        Self::InvalidMember {
            name: name.to_owned(),
            why: why.into(),
        }
    }

    pub(crate) fn parameter(name: &str, why: impl Into<String>) -> Self {
        Self::InvalidParameter {
            name: name.to_owned(),
            why: why.into(),
        }
    }

    /// The code for programs, and the HTTP status.
    #[must_use]
    pub const fn code(&self) -> (&'static str, u16) {
        match self {
            Self::NoToken => ("no_token", 401),
            Self::Token(_) => ("invalid_token", 401),
            Self::NoSecondFactor | Self::StaleSecondFactor => ("second_factor_required", 401),
            Self::AccountUnusable(_) => ("account_unusable", 401),
            Self::DeviceUnusable => ("device_unusable", 401),
            Self::NoDevice => ("no_device", 401),
            Self::NotSecure => ("not_secure", 403),
            Self::NotPermitted(_) => ("not_permitted", 403),
            Self::QuotaReached(_) => ("quota_reached", 403),
            Self::TooSoon { .. } => ("too_soon", 409),
            Self::Protected { .. } | Self::ProtectedKeys(_) => ("protected", 403),
            Self::NoSuchEndpoint => ("no_such_endpoint", 404),
            Self::NotFound { .. } | Self::NoOwnAccount | Self::NoResource { .. } => {
                ("not_found", 404)
            }
            Self::NotInATenant(_) => ("not_in_a_tenant", 404),
            Self::OnlyInATenant(_) => ("only_in_a_tenant", 404),
            Self::DomainNotVerified(_) => ("domain_not_verified", 409),
            Self::Method => ("method_not_allowed", 405),
            Self::TooLarge(_) => ("too_large", 413),
            Self::NotJson => ("not_json", 415),
            Self::NotLdif => ("not_ldif", 415),
            Self::Ldif(_) => ("malformed", 400),
            Self::Asked(_) => ("invalid_parameter", 400),
            Self::Malformed(_) => ("malformed", 400),
            Self::UnknownMember(_) => ("unknown_member", 400),
            Self::MissingMember(_) => ("missing_member", 400),
            Self::InvalidMember { .. } => ("invalid_member", 400),
            Self::UnknownParameter(_) => ("unknown_parameter", 400),
            Self::InvalidParameter { .. } => ("invalid_parameter", 400),
            Self::Taken { .. } | Self::SameName { .. } => ("taken", 409),
            Self::Ambiguous { .. } => ("ambiguous", 409),
            Self::LastAdministrator => ("last_administrator", 409),
            Self::Yourself => ("yourself", 409),
            Self::JoinedAlready(_) => ("joined_already", 409),
            Self::InTheWay(_) => ("in_the_way", 409),
            Self::Password(_) => ("password_refused", 422),
            Self::Key(_) => ("key_refused", 422),
        }
    }

    /// What happened, in a few words.
    const fn title(&self) -> &'static str {
        match self.code().1 {
            401 => "the sign-in does not do",
            403 => "this is not allowed",
            404 => "it was not found",
            409 => "something stands in the way",
            422 => "what was given is not accepted",
            _ => "the request was not understood",
        }
    }

    /// What to do.
    fn remedy(&self) -> String {
        match self {
            Self::NoToken | Self::Token(_) | Self::AccountUnusable(_) => "sign in again".to_owned(),
            Self::NoSecondFactor | Self::StaleSecondFactor => {
                "sign in again, with password and second factor".to_owned()
            }
            Self::NoDevice => "show the device's certificate in the TLS handshake".to_owned(),
            Self::DeviceUnusable => {
                "use another device, or have this one enabled or joined again".to_owned()
            }
            Self::NotSecure => "use https".to_owned(),
            Self::NotPermitted(_) | Self::ProtectedKeys(_) => {
                "ask an administrator of the domain".to_owned()
            }
            Self::QuotaReached(_) => {
                "have an administrator join the computer, or delete one that you joined".to_owned()
            }
            Self::TooSoon { when, .. } => format!(
                "wait until {when}; insist (force) only where the keys are stolen: who has such a ticket signs in again"
            ),
            Self::Protected { .. } => "leave it as it is".to_owned(),
            Self::NoOwnAccount => "name the account: users/NAME/keys".to_owned(),
            Self::NotFound { what, .. } => match list_of(what) {
                Some(list) => format!("look for it in the list: keyporch admin {list}"),
                None => "check its name".to_owned(),
            },
            Self::NoSuchEndpoint | Self::Method => "see docs/administration-api.md".to_owned(),
            Self::NotInATenant(_) => {
                "ask the domain's server, where the organisation has one".to_owned()
            }
            Self::OnlyInATenant(_) => {
                "ask the tenant's server, where the organisation has one".to_owned()
            }
            Self::DomainNotVerified(_) => {
                "add and verify the domain first: keyporch admin domain add, then domain verify"
                    .to_owned()
            }
            Self::TooLarge(_) => "send less in one request".to_owned(),
            Self::NotJson => "send Content-Type: application/json".to_owned(),
            Self::NotLdif => "send Content-Type: application/ldif".to_owned(),
            Self::Ldif(_) => "correct the line, and send whole records".to_owned(),
            Self::Asked(_) => "correct base, filter or attributes".to_owned(),
            Self::Malformed(_) => "send one JSON object".to_owned(),
            Self::UnknownMember(_)
            | Self::MissingMember(_)
            | Self::InvalidMember { .. }
            | Self::UnknownParameter(_)
            | Self::InvalidParameter { .. } => {
                "correct it; docs/administration-api.md says what is taken".to_owned()
            }
            Self::Taken { holder, .. } => {
                format!("choose another, or look at the one that has it: {holder}")
            }
            Self::SameName { .. } => {
                "choose another name; or insist (force), and name the two by their client IDs".to_owned()
            }
            Self::NoResource { known, .. } => format!(
                "an application is a resource by its identifier or its client ID (keyporch admin app list); besides there are: {known}"
            ),
            Self::Ambiguous { .. } => "give more of it, or its id".to_owned(),
            Self::LastAdministrator => {
                "make somebody else a member of Domain Admins first".to_owned()
            }
            Self::Yourself => "have somebody else do it, or insist with force=true".to_owned(),
            Self::JoinedAlready(_) => {
                "choose another name; or, if it is the same machine set up anew, have its computer deleted first \
                 (keyporch admin computer delete), or join with \"replace\": true"
                    .to_owned()
            }
            Self::InTheWay(_) => "take that away first".to_owned(),
            Self::Password(_) => "choose another password".to_owned(),
            Self::Key(_) => "give another key: RSA of 2048 to 4096 bits, or P-256".to_owned(),
        }
    }

    /// The ID of the specification's rule, where it has one.
    const fn id(&self) -> Option<&'static str> {
        match self {
            Self::ProtectedKeys(_) => Some("DIR-G3"),
            _ => None,
        }
    }

    /// The whole reason, for the audit log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// The answer to the caller.
    pub(crate) fn response(&self) -> Response {
        let (code, status) = self.code();
        let mut problem = json!({
            "title": self.title(),
            "detail": self.chain(),
            "remedy": self.remedy(),
            "code": code,
        });
        if let (Some(id), Some(members)) = (self.id(), problem.as_object_mut()) {
            members.insert("id".to_owned(), id.into());
        }
        let response = problem_json(status, &problem);
        match code {
            "no_token" => response.with_header("WWW-Authenticate", "Bearer"),
            "invalid_token" | "account_unusable" | "device_unusable" => {
                response.with_header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
            }
            // RFC 9470: the token is good, the way in which its owner signed in is not enough.
            "second_factor_required" => response.with_header(
                "WWW-Authenticate",
                "Bearer error=\"insufficient_user_authentication\"",
            ),
            _ => response,
        }
    }
}

fn problem_json(status: u16, problem: &Value) -> Response {
    Response::json(status, problem).with_header("Content-Type", "application/problem+json")
}

/// The command whose list shows things of a kind.
fn list_of(what: &str) -> Option<&'static str> {
    Some(match what {
        "person" => "user list",
        "computer" => "computer list",
        "service" | "service principal" => "service list",
        "group" => "group list",
        "device" => "device list",
        "key" => "key list",
        "certificate" => "certificate list",
        "policy object" => "policy list",
        "issuer" => "issuer list",
        "application" => "app list",
        "domain" => "domain list",
        "setting" => "policy settings",
        "key of the KDC" => "key versions",
        _ => return None,
    })
}

/// The answer when it is our own fault.
pub(crate) fn own_fault(status: u16) -> Response {
    let code = if status == 503 {
        "unavailable"
    } else {
        "failed"
    };
    let problem = json!({
        "title": "the server could not answer",
        "detail": "it is the server's own trouble, and stands in its log",
        "remedy": "try again in a moment",
        "code": code,
    });
    problem_json(status, &problem).with_header("Retry-After", "2")
}

/// What the directory's own refusal of a change is to the caller.
impl From<&directory::Refused> for Refused {
    fn from(refused: &directory::Refused) -> Self {
        use directory::Refused as Said;
        let text = || refused.to_string();
        match refused {
            Said::NoSuchEntry(id) => Self::not_found("entry", &id.to_string()),
            Said::EntryExists(_) | Said::NotLeaf | Said::AlreadyClaimed => Self::InTheWay(text()),
            Said::NameTaken { name } => Self::taken("the name", name, "another entry"),
            Said::ValueTaken {
                attribute,
                value,
                holder,
            } => Self::taken(attribute.name(), value, &holder.to_string()),
            Said::KeyTaken { holder } => Self::taken("the key", "", &holder.to_string()),
            Said::Critical => Self::Protected {
                name: "the entry".to_owned(),
                why: "the directory itself needs it",
            },
            Said::KeyCredential(why) => Self::Key(why.to_string()),
            Said::WeakKey(why) => Self::Key(why.to_string()),
            Said::NoSuchDevice(device) => Self::not_found("device", &device.to_string()),
            Said::ValueExists(attribute) | Said::NoSuchValue(attribute) => {
                Self::member(attribute.name(), text())
            }
            Said::NotAllowed { attribute, .. }
            | Said::Missing { attribute, .. }
            | Said::SystemOnly(attribute)
            | Said::SingleValued(attribute)
            | Said::Invalid { attribute, .. } => Self::member(attribute.name(), text()),
            Said::InvalidName => Self::member("name", text()),
            Said::NoParent => Self::member("container", text()),
            Said::TooLarge => Self::TooLarge(LONGEST_BODY),
        }
    }
}
