"""Fixtures shared by several tests of the service layer."""

from tests.service.networks import network

__all__ = ["network"]
