"""Words: those that must not come back, and the verb with which a function's docstring begins.

`pytest tests/test_words.py -k world` checks one room.
"""

import ast
import re
from pathlib import Path

import pytest
from paths import ROOT

FOLDERS = ("src", "research", "tools", "benchmarks", "examples", "tests")
CODE = sorted(
    path for name in FOLDERS for path in (ROOT / name).rglob("*.py") if path != Path(__file__)
)
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*")))
    if path.suffix == ".md" and "history" not in path.parts
]

WORDS = (
    "said told asked somebody nobody everybody anybody whoever whom whomever whosoever likewise "
    "judge judges judged judging begun whence thence hitherto henceforth thereof whereof wherein "
    "amiss mend mended ought lest"
)
PHRASES = [
    "so many",
    "gone on with",
    "goes on with",
    "go on with",
    "became of",
    "becomes of",
    "as for a call",
    "one's own",
    "to be had",
    r"(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth) weights",
]
"""Plain words say the same: "requested" for asked, "n" or "this many" for so many, a date for an
ordinal of weights."""
PATTERN = re.compile(
    rf"(?<![a-z])(?:{'|'.join([*WORDS.split(), *PHRASES])})(?![a-z])", re.IGNORECASE
)

NAMES = (
    "Chain DEFAULT_CHAIN Sighting Pursuit Kept Growing Film Seen Machine Record Plan Spread Unsure "
    "WholePoses PoseLayers FrozenTCPFormer Convention ONWARD UNLIKE JUDGED_CLIPS begin wander "
    "rejoin halo unlike replacing sides_put_right hold_feet trodden"
)
"""Identifiers of version 0.1 that have a plainer name now; CONTRIBUTING.md has the glossary."""

VERBS = (
    "Accumulate Add Align Append Apply Assemble Assign Attend Average Bend Bind Blend Blur Bridge "
    "Bring Build Cache Calibrate Call Center Check Choose Clean Clear Clip Close Collect Combine "
    "Compare Compile Complete Compute Concatenate Configure Continue Convert Copy Correct Count "
    "Create Crop Cut Darken Decode Decompose Delete Describe Detach Detect Differentiate Disable "
    "Discard Divide Download Drain Draw Drop Ease Embed Enable Encode End Enforce Ensure Enter "
    "Estimate Evaluate Exchange Execute Exit Expand Export Express Extend Extract Extrapolate "
    "Fail Feed Fetch Fill Filter Find Finish Fit Fix Flatten Flip Follow Forget Format Fuse "
    "Gather Generate Get Give Group Handle Hash Hide Hold Import Index Infer Initialize Insert "
    "Integrate Interpolate Invert Iterate Join Keep Label Lay Let Lift Limit Link List Load "
    "Locate Lock Log Look Lower Make Map Mark Mask Match Maximize Measure Merge Minimize Mirror "
    "Mix Move Multiply Name Normalize Note Open Order Overwrite Pack Pad Parse Pass Pause Perturb "
    "Pick Place Plan Plot Pose Predict Prepare Print Process Produce Project Propose Prune Put "
    "Raise Rank Read Rebuild Record Recover Reduce Refine Refuse Register Reject Release Remove "
    "Rename Render Reorder Repeat Replace Report Require Resample Resize Resolve Restore Resume "
    "Retry Return Rewrite Rotate Round Run Sample Save Scale Scan Score Search Select Send "
    "Separate Set Shift Show Simplify Simulate Skip Smooth Solve Sort Split Stack Start State "
    "Stitch Stop Store Sum Summarize Suppress Swap Take Test Track Train Transform Transpose Trim "
    "Turn Undo Unpack Update Upsample Validate Verify Wait Warn Warp Weight Widen Wrap Write "
    "Yield"
)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def defined(tree: ast.AST) -> list[tuple[int, str]]:
    """Return line and name of every function, class, argument, variable and attribute."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.append((node.lineno, node.name))
            case ast.arg():
                found.append((node.lineno, node.arg))
            case ast.Name(ctx=ast.Store()):
                found.append((node.lineno, node.id))
            case ast.Attribute(ctx=ast.Store()):
                found.append((node.lineno, node.attr))
    return found


def is_property(node: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(each) for each in node.decorator_list)


def without_verb(tree: ast.AST) -> list[tuple[int, str]]:
    """Return line and first word of each function's docstring that begins with no known verb."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    docs = [(node, ast.get_docstring(node)) for node in functions if not is_property(node)]
    firsts = [(node.lineno, re.split(r"[\s,:;.]", doc)[0]) for node, doc in docs if doc]
    return [(line, word) for line, word in firsts if word not in VERBS.split()]


@pytest.mark.parametrize("path", [*CODE, *PAGES], ids=name)
def test_file_has_no_banned_word(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [
        f"{name(path)}:{number}: {match.group()!r} in: {line.strip()}"
        for number, line in enumerate(lines, 1)
        for match in PATTERN.finditer(line)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("path", CODE, ids=name)
def test_file_defines_no_old_name(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        f"{name(path)}:{line}: {each}" for line, each in defined(tree) if each in NAMES.split()
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "path", [path for path in CODE if name(path).startswith(("src/", "research/"))], ids=name
)
def test_docstring_of_function_begins_with_a_verb(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"{name(path)}:{line}: {word!r} begins it" for line, word in without_verb(tree)]
    assert not found, "\n" + "\n".join(found)


def test_pattern_finds_words_in_prose_and_identifiers() -> None:
    assert PATTERN.findall("so_said = f(was_told, Whoever); # so many") == [
        "said",
        "told",
        "Whoever",
        "so many",
    ]
    assert not PATTERN.findall("aforesaid judgement of an untold foundry")


def test_without_verb_finds_nouns() -> None:
    tree = ast.parse('def f():\n    """The sum."""\ndef g():\n    """Return it."""\n')
    assert without_verb(tree) == [(1, "The")]


def test_defined_finds_old_names() -> None:
    tree = ast.parse("class Seen:\n    pass\ndef begin(halo):\n    self.rejoin = 1\n")
    assert {each for _, each in defined(tree)} & set(NAMES.split()) == {
        "Seen",
        "begin",
        "halo",
        "rejoin",
    }
