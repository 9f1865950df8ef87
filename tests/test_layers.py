"""The architecture of the code: which room imports which, who prints, and who knows torch."""

import ast
from pathlib import Path

import pytest

import tcpformer

PACKAGE = Path(tcpformer.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

NOUNS = {"skeleton", "detections", "motion"}
ALLOWED: dict[str, set[str]] = {
    "checks": set(),
    "skeleton": set(),
    "detections": {"skeleton", "motion", "checks"},
    "motion": {"skeleton", "checks"},
    "lens": {"motion"},
    "files": set(),
    "result_folder": {"files"},
    "manifest": {"files", "result_folder"},
    "optional": set(),
    "weights": set(),
    "model_files": set(),
    "filtering": NOUNS,
    "tracking": NOUNS,
    "models": {"checks", "weights", "files", "result_folder", "model_files", "io"},
    "io": NOUNS | {"checks", "lens", "files", "optional", "filtering", "analysis"},
    "runtime": {"models", "weights", "files", "result_folder", "model_files", "optional"},
    "world": NOUNS | {"checks", "filtering"},
    "detect": NOUNS | {"io", "files", "model_files", "tracking"},
    "postprocess": NOUNS | {"filtering", "world"},
    "analysis": NOUNS | {"filtering", "world", "postprocess"},
    "viz": NOUNS | {"io", "analysis", "files", "optional", "postprocess", "tracking", "world"},
    "lifting": NOUNS
    | {"checks", "weights", "filtering", "world", "postprocess", "models", "runtime"},
    "options": {"checks", "io", "lens", "tracking", "viz", "world"},
    "pipeline": NOUNS
    | {
        "options",
        "result_folder",
        "manifest",
        "io",
        "detect",
        "tracking",
        "world",
        "lifting",
        "viz",
    }
    | {"checks", "runtime", "lens"},
    "datasets": NOUNS | {"files", "io", "optional", "lifting"},
    "evaluation": NOUNS
    | {"lifting", "datasets", "analysis", "models", "postprocess", "world", "files", "optional"}
    | {"result_folder"},
    "training": NOUNS
    | {"evaluation", "datasets", "lifting", "analysis", "models", "runtime", "weights"}
    | {"files", "optional"},
    "serve": NOUNS
    | {"pipeline", "detect", "tracking", "filtering", "world", "lifting", "analysis", "viz"}
    | {"io", "files", "result_folder", "manifest", "runtime", "weights", "optional"},
    "__init__": NOUNS
    | {"weights", "detect", "io", "lifting", "models", "options", "pipeline", "serve"},
}
"""Room -> rooms it may import. An entry that no import uses is an error, as is one too few."""

WITHOUT_TORCH = {
    *NOUNS,
    *("result_folder", "manifest"),
    *("lens", "files", "optional", "filtering", "tracking", "io", "world", "detect", "postprocess"),
    *("analysis", "viz", "datasets", "lifting", "weights"),
}
TENSORS = {"torch", "safetensors", "einops"}


def room(path: Path) -> str:
    """Return the room, or the module beside the rooms, that a file belongs to."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def reached(path: Path, node: ast.AST) -> list[str]:
    """Return what an import statement reaches, in full: "numpy", "tcpformer.motion"."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = ["tcpformer", *path.relative_to(PACKAGE).parts[:-1]]
    start = package[: len(package) + 1 - node.level] if node.level else []
    base = ".".join([*start, *([node.module] if node.module else [])])
    # "from . import motion" names modules, or names in __init__.
    return [f"{base}.{alias.name}" for alias in node.names] if base == "tcpformer" else [base]


def imports(path: Path) -> set[str]:
    """Return everything a file imports, inside functions too."""
    tree = ast.parse(path.read_text())
    return {full for node in ast.walk(tree) for full in reached(path, node)}


def is_room(name: str) -> bool:
    """Whether a name imported from the package is a module or a room, not a constant in it."""
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()


def rooms_imported(name: str) -> set[str]:
    """Return the other rooms that the files of one room import."""
    files = [path for path in MODULES if room(path) == name]
    full = {f.split(".")[1] for path in files for f in imports(path) if f.startswith("tcpformer.")}
    return {other if is_room(other) else "__init__" for other in full} - {name}


@pytest.mark.parametrize("name", sorted({room(path) for path in MODULES} - {"cli"}))
def test_room_imports_what_the_table_allows(name: str) -> None:
    assert name in ALLOWED, "a new room needs a row in the table"
    assert rooms_imported(name) <= ALLOWED[name]


@pytest.mark.parametrize("name", ALLOWED)
def test_table_allows_nothing_that_no_import_uses(name: str) -> None:
    used = rooms_imported(name)
    assert ALLOWED[name] - NOUNS <= used
    assert not ALLOWED[name] & NOUNS or used & NOUNS


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_torch_is_imported_only_where_the_table_allows(path: Path) -> None:
    tensors = {full.split(".")[0] for full in imports(path)} & TENSORS
    assert not tensors or room(path) not in WITHOUT_TORCH


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_the_command_line_prints(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} & {"print"}
    names |= {n.attr for n in nodes if isinstance(n, ast.Attribute)} & {"stdout", "stderr"}
    assert not names or room(path) == "cli"


def test_table_has_no_circles() -> None:
    for name in ALLOWED:
        seen: set[str] = set()
        to_see = set(ALLOWED[name])
        while to_see:
            seen |= to_see
            to_see = set().union(*(ALLOWED[other] for other in to_see)) - seen
        assert name not in seen


def test_reached_sees_every_form_of_import() -> None:
    source = (
        "import torch.nn as n\nfrom . import motion\nfrom ..io import a\nfrom .blaze import b\n"
        "from tcpformer.lifting import Lifter\nfrom tcpformer import world\n"
        "def f():\n    from ...x import y\n    import numpy\n"
    )
    at = PACKAGE / "detect" / "made_up.py"
    found = {full for node in ast.walk(ast.parse(source)) for full in reached(at, node)}
    assert {"torch.nn", "numpy", "tcpformer.io", "tcpformer.lifting"} <= found
    assert {"tcpformer.detect.blaze", "tcpformer.world", "tcpformer.detect"} <= found


def test_no_room_is_a_drawer_for_everything() -> None:
    names = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not names & {"utils", "common", "helpers", "core", "base", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_errors_quote_the_start_of_other_errors(path: Path) -> None:
    """Another library's error may quote a file whole; `brief` cuts it."""
    if room(path) not in {"io", "datasets", "models", "runtime", "detect"}:
        return
    tree = ast.parse(path.read_text())
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler)}
    quoted = [
        part.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "ValueError"
        for part in ast.walk(call)
        if isinstance(part, ast.FormattedValue)
        and isinstance(part.value, ast.Name)
        and part.value.id in names
    ]
    assert not quoted, f"lines {quoted}: write {{brief(error)}}"
