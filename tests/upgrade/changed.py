"""Changes of the app that the tests of upgrades make in a copied tree."""

from __future__ import annotations

from tests.upgrade.trees import Edit

PLAN = "backup_timer/orchestrator.py"
NEW_STEP = "run_states"
"""The activity that a changed orchestrator calls first; it only reads."""
WARNING = "verified by version B"

_CALL = f'yield context.call_activity("{NEW_STEP}", {{"v": 1, "runs": []}})'
_IF_NEW = 'if (context.version or "1.0") != "1.0":'
_BACKUP = '    prepared = yield from repeat(\n        context, "prepare_backup"'
_NIGHT = "    starts = 0\n"
_RECORD = "    recorded = yield from repeat("
_PRUNE = "    prune_warnings = yield from _prune(context, request)\n"
_NOT_YET = 'if (context.version or "1.0") == "1.0":'

RAISED = Edit("host.json", '"defaultVersion": "1.0"', '"defaultVersion": "2.0"')
ACTIVITY = Edit(
    "backup_timer/after.py",
    "def _verify(request: BackupRequest, prepared: Prepared, polls: int, ports: Ports) -> StepResult:\n",
    "def _verify(request: BackupRequest, prepared: Prepared, polls: int, ports: Ports) -> StepResult:\n"
    "    result = _verify_as_a(request, prepared, polls, ports)\n"
    "    if 'point' in result.value:\n"
    f"        result.value['point']['warnings'] = [*result.value['point']['warnings'], {WARNING!r}]\n"
    "    return result\n\n\n"
    "def _verify_as_a(request: BackupRequest, prepared: Prepared, polls: int, ports: Ports) -> StepResult:\n",
)
VERSION_B = (
    RAISED,
    ACTIVITY,
    Edit(PLAN, _BACKUP, f"    {_IF_NEW}\n        {_CALL}\n{_BACKUP}"),
    Edit(PLAN, _NIGHT, f"    {_IF_NEW}\n        {_CALL}\n{_NIGHT}"),
    Edit(PLAN, _PRUNE, f"    {_NOT_YET}\n    {_PRUNE}"),
    Edit(PLAN, _RECORD, f"    {_IF_NEW}\n    {_PRUNE}{_RECORD}"),
)
"""
A newer version as the rule wants it: the new steps behind the version, the old ones kept. Night and backup
have one step more, put first; and a backup prunes before it records, where the old one does so after.
"""
UNVERSIONED = (
    Edit(PLAN, _BACKUP, f"    {_CALL}\n{_BACKUP}"),
    Edit(PLAN, _NIGHT, f"    {_CALL}\n{_NIGHT}"),
)
"""The same steps against the rule: for everybody, under the same version."""
