"""What `make guards` takes away is there, and so is the test that is to miss it."""

import pytest

from tests.conftest import ROOT
from tests.guards.__main__ import GUARDS


@pytest.mark.parametrize("guard", GUARDS, ids=[guard[0] for guard in GUARDS])
def test_a_guard_stands_once_in_its_file_and_has_its_test(guard: tuple[str, ...]) -> None:
    _what, file, line, _without, test = guard
    assert (ROOT / file).read_text().count(line) == 1
    path, _, name = test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()
