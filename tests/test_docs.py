"""The documentation: Python blocks run, commands parse, names, links and tables hold."""

import contextlib
import functools
import hashlib
import importlib.util
import inspect
import io
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from motions import FOCAL, SIZE, walk
from paths import ROOT

from tcpformer import H36M, Lifter, Motion2D, cli, open_video, save
from tcpformer.cli import train as train_verb
from tcpformer.io.video import write_video

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SLOW = {"export.md"}
"""Pages whose blocks take more than 5 s."""
FOREIGN_OPTIONS = {
    *("--index-url", "--shm-size", "--config", "--hardware"),
    *("--again", "--hours", "--inputs", "--jobs", "--kills", "--network", "--only", "--seed"),
    *("--clients", "--minutes", "--moved", "--real", "--soak"),
}
"""Options in inline code of other programs and of scripts, and groups of options."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, first line, content, and why it does not run."""

    language: str
    line: int
    text: str
    skipped: bool


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    fence = r"^(<!-- no-run: .+? -->\n)?```(\w*)\n(.*?)^```$"
    return [
        Block(m[2], text[: m.start(3)].count("\n"), m[3], m[1] is not None)
        for m in re.finditer(fence, text, flags=re.MULTILINE | re.DOTALL)
    ]


def runnable(page: Path) -> list[Block]:
    return [
        block
        for block in blocks(page)
        if block.language == "python" and not block.skipped and "--8<--" not in block.text
    ]


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the commands in the shell blocks of a page, as words."""
    for block in blocks(page):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield words


def arguments_of(words: list[str]) -> list[str] | None:
    """Return what follows `tcpformer` in a command, or None if it runs another program."""
    for i, word in enumerate(words):
        if word in ("tcpformer", ".venv/bin/tcpformer", "tcpformer.cli"):
            return words[i + 1 :]
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages name: a short video, keypoints, a lifted motion."""
    folder = tmp_path_factory.mktemp("docs")
    video = open_video(ROOT / "assets/sample.mp4")
    write_video(folder / "dance.mp4", islice(video.frames(), 4), video.fps)
    motion = walk(40)
    person = Motion2D(motion.xy, motion.confidence, SIZE, motion.fps, H36M, focal=FOCAL)
    keys = {"confidence": person.confidence, "fps": 30.0, "size": SIZE, "joints": H36M.joints}
    np.savez(folder / "keypoints.npz", xy=person.xy, **keys)  # type: ignore[arg-type]
    np.savez(folder / "recording.npz", pixels=motion.xy, millimetres=1000 * motion.camera_xyz)
    for made in ("mine", "out/person_0"):
        (folder / made).mkdir(parents=True)
    save(Lifter("fast")(person), folder / "out/person_0/motion.npz")
    return folder


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.name in SLOW else [])
        for page in PAGES
        if runnable(page)
    ],
)
def test_python_blocks_run(
    page: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in runnable(page):
        code = compile("\n" * block.line + block.text, name(page), "exec")
        exec(code, namespace)


def test_included_files_exist() -> None:
    included = [
        file for page in PAGES for file in re.findall(r'--8<-- "(.+?)"', page.read_text("utf-8"))
    ]
    assert {"examples/lift_video.py", "examples/new_model.py"} <= set(included)
    assert [file for file in included if not (ROOT / file).is_file()] == []


def parsed_only(verb: Callable[..., Any]) -> Callable[..., None]:
    """Return a function with the signature and the help of a verb that does nothing."""

    @functools.wraps(verb)
    def stub(*args: object, **kwargs: object) -> None:
        inspect.signature(verb).bind(*args, **kwargs)

    return stub


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """The command line without the work."""
    for table in ("VERBS", "DATA_VERBS"):
        verbs = getattr(cli, table)
        monkeypatch.setattr(cli, table, {key: parsed_only(verb) for key, verb in verbs.items()})
    for function in ("train", "check_writable", "prepare_training"):
        monkeypatch.setattr(train_verb, function, lambda *args, **kwargs: None)
    monkeypatch.setenv("RANK", "1")  # of several processes only the first prints
    return cli.main


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(map(arguments_of, commands(page)))], ids=name
)
def test_tcpformer_commands_parse(page: Path, parser: Callable[[list[str]], None]) -> None:
    for words in commands(page):
        arguments = arguments_of(words)
        if arguments is not None:
            try:
                parser(arguments)
            except SystemExit as stopped:
                pytest.fail(f"{name(page)}: {shlex.join(words)} ends with {stopped.code}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_other_commands_exist(page: Path) -> None:
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands(page):
        command = shlex.join(words)
        match words:
            case ["make", target]:
                assert target in targets, command
            case [python, "-m", module, *options] if python.endswith("python"):
                if module.startswith("research."):
                    check_options(ROOT / f"{module.replace('.', '/')}.py", options)
            case [python, script, *options] if python.endswith("python"):
                check_options(ROOT / script, options)
        for wanted in re.findall(r"\.\[([\w,]+)\]", command):
            assert set(wanted.split(",")) <= set(extras), command


def check_options(script: Path, words: list[str]) -> None:
    assert script.is_file(), script
    source = script.read_text(encoding="utf-8")
    for option in (word for word in words if word.startswith("--")):
        assert option in source or option[2:].replace("-", "_") in source, f"{script}: {option}"


@pytest.fixture(scope="module")
def options() -> set[str]:
    """All options of the command line."""
    lines = [[verb] for verb in cli.VERBS if verb not in cli.GROUPS]
    lines += [["data", verb] for verb in cli.DATA_VERBS]
    lines += [["train", "open"], ["train", "own", "--model", "pose-transformer"]]
    return {option for line in lines for option in help_options(line)}


def help_options(arguments: list[str]) -> set[str]:
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit):
        cli.main([*arguments, "--help"])
    return set(re.findall(r"--[a-z][\w.-]*", printed.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_in_sentences_exist(page: Path, options: set[str]) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", text)
    found = {option for span in spans for option in re.findall(r"(?<![\w-])--[a-z][\w.-]*", span)}
    assert found - options - FOREIGN_OPTIONS == set()


def test_new_names_in_the_changelog_are_options(options: set[str]) -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    cells = [row.split("|")[-2] for row in text.splitlines() if row.startswith("| ")]
    found = {option for cell in cells for option in re.findall(r"`(--[a-z][\w.-]*\w)", cell)}
    assert "--config.lr" in found
    assert found - options - FOREIGN_OPTIONS == set()


def test_changelog_says_what_old_options_are_now() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z, ]+) \| (`--.+?`) \| (`--.+?`) \|$", text, re.MULTILINE)
    listed = {
        (verb, old): new
        for verbs, before, now in rows
        for verb in verbs.split(", ")
        for old, new in zip(before.split(", "), now.split(", "), strict=True)
    }
    renamed = {
        (verb, f"`{old}`"): f"`{new}`"
        for verb, options in cli.OLD_OPTIONS.items()
        for old, new in options.items()
        if not old.startswith("--no-")
    }
    assert {key: listed.get(key) for key in renamed} == renamed


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_linked_files_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_file_paths_in_sentences_exist() -> None:
    folders = "src|tests|tools|benchmarks|examples|research|docs|assets"
    pattern = rf"`(?:python )?((?:{folders})/[\w/.-]+\.\w+)"
    current = [page for page in PAGES if "history" not in page.parts]
    paths = {path for page in current for path in re.findall(pattern, page.read_text("utf-8"))}
    rooms = (
        "detect|io|lifting|models|runtime|tracking|filtering|world|postprocess|datasets|training"
    )
    modules = {
        f"src/tcpformer/{path}"
        for page in current
        for path in re.findall(rf"`((?:{rooms})/[\w/]+\.py)`", page.read_text("utf-8"))
    }
    assert [path for path in sorted(paths | modules) if not (ROOT / path).exists()] == []


def test_table_of_keys_is_what_a_motion_file_holds(folder: Path) -> None:
    page = (ROOT / "docs/formats-and-axes.md").read_text(encoding="utf-8")
    section = page.split("## motion.npz")[1].split("| key of `provenance`")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, flags=re.MULTILINE)
    with np.load(folder / "out/person_0/motion.npz") as file:
        assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(file.files)


@pytest.mark.parametrize("weights", ["default", "fast"])
def test_model_card_has_sha256_of_weights(weights: str) -> None:
    file = ROOT / "src/tcpformer/packaged" / weights / "model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    card = (ROOT / "docs/model-card.md").read_text(encoding="utf-8")
    assert f"| sha256 `{weights}` | `{digest}` |" in card


def test_drawing_names_every_joint_in_order() -> None:
    drawing = (ROOT / "docs/figures/joints.svg").read_text(encoding="utf-8")
    assert [f">{i} {joint}<" in drawing for i, joint in enumerate(H36M.joints)] == [True] * 17


def test_blocks_find_language_and_reason(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- no-run: why -->\n```python\nx\n```\n\n```sh\nls\n```\n")
    assert blocks(page) == [Block("python", 3, "x\n", True), Block("sh", 7, "ls\n", False)]


@pytest.mark.parametrize("arguments", [["lift"], ["lift", "a.mp4", "--bogus"], ["nothing"]])
def test_parser_refuses_wrong_commands(
    arguments: list[str], parser: Callable[[list[str]], None]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser(arguments)
    assert stopped.value.code == 2


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_docs", ROOT / "tools/refresh_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_use_every_table_that_the_tool_makes(refresh: ModuleType) -> None:
    used = [x for page in PAGES for x in re.findall(r"<!-- table: (.*?) -->\n\n", page.read_text())]
    assert set(used) == set(refresh.TABLES)


def test_tables_are_made_from_measured_commands(refresh: ModuleType, tmp_path: Path) -> None:
    known = refresh.commands(tmp_path / "open.npz", tmp_path)
    for make in refresh.TABLES.values():
        with pytest.raises(FileNotFoundError) as missing:
            make(tmp_path)
        assert Path(missing.value.filename).stem in known


def test_filled_changes_only_measured_tables(refresh: ModuleType, tmp_path: Path) -> None:
    block = "<!-- table: {} -->\n\n| old |\n\n<!-- end -->\n"
    page = "One\n" + block.format("cost") + "two\n" + block.format("worst")
    assert refresh.fill_tables(page, tmp_path) == page
    (tmp_path / "cost.txt").write_text("before\n| a | b |\n|---|---|\n| 1 | 2 |\nand after\n")
    new = refresh.fill_tables(page, tmp_path)
    assert new == page.replace("| old |", "| a | b |\n|---|---|\n| 1 | 2 |", 1)
    assert refresh.fill_tables(new, tmp_path) == new
    with pytest.raises(ValueError, match="no table 'speed'"):
        refresh.fill_tables(page.replace("cost", "speed"), tmp_path)
