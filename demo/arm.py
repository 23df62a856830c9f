"""An operator's client of Azure Resource Manager: tokens of its own, JSON in and out, paging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from demo.faults import DemoFault

API_VERSION = "2024-05-01"
CALL_S_MAX = 30.0
PAGES_MAX = 1000
STORAGE = "https://storage.azure.com"

Json = dict[str, Any]


class Arm:
    """Calls ARM as a principal of its own, so that the journal tells the demo's calls from the app's."""

    def __init__(self, simulator: Mapping[str, Any], *, ca: Path, tick: Callable[[], None]) -> None:
        """
        Register the demo as a principal.

        Args:
            simulator: what the simulator's ready file says.
            ca: the certificate authority to trust.
            tick: called before every call; raises when the demo is to end.
        """
        self._base = str(simulator["https"])
        self._control = str(simulator["http"])
        self._endpoint = str(simulator["identityEndpoint"])
        self._session = requests.Session()
        # No proxy of the developer's shell stands between two processes of one machine.
        self._session.trust_env = False
        self._session.verify = str(ca)
        self._tick = tick
        self._token: str | None = None
        made = self._session.post(
            f"{self._control}/_sim/principals", json={"name": "demo"}, timeout=CALL_S_MAX
        )
        if made.status_code != 201:
            raise DemoFault(
                f"the simulator does not register the demo as a principal: status {made.status_code}"
            )
        self._header = str(made.json()["identityHeader"])

    def token(self, audience: str) -> str:
        """Get a token from the managed-identity endpoint."""
        answer = self._session.get(
            self._endpoint,
            params={"api-version": "2019-08-01", "resource": audience},
            headers={"X-IDENTITY-HEADER": self._header},
            timeout=CALL_S_MAX,
        )
        if answer.status_code != 200:
            raise DemoFault(f"no token for {audience}: status {answer.status_code}")
        return str(answer.json()["access_token"])

    def put(self, path: str, body: Json, **query: str) -> Json:
        """Create or replace a resource; returns it as stored."""
        return self._json("PUT", path, (200, 201, 202), body=body, query=query)

    def delete(self, path: str) -> None:
        """Delete a resource; one that is not there is deleted already."""
        self._json("DELETE", path, (200, 204))

    def get(self, path: str) -> Json | None:
        """Return a resource, None if it does not exist."""
        answer = self._call("GET", self._url(path))
        return None if answer.status_code == 404 else self._read(answer, "GET", path, (200,))

    def post(self, path: str) -> Json:
        """Ask for what only a POST returns."""
        return self._json("POST", path, (200,))

    def all(self, path: str) -> list[Json]:
        """Return every entity of a collection, page after page."""
        found: list[Json] = []
        url: str | None = self._url(path)
        for _ in range(PAGES_MAX):
            if url is None:
                return found
            page = self._read(self._call("GET", url), "GET", path, (200,))
            found += page.get("value") or []
            url = page.get("nextLink")
        raise DemoFault(f"the list {path} does not end after {PAGES_MAX} pages")

    def counts(self) -> dict[str, int]:
        """Return how often the simulator saw each kind of call."""
        answer = self._session.get(f"{self._control}/_sim/counts", timeout=CALL_S_MAX)
        return {name: count for name, count in answer.json().items() if isinstance(count, int)}

    def scene(self, name: str, body: Json) -> None:
        """
        Set a scene of the simulator.

        Raises:
            DemoFault: the simulator says that it cannot be.
        """
        answer = self._session.post(f"{self._control}/_sim/{name}", json=body, timeout=CALL_S_MAX)
        self._read(answer, "POST", f"/_sim/{name}", (200, 201))

    def calls(self, *, after: int = 0) -> list[Json]:
        """Return what the simulator's journal has of calls, oldest first, later than that number."""
        answer = self._session.get(f"{self._control}/_sim/calls?after={after}", timeout=CALL_S_MAX)
        return list(answer.json()["value"])

    def _json(
        self,
        method: str,
        path: str,
        expected: tuple[int, ...],
        *,
        body: Json | None = None,
        query: Any = None,
    ) -> Json:
        answer = self._call(method, self._url(path), body=body, query=query)
        return self._read(answer, method, path, expected)

    def _read(self, answer: requests.Response, method: str, path: str, expected: tuple[int, ...]) -> Json:
        try:
            content = answer.json() if answer.content else {}
        except ValueError:
            content = {}
        if answer.status_code not in expected or not isinstance(content, dict):
            error = content.get("error") if isinstance(content, dict) else None
            told = (
                f": {error.get('code')}: {str(error.get('message'))[:256]}" if isinstance(error, dict) else ""
            )
            raise DemoFault(f"{method} {path} was answered with status {answer.status_code}{told}")
        return content

    def _call(
        self, method: str, url: str, *, body: Json | None = None, query: Any = None
    ) -> requests.Response:
        """Call with a token; one that has expired meanwhile is renewed once."""
        self._tick()
        for _ in range(2):
            if self._token is None:
                self._token = self.token(self._base)
            try:
                answer = self._session.request(
                    method,
                    url,
                    params=query or None,
                    json=body,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=CALL_S_MAX,
                    allow_redirects=False,
                )
            except requests.RequestException as err:
                raise DemoFault(f"{method} {url} failed: {type(err).__name__}") from err
            if answer.status_code != 401:
                break
            self._token = None
        return answer

    def _url(self, path: str) -> str:
        return f"{self._base}{path}?api-version={API_VERSION}"
