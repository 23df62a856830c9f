"""
Asking a gateway whether it serves: one GET of its status path, without a token, a redirect or a retry.

The URL comes from Azure's answer about the service. Nothing secret is sent to it, and of what it answers only
the status line is read.
"""

from __future__ import annotations

import requests

from shared.core.locations import same_origin
from shared.core.reports import GatewayProbe

STATUS_PATH = "/status-0123456789abcdef"
"""Documented: every gateway answers it, whatever APIs it has."""

TIMEOUT_S = (5, 10)
"""Connect, read."""

SAID_LENGTH_MAX = 200


def probe_gateway(url: str) -> GatewayProbe:
    """
    Return what the gateway at this URL answers; never raises.

    Args:
        url: of the service's gateway, https.
    """
    asked = url.rstrip("/") + STATUS_PATH
    if not url.startswith("https://") or not same_origin(url, url):
        return GatewayProbe(url=asked, status=None, said="not asked: this is no https URL")
    try:
        # a session of its own: neither cookies nor credentials of any other call can get in
        with (
            requests.Session() as session,
            session.get(
                asked,
                auth=_no_credentials,
                headers={"User-Agent": "apim-dr", "Accept": "*/*"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return GatewayProbe(url=asked, status=answer.status_code, said=_said(answer))
    except requests.RequestException as err:
        return GatewayProbe(url=asked, status=None, said=type(err).__name__)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking for credentials in a file of this machine."""
    return request


def _said(answer: requests.Response) -> str:
    if answer.is_redirect:
        return "a redirect, which was not followed"
    text = str(answer.reason or "")[:SAID_LENGTH_MAX]
    return "".join(letter if letter.isprintable() else "?" for letter in text)
