"""The pace of calls against Azure's token buckets, on a clock that moves when somebody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.arm import ArmClient
from shared.adapters.identity import Tokens
from shared.adapters.pace import AZURE, SHARE, Limit, Pace, key_of
from tests.adapters.conftest import Credential, Wire, answer, cloud
from tests.fakes import FakeClock

READ = ("GET", "https://management.azure.com/subscriptions/s1/resourceGroups/rg?api-version=1")
WRITE = ("POST", READ[1])


class MovingClock:
    """Seconds that pass only while somebody sleeps, or when a test says so."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.slept: list[float] = []

    def now_s(self) -> float:
        """Return the present moment."""
        return self.at_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.at_s += seconds


class Bucket:
    """Azure's side: raises when a call comes in for which there is no token."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._tokens = limit.burst
        self._at_s = 0.0

    def admit(self, at_s: float) -> None:
        """Take a token, or say 429."""
        self._tokens = min(self._limit.burst, self._tokens + (at_s - self._at_s) * self._limit.per_s)
        self._at_s = at_s
        assert self._tokens >= 1, f"429 at {at_s} s"
        self._tokens -= 1


def paced(clock: MovingClock, **options: float) -> Pace:
    """Return a pace on that clock."""
    return Pace(now_s=clock.now_s, sleep=clock.sleep, **options)


@pytest.fixture
def clock() -> MovingClock:
    """A clock at zero."""
    return MovingClock()


def test_a_burst_within_the_share_waits_for_nothing(clock):
    """80 % of Azure's 250 reads go out at once."""
    pace = paced(clock)
    for _ in range(200):
        pace.wait(*READ)

    assert clock.slept == []


def test_the_call_after_the_burst_waits_for_its_token(clock):
    """The 201st read comes a twentieth of a second later: 80 % of 25 a second."""
    pace = paced(clock)
    for _ in range(201):
        pace.wait(*READ)

    assert clock.slept == [pytest.approx(1 / 20)]


def test_the_inventories_of_a_hundred_services_stay_inside_azures_bucket(clock):
    """5,000 reads in a row: Azure's own bucket would never have been empty, and 240 s are what they take."""
    pace, azure = paced(clock), Bucket(AZURE["reads"])
    for _ in range(5000):
        pace.wait(*READ)
        azure.admit(clock.at_s)

    assert clock.at_s == pytest.approx((5000 - 200) / 20)


def test_a_bucket_that_was_left_alone_is_full_again_and_no_fuller(clock):
    """An hour's rest gives one burst, not an hour's worth of calls."""
    pace = paced(clock)
    for _ in range(200):
        pace.wait(*READ)
    clock.at_s += 3600
    for _ in range(201):
        pace.wait(*READ)

    assert len(clock.slept) == 1


def test_writes_have_a_bucket_of_their_own(clock):
    """160 POSTs at once, and the reads still have all of theirs."""
    pace = paced(clock)
    for call in [WRITE] * 160 + [READ] * 200:
        pace.wait(*call)
    assert clock.slept == []

    pace.wait(*WRITE)

    assert clock.slept == [pytest.approx(1 / 8)]


def test_each_subscription_has_its_own_bucket(clock):
    """A busy subscription holds nobody else back; case in an id makes no difference."""
    pace = paced(clock)
    for _ in range(200):
        pace.wait(*READ)
    pace.wait("GET", READ[1].replace("s1", "s2"))
    assert clock.slept == []

    pace.wait("GET", READ[1].replace("s1", "S1"))

    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("method", "url", "key"),
    [
        ("GET", "https://arm/subscriptions/AB-1/x?a=b", ("ab-1", "reads")),
        ("HEAD", "https://arm/Subscriptions/ab-1", ("ab-1", "reads")),
        ("DELETE", "https://arm/subscriptions/ab-1/x", ("ab-1", "deletes")),
        ("PUT", "https://arm/subscriptions/ab-1/x", ("ab-1", "writes")),
        ("GET", "https://arm/subscriptions?api-version=1", ("", "reads")),
        ("GET", "https://arm/tenants", ("", "reads")),
    ],
)
def test_a_call_takes_from_the_bucket_that_azure_would_take_from(method, url, key):
    """By subscription and kind; calls about no subscription share one bucket."""
    assert key_of(method, url) == key


def test_threads_that_ask_at_once_get_slots_one_after_the_other():
    """64 threads at one frozen moment are told 64 different waits, evenly spaced behind the burst."""
    waits: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(seconds)

    pace = Pace(now_s=lambda: 0.0, sleep=sleep)
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda _: pace.wait(*READ), range(264)))

    assert sorted(waits) == pytest.approx([number / 20 for number in range(1, 65)])


def test_a_development_speed_shortens_the_waits(clock):
    """Sixty times faster than Azure: the token comes sixty times sooner."""
    pace = paced(clock, speed=60)
    for _ in range(201):
        pace.wait(*READ)

    assert clock.slept == [pytest.approx(1 / 1200)]


@given(gaps=st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=400))
def test_azures_bucket_never_runs_dry_whatever_the_rhythm(gaps):
    """Property: random pauses between groups of calls; Azure would have let every call in."""
    clock = MovingClock()
    pace, azure = paced(clock), Bucket(AZURE["writes"])
    for gap in gaps:
        clock.at_s += gap
        for _ in range(7):
            pace.wait(*WRITE)
            azure.admit(clock.at_s)


def test_a_pace_without_a_share_would_be_seen_by_the_bucket(clock):
    """The property above can fail: with more than Azure's numbers its bucket runs dry."""
    pace, azure = paced(clock, share=1.1), Bucket(AZURE["reads"])

    with pytest.raises(AssertionError, match="429"):
        for _ in range(2000):
            pace.wait(*READ)
            azure.admit(clock.at_s)


@pytest.fixture
def counted(wire: Wire, trusted: object) -> Iterator[tuple[ArmClient, list[tuple[str, str]]]]:
    """A client whose pace only remembers what was asked."""
    asked: list[tuple[str, str]] = []

    class Remembering(Pace):
        def wait(self, method: str, url: str) -> None:
            asked.append((method, url.partition("?")[0].removeprefix(wire.url)))

    tokens = Tokens(Credential, f"{wire.url}/.default")
    yield ArmClient(cloud(wire.url), "2024-05-01", tokens, FakeClock(), pace=Remembering()), asked


def test_every_request_of_the_client_asks_its_pace_first(wire, counted):
    """Reads, each page of a list, polls, and the repetition after a 401: as many waits as requests."""
    client, asked = counted
    path = "/subscriptions/s1/things"
    pages = [b'{"value": [{}], "nextLink": "%s"}' % f"{wire.url}{path}/2".encode(), b'{"value": []}']
    wire.acts.extend([answer(401), answer(200), *(answer(200, page) for page in pages), answer(202)])
    client.read(path, what="a thing")
    list(client.read_all(path, what="things"))
    client.poll(f"{wire.url}{path}/poll", refresh_token=False)

    assert len(asked) == len(wire.seen) == 5
    assert asked == [(one.line.split(" ")[0], one.target.partition("?")[0]) for one in wire.seen]


def test_the_share_is_less_than_the_whole():
    """Other workers and people use the same bucket."""
    assert 0 < SHARE < 1
