"""The ports of shared.core.ports over memory and a virtual clock, for tests of steps and orchestrations."""

from tests.fakes.arm import FakeArm, FakeService, Post
from tests.fakes.blobs import MemoryBlobs, MemoryStorage
from tests.fakes.clock import FakeClock
from tests.fakes.ports import FakePorts

__all__ = ["FakeArm", "FakeClock", "FakePorts", "FakeService", "MemoryBlobs", "MemoryStorage", "Post"]
