"""What label files contain beyond the manifest's names, and what had to be decided: one row per group, not per scan."""

import numpy as np
import pytest
from PIL import Image
from workflow import run_stages

from pipeline import attrition
from pipeline.attrition import Dropped
from pipeline.build.label_remarks import MOST_VALUES, merged, remarks_of
from pipeline.config import Config
from pipeline.labels.findings import Findings

MANIFEST = """
name: Discs
title: Discs
domain: eye
homepage: null
citation: []
licence: {{name: null, research: unknown, commercial: unknown, redistribution: unknown}}
access: application
role: train
sources: [{{file: a.zip, get: somewhere}}]
groups:
  - name: all
    scans:
      - {{image: 'images/{{subject}}.png', modality: fundus, reader: raster, intensity: unit}}
    labels: {{kind: values, path: 'masks/{{subject}}.png', names: {names}}}
    axes: [0]
    expect: {{scans: 6, subjects: 6}}
"""
MASK = np.zeros((24, 30), np.uint8)
MASK[6:12, 8:20] = 1


def build(root, names: str = "{1: disc}", strict: bool = False, mask_of=lambda value: MASK * value) -> list[Dropped]:
    """Three masks of 1 and three of 255, through the stages; returns the rows that are not about slices."""
    for folder in ("images", "masks"):
        (root / "raw" / folder).mkdir(parents=True, exist_ok=True)
    for number in range(6):
        image = np.arange(24 * 30).reshape(24, 30) % 251
        Image.fromarray(image.astype(np.uint8)).save(root / f"raw/images/{number}.png")
        mask = mask_of(255 if number > 2 else 1)
        mask = mask if isinstance(mask, Image.Image) else np.roll(mask, number, axis=1)
        (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(root / f"raw/masks/{number}.png")
    (root / "Discs.yaml").write_text(MANIFEST.format(names=names))
    config = Config(root=root / "out", have={"Discs": root / "raw"}, resolution=16, chunks=2, strict=strict)
    run_stages(root / "Discs.yaml", config)
    return [row for row in attrition.read(root / "out/attrition.csv") if not row.label]


def test_values_without_a_name_are_one_unexpected_row(tmp_path, capsys):
    (row,) = build(tmp_path)
    assert "values without a name, which count as background: 255 (216 pixels in 3 files)" in row.reason
    assert (row.unexpected, row.samples, row.group) == (True, 216, "all")
    assert row.file.endswith("masks/3.png")
    assert "255 (216 pixels in 3 files)" in capsys.readouterr().err


def test_values_without_a_name_fail_a_strict_run(tmp_path):
    with pytest.raises(ValueError, match="Discs: 1 unexpected rows"):
        build(tmp_path, strict=True)


@pytest.mark.parametrize("background", ["[255]", "others"])
def test_values_that_the_manifest_expects_are_no_surprise(tmp_path, background):
    assert build(tmp_path, f"{{1: disc}}, background: {background}", strict=True) == []


def test_a_note_is_reported_once_for_all_files_and_does_not_fail_a_strict_run(tmp_path, capsys):
    def white_first(value: int) -> Image.Image:
        return Image.fromarray(MASK * 255).convert("RGB").quantize(2)

    row, same = build(tmp_path, "{255: disc}", strict=True, mask_of=white_first)
    assert same.reason == "the mask of disc is the same in all images of fundus, axis 0"
    assert row.reason.startswith("6 files; in the first, its palette does not begin with black")
    assert row.known
    assert "6 files; in the first, its palette" in capsys.readouterr().err


def test_masks_that_mark_everything_are_told(tmp_path):
    row, same = build(tmp_path, "{1: disc, 255: disc}", mask_of=lambda value: np.full_like(MASK, value))
    assert (same.reason, same.unexpected) == ("the mask of disc is the same in all images of fundus, axis 0", False)
    assert row.reason == "6 files; in the first, the mask of disc marks every sample of the image"
    assert not row.unexpected


def noticed(*notes: str, **unnamed: int) -> Findings:
    findings = Findings()
    for number, note in enumerate(notes):
        findings.note([note], f"{number}.png")
    findings.unnamed.update({(int(value[1:]), "0.png"): samples for value, samples in unnamed.items()})
    return findings


def test_notes_of_one_kind_are_one_row_that_is_no_surprise():
    notes = [f"it has {n} grey levels, so it was cut at half ({n / 2:g})" for n in range(200, 205)]
    scan = Dropped("all", "s1", reason="is empty")
    others, rows = merged([scan, *remarks_of("all", noticed(*notes, "its colours were used"))])
    assert others == [scan]
    assert [row.reason for row in rows] == [f"5 files; in the first, {notes[0]}", "its colours were used"]
    assert not any(row.unexpected for row in rows)


def test_a_label_file_of_several_modalities_counts_once():
    once = list(remarks_of("all", noticed(_7=100)))
    assert merged(once * 4)[1] == merged(once)[1]


def test_the_values_with_most_samples_are_listed_and_the_others_counted():
    values = {f"_{n}": 1000 - n for n in range(1, MOST_VALUES + 4)}
    ((row,),) = [merged(remarks_of("all", noticed(**values)))[1]]
    assert "background: 1 (999 pixels in 1 file), 2 (998" in row.reason
    assert row.reason.endswith("and 3 more")
    assert row.samples == sum(values.values())
