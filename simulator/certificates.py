"""
The development certificate authority and the server certificate for 127.0.0.1 and localhost.

Made before anything else starts, because the storage emulator needs the certificate too. Lives in one folder
that belongs to the developer's machine and is never committed.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509

VALID_DAYS = 90
"""Long enough to forget about it, short enough that a forgotten folder does not stay trusted for years."""

RENEW_BEFORE_DAYS = 1
"""A certificate that ends within a day would end in the middle of somebody's afternoon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Three PEM files: the authority's certificate (for clients), the server's chain and its private key."""

    ca: Path
    cert: Path
    key: Path


def ensure(folder: Path, *, now: dt.datetime) -> Certificates:
    """
    Return the certificates in `folder`, making them first if they are missing, unreadable or about to end.

    Args:
        folder: made if missing. Holds ca.pem, cert.pem and key.pem afterwards.
        now: aware UTC; decides whether the files can still be used.
    """
    found = Certificates(ca=folder / "ca.pem", cert=folder / "cert.pem", key=folder / "key.pem")
    if not _is_usable(found, now=now):
        folder.mkdir(parents=True, exist_ok=True)
        _make(found, now=now)
    return found


def _is_usable(certificates: Certificates, *, now: dt.datetime) -> bool:
    if not certificates.key.is_file():
        return False
    try:
        loaded = [
            x509.load_pem_x509_certificate(path.read_bytes()) for path in (certificates.ca, certificates.cert)
        ]
    except (OSError, ValueError):
        return False
    if loaded[1].issuer != loaded[0].subject:
        return False
    return all(one.not_valid_after_utc - now > dt.timedelta(days=RENEW_BEFORE_DAYS) for one in loaded)


def _make(certificates: Certificates, *, now: dt.datetime) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost", not_after=now + dt.timedelta(days=VALID_DAYS))
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    # The authority's file comes last: whoever waits for it finds a complete set.
    _write(certificates.key, server.private_key_pem.bytes())
    _write(certificates.cert, chain)
    _write(certificates.ca, authority.cert_pem.bytes())


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
