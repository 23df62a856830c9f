"""
The routes that hand out tokens and the metadata that clients ask before they want one.

Microsoft Entra's side (OAuth2 client credentials, OpenID configuration, instance discovery), the
managed-identity endpoint of App Service, and Azure Resource Manager's list of endpoints for a cloud. None of
them needs a token.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from simulator.principals import Principal, Principals
from simulator.tokens import TokenAuthority
from simulator.wire import Answer, Call

ANY_TENANT = ("common", "organizations")


class LoginRoutes:
    """Answers the calls below; `answer` returns None for a call that is not one of them."""

    def __init__(
        self, *, tokens: TokenAuthority, principals: Principals, https_url: Callable[[], str]
    ) -> None:
        self._tokens = tokens
        self._principals = principals
        self._https_url = https_url

    def answer(self, call: Call) -> Answer | None:
        """Answer one call, or return None if it is not about logging in."""
        lowered = tuple(part.lower() for part in call.segments)
        match (call.method, *lowered):
            case ("GET", "msi", "token"):
                return self._managed_identity(call)
            case ("GET", "metadata", "endpoints"):
                return self._cloud_endpoints(call)
            case ("GET", _, "discovery", "instance"):
                return self._instance_discovery()
            case ("GET", tenant, "v2.0", ".well-known", "openid-configuration") | (
                "GET",
                tenant,
                ".well-known",
                "openid-configuration",
            ):
                return self._openid_configuration(tenant)
            case ("GET", _, "discovery", "v2.0", "keys"):
                return Answer(status=200, content={"keys": []})
            case ("POST", tenant, "oauth2", "v2.0", "token") | ("POST", tenant, "oauth2", "token"):
                return self._client_credentials(call, tenant)
            case _:
                return None

    def _managed_identity(self, call: Call) -> Answer:
        """App Service's managed-identity protocol, version 2019-08-01."""
        principal = self._principals.by_identity_header(call.headers.get("X-IDENTITY-HEADER", ""))
        if principal is None:
            return Answer(status=401, content={"statusCode": 401, "message": "X-IDENTITY-HEADER is wrong"})
        resource = call.query.get("resource", "")
        if call.query.get("api-version") != "2019-08-01" or not resource:
            message = "api-version must be 2019-08-01, and resource is required"
            return Answer(status=400, content={"statusCode": 400, "message": message})
        client_id = call.query.get("client_id") or principal.client_id
        token = self._tokens.issue(object_id=principal.object_id, client_id=client_id, audience=resource)
        content = {
            "access_token": token.text,
            "client_id": client_id,
            "expires_on": str(token.expires_on_unix),
            "not_before": str(token.expires_on_unix - token.expires_in_s),
            "resource": resource,
            "token_type": "Bearer",
        }
        return Answer(status=200, content=content)

    def _client_credentials(self, call: Call, tenant: str) -> Answer:
        form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        if tenant not in (self._tokens.tenant, *ANY_TENANT):
            return _oauth_error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return _oauth_error(
                400, "unsupported_grant_type", 70003, "only client_credentials is served here"
            )
        principal = self._client(form)
        if principal is None:
            return _oauth_error(
                401, "invalid_client", 7000215, "Invalid client secret provided, or unknown client id."
            )
        audience = form.get("resource") or form.get("scope", "").split(" ")[0].removesuffix("/.default")
        if not audience:
            return _oauth_error(400, "invalid_scope", 70011, "scope must end in /.default")
        token = self._tokens.issue(
            object_id=principal.object_id, client_id=principal.client_id, audience=audience
        )
        content = {
            "token_type": "Bearer",
            "expires_in": token.expires_in_s,
            "ext_expires_in": token.expires_in_s,
            "access_token": token.text,
        }
        return Answer(status=200, content=content)

    def _client(self, form: dict[str, str]) -> Principal | None:
        principal = self._principals.find(form.get("client_id", ""))
        if principal is None or principal.client_secret != form.get("client_secret"):
            return None
        return principal

    def _openid_configuration(self, tenant: str) -> Answer:
        base = f"{self._https_url()}/{tenant}"
        content = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
            "issuer": f"{self._https_url()}/{self._tokens.tenant}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "tenant_region_scope": None,
            "cloud_instance_name": "simulator",
        }
        return Answer(status=200, content=content)

    def _instance_discovery(self) -> Answer:
        host = self._https_url().removeprefix("https://")
        content = {
            "tenant_discovery_endpoint": (
                f"{self._https_url()}/{self._tokens.tenant}/v2.0/.well-known/openid-configuration"
            ),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
        return Answer(status=200, content=content)

    def _cloud_endpoints(self, call: Call) -> Answer:
        """
        One object for the versions that describe one cloud; what azure-cli reads when a cloud is registered.
        """
        https = self._https_url()
        content = {
            "name": "apim-dr-simulator",
            "portal": https,
            "authentication": {
                "loginEndpoint": https,
                "audiences": [https, "https://management.azure.com"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "resourceManager": https,
            "graph": https,
            "microsoftGraphResourceId": https,
            "graphAudience": https,
            "media": https,
            "batch": https,
            "gallery": https,
            "vmImageAliasDoc": https,
            "sqlManagement": https,
            "activeDirectoryDataLake": https,
            "suffixes": {
                "storage": "core.simulator.invalid",
                "keyVaultDns": "vault.simulator.invalid",
                "sqlServerHostname": "database.simulator.invalid",
                "acrLoginServer": "azurecr.simulator.invalid",
            },
        }
        return Answer(status=200, content=content)


def _oauth_error(status: int, error: str, code: int, text: str) -> Answer:
    content = {"error": error, "error_description": f"AADSTS{code}: {text}", "error_codes": [code]}
    return Answer(status=status, content=content)
