"""How many files a process may open."""

from kvsctl.files.descriptors import spare_descriptors
from tests.support.needs import system_module

resource = system_module("resource")


def test_the_limit_is_that_of_the_process_without_what_it_needs_itself() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, before[1]), before[1]))
        assert spare_descriptors() == 468
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
