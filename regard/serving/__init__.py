"""Serve a model over HTTP: translate, trace, align, score, and a page for the browser. Needs the extra `serve`."""

from __future__ import annotations

from regard.serving.limits import Limits
from regard.serving.server import create_app, serve

__all__ = ["Limits", "create_app", "serve"]
