"""Generators depend only on their purpose. The values are fixed: other ones would change every store and every run."""

from universeg.base.rng import rng_for, seed_for


def test_a_purpose_has_fixed_values():
    assert seed_for("split", "D", 3) == 1665579239457105989
    assert rng_for("split", "D", 3).integers(1000, size=4).tolist() == [451, 625, 732, 822]


def test_the_border_between_words_matters():
    assert seed_for("a", "bc") != seed_for("ab", "c")
    assert seed_for("a", 1) == seed_for("a", "1"), "numbers count as their text"
