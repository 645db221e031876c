//! The steps.

use std::time::Duration;

use himmelblau::auth::{AuthOption, AuthorizationCodePkceFlow, DeviceAuthorizationResponse};
use himmelblau::error::{AUTH_PENDING, MsalError};
use himmelblau::graph::Graph;
use himmelblau::{BrokerClientApplication, EnrollAttrs, MFAAuthContinue, UserToken};
use kanidm_hsm_crypto::AuthValue;
use kanidm_hsm_crypto::provider::{BoxedDynTpm, SoftTpm, Tpm as _};
use kanidm_hsm_crypto::structures::{
    LoadableMsDeviceEnrolmentKey, LoadableMsHelloKey, LoadableMsOapxbcRsaKey, LoadableStorageKey,
    SealedData, StorageKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::report::{Failure, described, refusal, say, whole};
use crate::state::{self, State};

/// The software TPM, as it is kept.
#[derive(Serialize, Deserialize)]
struct StoredTpm {
    secret: String,
    storage_key: LoadableStorageKey,
}

/// A joined device, as it is kept.
#[derive(Serialize, Deserialize)]
struct StoredDevice {
    device_id: String,
    transport_key: LoadableMsOapxbcRsaKey,
    certificate_key: LoadableMsDeviceEnrolmentKey,
}

/// Does one step; the members of its result.
pub(crate) async fn step(arguments: &Arguments) -> Result<Value, Failure> {
    match arguments.step() {
        "realm" => realm(arguments).await,
        "forget" => forget(arguments),
        step => Probe::open(arguments)?.step(step).await,
    }
}

/// Which tenant a domain belongs to (protocols A.1.3).
async fn realm(arguments: &Arguments) -> Result<Value, Failure> {
    let graph = Graph::new(
        arguments.need("odc")?,
        arguments.need("domain")?,
        None,
        None,
        None,
        arguments.timeout()?,
    )
    .await?;
    Ok(json!({
        "authority_host": graph.authority_host().await?,
        "tenant_id": graph.tenant_id().await?,
        "graph": graph.graph_url().await?,
    }))
}

/// Loses something that the device had.
fn forget(arguments: &Arguments) -> Result<Value, Failure> {
    let what = arguments.need("what")?;
    if ![state::TOKEN, state::DEVICE, state::PRT, state::HELLO].contains(&what) {
        return Err(Failure::Usage(format!("--what {what}: not a thing")));
    }
    State::open(arguments.state()?)?.forget(what)?;
    Ok(json!({}))
}

fn broken(error: impl std::fmt::Debug) -> Failure {
    Failure::Machine(format!("the software TPM: {error:?}"))
}

/// A device and what is on it.
struct Probe<'a> {
    arguments: &'a Arguments,
    state: State,
    client: BrokerClientApplication,
    tpm: BoxedDynTpm,
    storage_key: StorageKey,
}

impl<'a> Probe<'a> {
    fn open(arguments: &'a Arguments) -> Result<Self, Failure> {
        let authority = arguments.need("authority")?;
        let state = State::open(arguments.state()?)?;
        let mut tpm = BoxedDynTpm::new(SoftTpm::new());
        let stored = match state.find::<StoredTpm>(state::TPM)? {
            Some(stored) => stored,
            None => {
                let secret = AuthValue::generate().map_err(broken)?;
                let value = AuthValue::try_from(secret.as_bytes()).map_err(broken)?;
                let storage_key = tpm.root_storage_key_create(&value).map_err(broken)?;
                let stored = StoredTpm {
                    secret,
                    storage_key,
                };
                state.keep(state::TPM, &stored)?;
                stored
            }
        };
        let value = AuthValue::try_from(stored.secret.as_bytes()).map_err(broken)?;
        let storage_key = tpm
            .root_storage_key_load(&value, &stored.storage_key)
            .map_err(broken)?;
        let device = state.find::<StoredDevice>(state::DEVICE)?;
        let (transport_key, certificate_key) = device.map_or((None, None), |device| {
            (Some(device.transport_key), Some(device.certificate_key))
        });
        let client = BrokerClientApplication::new(
            Some(authority),
            None,
            transport_key,
            certificate_key,
            arguments.timeout()?,
        )?;
        Ok(Self {
            arguments,
            state,
            client,
            tpm,
            storage_key,
        })
    }

    async fn step(mut self, step: &str) -> Result<Value, Failure> {
        match step {
            "user" => self.user().await,
            "headless" => self.headless().await,
            "device-code-begin" => self.device_code_begin().await.map(|_| json!({})),
            "device-code-poll" => self.device_code_poll().await,
            "token-device-code" => self.token_device_code().await,
            "token-password" => self.token_password().await,
            "pkce-begin" => self.pkce_begin(),
            "pkce-finish" => self.pkce_finish().await,
            "enroll" => self.enroll().await,
            "prt-password" => self.prt_password().await,
            "prt-refresh" => self.prt_refresh().await,
            "prt-renew" => self.prt_renew().await,
            "hello-provision" => self.hello_provision().await,
            "prt-hello" => self.prt_hello().await,
            "token-hello" => self.token_hello().await,
            "exchange" => self.exchange().await,
            "sso-cookie" => self.sso_cookie().await,
            "name-to-sid" => self.name_to_sid().await,
            _ => Err(Failure::Usage(format!("{step}: not a step"))),
        }
    }

    fn options(&self) -> Vec<AuthOption> {
        let mut options = Vec::new();
        for (flag, option) in [
            ("force-mfa", AuthOption::ForceMFA),
            ("no-fallback", AuthOption::NoDAGFallback),
            ("remote", AuthOption::RemoteSession),
            ("intune", AuthOption::IntuneEnable),
        ] {
            if self.arguments.has(flag) {
                options.push(option);
            }
        }
        options
    }

    /// Keeps the token of a sign-in, and says what is in it.
    fn signed_in(&self, token: &UserToken) -> Result<Value, Failure> {
        self.state.keep(state::TOKEN, &whole(token))?;
        Ok(described(token))
    }

    /// Keeps a sealed PRT, and says what is in it.
    fn primary(&mut self, prt: &SealedData) -> Result<Value, Failure> {
        self.state.keep(state::PRT, prt)?;
        let (client, tpm, key) = (&self.client, &mut self.tpm, &self.storage_key);
        Ok(json!({
            "name": client.spn_from_prt(prt, tpm, key)?,
            "display_name": client.name_from_prt(prt, tpm, key)?,
            "object_id": client.uuid_from_prt(prt, tpm, key)?.to_string(),
            "expired": client.is_prt_expired(prt, tpm, key)?,
            "kerberos_top_level_names":
                client.unseal_prt_kerberos_top_level_names(prt, tpm, key).ok(),
        }))
    }

    /// What is asked for by `--resource` or `--scope`.
    fn audience(&self) -> (Vec<&'a str>, Option<String>) {
        (
            self.arguments.all("scope"),
            self.arguments.get("resource").map(str::to_owned),
        )
    }

    /// The sign-in page, and what the tenant says of a name (A.2.3, A.5.1).
    async fn user(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let init = self.client.check_user_exists(user, &self.options()).await?;
        Ok(json!({
            "exists": init.try_exists()?,
            "passwordless": init.passwordless(),
            "personal": init.is_personal_account(),
        }))
    }

    /// A password and a second factor by the pages that a browser would see (A.5).
    async fn headless(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let password = self.arguments.get("password");
        let method = self.arguments.get("method");
        let options = self.options();
        let mut flow = match self.arguments.get("for").unwrap_or("enrollment") {
            "enrollment" => {
                let init = self.client.check_user_exists(user, &options).await?;
                say(
                    "user",
                    json!({"exists": init.try_exists()?, "passwordless": init.passwordless()}),
                );
                self.client
                    .initiate_acquire_token_by_mfa_flow_for_device_enrollment(
                        user,
                        password,
                        &options,
                        Some(init),
                        method,
                    )
                    .await?
            }
            "graph" => {
                self.client
                    .initiate_acquire_token_by_mfa_flow(user, password, &options, None, method)
                    .await?
            }
            other => return Err(Failure::Usage(format!("--for {other}: not a purpose"))),
        };
        say("flow", outline(&flow));
        let token = self.second_factor(user, &mut flow).await?;
        self.signed_in(&token)
    }

    /// Ends a flow: by what was typed, by asking until somebody did something elsewhere, or at once.
    async fn second_factor(
        &self,
        user: &str,
        flow: &mut MFAAuthContinue,
    ) -> Result<UserToken, Failure> {
        let typed = if flow.auth_code.is_some() || flow.dag.is_some() {
            None
        } else {
            match flow.mfa_method().as_str() {
                "AccessPass" => Some(vec![self.arguments.need("tap")?]),
                "PhoneAppOTP" | "OneWaySMS" | "ConsolidatedTelephony" => {
                    self.arguments.need("otp")?;
                    Some(self.arguments.all("otp"))
                }
                _ => None,
            }
        };
        let Some(typed) = typed else {
            return self.wait(user, flow).await;
        };
        let mut refused = None;
        for code in typed {
            match self
                .client
                .acquire_token_by_mfa_flow(user, Some(code), None, flow)
                .await
            {
                // The one refusal after which another code may be typed.
                Err(error @ MsalError::MFAInvalidCode(_)) => {
                    say("invalid-code", refusal(&error));
                    refused = Some(error);
                }
                answer => return Ok(answer?),
            }
        }
        Err(refused.map_or_else(|| Failure::Usage("no --otp".to_owned()), Failure::from))
    }

    async fn wait(&self, user: &str, flow: &mut MFAAuthContinue) -> Result<UserToken, Failure> {
        let interval = u64::from(flow.polling_interval.unwrap_or(1_000));
        for attempt in 1..=flow.max_poll_attempts.unwrap_or(1).max(1) {
            match self
                .client
                .acquire_token_by_mfa_flow(user, None, Some(attempt), flow)
                .await
            {
                Err(MsalError::MFAPollContinue) => {
                    tokio::time::sleep(Duration::from_millis(interval)).await;
                }
                answer => return Ok(answer?),
            }
        }
        Err(MsalError::MFAPollContinue.into())
    }

    async fn device_code_begin(&mut self) -> Result<DeviceAuthorizationResponse, Failure> {
        let flow = self
            .client
            .initiate_device_flow_for_device_enrollment(&self.options())
            .await?;
        self.state.keep(state::DEVICE_CODE, &flow)?;
        say("device-code", json!(flow));
        Ok(flow)
    }

    async fn device_code_poll(&mut self) -> Result<Value, Failure> {
        let flow = self.state.need(state::DEVICE_CODE)?;
        let token = self.client.acquire_token_by_device_flow(flow).await?;
        self.signed_in(&token)
    }

    async fn token_device_code(&mut self) -> Result<Value, Failure> {
        let flow = self.device_code_begin().await?;
        let lifetime = self.arguments.parsed("give-up")?.unwrap_or(flow.expires_in);
        let interval = flow.interval.unwrap_or(5).max(1);
        let mut waits = lifetime / interval;
        loop {
            match self.client.acquire_token_by_device_flow(flow.clone()).await {
                Err(MsalError::AcquireTokenFailed(answer))
                    if waits > 0 && answer.error_codes.contains(&AUTH_PENDING) =>
                {
                    waits -= 1;
                    tokio::time::sleep(Duration::from_secs(u64::from(interval))).await;
                }
                answer => return self.signed_in(&answer?),
            }
        }
    }

    async fn token_password(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let password = self.arguments.need("password")?;
        let token = self
            .client
            .acquire_token_by_username_password_for_device_enrollment(user, password)
            .await?;
        self.signed_in(&token)
    }

    fn pkce_begin(&mut self) -> Result<Value, Failure> {
        let flow = self.client.initiate_authorization_code_pkce_flow(
            self.arguments.all("scope"),
            self.arguments.need("redirect-uri")?,
        )?;
        self.state.keep(state::PKCE, &flow)?;
        Ok(json!({"url": flow.auth_url(), "redirect_uri": flow.redirect_uri()}))
    }

    async fn pkce_finish(&mut self) -> Result<Value, Failure> {
        let flow: AuthorizationCodePkceFlow = self.state.need(state::PKCE)?;
        let token = self
            .client
            .acquire_token_by_authorization_code_pkce_flow(
                &flow,
                self.arguments.need("redirected")?,
            )
            .await?;
        self.signed_in(&token)
    }

    /// Joins (B.2 to B.4).
    async fn enroll(&mut self) -> Result<Value, Failure> {
        let token: UserToken = self.state.need(state::TOKEN)?;
        let attributes = EnrollAttrs::new(
            self.arguments.need("domain")?.to_owned(),
            self.arguments.get("name").map(str::to_owned),
            None,
            self.arguments.parsed("join-type")?,
            None,
        )?;
        let (transport_key, certificate_key, device_id) = self
            .client
            .enroll_device(
                &token.refresh_token,
                attributes,
                &mut self.tpm,
                &self.storage_key,
            )
            .await?;
        let device = StoredDevice {
            device_id,
            transport_key,
            certificate_key,
        };
        self.state.keep(state::DEVICE, &device)?;
        Ok(json!({"device_id": device.device_id}))
    }

    async fn prt_password(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let password = self.arguments.need("password")?;
        let prt = self
            .client
            .acquire_user_prt_by_username_password(user, password, &mut self.tpm, &self.storage_key)
            .await?;
        self.primary(&prt)
    }

    async fn prt_refresh(&mut self) -> Result<Value, Failure> {
        let token: UserToken = self.state.need(state::TOKEN)?;
        let prt = self
            .client
            .acquire_user_prt_by_refresh_token(
                &token.refresh_token,
                &mut self.tpm,
                &self.storage_key,
            )
            .await?;
        self.primary(&prt)
    }

    async fn prt_renew(&mut self) -> Result<Value, Failure> {
        let old: SealedData = self.state.need(state::PRT)?;
        let tgt = self.arguments.has("tgt");
        let prt = self
            .client
            .exchange_prt_for_prt(&old, &mut self.tpm, &self.storage_key, tgt)
            .await?;
        self.primary(&prt)
    }

    /// Makes a Hello key and registers it (C.2).
    async fn hello_provision(&mut self) -> Result<Value, Failure> {
        let pin = self.arguments.need("pin")?;
        let token: UserToken = self.state.need(state::TOKEN)?;
        let key = self
            .client
            .provision_hello_for_business_key(&token, &mut self.tpm, &self.storage_key, pin)
            .await?;
        self.state.keep(state::HELLO, &key)?;
        Ok(json!({}))
    }

    /// Signs in with the Hello key (A.12).
    async fn prt_hello(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let pin = self.arguments.need("pin")?;
        let key: LoadableMsHelloKey = self.state.need(state::HELLO)?;
        let prt = self
            .client
            .acquire_user_prt_by_hello_for_business_key(
                user,
                &key,
                &mut self.tpm,
                &self.storage_key,
                pin,
            )
            .await?;
        self.primary(&prt)
    }

    async fn token_hello(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let pin = self.arguments.need("pin")?;
        let key: LoadableMsHelloKey = self.state.need(state::HELLO)?;
        let (scopes, resource) = self.audience();
        let token = self
            .client
            .acquire_token_by_hello_for_business_key(
                user,
                &key,
                scopes,
                resource,
                &mut self.tpm,
                &self.storage_key,
                pin,
            )
            .await?;
        if let Some(prt) = &token.prt {
            self.primary(prt)?;
        }
        Ok(described(&token))
    }

    /// An access token by the PRT (A.11).
    async fn exchange(&mut self) -> Result<Value, Failure> {
        let prt: SealedData = self.state.need(state::PRT)?;
        let (scopes, resource) = self.audience();
        let token = self
            .client
            .exchange_prt_for_access_token(&prt, scopes, resource, &mut self.tpm, &self.storage_key)
            .await?;
        if self.arguments.has("keep") {
            return self.signed_in(&token);
        }
        Ok(described(&token))
    }

    async fn sso_cookie(&mut self) -> Result<Value, Failure> {
        let prt: SealedData = self.state.need(state::PRT)?;
        let nonce = self.arguments.get("nonce");
        let cookie = self
            .client
            .acquire_prt_sso_cookie_with_nonce(&prt, nonce, &mut self.tpm, &self.storage_key)
            .await?;
        Ok(json!({"cookie": cookie}))
    }

    async fn name_to_sid(&mut self) -> Result<Value, Failure> {
        let user = self.arguments.need("user")?;
        let found = self
            .client
            .resolve_nametosid(user, &mut self.tpm, &self.storage_key)
            .await?;
        Ok(json!({
            "upn": found.upn,
            "name": found.name,
            "sid": found.sid,
            "email": found.email,
            "family_name": found.family_name,
            "onprem_sam_account_name": found.onprem_sam_account_name,
            "domain_netbios_name": found.domain_netbios_name,
            "domain_dns_name": found.domain_dns_name,
        }))
    }
}

/// What the library made of the pages so far: what it will do next, and what it would tell the person.
fn outline(flow: &MFAAuthContinue) -> Value {
    json!({
        "next": if flow.auth_code.is_some() {
            "redeem-code"
        } else if flow.dag.is_some() {
            "device-code"
        } else {
            "second-factor"
        },
        "method": flow.mfa_method(),
        "methods": flow.get_available_mfa_methods(),
        "message": flow.msg,
        "number": flow.entropy,
        "polls": flow.max_poll_attempts,
        "interval": flow.polling_interval,
        "device_code": flow.dag,
    })
}
