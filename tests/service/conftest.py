"""Fixtures that several tests of the service layer take."""

from tests.service.networks import network

__all__ = ["network"]
