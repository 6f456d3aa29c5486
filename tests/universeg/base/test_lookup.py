import pytest

from universeg.base.lookup import choose


def test_an_unknown_name_lists_the_known_ones():
    assert choose({"mr": 1, "ct": 2}, "ct", "intensity") == 2
    with pytest.raises(ValueError, match="unknown intensity 'xray'; known: ct, mr"):
        choose({"mr": 1, "ct": 2}, "xray", "intensity")
