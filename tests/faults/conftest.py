"""One site for all faults, mended after each."""

from collections.abc import Iterator

import pytest

from tests.faults.site import Site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two front doors and two workers on servers of their own."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site
