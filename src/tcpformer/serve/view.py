"""The live page: the picture of the camera and the people in 3D, served to this machine alone."""

import json
import re
from pathlib import Path

import cv2

from ..skeleton import Skeleton
from ..viz import figure
from ..viz.viewer.page import HERE as VIEWER
from ..viz.viewer.payload import describe_skeleton
from .live import LiveFrame
from .send import Image, frame_to_json
from .sockets import SocketServer

PAGE = Path(__file__).with_name("live.html")
HOST = "127.0.0.1"
WIDTH = 640
"""Pixels of the picture on the page, at most."""
QUALITY = 75
"""Of the JPEG."""


class LiveView:
    """Serves the page, and sends it every frame: a JPEG, then JSON.

    Args:
        skeleton: The joints of the people.
        port: 0 takes a free one.

    Raises:
        OSError: If the port is taken.
        ImportError: If websockets is missing.
    """

    def __init__(self, skeleton: Skeleton, port: int = 0) -> None:
        self.server = SocketServer(HOST, port, render_page(skeleton))

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{HOST}:{self.server.port}/"

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        """Show a frame on the pages that are open."""
        if not self.server.clients:
            return
        message = frame_to_json(frame)
        messages: list[str | bytes] = []
        if image is not None:
            message["size"] = [image.shape[1], image.shape[0]]
            messages.append(encode(image))
        for person in message["people"]:
            person["colour"] = figure.person_colour(person["id"])
        self.server.broadcast(*messages, json.dumps(message, separators=(",", ":")))

    def close(self) -> None:
        """Close the page's connection."""
        self.server.close()


def render_page(skeleton: Skeleton) -> str:
    """Return the page, which asks for nothing but the messages."""
    parts = {
        "SKELETON": json.dumps(describe_skeleton(skeleton)),
        "SCENE": (VIEWER / "bundle" / "scene.js").read_text("utf-8"),
    }
    return re.sub("%([A-Z]+)%", lambda name: parts[name[1]], PAGE.read_text("utf-8"))


def encode(image: Image) -> bytes:
    """Return a picture as a small JPEG."""
    height, width = image.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(round(height * WIDTH / width), 1))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
