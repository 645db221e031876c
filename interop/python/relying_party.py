"""A service that lets people in by the tenant, with Authlib: nothing in it was written with Keyporch in mind.

It says on standard output, a line of JSON a step, what it found. The person is played by the browser beside it.
"""

import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

from browser import sign_in

arguments = json.load(sys.stdin)


def say(step, **found):
    print(json.dumps({"step": step, **found}), flush=True)


# OpenID Connect Discovery 1.0, section 4: the issuer's own document, and what the library wants of it.
issuer = arguments["issuer"]
document = requests.get(get_well_known_url(issuer, external=True)).json()
metadata = OpenIDProviderMetadata(document)
metadata.validate()
assert metadata["issuer"] == issuer, metadata["issuer"]
say("discovery", issuer=metadata["issuer"])

keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"]).json())
service = OAuth2Session(
    arguments["client_id"],
    arguments.get("client_secret"),
    scope="openid profile email offline_access",
    redirect_uri=arguments["redirect_uri"],
    code_challenge_method="S256",
    token_endpoint_auth_method=arguments["authentication"],
    revocation_endpoint_auth_method=arguments["authentication"],
)
nonce, verifier = "a nonce of the service", "v" * 64
url, state = service.create_authorization_url(
    metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier
)
arrived = sign_in(url, arguments["redirect_uri"], arguments["answers"])
query = parse_qs(urlsplit(arrived).query)
# RFC 9207: the answer says by whom it is.
assert query.get("iss") == [issuer] and "code" in query, query
tokens = service.fetch_token(
    metadata["token_endpoint"], authorization_response=arrived, state=state, code_verifier=verifier
)
say("code", token_type=tokens["token_type"], refreshable="refresh_token" in tokens)

# OpenID Connect Core 1.0, section 3.1.3.7.
jwt = JsonWebToken(metadata["id_token_signing_alg_values_supported"])
claims = jwt.decode(
    tokens["id_token"],
    keys,
    claims_cls=CodeIDToken,
    claims_options={
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": arguments["client_id"]},
    },
    claims_params={"nonce": nonce, "client_id": arguments["client_id"], "access_token": tokens["access_token"]},
)
claims.validate(now=time.time(), leeway=5)
say("identity", subject=claims["sub"], name=claims.get("preferred_username"), algorithm=claims.header["alg"])

profile = service.get(metadata["userinfo_endpoint"])
say("userinfo", status=profile.status_code, subject=profile.json().get("sub"))

refreshed = service.refresh_token(metadata["token_endpoint"])
say("refresh", another=refreshed["access_token"] != tokens["access_token"])

# RFC 7009, and what is left of the token then.
revoked = service.revoke_token(
    document["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token"
)
say("revocation", status=revoked.status_code)
try:
    service.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"])
    say("after", error=None)
except Exception as error:  # The library raises whatever the server named.
    say("after", error=getattr(error, "error", str(error)))

# OpenID Connect RP-Initiated Logout 1.0.
signed_out = requests.get(
    metadata["end_session_endpoint"],
    params={
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": arguments["signed_out"],
        "client_id": arguments["client_id"],
        "state": "bye",
    },
    allow_redirects=False,
)
say("logout", status=signed_out.status_code, to=signed_out.headers.get("Location"))
