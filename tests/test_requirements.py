"""The lock of the base install: it fits bounds and constraints, with a sha256 of each file."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from paths import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([\w.-]+)==([\w.+!]+)", LOCK, re.MULTILINE))
NEEDED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


@pytest.mark.parametrize("text", NEEDED)
def test_lock_fits_the_bounds(text: str) -> None:
    requirement = Requirement(text)
    assert PINS[requirement.name] in requirement.specifier


def test_lock_fits_the_constraints() -> None:
    text = (ROOT / "constraints.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", text, re.MULTILINE))
    both = set(pinned) & set(PINS)
    assert {"numpy", "av", "scipy", "onnxruntime"} <= both
    assert {name: PINS[name].split("+")[0] for name in both} == {n: pinned[n] for n in both}


def test_lock_has_a_sha256_of_every_package() -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", LOCK)[1:]
    assert len(entries) == len(PINS) > len(NEEDED)
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
