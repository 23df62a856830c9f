"""All checks, as test_templates.py runs them on the repository and test_faults.py on planted faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bicep
import check_agreement
import check_kinds
import check_names
import check_order
import check_rights
import check_security
import check_settings
import check_symbols
import check_types
import scenarios
from bicep import File
from bicep_functions import NotWorkedOut
from deploying import Deployment


def of_files(folder: Path, files: Mapping[Path, File]) -> list[str]:
    """Run the checks that need no deployment."""
    found = [*check_symbols.all_faults(files), *check_kinds.all_faults(files)]
    for file in files.values():
        found += [*check_security.secrets(file), *check_types.reads(file), *check_rights.names(file)]
    main = files[(folder / "infra/main.bicep").resolve()]
    found += check_security.own_group_only(files, main)
    found += check_agreement.parameters_file(folder, main)
    return found + list(check_agreement.azure_yaml(folder))


def of_deployment(files: Mapping[Path, File], folder: Path, top: str, deployment: Deployment) -> list[str]:
    """Run the checks on what one template would deploy."""
    found = [
        *check_types.all_faults(deployment),
        *check_names.all_faults(deployment),
        *check_order.all_faults(deployment, files[(folder / top).resolve()]),
        *check_rights.all_faults(deployment),
        *check_settings.all_faults(deployment),
        *check_security.settings_of(deployment),
        *check_security.lifecycle(deployment, scenarios.RECORDS),
        *check_agreement.queues(deployment),
        *check_agreement.subscriptions(deployment, scenarios.RECORDS),
    ]
    if top == "infra/foundation.bicep":
        found += check_agreement.containers(deployment, files[(folder / top).resolve()])
    return found


def all_faults(folder: Path) -> list[str]:
    """Run every check on a folder with `infra/` and `azure.yaml`; each sentence once, in order."""
    files = bicep.read(folder)
    found = of_files(folder, files)
    try:
        for (top, _), deployment in scenarios.deployments(folder, files).items():
            found += of_deployment(files, folder, top, deployment)
    except (NotWorkedOut, KeyError, FileNotFoundError) as err:
        # a module or a symbol that is not there was named above, and nothing can be worked out with it
        if not found:
            found.append(f"not worked out: {err}")
    return list(dict.fromkeys(found))
