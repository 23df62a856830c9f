"""Tokens: asked for at every call, made anew when one was refused, and clear errors when there is none."""

from __future__ import annotations

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential, ManagedIdentityCredential

from shared.adapters.identity import Tokens, make_credential
from shared.core.clouds import CLOUDS
from shared.core.errors import AccessError, UnavailableError


class Credential:
    """A credential that remembers which scopes it was asked for."""

    def __init__(self, number):
        self.number = number
        self.scopes = []

    def get_token(self, *scopes):
        """Return a token that names its credential."""
        self.scopes += scopes
        return AccessToken(f"token-{self.number}", 4102444800)


def tokens():
    """Return Tokens and the list of credentials that were made for it."""
    made = []

    def make():
        made.append(Credential(len(made) + 1))
        return made[-1]

    return Tokens(make, "https://management.azure.com/.default"), made


def failing(err):
    """Return Tokens whose credential raises."""

    class Failing:
        def get_token(self, *_scopes):
            raise err

    return Tokens(Failing, "https://management.azure.com/.default")


def test_one_credential_serves_every_call():
    """The credential caches and renews by itself, so one is made, and asked each time."""
    source, made = tokens()

    assert [source.bearer(), source.bearer()] == ["Bearer token-1", "Bearer token-1"]
    assert [one.scopes for one in made] == [["https://management.azure.com/.default"] * 2]


def test_a_refresh_makes_a_new_credential():
    """A refused token is still cached, so a new credential with an empty cache takes over, and stays."""
    source, made = tokens()

    assert [source.bearer(), source.bearer(refresh=True), source.bearer()] == [
        "Bearer token-1", "Bearer token-2", "Bearer token-2",
    ]  # fmt: skip
    assert len(made) == 2


@pytest.mark.parametrize("kind", [ClientAuthenticationError, CredentialUnavailableError])
def test_no_token_is_an_access_error(kind):
    """A refusal says what to do, and nothing of what the credential said."""
    with pytest.raises(AccessError) as caught:
        failing(kind(message="secret details")).bearer()

    assert caught.value.code == "TokenUnavailable"
    assert "az login" in caught.value.hint
    assert "secret details" not in str(caught.value)


@pytest.mark.parametrize("kind", [ServiceRequestError, ServiceResponseError, ValueError])
def test_a_token_service_out_of_reach_is_temporary_and_nothing_was_sent(kind):
    """No answer, or one of a proxy that is no JSON: the same call may work later."""
    with pytest.raises(UnavailableError) as caught:
        failing(kind("no route")).bearer()

    assert caught.value.maybe_sent is False


@pytest.mark.parametrize(("status", "is_temporary"), [(500, True), (503, True), (429, True), (400, False)])
def test_a_token_service_that_fails_is_told_from_one_that_refuses(status, is_temporary):
    """azure-identity calls both a refusal; the status tells an outage."""
    err = ClientAuthenticationError(message="said")
    err.status_code = status

    with pytest.raises(UnavailableError if is_temporary else AccessError):
        failing(err).bearer()


def test_azure_uses_the_managed_identity():
    """Where there is an identity endpoint the app's own identity is used, and no chain of guesses."""
    made = make_credential(CLOUDS["public"], has_managed_identity=True, client_id=None)

    assert isinstance(made, ManagedIdentityCredential)


def test_a_developers_machine_uses_the_developers_sign_in():
    """Elsewhere the usual chain is used."""
    made = make_credential(CLOUDS["china"], has_managed_identity=False, client_id=None)

    assert isinstance(made, DefaultAzureCredential)
