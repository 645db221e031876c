//! The numbers by which clients tell refusals apart (protocols A.3.2), each with its OAuth code, its HTTP status, and the
//! sentence for whoever reads the answer. The sentence names the kind of trouble; the reason stands in our log.

/// Makes the enum of numbers and what belongs to each.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $error:literal, $status:literal, $sentence:literal;)*) => {
        /// A number that a client branches on.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(dead_code, reason = "a table of what clients know, whoever refuses with it")]
        pub(crate) enum Number {
            $($(#[$doc])* $name,)*
        }

        impl Number {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            pub(crate) const fn code(self) -> u32 {
                match self { $(Self::$name => $number,)* }
            }

            /// The OAuth code (RFC 6749 5.2 and its like).
            pub(crate) const fn error(self) -> &'static str {
                match self { $(Self::$name => $error,)* }
            }

            /// The HTTP status where an endpoint does not say another.
            pub(crate) const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What whoever reads the answer is told.
            pub(crate) const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

numbers! {
    /// The redirect URI is none of the client's.
    RedirectUri = 50011, "invalid_request", 400, "The redirect URI is not registered for the application.";
    /// A person of another tenant.
    ForeignUser = 50020, "invalid_grant", 400, "The account is not one of this tenant.";
    /// A name outside of every domain of the tenant. Nothing else says that somebody does not exist.
    UnknownUser = 50034, "invalid_grant", 400, "The name is in no domain of this tenant.";
    /// Locked out, or too many failures from there.
    Locked = 50053, "invalid_grant", 400, "Too many failed attempts. Wait, then try again.";
    /// The password is too old. Said only to who has it.
    PasswordExpired = 50055, "invalid_grant", 400, "The password has expired and must be changed.";
    /// The account is disabled or has expired. Said only to who proved something.
    Disabled = 50057, "invalid_grant", 400, "The account is disabled.";
    /// Nobody is signed in, and nobody may be asked.
    NoSession = 50058, "login_required", 400, "Somebody must sign in, and the request allows no page for it.";
    /// A second factor must be set up.
    MustEnrol = 50072, "interaction_required", 400, "A second factor must be set up first.";
    /// The same, demanded by what is asked for.
    MustEnrolFor = 50079, "interaction_required", 400, "A second factor must be set up to use this resource.";
    /// A second factor must be proven.
    StrongAuthentication = 50074, "interaction_required", 400, "A second factor is required.";
    /// The same, demanded by what is asked for.
    SecondFactor = 50076, "interaction_required", 400, "A second factor is required to use this resource.";
    /// No nonce of ours, or of another tenant, too old, or taken; a form or sign-in that is gone. One number for all.
    Nonce = 50089, "invalid_grant", 400, "The nonce or flow token is not valid or has expired.";
    /// The authority that is asked about is none of ours.
    Instance = 50049, "invalid_instance", 400, "The authority is unknown or not valid.";
    /// A device must prove itself.
    DeviceRequired = 50097, "interaction_required", 400, "A device must authenticate.";
    /// Name or password.
    Password = 50126, "invalid_grant", 400, "The user name or the password is not right.";
    /// The device is no member.
    NotJoined = 50129, "invalid_request", 400, "The device is not joined.";
    /// PKCE.
    CodeVerifier = 50148, "invalid_grant", 400, "The code verifier does not match.";
    /// The device is unknown, or did not prove itself.
    DeviceFailed = 50155, "invalid_grant", 400, "Device authentication failed.";
    /// What came of a sign-in was revoked.
    Revoked = 50173, "invalid_grant", 400, "The grant was revoked. Sign in again.";
    /// The code was used before.
    CodeUsed = 54005, "invalid_grant", 400, "The code was used before.";
    /// A person of a federated domain.
    Federated = 51004, "invalid_grant", 400, "The account signs in at another identity provider.";
    /// Nobody consented.
    Consent = 65001, "invalid_grant", 400, "Nobody has consented to what the application asks for.";
    /// Somebody was asked, and said no.
    Declined = 65004, "access_denied", 400, "The person did not consent to what the application asks for.";
    /// The grant is no good.
    Grant = 70000, "invalid_grant", 400, "The grant is not valid.";
    /// The client did not prove itself.
    Client = 70002, "invalid_client", 401, "The client could not be authenticated.";
    /// This grant type is not offered.
    GrantType = 70003, "unsupported_grant_type", 400, "The grant type is not offered.";
    /// The code has expired.
    CodeExpired = 70008, "invalid_grant", 400, "The code or token has expired.";
    /// The scope is malformed.
    Scope = 70011, "invalid_scope", 400, "The scope is not valid.";
    /// Nobody has approved yet. Clients go on asking at this number alone.
    Pending = 70016, "authorization_pending", 400, "Nobody has approved the request yet.";
    /// The device code is none.
    DeviceCode = 70018, "bad_verification_code", 400, "The device code is not valid.";
    /// The device code has expired.
    DeviceCodeExpired = 70019, "code_expired", 400, "The device code has expired.";
    /// The same, by its name of RFC 8628.
    DeviceCodeOver = 70020, "expired_token", 400, "The device code has expired.";
    /// The sign-in is older than may be.
    SignInTooOld = 70043, "invalid_grant", 400, "The sign-in is too old. Sign in again.";
    /// Our own trouble.
    Trouble = 90006, "temporarily_unavailable", 503, "The server could not answer. Try again in a moment.";
    /// No such tenant.
    Tenant = 90002, "invalid_tenant", 400, "There is no such tenant.";
    /// The request is no form, no JSON, or too long.
    Malformed = 90009, "invalid_request", 400, "The request is malformed.";
    /// A parameter is wrong.
    Parameter = 90013, "invalid_request", 400, "A parameter of the request is not valid.";
    /// A parameter is missing.
    Missing = 90014, "invalid_request", 400, "A parameter of the request is missing.";
    /// Too many requests.
    Throttled = 90055, "temporarily_unavailable", 429, "Too many requests. Wait, then try again.";
    /// The Temporary Access Pass is not right.
    AccessPass = 130_503, "invalid_grant", 400, "The Temporary Access Pass is not right.";
    /// The Hello key is unknown, or not this person's, or disabled with the person: not to be told apart.
    HelloKey = 135_010, "invalid_grant", 400, "The key is not known.";
    /// The device is disabled.
    DeviceDisabled = 135_011, "invalid_grant", 400, "The device is disabled.";
    /// The resource is unknown.
    Resource = 500_011, "invalid_resource", 400, "The resource is not known in this tenant.";
    /// An assertion outside of its validity.
    AssertionTime = 500_133, "invalid_grant", 400, "The assertion is not within its validity.";
    /// The verifier of PKCE is missing or malformed.
    CodeVerifierForm = 501_481, "invalid_grant", 400, "The code verifier is missing or malformed.";
    /// The scope is not the resource's.
    ScopeOfResource = 650_053, "invalid_request", 400, "The resource does not know the scope.";
    /// The client is unknown in this tenant, or not for this.
    UnknownClient = 700_016, "unauthorized_client", 400, "The application is not known in this tenant, or not for this.";
    /// The device of the request is not in the tenant.
    NoDevice = 700_003, "invalid_grant", 400, "The device is not known in this tenant.";
    /// A refresh token has expired.
    RefreshTokenExpired = 700_082, "invalid_grant", 400, "The refresh token has expired.";
    /// A client assertion is not accepted.
    ClientAssertion = 700_027, "invalid_client", 401, "The client assertion is not accepted.";
    /// The first way to derive keys is off.
    KdfVersion = 5_000_611, "invalid_grant", 400, "This version of the key derivation is not accepted.";
    /// The application is disabled.
    ApplicationDisabled = 7_000_112, "unauthorized_client", 400, "The application is disabled.";
    /// The client secret is wrong.
    ClientSecret = 7_000_215, "invalid_client", 401, "The client secret is not right.";
    /// The client must prove itself.
    ClientSecretMissing = 7_000_218, "invalid_client", 401, "The application must authenticate, by a secret or an assertion.";
    /// What is shown says that it does not permit this (RFC 6750 3.1).
    InsufficientClaims = 53_003, "insufficient_claims", 403, "The token does not permit this: a recent second factor is missing.";
    /// The bearer token is missing or no good (RFC 6750 3.1).
    Token = 50_013, "invalid_token", 401, "The access token is missing or not valid here.";
    /// What the token permits is not enough (RFC 6750 3.1).
    Forbidden = 50_105, "access_denied", 403, "This is not permitted.";
    /// There is nothing at the address.
    NotFound = 90_043, "invalid_request", 404, "There is nothing at this address.";
    /// The address does not take the method.
    Method = 900_144, "invalid_request", 405, "The address does not take this method.";
}
