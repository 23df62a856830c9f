"""What every topic of the fix-up list is made of: the two ends, and what they have in common. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.core import shell_lines
from shared.core.reports import FixUp
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef
from shared.core.sidecar import HostName, Sidecar

_BUILT_IN = "BuiltIn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The ends of a restore: `source` is the sidecar of the point, `now` the same of the target as it is."""

    point: RestorePoint
    target: ServiceRef
    source: Sidecar
    now: Sidecar
    gateway_url: str | None = None

    @property
    def api_version(self) -> str:
        """What commands ask for: the version that the backup was made with."""
        return self.point.api_version


def without_parts(point: RestorePoint, service: ServiceRef) -> Sidecar:
    """Return a sidecar that tells nothing, in place of one that could not be read."""
    return Sidecar(
        service=point.service,
        source=service,
        backup=point.name,
        taken_at=point.started_at,
        tier=point.tier,
        api_version=point.api_version,
    )


def unsettled(what: str, why: str, command: str) -> FixUp:
    """Return an entry of which nobody could tell whether it is needed."""
    return FixUp(what=what, why=why, command=command, is_needed=None)


def look_at_source(scene: Scene, what: str, query: str) -> FixUp:
    """Return the entry of a part that the sidecar does not tell: somebody has to compare."""
    why = "there is no sidecar of the backup that tells it; compare source and target"
    return unsettled(what, why, shell_lines.show(scene.point.source, query))


def agrees(scene: Scene, what: str, query: str, *, has_any: bool) -> FixUp:
    """Return the entry of a part in which nothing is left to do."""
    why = "the target has what the source had" if has_any else "the source had none"
    return FixUp(what=what, why=why, command=shell_lines.show(scene.target, query), is_needed=False)


def known(there: object) -> bool | None:
    """Return whether a lack is certain: only where the target could be seen."""
    return None if there is None else True


def lacks(there: object) -> str:
    """Return what is said of the target before the names of what it needs."""
    return "the target may lack" if there is None else "the target lacks"


def custom_hosts(side: Sidecar, service: ServiceRef) -> list[HostName] | None:
    """Return the host names that somebody has given a service; None if they are not known."""
    if side.host_names is None:
        return None
    return [host for host in side.host_names if not _is_default(host, service)]


def default_host(scene: Scene, endpoint: str = "") -> str:
    """Return the target's own host name, of its gateway or of another endpoint such as `developer`."""
    shown = scene.now.host_names or ()
    found = next((host for host in shown if _is_default(host, scene.target)), None)
    host = found.host_name if found else urlsplit(scene.gateway_url or "").hostname
    host = host or f"{scene.target.name}.azure-api.net"
    name, _, rest = host.partition(".")
    return f"{name}.{endpoint}.{rest}" if endpoint else host


def _is_default(host: HostName, service: ServiceRef) -> bool:
    own = f"{service.name}.".lower()
    name = host.host_name.lower()
    return host.certificate_source == _BUILT_IN or (name.startswith(own) and ".azure-api." in name)
