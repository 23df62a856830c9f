"""
Access tokens: made and checked here, and accepted by the storage emulator's OAuth mode.

Tokens live in real time, not in simulated time: clients keep them by their own clocks, and the storage
emulator checks them by its own. Moving the simulated clock therefore expires no token; `/_sim/tokens` does.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from simulator import errors

LIFETIME_S = 3600
"""Microsoft Entra issues tokens of 60 to 90 minutes to service principals."""

LIFETIME_MAX_S = 86_400

_CACHE_MAX = 4096
"""Tokens whose signature was checked before; enough for every client of a demo and every test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says."""

    object_id: str
    client_id: str
    audience: str
    expires_at_unix: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A fresh token and when it ends, in the two forms that endpoints answer with."""

    text: str
    expires_on_unix: int
    expires_in_s: int


class TokenAuthority:
    """Issues tokens for one tenant and reads them back."""

    def __init__(self, tenant: str, *, unix_now: Callable[[], float] = time.time) -> None:
        self.tenant = tenant
        self.lifetime_s = LIFETIME_S
        self.authority_url = f"https://login.microsoftonline.com/{tenant}"
        self._unix_now = unix_now
        self._key = secrets.token_hex(32)
        self._seen: dict[str, Claims] = {}

    def issue(self, *, object_id: str, client_id: str, audience: str) -> IssuedToken:
        """Make a token for one audience, with the lifetime that is set now."""
        now = int(self._unix_now())
        expires = now + self.lifetime_s
        issuer = f"https://sts.windows.net/{self.tenant}/"
        claims = {
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "nbf": now - 60,
            "exp": expires,
            "appid": client_id,
            "idp": issuer,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": self.tenant,
            "ver": "1.0",
            "jti": secrets.token_hex(8),
        }
        text = jwt.encode(claims, self._key, algorithm="HS256")
        return IssuedToken(text=text, expires_on_unix=expires, expires_in_s=self.lifetime_s)

    def read(self, authorization: str | None, *, audiences: tuple[str, ...]) -> Claims:
        """
        Return the claims of an Authorization header.

        Args:
            authorization: the header as sent, None if absent.
            audiences: the accepted ones, without a slash at the end.

        Raises:
            WireError: 401 with WWW-Authenticate; missing, not ours, for another audience, or expired.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise errors.authentication_missing(authority=self.authority_url)
        claims = self._decode(text.strip())
        if claims is None:
            raise errors.invalid_authentication_token(authority=self.authority_url)
        if claims.audience.rstrip("/").lower() not in audiences:
            raise errors.wrong_audience(claims.audience, audiences, authority=self.authority_url)
        now = self._unix_now()
        if claims.expires_at_unix <= now:
            raise errors.expired_authentication_token(
                dt.datetime.fromtimestamp(claims.expires_at_unix, dt.UTC),
                dt.datetime.fromtimestamp(int(now), dt.UTC),
                authority=self.authority_url,
            )
        return claims

    def object_id_of(self, authorization: str | None) -> str | None:
        """Return whose token it is, valid or not any more; None if there is none of ours."""
        claims = self._decode((authorization or "").partition(" ")[2].strip())
        return claims.object_id if claims else None

    def _decode(self, text: str) -> Claims | None:
        if (seen := self._seen.get(text)) is not None:
            return seen
        try:
            found = jwt.decode(
                text,
                self._key,
                algorithms=["HS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        claims = Claims(
            object_id=found["oid"],
            client_id=found["appid"],
            audience=found["aud"],
            expires_at_unix=found["exp"],
        )
        if len(self._seen) >= _CACHE_MAX:
            self._seen.clear()
        self._seen[text] = claims
        return claims
