"""
Azure Resource Manager over requests: no redirects followed, no retries, time-outs on every call.

The two POSTs are not idempotent, so whatever repeats a request here would start a second backup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter

from shared.adapters import translate
from shared.adapters.identity import Tokens
from shared.adapters.pace import Pace
from shared.core.access import AccessKeyAccess, BackupStorage, UserAssignedAccess
from shared.core.clouds import Cloud
from shared.core.errors import NotFoundError, ProtocolError, TemporaryError
from shared.core.locations import same_origin
from shared.core.ports import Clock
from shared.core.response import BODY_LENGTH_MAX, Response
from shared.core.services import ServiceRef, ServiceState
from shared.settings import read_access_key

TIMEOUT_S = (10, 60)
"""Connect, read. Azure Resource Manager itself gives up on a provider after 60 s."""

CONNECTIONS = 8
"""Requests of one inventory at once."""

POOL_SIZE = 8 * CONNECTIONS
"""Connections that are kept: each activity that a worker runs at once (host.json) may take an inventory."""

PAGES_MAX = 10_000
"""No list is near this; a nextLink that leads in a circle ends here."""


class ArmClient:
    """The port Arm, for one cloud and one api-version."""

    def __init__(
        self, cloud: Cloud, api_version: str, tokens: Tokens, clock: Clock, *, pace: Pace | None = None
    ) -> None:
        """Make a client; `pace` holds calls back so that one process stays inside Azure's limits."""
        self._cloud = cloud
        self._api_version = api_version
        self._tokens = tokens
        self._clock = clock
        self._pace = pace or Pace()
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=POOL_SIZE, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.headers["User-Agent"] = "apim-dr"

    @property
    def api_version(self) -> str:
        """The api-version of every call."""
        return self._api_version

    def service_state(self, service: ServiceRef) -> ServiceState:
        """Read a service."""
        resource = self.read_json(self._url(service.resource_id), f"service {service.name}")
        return ServiceState.from_resource(resource)

    def start_url(self, service: ServiceRef, action: str) -> str:
        """Return the absolute URL of the POST for `backup` or `restore`."""
        return self._url(f"{service.resource_id}/{action}")

    def start(self, service: ServiceRef, action: str, storage: BackupStorage, backup_name: str) -> Response:
        """Send the POST once; after a 401, which has started nothing, again with a new token."""
        url = self.start_url(service, action)
        body = _storage_body(storage, backup_name)
        response = self._send("POST", url, body=body)
        return self._send("POST", url, body=body, refresh_token=True) if response.status == 401 else response

    def poll(self, location_url: str, *, refresh_token: bool) -> Response:
        """
        Ask an operation's URL as it came: nothing is escaped, unescaped, sorted or resolved.

        One thing is out of our hands: urllib3 writes the hex digits of escapes in capitals, `%2f` as
        `%2F`, which RFC 3986 (6.2.2.1) calls the same URL.
        """
        return self._send("GET", location_url, refresh_token=refresh_token)

    def read(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON of a GET; see the port."""
        return self.read_json(self._url(path, api_version, query), what)

    def read_all(
        self,
        path: str,
        *,
        what: str,
        api_version: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page, as far as a nextLink leads at our own origin."""
        url = self._url(path, api_version, query)
        for page_number in range(PAGES_MAX):
            try:
                page = self.read_json(url, what)
            except NotFoundError as err:
                if page_number:  # what was read of it before must not pass for all
                    raise TemporaryError(f"{what} vanished between two pages", code="ListChanged") from err
                raise
            if not isinstance(page, dict) or not isinstance(page.get("value"), list):
                raise ProtocolError(f"{what} has no value")
            yield from page["value"]
            if not page.get("nextLink"):
                return
            url = str(page["nextLink"])
            if not same_origin(url, self._cloud.resource_manager):
                raise ProtocolError(f"{what} continues at another origin", code="ForeignLocation")
        raise ProtocolError(f"{what} does not end")

    def read_json(self, url: str, what: str) -> Any:
        """
        Return the JSON of a 200.

        Args:
            url: absolute, at our origin.
            what: the thing that is read, for the error's text.

        Raises:
            NotFoundError, AccessError, TemporaryError, ProtocolError.
        """
        response = self._send("GET", url)
        if response.status == 401:
            response = self._send("GET", url, refresh_token=True)
        if response.status != 200:
            raise translate.from_status(response, f"{what} could not be read", self._clock)
        try:
            return response.json()
        except (ValueError, UnicodeDecodeError) as err:
            raise ProtocolError(f"{what} could not be read: the body is not JSON") from err

    def _url(self, path: str, api_version: str | None = None, query: Mapping[str, str] | None = None) -> str:
        asked = {"api-version": api_version or self._api_version, **(query or {})}
        # spaces as %20: a $filter with + for them has been refused
        return f"{self._cloud.resource_manager}{path}?{urlencode(asked, quote_via=quote)}"

    def _send(
        self, method: str, url: str, *, body: dict[str, str] | None = None, refresh_token: bool = False
    ) -> Response:
        if not same_origin(url, self._cloud.resource_manager):
            raise ProtocolError("a request was about to leave azure resource manager", code="ForeignLocation")
        request = self._session.prepare_request(
            requests.Request(
                method,
                url,
                json=body,
                headers={"Authorization": self._tokens.bearer(refresh=refresh_token)},
            )
        )
        request.url = url  # requests would rewrite escapes, and an operation's URL is opaque
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        self._pace.wait(method, url)
        try:
            with self._session.send(
                request,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
                verify=settings["verify"],
                cert=settings["cert"],
                proxies=settings["proxies"],
            ) as answer:
                content = _read_bounded(answer)
        except requests.RequestException as err:
            raise translate.from_requests(err) from err
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status_code, headers=headers, body=content)


def _read_bounded(answer: requests.Response) -> bytes:
    chunks = bytearray()
    for chunk in answer.iter_content(65536):
        chunks += chunk
        if len(chunks) > BODY_LENGTH_MAX:
            break
    return bytes(chunks[:BODY_LENGTH_MAX])


def _storage_body(storage: BackupStorage, backup_name: str) -> dict[str, str]:
    """Return the body of both POSTs; see docs/azure-facts.md, "Backup and restore calls"."""
    body = {
        "storageAccount": storage.account,
        "containerName": storage.container,
        "backupName": backup_name,
        "accessType": storage.access.type,
    }
    if isinstance(storage.access, UserAssignedAccess):
        body["clientId"] = storage.access.client_id
    if isinstance(storage.access, AccessKeyAccess):
        body["accessKey"] = read_access_key(storage.access)
    return body
