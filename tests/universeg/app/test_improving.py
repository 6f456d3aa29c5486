"""What improves results: found on request, used, stopped, kept over a restart, and forgotten."""

from pathlib import Path

import pytest
import torch
from page_folders import paint, picture, session_of
from torch import nn

from universeg.app import improving
from universeg.app.choices import want_better
from universeg.app.improving import ADAPTED, Networks
from universeg.app.session import Conflict
from universeg.app.state import Better
from universeg.app.supports import Supports
from universeg.episodes.levers import Levers, build
from universeg.model import ModelConfig, UniverSeg
from universeg.prediction.effort import Improved
from universeg.prediction.examples import Examples
from universeg.prediction.settings import Settings

SMALL = Settings(size=32, device="cpu")


class Stop(Exception):
    pass


def nothing(share):
    pass


@pytest.fixture
def session(folder):
    """A session with four examples."""
    found = session_of(folder)
    for number in range(4):
        paint(found, f"x{number}", picture(number)[1])
    return found


@pytest.fixture
def network():
    return UniverSeg(ModelConfig((4, 4)))


def finds(monkeypatch, levers, left_out=(), adapted=None):
    """`improve` finds this; the sizes and names that it was called with."""
    seen = []

    def improve(network, examples, effort, size, say, advance):
        seen.append((effort.effort, size, examples.images[0].images.shape[-1], len(examples.images)))
        say(f"without {examples.images[0].name}: used")
        advance(0.5)
        kept = tuple(image for at, image in enumerate(examples.images) if at not in left_out)
        model, unadapted = build(adapted or network, levers), build(network, levers)
        return Improved(model, unadapted, Examples(kept, examples.labels), levers, adapted)

    monkeypatch.setattr(improving, "improve", improve)
    return seen


def test_what_helps_is_used_and_kept_over_a_restart(session, network, monkeypatch):
    adapted = UniverSeg(ModelConfig((4, 4)), seed=7)
    seen = finds(monkeypatch, Levers(refine=True, size=32, adapt="check"), left_out=(1,), adapted=adapted)
    before = session.examples_number
    want_better(session, "best")
    networks, supports = Networks(session, network, "cpu"), Supports(session)
    networks.improve(supports, SMALL, nothing)
    assert seen == [("best", 32, 64, 4)], "images are prepared larger, for levers that can use it"
    assert session.examples_number > before, "drafts are made again"
    assert session.wishes.better is None
    assert session.better.lines == ("without x0.png: used",)
    assert networks.settings(SMALL).size == 64
    assert type(networks.model).__name__ == type(networks.unadapted).__name__ == "Refined"

    again = session_of(session.folder.path)
    restarted = Networks(again, network, "cpu")
    restarted.follow()
    assert again.better.effort == "best"
    assert restarted.settings(SMALL).size == 64
    ours, theirs = [*restarted.model.parameters()], [*adapted.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(restarted.unadapted.parameters(), network.parameters(), strict=True))
    settings = restarted.settings(SMALL)
    shown = Supports(again).examples(settings, Supports(again).image("x5", settings))
    assert [Path(image.name).name for image in shown.images] == ["x0.png", "x2.png", "x3.png"]

    want_better(again, "quick")
    restarted.follow()
    assert restarted.model is network
    assert restarted.settings(SMALL) == SMALL
    assert session_of(session.folder.path).better is None


def test_what_does_not_help_changes_nothing(session, network, monkeypatch):
    finds(monkeypatch, Levers(size=32))
    before = session.examples_number
    want_better(session, "normal")
    networks = Networks(session, network, "cpu")
    networks.improve(Supports(session), SMALL, nothing)
    assert session.better is None
    assert session.examples_number == before
    assert session.trial[-1] == "nothing is better than one pass"
    networks.follow()
    assert networks.model is network


def test_a_stopped_search_keeps_what_was_in_use(session, network, monkeypatch):
    finds(monkeypatch, Levers(refine=True, size=32))
    networks = Networks(session, network, "cpu")
    want_better(session, "normal")
    networks.improve(Supports(session), SMALL, nothing)
    first = session.better

    def stop(share):
        raise Stop

    want_better(session, "best")
    with pytest.raises(Stop):
        networks.improve(Supports(session), SMALL, stop)
    want_better(session, None)
    assert session.better is first
    assert session.trial == []


def test_weights_that_are_gone_are_told(session, network):
    session.better = Better("best", (), {"adapt": "check"}, (), True, 4)
    networks = Networks(session, network, "cpu")
    networks.follow()
    assert session.better is None
    assert networks.model is network
    assert ADAPTED in session.notes[-1]


def test_it_needs_three_examples(folder):
    session = session_of(folder)
    with pytest.raises(Conflict, match="this needs 3 examples"):
        want_better(session, "normal")


def test_the_real_search_runs_on_painted_pictures(session):
    class Bright(nn.Module):
        def forward(self, query, images, masks):
            return (query - 0.5) * 40

    shares = []
    want_better(session, "normal")
    Networks(session, Bright(), "cpu").improve(Supports(session), SMALL, shares.append)
    assert "on your 4 examples" in session.trial[0]
    assert any(line.startswith("refine: ") for line in session.trial)
    assert shares == sorted(shares)
    assert shares[-1] == 1
