"""The command line: each verb is a typed function, and the parser is derived from it.

The only room that prints, by the functions of `_terminal`. Results go to stdout, progress and
errors to stderr; bad input ends in one sentence and exit code 2.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import tyro

from ._terminal import exit_on_sigterm, refuse_old_options, safe_streams, show, show_error
from .angles import angles
from .calibrate import OLD_OPTIONS as CALIBRATE_OLD_OPTIONS
from .calibrate import calibrate
from .compare import compare
from .convert import convert
from .data import check, h36m_sh, mocap, open_benchmark
from .evaluate import OLD_OPTIONS as EVALUATE_OLD_OPTIONS
from .evaluate import evaluate
from .export import OLD_OPTIONS as EXPORT_OLD_OPTIONS
from .export import export
from .formats import formats
from .info import info
from .lift import OLD_OPTIONS as LIFT_OLD_OPTIONS
from .lift import lift, refuse_expanded_pattern
from .live import live
from .plot import plot
from .quality import quality
from .serve import serve
from .view import view

DATA_VERBS: dict[str, Callable[..., Any]] = {
    "check": check,
    "mocap": mocap,
    "open": open_benchmark,
    "h36m-sh": h36m_sh,
}


def _train(arguments: Sequence[str]) -> None:
    """Train weights by a preset or by a configuration of your own."""
    from .train import run

    run(arguments)


def _data(arguments: Sequence[str]) -> None:
    """Prepare and check data sets."""
    _choose(DATA_VERBS, "tcpformer data", "Prepare and check data sets.", arguments)


GROUPS = {"train": _train, "data": _data}
"""Verbs that parse their own arguments."""
VERBS: dict[str, Callable[..., Any]] = {
    "lift": lift,
    "live": live,
    "convert": convert,
    "quality": quality,
    "angles": angles,
    "compare": compare,
    "plot": plot,
    "view": view,
    "serve": serve,
    "info": info,
    "formats": formats,
    "export": export,
    "evaluate": evaluate,
    **GROUPS,
    "calibrate": calibrate,
}
OLD_OPTIONS = {
    "lift": LIFT_OLD_OPTIONS,
    "evaluate": EVALUATE_OLD_OPTIONS,
    "calibrate": CALIBRATE_OLD_OPTIONS,
    "export": EXPORT_OLD_OPTIONS,
}
OLD_VERBS = {
    "ablate": "research.ablations",
    "contest": "research.equal_time",
    "attention": "research.attention_maps",
}
"""Verbs of version 0.1 -> the module that a clone of the repository has instead."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends in one sentence and exit code 2.

    Other exit codes: 0 if the results are written, also if printing failed; 1 for a defect, or if
    the printed text is the result and cannot be written; 130 and 143 after SIGINT and SIGTERM.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with safe_streams() as out, exit_on_sigterm():
        code = _exit_code(arguments)
    if code or (out.failed and out.is_result):
        raise SystemExit(code or 1)


def _exit_code(arguments: Sequence[str]) -> int:
    """Run a verb; print what is wrong, and return the exit code."""
    try:
        _run(arguments)
    except (ValueError, OSError, ImportError) as error:
        show_error(error, error)
        return 2
    except KeyboardInterrupt:
        show_error("stopped")
        return 130
    except Exception as error:
        show_error(
            f"unexpected {type(error).__name__}: {error}; this is a defect of the program. "
            "With TCPFORMER_DEBUG=1 in the environment, it prints where.",
            error,
        )
        return 1
    return 0


def _run(arguments: Sequence[str]) -> None:
    verb = arguments[0] if arguments else ""
    if verb == "--version":
        show(f"tcpformer {version('tcpformer')}")
        return
    if verb in OLD_VERBS:
        raise ValueError(
            f"{verb} is not a verb any more: in a clone of the repository, run "
            f"`python -m {OLD_VERBS[verb]}`."
        )
    refuse_old_options(arguments[1:], OLD_OPTIONS.get(verb, {}))
    if verb == "lift":
        refuse_expanded_pattern(arguments[1:])
    if verb in GROUPS:
        GROUPS[verb](arguments[1:])
    else:
        _choose(VERBS, "tcpformer", "Turn 2D keypoints of a video into 3D motion.", arguments)


def _choose(
    verbs: dict[str, Callable[..., Any]], prog: str, about: str, arguments: Sequence[str]
) -> None:
    tyro.extras.subcommand_cli_from_dict(verbs, prog=prog, description=about, args=arguments)
