"""The page of the service: one HTML file that holds its scripts, and a policy that allows them."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..viz.viewer import page as viewer

HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; script-src {}"
)


@dataclass(frozen=True)
class Page:
    """A page and its content security policy."""

    html: str
    csp: str


def render_service_page() -> Page:
    """Return the page; its policy names its scripts by their sha256, so no other runs."""
    scene = (viewer.HERE / "bundle" / "scene.js").read_text("utf-8")
    script = (HERE / "service.js").read_text("utf-8")
    html = (HERE / "service.html").read_text("utf-8")
    for name, text in {"%SCENE%": scene, "%PAGE%": script}.items():
        before, after = html.split(name)
        html = before + text + after
    hashes = [hashlib.sha256(text.encode()).digest() for text in (scene, script)]
    sources = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    return Page(html, _POLICY.format(sources))
