"""Build the scripts of the viewer: src/tcpformer/viz/viewer/src -> src/tcpformer/viz/viewer/bundle.

    python tools/build_viewer.py [FOLDER WITH node_modules]

Needs Node.js; without a folder, npm installs esbuild and three.js into a temporary one.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIEWER = Path(__file__).parents[1] / "src" / "tcpformer" / "viz" / "viewer"
PACKAGES = ("three@0.187.0", "esbuild@0.28.2")
SCRIPTS = {"scene": ["--global-name=TcpformerScene"], "main": []}
"""Entry -> its options of esbuild. The scene holds three.js, and other pages can use it alone."""
_ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)")


def main() -> None:
    if len(sys.argv) > 1:
        build(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, *PACKAGES]
        subprocess.run(install, check=True)
        build(Path(folder))


def build(folder: Path) -> None:
    """Bundle each entry, and copy the licence of three.js beside."""
    modules, bundle = folder / "node_modules", VIEWER / "bundle"
    bundle.mkdir(exist_ok=True)
    for name, options in SCRIPTS.items():
        target = bundle / f"{name}.js"
        command = [str(modules / ".bin" / "esbuild"), str(VIEWER / "src" / f"{name}.js")]
        command += ["--bundle", "--minify", "--format=iife", "--target=es2022", "--charset=utf8"]
        command += ["--legal-comments=inline", *options, f"--outfile={target}"]
        subprocess.run(
            command, check=True, env={"NODE_PATH": str(modules), "PATH": "/usr/bin:/bin"}
        )
        # The page names no address, not even in a comment of a shader.
        target.write_text(_ADDRESS.sub("", target.read_text("utf-8")), "utf-8")
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")
    sources = b"".join(path.read_bytes() for path in sorted((VIEWER / "src").glob("*.js")))
    (bundle / "sources.sha256").write_text(f"{hashlib.sha256(sources).hexdigest()}\n", "utf-8")
    shutil.copyfile(modules / "three" / "LICENSE", bundle / "LICENSE.three.js.txt")


if __name__ == "__main__":
    main()
