"""What all tests share: how hypothesis runs on machines that are busy with something else."""

from hypothesis import HealthCheck, settings

# speed is no property of the code under test, and a busy machine is no fault of it
settings.register_profile("apim-dr", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("apim-dr")
