"""A short run of `fuzz`, which damages files of the fake trees; thousands more: see its first lines."""

import fuzz
import pytest

MUTATIONS = 200


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the libraries warn about damaged headers
@pytest.mark.parametrize("path", fuzz.LAYOUTS, ids=lambda path: path.stem)
def test_damaged_files_end_with_a_reason(path):
    each = -(-MUTATIONS // len(fuzz.LAYOUTS))
    assert [found for number in range(each) if (found := fuzz.trouble(path.stem, 0, number))] == []
