"""What the devhost reads of host.json and local.settings.json. The files are the real host's, unchanged."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import pathlib
import re
from typing import Any


class ConfigError(Exception):
    """A file cannot be used; the text names it and says what is wrong."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """host.json, extensions.queues; `retry_delay` is its visibilityTimeout: the pause after a failure."""

    batch_size: int = 16
    dequeue_count_max: int = 5
    retry_delay: dt.timedelta = dt.timedelta(0)
    is_base64: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """The parts of host.json that the devhost honours, with the real host's defaults."""

    route_prefix: str = "api"
    activities_max: int = 10
    orchestrators_max: int = 10
    default_version: str | None = None
    queues: QueueOptions = QueueOptions()


_VERSION_STRATEGIES = {"versionMatchStrategy": "CurrentOrOlder", "versionFailureStrategy": "Reject"}


def load_host_config(app_dir: pathlib.Path) -> HostConfig:
    """
    Read host.json; a missing file means defaults.

    Raises:
        ConfigError: it is no JSON object, or a value that is honoured has the wrong form.
    """
    path = app_dir / "host.json"
    if not path.exists():
        return HostConfig()
    data = _read_object(path)
    extensions = data.get("extensions", {})
    durable, queues = extensions.get("durableTask", {}), extensions.get("queues", {})
    try:
        return HostConfig(
            route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
            activities_max=int(durable.get("maxConcurrentActivityFunctions", 10)),
            orchestrators_max=int(durable.get("maxConcurrentOrchestratorFunctions", 10)),
            default_version=_default_version(durable),
            queues=QueueOptions(
                batch_size=int(queues.get("batchSize", 16)),
                dequeue_count_max=int(queues.get("maxDequeueCount", 5)),
                retry_delay=parse_time_span(str(queues.get("visibilityTimeout", "00:00:00"))),
                is_base64=str(queues.get("messageEncoding", "base64")).lower() == "base64",
            ),
        )
    except (TypeError, ValueError, AttributeError) as err:
        raise ConfigError(f"{path}: {err}") from err


def _default_version(durable: dict[str, Any]) -> str | None:
    """Return the version of new instances; strategies that the devhost does not have are refused."""
    for name, known in _VERSION_STRATEGIES.items():
        if durable.get(name, known) != known:
            raise ValueError(f"the devhost knows no other {name} than {known}, which is the default")
    version = durable.get("defaultVersion")
    if version is not None and not isinstance(version, str):
        raise ValueError("defaultVersion is a string")
    return version


def apply_settings(path: pathlib.Path) -> list[str]:
    """
    Put the "Values" of a settings file into the environment; what is there already wins, as with func.

    Returns:
        The names that were set.

    Raises:
        ConfigError: it is missing, no JSON object, or a value is no string.
    """
    values = _read_object(path).get("Values", {})
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigError(f"{path}: every value under Values is a string; these are not: {', '.join(wrong)}")
    fresh = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(fresh)
    return sorted(fresh)


def is_disabled(function: str) -> bool:
    """Tell whether a setting keeps a timer from firing by itself; by hand it can still be fired."""
    return os.environ.get(f"AzureWebJobs.{function}.Disabled", "").lower() in ("1", "true")


def _read_object(path: pathlib.Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise ConfigError(f"{path} is no JSON: {err}") from err
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a JSON object was expected")
    return data


def parse_time_span(text: str) -> dt.timedelta:
    """Read `[d.]hh:mm:ss[.fffffff]`."""
    match = re.fullmatch(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?", text)
    if match is None:
        raise ValueError(f"'{text}' is no time span (hh:mm:ss)")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
