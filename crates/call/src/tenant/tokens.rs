//! A tenant's token endpoint, as the device's sign-in asks it.

use hello::tenant::{TenantFault, TokenEndpoint};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::fault::CallFault;

/// The token endpoint at an address.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    client: &'a Client,
    url: String,
}

impl<'a> Tokens<'a> {
    /// The one at `url`.
    #[must_use]
    pub fn new(client: &'a Client, url: &str) -> Self {
        Self {
            client,
            url: url.to_owned(),
        }
    }

    fn post(&self, form: &[(&str, &str)]) -> Result<Vec<u8>, TenantFault> {
        let answer = self
            .client
            .post_form(&self.url, form)
            .map_err(|fault| unreachable(&fault))?;
        if answer.status().is_success() {
            Ok(answer.into_body())
        } else {
            Err(TenantFault::of(answer.status().as_u16(), answer.body()))
        }
    }
}

fn unreachable(fault: &CallFault) -> TenantFault {
    TenantFault::Unreachable(fault.to_string())
}

impl TokenEndpoint for Tokens<'_> {
    fn nonce(&mut self) -> Result<String, TenantFault> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            nonce: String,
        }
        let body = self.post(&[("grant_type", "srv_challenge")])?;
        serde_json::from_slice::<Answer>(&body)
            .map(|answer| answer.nonce)
            .map_err(|_| hello::prt::NotUnderstood("the nonce").into())
    }

    fn ask(&mut self, form: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, TenantFault> {
        self.post(form).map(Zeroizing::new)
    }
}
