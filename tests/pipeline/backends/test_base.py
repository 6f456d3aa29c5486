"""What all backends share: URLs and error texts without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.backends.base import clean, describe


@given(st.text("abcXYZ019-._~", min_size=1), st.sampled_from(["token", "X-Amz-Signature", "api_key", "password"]))
def test_clean_hides_logins_and_tokens(value, name):
    shown = clean(f"https://{value}:{value}@h.org/p/f.zip?id=1&{name}={value}#{value}")
    assert shown == f"https://h.org/p/f.zip?id=1&{name}=..."


def test_clean_keeps_what_names_the_file():
    drive = "https://drive.google.com/uc?id=19OWCXZGrimafREhXm8O8w2HBHZTfxEgU"
    assert clean(drive) == drive
    assert clean("https://h/f?" + "s" * 50) == "https://h/f?..."


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("see https://anna:hush@h.org/a?token=hush"), "ValueError: see https://h.org/a?..."),
        (OSError(ValueError(KeyError("inner"))), "KeyError: 'inner'"),
        (ValueError(), "ValueError: "),
    ],
)
def test_an_error_is_described_by_its_innermost_cause_without_secrets(error, text):
    assert describe(error) == text
