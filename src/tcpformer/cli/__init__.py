"""The command line: each verb is a typed function, and the parser is made from it.

The only package that prints. Results go to stdout, progress and errors to stderr; bad input ends in
one sentence and exit code 2.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from .calibrate import calibrate
from .data import check, h36m_sh, mocap, open_benchmark
from .evaluate import ablate, attention, contest, evaluate
from .export import export
from .lift import info, lift, quality

DATA_VERBS: dict[str, Callable[..., Any]] = {
    "check": check,
    "mocap": mocap,
    "open": open_benchmark,
    "h36m-sh": h36m_sh,
}


def _train(arguments: Sequence[str]) -> None:
    """Train weights by a published recipe, or by a plan of your own."""
    from .train import run

    run(arguments)


def _data(arguments: Sequence[str]) -> None:
    """Prepare and check data sets."""
    _choose(DATA_VERBS, "tcpformer data", "Prepares and checks data sets.", arguments)


GROUPS = {"train": _train, "data": _data}
"""Verbs that read their own arguments."""
VERBS: dict[str, Callable[..., Any]] = {
    "lift": lift,
    "quality": quality,
    "info": info,
    "export": export,
    "evaluate": evaluate,
    **GROUPS,
    "calibrate": calibrate,
    "ablate": ablate,
    "contest": contest,
    "attention": attention,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends in one sentence and exit code 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(arguments)
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, BrokenPipeError) and _unread():
            raise SystemExit(1) from None
        print(f"tcpformer: {' '.join(str(error).split())}", file=sys.stderr)  # one line
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("tcpformer: stopped", file=sys.stderr)
        raise SystemExit(130) from None


def _run(arguments: Sequence[str]) -> None:
    try:
        if arguments and arguments[0] in GROUPS:
            GROUPS[arguments[0]](arguments[1:])
        else:
            _choose(VERBS, "tcpformer", "Turns the 2D joints of a video into 3D motion.", arguments)
    finally:
        sys.stdout.flush()  # now, when it can still be said that nobody reads


def _unread() -> bool:
    """Whether whoever read the output, such as `head`, has gone; it is then written to nobody."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _choose(
    verbs: dict[str, Callable[..., Any]], prog: str, about: str, arguments: Sequence[str]
) -> None:
    tyro.extras.subcommand_cli_from_dict(verbs, prog=prog, description=about, args=arguments)
