"""Tokens: one credential per process, asked at every call, since it caches and renews by itself."""

from __future__ import annotations

from collections.abc import Callable

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from shared.core.clouds import Cloud
from shared.core.errors import AccessError, UnavailableError

SIGN_IN_HINT = (
    "In Azure: enable the app's identity and name it in AZURE_CLIENT_ID if it is user-assigned. "
    "On a developer's machine: sign in with az login."
)


def make_credential(
    cloud: Cloud, *, has_managed_identity: bool, client_id: str | None
) -> ManagedIdentityCredential | DefaultAzureCredential:
    """Return the identity of this app: its managed identity in Azure, a developer's sign-in elsewhere."""
    if has_managed_identity:
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential(authority=cloud.authority)


class Tokens:
    """Bearer tokens for one scope."""

    def __init__(self, make: Callable[[], TokenCredential], scope: str) -> None:
        self._make = make
        self._scope = scope
        self._credential = make()

    def bearer(self, *, refresh: bool = False) -> str:
        """
        Return an Authorization header's value.

        Args:
            refresh: the last token was refused although it had not expired. Credentials cannot be told
                to forget a token, so a new one is made, with an empty cache.

        Raises:
            UnavailableError: the token service did not answer, or failed; nothing was sent anywhere else.
            AccessError: no token is to be had.
        """
        if refresh:
            self._credential = self._make()
        try:
            return f"Bearer {self._credential.get_token(self._scope).token}"
        except (AzureError, ValueError) as err:  # ValueError: what answered was no token service
            if not isinstance(err, ClientAuthenticationError) or _is_outage(err):
                raise UnavailableError(
                    f"no token for {self._scope}: {type(err).__name__}",
                    hint="The token service did not answer; this passes, or Azure's status page tells why.",
                    code="TokenServiceUnavailable",
                    maybe_sent=False,
                ) from err
            # CredentialUnavailableError is one of these
            raise AccessError(
                f"no token for {self._scope}: {type(err).__name__}",
                hint=SIGN_IN_HINT,
                code="TokenUnavailable",
            ) from err


def _is_outage(err: ClientAuthenticationError) -> bool:
    """Tell whether the token service failed on its own side: azure-identity calls everything a refusal."""
    status = getattr(err, "status_code", None)
    return isinstance(status, int) and (status in {408, 429} or status >= 500)
