from dataclasses import replace

import numpy as np
import pytest
from bright_ellipses import SIDE, example, examples_of, good, picture, prepared

from universeg.imageio.image import ImageError
from universeg.prediction.check.findings import Fix
from universeg.prediction.check.query_doctor import QueryDoctor, answer_findings
from universeg.prediction.check.support_doctor import support_findings
from universeg.prediction.labels import labels_of


def inverted(image):
    return replace(image, labels=(image.labels == 0).astype(image.labels.dtype))


def negative(image):
    return replace(image, images=255 - image.images, digest="another")


def told(*images):
    return [str(finding) for finding in support_findings(examples_of(*images))]


def test_nothing_is_wrong_with_good_examples():
    assert told(*good().images) == []
    assert QueryDoctor(good().images).findings(example(20)) == []


def test_all_masks_inverted():
    (finding,) = support_findings(examples_of(*map(inverted, good().images)))
    assert "all 8 masks look inverted: they mark 90% of the image" in str(finding)
    assert finding.fix == Fix("invert", tuple(range(8)))


def test_one_mask_inverted_is_named():
    first, *others = good().images
    (finding,) = support_findings(examples_of(inverted(first), *others))
    assert str(finding).startswith("1 of 8 masks look inverted: 0.png: ")
    assert finding.fix == Fix("invert", (0,))


def test_background_may_be_a_structure():
    images = [replace(image, labels=np.where(image.labels == 0, 2, 1).astype(np.uint8)) for image in good().images]
    several = replace(examples_of(*images), labels=labels_of([1, 2], {}))
    assert not [one for one in support_findings(several) if one.fix]


def test_masks_of_other_images():
    images = good().images
    wrong = [replace(image, labels=images[(at + 3) % 8].labels) for at, image in enumerate(images)]
    assert any("seem to belong to other images" in line and "0.png with that of 5.png" in line for line in told(*wrong))


def test_two_masks_exchanged():
    first, second, *others = good().images
    exchanged = replace(first, labels=second.labels), replace(second, labels=first.labels)
    assert any("the masks of 0.png and 1.png seem to be exchanged" in line for line in told(*exchanged, *others))


def test_an_example_with_inverted_grey_levels():
    first, *others = good().images
    assert any("0.png: dark and bright look exchanged" in line for line in told(negative(first), *others))


@pytest.mark.parametrize("count", [2, 3])
def test_examples_of_two_contrasts_are_named_by_the_smaller_kind(count):
    images = good().images
    mixed = [negative(image) for image in images[:count]] + list(images[count:])
    names = ", ".join(f"{number}.png" for number in range(count))
    assert [line for line in told(*mixed) if "dark and bright" in line] == [
        f"the examples are of two kinds, with dark and bright exchanged: {names} against the other {8 - count};"
        " use examples of the kind of the images to segment"
    ]
    three = [negative(image) for image in images[:2]] + list(images[2:4])
    assert not any("two kinds" in line for line in told(*three)), "too few to say"


def test_the_same_image_twice():
    images = good().images
    finding = support_findings(examples_of(*images, replace(images[2], name="again.png")))[0]
    assert "2.png and again.png" in str(finding)
    assert finding.fix == Fix("leave out", (8,))


def test_empty_full_and_equal_masks():
    first, second, third = good(3).images
    empty = replace(first, labels=first.labels * 0)
    full = replace(second, labels=np.ones_like(second.labels))
    lines = told(empty, full, third)
    assert not any("look inverted" in line for line in lines), "inverted, a full mask would be empty"
    assert any("1 of 3 support masks are empty" in line and "folder/0.png" in line for line in lines)
    assert any("1 of 3 support masks mark nearly the whole image: folder/1.png" in line for line in lines)
    same = [replace(image, labels=third.labels) for image in (first, second, third)]
    assert any("all support masks are the same" in line for line in told(*same))
    with pytest.raises(ImageError, match="all support masks are empty"):
        support_findings(examples_of(empty, empty))
    with pytest.raises(ImageError, match="all support masks mark the whole image"):
        support_findings(examples_of(full, full))


def test_notes_of_many_files_are_told_once():
    images = [replace(image, notes=(f"it has {at} grey levels",)) for at, image in enumerate(good().images)]
    assert told(*images) == ["folder/0.png: it has 0 grey levels (8 files are like this)"]


def test_queries():
    doctor = QueryDoctor(good().images)

    def lines(query):
        return "; ".join(map(str, doctor.findings(query)))

    assert "also in the support set (folder/3.png)" in lines(example(3))
    noisy = (picture(3)[0] * 0.95 + 3).astype(np.uint8)
    assert "also in the support set (folder/3.png)" in lines(prepared(noisy)), "saved again in another way"
    assert "dark and bright look exchanged" in lines(negative(example(20)))
    assert "check that it is not a mask" in lines(prepared(picture(20)[1] * np.uint8(255)))
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
    assert "unlike the examples" in lines(prepared(noise))


def test_examples_and_inverted_images_do_not_count_for_all_together():
    doctor = QueryDoctor(good().images)
    for query in (example(20), example(20), example(21), negative(example(22)), example(3)):
        doctor.findings(query)
    assert [*doctor.seen] == ["folder/20.png", "folder/21.png"], "and of the frames of a film only the first"


def test_a_picture_that_stands_where_all_examples_lie():
    lying = [prepared(picture(number)[0][:40], picture(number)[1][:40]) for number in range(4)]
    standing = prepared(np.rot90(picture(20)[0][:40]))
    says = "higher than wide, and all examples are wider than high"
    assert any(says in str(finding) for finding in QueryDoctor(lying).findings(standing))
    assert not any(says in str(finding) for finding in QueryDoctor(lying).findings(prepared(picture(21)[0][:40])))
    mixed = [prepared(np.rot90(picture(9)[0][:40]), np.rot90(picture(9)[1][:40])), *lying]
    assert not any(says in str(finding) for finding in QueryDoctor(mixed).findings(standing))


def test_an_answer_of_a_size_that_no_example_has():
    support = good().images
    usual = support[0].labels.astype(np.uint8)
    assert answer_findings(usual, support) == []
    tiny = np.zeros_like(usual)
    tiny[0, :3, :3] = 1
    assert "much smaller" in str(answer_findings(tiny, support)[0])
    assert "much larger" in str(answer_findings(np.ones_like(usual), support)[0])
    assert answer_findings(tiny * 0, support) == [], "an empty answer has a warning of its own"


def test_a_picture_of_another_stain():
    tints = [(0.38 + 0.002 * (number % 3), 0.31 - 0.002 * (number % 2)) for number in range(8)]
    stained = [replace(image, tint=tint) for image, tint in zip(good().images, tints, strict=True)]
    says = "its colours are unlike the examples"

    def lines(tint, support=stained):
        return "; ".join(map(str, QueryDoctor(support).findings(replace(example(20), tint=tint))))

    assert says in lines((0.38, 0.25))
    assert says in lines((0.45, 0.31))
    assert says not in lines((0.40, 0.31))
    assert says not in lines(None)
    assert says not in lines((0.38, 0.25), stained[:3])
    many = [replace(image, tint=(0.3 + 0.03 * number, 0.3)) for number, image in enumerate(stained)]
    assert says not in lines((0.52, 0.3), many), "the examples differ as much"


def test_an_answer_of_an_unusual_size_where_all_examples_have_nearly_the_same():
    support = good().images
    sizes = [(image.labels != 0).mean() for image in support]
    large = np.zeros_like(support[0].labels[0], np.uint8)
    large.ravel()[: int(3.2 * np.median(sizes) * large.size)] = 1
    (finding,) = answer_findings(large[None], support)
    assert "times larger than is usual in the examples" in str(finding)
    assert answer_findings(large[None], support[:5]) == [], "five say too little of what is usual"


def test_no_size_is_unusual_for_a_slice_of_a_volume():
    """A single slice of a volume has another share of the structure than the mean of all its slices."""
    support = [replace(image, axis=2) for image in good().images]
    assert answer_findings(np.ones_like(support[0].labels, np.uint8), support) == []
