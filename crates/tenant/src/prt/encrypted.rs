//! Encrypted answers (protocols A.10.2): for who has the session key, and for nobody who has the token alone.

use crypto::jose::jwe::{self, Sealing};
use crypto::kdf::conversation_key;
use directory::Fault;
use trust::Rng;
use wire::http::Response;

use super::record::SessionKey;
use crate::asked::Asked;

/// How many bytes of context an answer's key is derived with.
const CONTEXT: usize = 24;

/// The answer under a key of its own, which is of the first version whatever that of the request was.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    session_key: &SessionKey,
    json: &[u8],
    rng: &mut dyn Rng,
) -> Result<Response, Fault> {
    let context: [u8; CONTEXT] = rng.bytes();
    let key = conversation_key(&session_key.0, &context);
    let sealing = match asked.known.settings.prt_cbc_jwe {
        true => Sealing::Cbc(rng.bytes()),
        false => Sealing::Gcm(rng.bytes()),
    };
    let token = jwe::direct(&key, &context, sealing, json)
        .map_err(|_| Fault::Corrupt("an answer is too long to be encrypted"))?;
    Ok(Response::bytes(200, "application/jose", token).with_header("Pragma", "no-cache"))
}
