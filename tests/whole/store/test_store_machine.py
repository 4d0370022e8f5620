"""Jobs on whole stores: faults, kills, resumes, lagging queries, and what somebody else writes.

After each run the stores, the book of all changes, the report, the journal and the files are held
against a plain model. `KVSCTL_MACHINE_EXAMPLES` works as for the other machines.
"""

import pytest

from tests.whole.store.jobs import Kind
from tests.whole.store.machine import StoreJobs
from tests.whole.test_machine import machine_settings

_EXAMPLES = 100


class CleanUps(StoreJobs):
    """Jobs that delete what is chosen, and what restores it."""

    kinds = (Kind.DELETE,)


class Retentions(StoreJobs):
    """Jobs that carry out the rules of a retention file, and what restores it."""

    kinds = (Kind.CLEAN,)


class Plans(StoreJobs):
    """Jobs that plan or let expire, and what carries plans out."""

    kinds = (Kind.PLAN_DELETE, Kind.PLAN_DELETE, Kind.PLAN_EXPIRE, Kind.EXPIRE)


class Copies(StoreJobs):
    """Jobs that copy to the store or from it."""

    kinds = (Kind.SYNC, Kind.SYNC, Kind.EXPORT)


TestCleanUps = pytest.mark.slow(CleanUps.TestCase)
TestCleanUps.settings = machine_settings(_EXAMPLES)
TestRetentions = pytest.mark.slow(Retentions.TestCase)
TestRetentions.settings = machine_settings(_EXAMPLES)
TestPlans = pytest.mark.slow(Plans.TestCase)
TestPlans.settings = machine_settings(_EXAMPLES)
TestCopies = pytest.mark.slow(Copies.TestCase)
TestCopies.settings = machine_settings(_EXAMPLES)
