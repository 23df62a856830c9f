"""The step before the POST: what it checks, stores and makes, and what a second execution of it does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backup_timer import activities, after, before
from shared.core import layout
from shared.core.errors import AccessError, NotFoundError, UnavailableError
from shared.core.inventory import InventoryPair
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.sidecar import Sidecar
from shared.core.steps import StepResult, StepState
from tests.fakes import FakePorts
from tests.fakes.arm import PRINCIPAL
from tests.fakes.clock import START
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.fakes.surroundings import account_id, account_resource

ACCOUNT = account_id(SUBSCRIPTION, "drprimary")
ACCOUNTS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts"
DENIED = AccessError("403", code="AuthorizationFailed")
OUTAGE = UnavailableError("arm: 503")
KEY = {"type": "AccessKey", "keySetting": "BACKUP_KEY"}


class Scene:
    """One service, its wish on record, and its preparation."""

    def __init__(self, *, access: Any = None, create_container: bool | None = None) -> None:
        plan = plan_json(access=access)
        if create_container is not None:
            plan["services"][0]["storage"]["createContainer"] = create_container
        self.ports = FakePorts(plan)
        self.service_id = self.ports.first.resource_id
        self.wish = activities.request_for(self.ports.first, START, self.ports)
        self.ports.runs.create(self.wish.first_record())
        self.backups = self.ports.backups("drprimary", "apim-backups")
        self.inventories = 0

    def put(self, path: str, found: Any) -> None:
        """Let Azure Resource Manager answer a path below the service, or an absolute one."""
        path = path if path.startswith("/") else f"{self.service_id}/{path}"
        self.ports.arm.resources[path.lower()] = found

    def prepare(self) -> StepResult:
        """Run the step."""
        return StepResult.from_json(before.prepare_backup(self.wish.to_json(), self.ports))

    def sidecar(self) -> Sidecar:
        """Return the sidecar that was stored."""
        key = layout.sidecar_key("contoso", self.wish.backup_name)
        return Sidecar.from_bytes(self.ports.records().read(key)[0])

    def stored_inventory(self) -> InventoryPair:
        """Return the inventories that were stored."""
        key = layout.inventory_key("contoso", self.wish.backup_name)
        return InventoryPair.from_bytes(self.ports.records().read(key)[0])

    def begin_and_end(self) -> None:
        """Send the POST and let the operation end."""
        before.begin_backup(self.wish.to_json(), self.ports)
        self.ports.clock.advance(660)

    def verify(self, prepared: StepResult) -> RestorePoint:
        """Prove the backup."""
        self.ports.arm.service(self.wish.source)
        facts = {"request": self.wish.to_json(), "prepared": prepared.value, "polls": 11}
        result = StepResult.from_json(after.verify_backup(facts, self.ports))
        assert result.state is StepState.DONE, result.fault
        return RestorePoint.from_json(result.value["point"])


@pytest.fixture
def scene() -> Scene:
    """A service with which nothing is wrong."""
    return Scene()


def test_nothing_is_remarked_of_a_service_with_which_nothing_is_wrong(scene: Scene) -> None:
    """The step carries tier and api-version, and no word more."""
    result = scene.prepare()

    assert result.value == {
        "v": 1, "tier": "Standard", "apiVersion": "2024-05-01", "hasSidecar": True, "notRead": [],
        "remarks": [], "inventoryDigest": scene.stored_inventory().before.digest,
    }  # fmt: skip


def test_every_refusal_and_every_command_is_in_the_fault(scene: Scene) -> None:
    """One run tells all there is to mend."""
    scene.ports.arm.service(scene.wish.source).tier = "Consumption"
    scene.put("providers/Microsoft.Authorization/permissions", [{"actions": ["*/read"]}])
    scene.backups.is_there = False

    result = scene.prepare()

    assert (result.state, result.outcome) == (StepState.END, Outcome.REFUSED)
    fault = result.fault
    assert fault is not None
    assert fault.code == "Refused"
    for name in ("TierHasBackup", "BackupAllowed", "ContainerExists"):
        assert f"{name}: " in fault.message
        assert f"{name}: " in fault.hint
    assert "az storage container create" in fault.hint


def test_a_refused_backup_leaves_nothing(scene: Scene) -> None:
    """No sidecar, no inventory, no POST."""
    scene.put("providers/Microsoft.Authorization/permissions", [])

    scene.prepare()

    assert [key for key, _ in scene.ports.records().written if "runs/" not in key] == []
    assert scene.ports.arm.posts == []


@pytest.mark.parametrize(
    ("create_container", "actions", "state", "is_made"),
    [
        (True, ["*"], StepState.DONE, True),
        (True, ["*/read"], StepState.END, False),
        (False, ["*"], StepState.END, False),
        (None, ["*"], StepState.END, False),
    ],
    ids=["as planned", "another refusal", "not planned", "not said"],
)
def test_a_container_is_made_only_if_the_plan_says_so_and_nothing_else_refuses(
    create_container: bool | None, actions: list[str], state: StepState, is_made: bool
) -> None:
    """Nothing is made for a backup that does not run."""
    scene = Scene(create_container=create_container)
    scene.backups.is_there = False
    scene.put("providers/Microsoft.Authorization/permissions", [{"actions": actions}])

    assert scene.prepare().state is state
    assert scene.backups.is_there is is_made


def test_a_container_that_may_not_be_made_is_refused() -> None:
    """The app has no right for it: the storage's own hint says which one."""
    scene = Scene(create_container=True)
    scene.backups.is_there = False
    scene.backups.faults["create_container"].append(AccessError("403", hint="Give the role."))

    result = scene.prepare()

    assert (result.outcome, result.fault and result.fault.hint) == (Outcome.REFUSED, "Give the role.")


def test_warnings_and_what_was_not_checked_are_in_the_record(scene: Scene) -> None:
    """A line for each warning, one line for all that could not be read."""
    scene.put(ACCOUNTS, [{**account_resource(ACCOUNT), "kind": "Storage"}])
    scene.put("providers/Microsoft.Authorization/locks", DENIED)
    scene.put("workspaceLinks", DENIED)

    prepared = scene.prepare()
    scene.begin_and_end()
    warnings = scene.verify(prepared).warnings

    assert [line.split(":")[1].strip() for line in warnings] == ["AccountRaisesEvents", "not checked"]
    assert "NoWorkspaceGateways, NoReadOnlyLock" in warnings[1]
    assert all(line.startswith("preflight: ") for line in warnings)


@pytest.mark.parametrize("error", [DENIED, NotFoundError("404", code="ResourceNotFound"), OUTAGE])
def test_what_cannot_be_read_holds_up_no_backup(scene: Scene, error: Exception) -> None:
    """Not for lack of a right, and not in an outage: everything but the service is a check less."""
    for path in (
        "workspaceLinks", "providers/Microsoft.Authorization/permissions",
        "providers/Microsoft.Authorization/locks", "providers/Microsoft.Insights/diagnosticSettings",
        ACCOUNTS,
    ):  # fmt: skip
        scene.put(path, error)

    result = scene.prepare()

    assert result.state is StepState.DONE
    (line,) = result.value["remarks"]
    assert line == (
        "preflight: not checked: NoWorkspaceGateways, BackupAllowed, ResultReadable, NoReadOnlyLock, "
        "AccountRaisesEvents, NoCorsRules, FirewallLetsIn, IdentityMayWrite "
        "(GET /api/preflight?service=contoso says why)"
    )
    assert result.value["notRead"] == ["diagnostics"]


def test_a_container_that_cannot_be_asked_for_now_is_asked_again(scene: Scene) -> None:
    """Storage is down: RETRY, since without it nothing can be proven afterwards either."""
    scene.backups.faults["container_exists"].append(UnavailableError("storage: ServerBusy"))

    assert [scene.prepare().state for _ in range(2)] == [StepState.RETRY, StepState.DONE]


def test_a_container_that_may_not_be_read_is_refused(scene: Scene) -> None:
    """A backup that this app may not read it could never prove."""
    scene.backups.faults["container_exists"].append(DENIED)

    result = scene.prepare()

    assert result.outcome is Outcome.REFUSED
    assert result.fault is not None
    assert result.fault.message.startswith("ContainerReadable: ")


def test_a_busy_service_is_waited_for_at_the_cost_of_one_call(scene: Scene) -> None:
    """Somebody else's operation takes hours, and each look at it is one GET."""
    scene.ports.arm.service(scene.wish.source).foreign_until = START + dt.timedelta(hours=1)

    result = scene.prepare()

    assert (result.state, result.fault and result.fault.code) == (StepState.RETRY, "ServiceBusy")
    assert scene.ports.arm.reads == [scene.service_id]


@pytest.mark.parametrize("state", ["Terminating", "Updating"])
def test_a_busy_service_that_could_not_be_backed_up_is_refused_at_once(scene: Scene, state: str) -> None:
    """Nobody waits four hours for a tier to change."""
    service = scene.ports.arm.service(scene.wish.source)
    service.resting_state = state
    service.tier = "Standard" if state == "Terminating" else "Consumption"

    assert scene.prepare().outcome is Outcome.REFUSED


def test_the_survey_costs_a_fixed_number_of_calls(scene: Scene) -> None:
    """Seven reads for the checks and one for the sidecar; the inventory is apart."""
    scene.prepare()

    below = f"{scene.service_id}/providers"
    assert sorted(scene.ports.arm.reads) == sorted(
        [
            scene.service_id,
            f"{scene.service_id}/workspaceLinks",
            f"{below}/Microsoft.Authorization/permissions",
            f"{below}/Microsoft.Authorization/locks",
            ACCOUNTS,
            f"{ACCOUNT}/blobServices/default",
            f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments",
            f"{below}/Microsoft.Insights/diagnosticSettings",
        ]
    )


def test_a_key_that_is_not_there_is_refused_before_the_post() -> None:
    """Its setting is missing: preflight says so, and nothing was stored."""
    scene = Scene(access=KEY)

    result = scene.prepare()

    assert result.fault is not None
    assert (result.outcome, "KeyPresent" in result.fault.message) == (Outcome.REFUSED, True)


def test_a_key_needs_no_look_at_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call less."""
    monkeypatch.setenv("BACKUP_KEY", "bm9uZQ==")
    scene = Scene(access=KEY)

    scene.prepare()

    assert len(scene.ports.arm.reads) == 7
    assert not [path for path in scene.ports.arm.reads if path.endswith("roleAssignments")]


def test_after_the_post_nothing_is_asked_again(scene: Scene) -> None:
    """A second execution returns what the first one found, from storage, and takes no inventory."""
    scene.put("providers/Microsoft.Authorization/locks", DENIED)
    first = scene.prepare()
    before.begin_backup(scene.wish.to_json(), scene.ports)
    scene.ports.arm.reads.clear()
    written = len(scene.ports.records().written)

    again = scene.prepare()

    assert again == first
    assert again.value["remarks"] != []
    assert scene.ports.arm.reads == []
    assert len(scene.ports.records().written) == written


def test_after_the_post_nothing_is_refused_any_more(scene: Scene) -> None:
    """A right that was taken away meanwhile must not make a running backup `Refused`."""
    scene.prepare()
    before.begin_backup(scene.wish.to_json(), scene.ports)
    scene.put("providers/Microsoft.Authorization/permissions", [])
    scene.backups.is_there = False

    assert scene.prepare().state is StepState.DONE


def test_after_the_post_an_error_says_that_the_outcome_is_unknown(scene: Scene) -> None:
    """`Refused` would say that nothing was changed."""
    scene.prepare()
    before.begin_backup(scene.wish.to_json(), scene.ports)
    scene.ports.records().faults["read"].extend([None, AccessError("403")])

    assert scene.prepare().outcome is Outcome.OUTCOME_UNKNOWN


def test_a_sidecar_that_is_lost_is_said_to_be(scene: Scene) -> None:
    """Somebody deleted it: the backup goes on, and its record says that there is none."""
    scene.prepare()
    scene.begin_and_end()
    scene.ports.records().delete(layout.sidecar_key("contoso", scene.wish.backup_name))

    point = scene.verify(scene.prepare())

    assert point.sidecar is None
    assert [line for line in point.warnings if "sidecar" in line]
    assert {covered.where for covered in point.coverage} == {"backup", "nowhere"}


def test_the_sidecar_holds_the_identity_and_no_more_than_it_should(scene: Scene) -> None:
    """What stood beside the backup, from the read that preflight made anyway."""
    service = scene.ports.arm.service(scene.wish.source)
    service.properties = {"certificates": [{"storeName": "Root", "encodedCertificate": "c2VjcmV0"}]}

    scene.prepare()

    assert (scene.sidecar().identity or Sidecar).principal_id == PRINCIPAL
    assert "c2VjcmV0" not in scene.ports.storage.everything_written()
