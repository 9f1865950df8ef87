"""The architecture of the code: who may import whom, who prints, and who knows torch."""

import ast
from pathlib import Path

import pytest

import tcpformer

PACKAGE = Path(tcpformer.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

NUMBERS = {"motion", "skeleton"}
ALLOWED: dict[str, set[str]] = {
    # Nothing of ours.
    "files": set(),
    "skeleton": set(),
    "models": set(),
    "losses": set(),
    "muon": set(),
    "metrics": set(),
    "normalize": set(),
    "windows": set(),
    # Files appear whole or not at all: whoever writes or reads one may import `files`.
    "video": {"files"},
    "motion": {"skeleton", "files"},
    "track": NUMBERS,
    "repair": NUMBERS | {"filters"},
    "together": NUMBERS | {"ground"},
    "people": NUMBERS | {"track"},
    "keypoints": NUMBERS | {"files", "people"},
    # The links of the chain that finishes a motion, and the chain.
    "filters": set(),
    "outliers": NUMBERS | {"filters"},
    "bones": NUMBERS,
    "ground": NUMBERS | {"filters"},
    "contact": NUMBERS | {"filters", "ground"},
    "place": NUMBERS | {"filters", "ground"},
    "sigma": NUMBERS,
    "chain": NUMBERS | {"repair", "outliers", "filters", "bones", "place", "ground", "contact"},
    "scale": NUMBERS | {"chain", "ground", "place"},
    "focal": NUMBERS | {"filters", "ground", "normalize", "place"},
    "angles": NUMBERS,
    "compare": NUMBERS,
    "quality": NUMBERS | {"contact", "ground", "metrics"},
    "export": NUMBERS | {"files", "repair"},
    "view": NUMBERS | {"video", "files", "angles", "compare", "extras"},
    # Following a person is interleaved with detection.
    "detect": NUMBERS | {"video", "track", "people"},
    # Released checkpoints are described apart from the reading of files.
    "released": {"models"},
    "weights": {"models", "released", "files"},
    # A network that another runtime computes takes the place of ours.
    "lift": NUMBERS
    | {
        "normalize",
        "windows",
        "repair",
        "place",
        "chain",
        "focal",
        "scale",
        "sigma",
        "models",
        "together",
        "weights",
        "deploy",
        "memory",
    },
    "memory": set(),
    "extras": set(),
    "deploy": {"models", "weights", "files", "extras"},
    # Some data sets come as pickles, which are read without running them.
    "pickles": set(),
    "data": NUMBERS | {"normalize", "windows", "files", "pickles", "extras"},
    # A protocol says how 2D is normalised, clips are cut and poses are placed.
    "evaluate": NUMBERS
    | {"lift", "chain", "data", "metrics", "models", "weights", "files", "normalize", "place"}
    | {"windows", "sigma", "extras"},
    # Held-out people are lifted as a user lifts them.
    "calibrate": {"data", "deploy", "evaluate", "lift", "models", "sigma", "skeleton", "weights"},
    # Training: a plan; the clips it asks for; its folder; what it begins with and is judged by.
    "typed": set(),
    "recipes": {"models", "typed"},
    "machine": {"recipes", "extras"},
    "record": {"recipes", "machine", "files"},
    "sources": {"recipes", "data", "released", "skeleton"},
    "begin": {"muon", "recipes", "models", "weights"},
    "judge": {"recipes", "sources", "evaluate", "models", "metrics"},
    "train": {"recipes", "machine", "sources", "record", "begin", "judge", "models", "weights"}
    | {"losses", "memory"},
    "ablate": {"recipes", "machine", "train", "models", "lift", "weights", "evaluate", "files"}
    | {"begin", "record"},
    "contest": {"ablate", "recipes", "machine", "train", "models", "lift", "evaluate", "record"},
    # The names that a user imports.
    "__init__": NUMBERS | {"detect", "export", "lift", "video", "weights"},
}

WITHOUT_TORCH = {
    "data", "detect", "export", "files", "metrics", "motion", "normalize", "pickles", "place",
    "repair", "skeleton", "sources", "track", "typed", "video", "view", "windows", "angles",
    "compare", "quality", "together", "people", "keypoints", "filters", "outliers", "bones",
    "ground", "contact", "chain", "scale", "sigma", "memory", "extras",
}  # fmt: skip
TENSORS = {"torch", "safetensors", "einops"}


def name(path: Path) -> str:
    """The module, or the package in the package, that a file belongs to."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def _reached(path: Path, node: ast.AST) -> list[str]:
    """What an import statement reaches, in full: "numpy", "tcpformer.motion"."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = ["tcpformer", *path.relative_to(PACKAGE).parts[:-1]]
    start = package[: len(package) + 1 - node.level] if node.level else []
    base = ".".join([*start, *([node.module] if node.module else [])])
    # "from . import motion" names modules, or what is in __init__.
    return [f"{base}.{alias.name}" for alias in node.names] if base == "tcpformer" else [base]


def imports(path: Path) -> set[str]:
    """Everything a file imports, wherever in it, inside functions too."""
    tree = ast.parse(path.read_text())
    return {full for node in ast.walk(tree) for full in _reached(path, node)}


def ours(path: Path) -> set[str]:
    reached = {full.split(".")[1] for full in imports(path) if full.startswith("tcpformer.")}
    return {module if there(module) else "__init__" for module in reached} - {name(path)}


def there(module: str) -> bool:
    """Whether a name imported from the package is a module, or only a constant in it."""
    return (PACKAGE / f"{module}.py").exists() or (PACKAGE / module).is_dir()


@pytest.mark.parametrize("module", sorted({name(path) for path in MODULES} - {"cli"}))
def test_imports_point_one_way(module: str) -> None:
    reached = {m for path in MODULES if name(path) == module for m in ours(path)}
    assert module in ALLOWED, "a new module needs a row in the table"
    assert reached <= ALLOWED[module]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_some_know_torch(path: Path) -> None:
    known = {full.split(".")[0] for full in imports(path)} & TENSORS
    assert not known or name(path) not in WITHOUT_TORCH


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_the_command_line_prints(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text()))
    spoken = {node.id for node in tree if isinstance(node, ast.Name)} & {"print"}
    tree = ast.walk(ast.parse(path.read_text()))
    spoken |= {n.attr for n in tree if isinstance(n, ast.Attribute)} & {"stdout", "stderr"}
    assert not spoken or name(path) == "cli"


def test_the_table_has_no_circles() -> None:
    """What a module may import may never import it back, however far around."""
    for module in ALLOWED:
        seen: set[str] = set()
        to_see = set(ALLOWED[module])
        while to_see:
            seen |= to_see
            to_see = set().union(*(ALLOWED[m] for m in to_see)) - seen
        assert module not in seen


def test_the_parser_sees_every_way_to_import() -> None:
    source = (
        "import torch.nn as n\nfrom . import motion\nfrom ..video import a\nfrom .blaze import b\n"
        "from tcpformer.lift import Lifter\nfrom tcpformer import weights\n"
        "def f():\n    from ...x import y\n    import numpy\n"
    )
    at = PACKAGE / "detect" / "made_up.py"
    found = {full for node in ast.walk(ast.parse(source)) for full in _reached(at, node)}
    assert {"torch.nn", "numpy", "tcpformer.video", "tcpformer.lift"} <= found
    assert {"tcpformer.detect.blaze", "tcpformer.weights", "tcpformer.detect"} <= found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_are_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_there_is_no_drawer_for_everything() -> None:
    assert not {name(path) for path in MODULES} & {"utils", "common", "helpers", "core", "base"}
