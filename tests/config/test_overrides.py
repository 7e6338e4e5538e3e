"""Overrides written into params.yaml keep it valid YAML, with its comments."""

from pathlib import Path

from lockstep.config.overrides import write_overridden
from lockstep.config.yaml_files import read_yaml

LAYERS = "train.augmentation=[{name: RandomTranslation, height_factor: 0.1, width_factor: 0.1}]"


def test_a_value_is_set_and_the_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("train:\n  epochs: 3   # passes over the data\n\nseed: 1\n")
    write_overridden(file, ["train.epochs=5"])
    assert file.read_text() == "train:\n  epochs: 5   # passes over the data\n\nseed: 1\n"


def test_an_empty_list_replaces_a_list_of_many_lines(tmp_path: Path, project: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text((project / "params.yaml").read_text())
    before = read_yaml(file)
    write_overridden(file, [LAYERS])
    assert read_yaml(file)["train"]["augmentation"][0]["name"] == "RandomTranslation"
    write_overridden(file, ["train.augmentation=[]"])
    assert read_yaml(file) == before
