"""Hypothesis on loaded machines: what counts is what it finds, not how long an example took."""

from hypothesis import HealthCheck, settings

settings.register_profile("bulk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bulk")
