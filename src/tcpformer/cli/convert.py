"""The verb `convert`: a motion in another format."""

from pathlib import Path
from typing import Annotated

import tyro

from ._terminal import show_written


def convert(
    motions: tyro.conf.Positional[tuple[Path, ...]],
    *,
    to: str | None = None,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
) -> None:
    """Write motions in another format; `tcpformer formats` lists them.

    Args:
        motions: Files that keep all of a motion: .npz, .json, .csv, .parquet or .glb.
        to: The format, such as glb or trc; each file gets a neighbor of this suffix. Several people
            of a file stay in one file where the format can hold them, else each gets their own.
        out: The one file to write, whose suffix is the format; people of all motions go into it.
    """
    from ..io import GROUP_WRITERS, check_writable_suffix, load, save

    if not motions or (to is None) == (out is None):
        which = [name for name, value in (("--to", to), ("-o", out)) if value is not None]
        raise ValueError(
            "expected at least one motion, and either --to FORMAT or -o FILE, got "
            f"{len(motions)} motions and {' and '.join(which) or 'neither'}."
        )
    if out is not None:
        check_writable_suffix(out.suffix, out.name)
        save([motion for path in motions for motion in load(path)], out)
        show_written(*_written(out))
        return
    suffix = check_writable_suffix(f".{str(to).lstrip('.')}", str(to))
    for path in motions:
        people, target = load(path), path.with_suffix(suffix)
        if target == path:
            raise ValueError(f"{path} is of that format already; give -o FILE to copy it.")
        if suffix in GROUP_WRITERS or len(people) == 1:
            save(people, target)
            show_written(*_written(target))
            continue
        for motion in people:
            own = target.with_stem(f"{target.stem}_{motion.person}")
            save(motion, own)
            show_written(own)


def _written(path: Path) -> list[Path]:
    """Return a file, and those that continue it if C3D split it."""
    more = sorted(path.parent.glob(f"{path.stem}_[0-9]*.c3d")) if path.suffix == ".c3d" else []
    return [path, *more]
