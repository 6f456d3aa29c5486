import pytest

from universeg.imageio.image import ImageError
from universeg.prediction.pairing import find_pairs


def tree(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images/a.png", "masks/a.png"], [("images/a.png", "masks/a.png")]),
        (["images/a.jpg", "labels/a_seg.png"], [("images/a.jpg", "labels/a_seg.png")]),
        (["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"], [("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")]),
        (["imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b.nii.gz"], [("imagesTr/a.nii.gz", "labelsTr/a.nii.gz")]),
        (["a.png", "a_mask.png"], [("a.png", "a_mask.png")]),
        (["a.nii.gz", "a_gt.nii.gz"], [("a.nii.gz", "a_gt.nii.gz")]),
        (["a_0000.png", "a_label.png"], [("a_0000.png", "a_label.png")]),
        (["1.bmp", "1.png", "2.jpg", "2.png", "notes.csv", ".hidden.png"], [("1.bmp", "1.png"), ("2.jpg", "2.png")]),
        (["images/x_mask.png", "masks/x_mask.png"], [("images/x_mask.png", "masks/x_mask.png")]),
        (["a.png", "mask_a.png", "b.png", "Seg-b.png"], [("a.png", "mask_a.png"), ("b.png", "Seg-b.png")]),
        (["im0001.ppm", "im0001.ah.ppm"], [("im0001.ppm", "im0001.ah.ppm")]),
        (["images/x.ppm", "masks/x_manual.gif"], [("images/x.ppm", "masks/x_manual.gif")]),
        (["image/img_7.jpg", "mask/7.gif"], [("image/img_7.jpg", "mask/7.gif")]),
        (["images/a.b.png", "labels/a.b.c.png"], [("images/a.b.png", "labels/a.b.c.png")]),
        (
            ["images/1.png", "images/11.png", "masks/1_m.png", "masks/11_m.png"],
            [("images/1.png", "masks/1_m.png"), ("images/11.png", "masks/11_m.png")],
        ),
    ],
)
def test_usual_layouts(tmp_path, names, expected):
    pairs = find_pairs(tree(tmp_path, *names))
    assert [
        (str(p.image.relative_to(tmp_path)), *(str(m.relative_to(tmp_path)) for m in p.masks)) for p in pairs
    ] == expected
    assert not any(pair.structures for pair in pairs)


def test_accents_of_macos_and_of_other_systems_are_alike(tmp_path):
    composed, apart = "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"
    pairs = find_pairs(tree(tmp_path, f"images/{composed}.png", f"masks/{apart}.png"))
    assert [pair.masks for pair in pairs] == [(tmp_path / f"masks/{apart}.png",)]


def test_all_that_does_not_pair_up_is_listed_with_the_remedy(tmp_path):
    tree(tmp_path, "a.png", "b_mask.png", "c.bmp", "c.png", "c_mask.png", "d.png", "d_seg.png")
    with pytest.raises(ImageError) as error:
        find_pairs(tmp_path)
    text = str(error.value)
    assert "a.png: no mask" in text
    assert "b_mask.png: no image" in text
    assert "c.bmp with c.png, c_mask.png: which image and which mask?" in text
    assert "d.png" not in text
    assert "x.png and x_mask.png" in text


def test_two_images_of_one_name_are_not_chosen_between(tmp_path):
    tree(tmp_path, "images/a.png", "images/a.tif", "masks/a.png")
    with pytest.raises(ImageError, match=r"images/a.png, images/a.tif with masks/a.png: which image"):
        find_pairs(tmp_path)


def test_more_than_one_support_set_is_not_chosen_between(tmp_path):
    tree(tmp_path, "images/a.png", "masks/a.png", "labels/a.png", "b.png")
    with pytest.raises(ImageError, match=r"more than one support set \(images/ with masks/; images/ with labels/; 1"):
        find_pairs(tmp_path)


def test_no_folder_and_no_images(tmp_path):
    with pytest.raises(ImageError, match="no such folder"):
        find_pairs(tmp_path / "gone")
    with pytest.raises(ImageError, match=r"no images found .*\.nii\.gz"):
        find_pairs(tree(tmp_path, "images/a.png", "readme.txt"))


@pytest.mark.parametrize(
    "names",
    [
        ["images/a.png", "masks/a_1.png", "masks/a_2.png"],
        ["images/a.png", "masks/a/x.png", "masks/a/y.png"],
        ["s1/images/a.png", "s1/masks/x.png", "s1/masks/y.png"],
        ["a (1).png", "a (1)_mask.png", "a (1)_mask_1.png"],
    ],
)
def test_masks_of_single_objects_belong_to_one_image(tmp_path, names):
    (pair,) = find_pairs(tree(tmp_path, *names))
    assert str(pair.image.relative_to(tmp_path)) == names[0]
    assert sorted(str(mask.relative_to(tmp_path)) for mask in pair.masks) == sorted(names[1:])


@pytest.mark.parametrize("where", ["masks/", ""])
def test_a_folder_for_each_structure(tmp_path, where):
    names = [f"{where}{structure}/{image}.png" for structure in ("liver", "spleen") for image in "ab"]
    pairs = find_pairs(tree(tmp_path, "images/a.png", "images/b.png", *names))
    assert [pair.structures for pair in pairs] == [("liver", "spleen")] * 2
    assert [mask.relative_to(tmp_path).as_posix() for mask in pairs[1].masks] == [names[1], names[3]]


def test_pairs_that_only_numbers_make_are_shown_and_need_a_confirmation(tmp_path):
    tree(tmp_path, *(f"images/{n}_training.tif" for n in (21, 22)), *(f"masks/{n}_manual1.gif" for n in (21, 22)))
    with pytest.raises(ImageError) as error:
        find_pairs(tmp_path)
    assert "images/21_training.tif with masks/21_manual1.gif" in str(error.value)
    said = f"If these pairs are right, say where the masks are: --support-masks {tmp_path}/masks"
    assert str(error.value).endswith(said)
    pairs = find_pairs(tmp_path, str(tmp_path / "masks"))
    assert [(pair.image.name, pair.masks[0].name) for pair in pairs] == [
        (f"{n}_training.tif", f"{n}_manual1.gif") for n in (21, 22)
    ]


def test_two_observers_are_not_chosen_between_until_a_pattern_says_which(tmp_path):
    tree(tmp_path, *(f"I_0{n}L{tail}" for n in (1, 2) for tail in (".jpg", "_1stHO.png", "_2ndHO.png")))
    with pytest.raises(ImageError, match=r"I_01L\.jpg with I_01L_1stHO\.png, I_01L_2ndHO\.png: which image"):
        find_pairs(tmp_path)
    pairs = find_pairs(tmp_path, str(tmp_path / "*_2ndHO.png"))
    assert [(p.image.name, p.masks[0].name) for p in pairs] == [(f"I_0{n}L.jpg", f"I_0{n}L_2ndHO.png") for n in (1, 2)]
    with pytest.raises(ImageError, match=r"nothing\*: no such folder, and no image file matches"):
        find_pairs(tmp_path, str(tmp_path / "nothing*"))


def test_masks_of_other_images_in_the_folder_that_a_person_names_are_left_out_and_told(tmp_path):
    tree(tmp_path, "images/a.png", "images/b.png", "masks/a.png", "masks/b.png", "masks/other.png")
    told = list[str]()
    assert len(find_pairs(tmp_path, str(tmp_path / "masks"), told.append)) == 2
    assert told == ["masks without an image are left out: masks/other.png"]
    with pytest.raises(ImageError, match=r"masks/other\.png: no image"):
        find_pairs(tmp_path)
    tree(tmp_path, "images/c.png")
    with pytest.raises(ImageError, match=r"images/c\.png: no mask"):
        find_pairs(tmp_path, str(tmp_path / "masks"), told.append)
