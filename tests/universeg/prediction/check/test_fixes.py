from pathlib import Path

import numpy as np
import pytest
from bright_ellipses import examples_of, good, picture
from PIL import Image, ImageFilter

from universeg.imageio.image import ImageError
from universeg.prediction.check.findings import Finding, Fix
from universeg.prediction.check.fixes import Sources, fixed_examples, fixed_sources, source_findings
from universeg.prediction.check.reading import read_examples
from universeg.prediction.examples import load_examples
from universeg.prediction.settings import Settings


@pytest.fixture
def folder(tmp_path):
    """`folder(change)` writes eight pairs, each mask (a Pillow image) after a change; returns them as Sources."""

    def make(change=lambda mask: mask, ending="png"):
        for number in range(8):
            image, mask = picture(number)
            Image.fromarray(image).save(tmp_path / f"{number}.{ending}")
            change(Image.fromarray(mask * np.uint8(255))).save(tmp_path / f"{number}_mask.{ending}")
        names = sorted(tmp_path.glob(f"?.{ending}"))
        return Sources(tuple(names), tuple(path.with_name(f"{path.stem}_mask.{ending}") for path in names))

    return make


def line(mask):
    inner = mask.filter(ImageFilter.MinFilter(3))
    return Image.fromarray(np.asarray(mask) & ~np.asarray(inner))


def load(sources):
    return load_examples(sources.images, sources.masks, Settings(size=64))


def test_good_files_are_left_alone(folder):
    sources = folder()
    assert source_findings(sources) == []
    checked = read_examples(sources, load, fix=True)
    assert checked.fixed == ()


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_exchanged_images_and_masks(folder, ending):
    right = folder(ending=ending)
    wrong = Sources(right.masks, right.images)
    with pytest.raises(ImageError, match=r"images and masks are exchanged: .* or use --fix"):
        read_examples(wrong, load, fix=False)
    checked = read_examples(wrong, load, fix=True)
    assert checked.fixed == ("exchanged images and masks: all examples",)
    assert np.array_equal(checked.examples.images[3].labels, load(right).images[3].labels)


def test_masks_that_were_drawn_at_another_size_are_resized(folder):
    right = load(folder())
    sources = folder()
    with Image.open(sources.masks[3]) as mask:
        small = mask.resize((mask.width // 2, mask.height // 2), Image.Resampling.NEAREST)
    small.save(sources.masks[3])
    with pytest.raises(ImageError, match="save the mask at the size of its image, or use universeg predict --fix"):
        read_examples(sources, load, fix=False)
    checked = read_examples(sources, load, fix=True)
    assert checked.fixed == ("resized the mask to the size of its image: 3.png",)
    own, other = checked.examples.images[3].labels != 0, right.images[3].labels != 0
    assert 2 * np.count_nonzero(own & other) > 0.9 * (np.count_nonzero(own) + np.count_nonzero(other))


def test_masks_of_other_proportions_are_refused_with_fix(folder):
    sources = folder()
    with Image.open(sources.masks[3]) as mask:
        narrow = mask.resize((mask.width // 2, mask.height))
    narrow.save(sources.masks[3])
    with pytest.raises(ImageError, match=r"save the mask at the size of its image$"):
        read_examples(sources, load, fix=True)


def test_outlines_are_filled(folder, tmp_path):
    sources = folder(line)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    told = read_examples(sources, load, fix=False)
    assert "all 8 masks are outlines" in str(told.findings[0])
    checked = read_examples(sources, load, fix=True)
    assert checked.fixed == ("filled the outlines: all examples",)
    for number, image in enumerate(checked.examples.images):
        assert np.array_equal(image.labels[0] > 0, picture(number)[1])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before, "files are never changed"


def test_inverted_masks_and_copies_are_fixed_when_read(folder):
    sources = folder(lambda mask: mask.point(lambda value: 255 - value))
    checked = read_examples(sources, load, fix=True)
    assert checked.fixed == ("exchanged inside and outside: all examples",)
    assert np.array_equal(checked.examples.images[0].labels[0] > 0, picture(0)[1])
    twice = Sources((*sources.images, Path(sources.images[0])), (*sources.masks, Path(sources.masks[0])))
    assert len(read_examples(twice, load, fix=True).examples.images) == 8


def test_padding_stays_outside_an_inverted_mask():
    image, mask = picture(1)
    wide = np.concatenate([image, image], axis=1)
    examples = load_examples([wide], [np.concatenate([~mask, ~mask], axis=1)], Settings(size=64))
    (found,) = fixed_examples(examples, [Finding("x", fix=Fix("invert", (0,)))]).images
    assert found.labels[0].mean() == pytest.approx(mask.mean() / 2, abs=0.02)


def test_no_fix_removes_the_last_example():
    one = examples_of(*good(1).images)
    assert len(fixed_examples(one, [Finding("x", fix=Fix("leave out", (0,)))]).images) == 1


def test_a_swap_of_several_masks_of_one_image_is_refused(folder):
    sources = folder()
    several = Sources(sources.images, tuple([mask, mask] for mask in sources.masks))
    with pytest.raises(ImageError, match="exchange the files"):
        fixed_sources(several, [Finding("x", fix=Fix("swap", (0,)))])
