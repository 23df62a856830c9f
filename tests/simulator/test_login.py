"""Tokens and the metadata around them, with the official credentials unmodified."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.fixture
def identity_environment(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what App Service sets for an app with a managed identity."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", simulator.identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", simulator.identity_header)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca)


def test_token_has_the_claims_of_an_app_token(simulator: Any) -> None:
    """Issuer, audience, times, object id and client id are there."""
    claims = _claims(simulator.token("https://storage.azure.com"))

    assert claims["iss"] == f"https://sts.windows.net/{simulator.tenant}/"
    assert claims["aud"] == "https://storage.azure.com"
    assert claims["exp"] - claims["iat"] == 3600
    assert {"oid", "appid", "nbf", "tid"} <= claims.keys()


@pytest.mark.parametrize("header", ["", "wrong"])
def test_managed_identity_wants_its_header(simulator: Any, header: str) -> None:
    """Whoever does not know the header gets no token."""
    answer = simulator.session.get(
        simulator.identity_endpoint,
        params={"api-version": "2019-08-01", "resource": "https://management.azure.com"},
        headers={"X-IDENTITY-HEADER": header},
    )

    assert answer.status_code == 401
    assert "access_token" not in answer.text


@pytest.mark.parametrize("params", [{"api-version": "2019-08-01"}, {"resource": "https://storage.azure.com"}])
def test_managed_identity_wants_resource_and_version(simulator: Any, params: dict[str, str]) -> None:
    """Both parameters are required."""
    answer = simulator.session.get(
        simulator.identity_endpoint,
        params=params,
        headers={"X-IDENTITY-HEADER": simulator.identity_header},
    )

    assert answer.status_code == 400


@pytest.mark.usefixtures("identity_environment")
@pytest.mark.parametrize("client_id", [None, "3f3f3f3f-1111-2222-3333-444444444444"])
def test_managed_identity_credential_works_unmodified(simulator: Any, client_id: str | None) -> None:
    """azure-identity gets a token that opens Azure Resource Manager, user-assigned too."""
    credential = ManagedIdentityCredential(client_id=client_id)
    token = credential.get_token(f"{simulator.https}/.default").token
    answer = simulator.call("GET", "/subscriptions", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200
    assert client_id in (None, _claims(token)["appid"])


def _client_secret(simulator: Any, secret: str) -> ClientSecretCredential:
    return ClientSecretCredential(
        simulator.tenant, "robot", secret, authority=simulator.https, disable_instance_discovery=True
    )


def test_client_secret_credential_works_unmodified(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity logs a service principal in, over the OpenID configuration."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca)
    token = _client_secret(simulator, "robot-secret").get_token(f"{simulator.https}/.default").token
    answer = simulator.call("GET", "/subscriptions", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200


def test_wrong_client_secret_is_invalid_client(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity reports a wrong secret as what it is."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ca)

    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        _client_secret(simulator, "guess").get_token(f"{simulator.https}/.default")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": ""}, 400, "invalid_scope"),
    ],
)
def test_token_endpoint_refuses_in_oauth2_s_words(
    simulator: Any, changes: dict[str, str], status: int, error: str
) -> None:
    """Each refusal has the status and error code of OAuth2."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "robot",
        "client_secret": "robot-secret",
        "scope": f"{simulator.https}/.default",
    }
    url = f"{simulator.https}/{simulator.tenant}/oauth2/v2.0/token"
    answer = simulator.session.post(url, data={**form, **changes})

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_unknown_tenant_is_refused(simulator: Any) -> None:
    """Tokens are issued for one tenant."""
    url = f"{simulator.https}/another-tenant/oauth2/v2.0/token"
    answer = simulator.session.post(url, data={"grant_type": "client_credentials"})

    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_scope_with_a_double_slash_is_the_endpoint(simulator: Any) -> None:
    """azure-cli asks for the endpoint with two slashes, and the token works."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "robot",
        "client_secret": "robot-secret",
        "scope": f"{simulator.https}//.default",
    }
    url = f"{simulator.https}/{simulator.tenant}/oauth2/v2.0/token"
    token = simulator.session.post(url, data=form).json()["access_token"]
    answer = simulator.call("GET", "/subscriptions", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200


def test_openid_configuration_names_the_token_endpoint(simulator: Any) -> None:
    """The metadata leads to this authority's own endpoints, over https."""
    url = f"{simulator.https}/{simulator.tenant}/v2.0/.well-known/openid-configuration"
    found = simulator.session.get(url).json()

    assert found["token_endpoint"] == f"{simulator.https}/{simulator.tenant}/oauth2/v2.0/token"
    assert found["issuer"].startswith(simulator.https)


def test_instance_discovery_names_the_authority(simulator: Any) -> None:
    """A client that discovers the instance is led to the same tenant."""
    url = f"{simulator.https}/common/discovery/instance?api-version=1.1&authorization_endpoint=x"
    found = simulator.session.get(url).json()

    assert simulator.tenant in found["tenant_discovery_endpoint"]


def test_cloud_endpoints_are_one_object_with_this_endpoint(simulator: Any) -> None:
    """What azure-cli reads to register a cloud is an object, not a list."""
    found = simulator.session.get(f"{simulator.https}/metadata/endpoints?api-version=2022-09-01").json()

    assert found["resourceManager"] == simulator.https
    assert found["authentication"]["loginEndpoint"] == simulator.https


def test_subscriptions_are_listed(simulator: Any, service: Any) -> None:
    """A login finds the subscriptions of the services."""
    found = simulator.call("GET", "/subscriptions", **{"api-version": "2022-12-01"}).json()["value"]

    assert service.path.split("/")[2] in [one["subscriptionId"] for one in found]


def test_provider_operations_are_listed(simulator: Any) -> None:
    """The provider's list names the actions of backup and restore."""
    found = simulator.call("GET", "/providers/Microsoft.ApiManagement/operations").json()["value"]

    names = {one["name"] for one in found}
    assert "Microsoft.ApiManagement/service/backup/action" in names
    assert "Microsoft.ApiManagement/service/operationresults/read" in names
