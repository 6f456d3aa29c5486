"""Code written for the package that the paper's authors published runs unchanged."""

import subprocess
import sys

import pytest
import torch

import universeg as package
from universeg import UniverSeg, load_model, universeg
from universeg.model import authors_api

B, S, H, W = 2, 5, 32, 32


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return torch.rand(B, 1, H, W), torch.rand(B, S, 1, H, W), (torch.rand(B, S, 1, H, W) > 0.5).float()


def test_the_example_of_their_readme(tensors):
    target_image, support_images, support_labels = tensors
    model = universeg(pretrained=True)
    prediction = model(
        target_image,  # (B, 1, H, W)
        support_images,  # (B, S, 1, H, W)
        support_labels,  # (B, S, 1, H, W)
    )
    assert prediction.shape == (B, 1, H, W)
    assert prediction.min() < 0 < prediction.max(), "logits, not probabilities"
    by_keyword = model(target_image=target_image, support_images=support_images, support_labels=support_labels)
    assert torch.equal(prediction, by_keyword)
    assert torch.equal(prediction, load_model()(*tensors))


def test_what_projects_that_import_it_do(tensors, tmp_path):
    """Imports from both places, random weights by torch's seed, .to, .eval, frozen weights, their file of weights."""
    from universeg.model import universeg as from_module

    assert from_module is universeg
    torch.manual_seed(1)
    first = universeg(version="v1", pretrained=False)
    torch.manual_seed(1)
    again = universeg("v1", False)
    other = universeg()
    assert isinstance(first, torch.nn.Module)
    assert torch.equal(first(*tensors), again(*tensors))
    assert not torch.equal(first(*tensors), other(*tensors))
    torch.save(first.state_dict(), tmp_path / "theirs.pt")
    other.load_state_dict(torch.load(tmp_path / "theirs.pt", weights_only=True))
    for parameter in other.parameters():
        parameter.requires_grad = False
    with torch.no_grad():
        probabilities = torch.sigmoid(other.to("cpu").eval()(*tensors))
    torch.testing.assert_close(probabilities, torch.sigmoid(first(*tensors)))


def test_one_training_step_with_their_call(tensors):
    model = universeg().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = model.out_conv.conv.weight.clone()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(*tensors), torch.ones(B, 1, H, W))
    loss.backward()
    optimizer.step()
    assert not torch.equal(before, model.out_conv.conv.weight)


def test_the_weights_are_named_once(capsys, monkeypatch):
    monkeypatch.setattr(authors_api, "_noted", False)
    universeg(pretrained=True)
    assert "weights of this package" in capsys.readouterr().err
    universeg(pretrained=True)
    assert capsys.readouterr().err == ""


def test_the_published_weights_are_loaded_by_name(monkeypatch):
    asked = []
    monkeypatch.setattr(authors_api, "load_model", lambda *name: asked.append(name) or UniverSeg())
    universeg(pretrained="published")
    assert asked == [("published",)]


def test_an_unknown_version_is_refused():
    with pytest.raises(ValueError, match="unknown version 'v2'; known: v1"):
        universeg(version="v2")


def test_the_public_names_are_listed_and_nothing_heavy_is_loaded():
    assert {"Store", "UniverSeg", "load_model", "predict", "synth", "universeg"} <= set(dir(package))
    heavy = ("torch", "numpy", "nibabel")
    code = f"import sys, universeg; dir(universeg); sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_source_tree_without_installed_metadata_imports(tmp_path):
    (tmp_path / "universeg").symlink_to(package.__path__[0])
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import universeg; print(universeg.__version__)"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == package.__version__
