"""The page."""

from __future__ import annotations

from fastapi import FastAPI

from nearedge.web.state import State


def add_page(app: FastAPI, state: State) -> None:
    """Add the page to an application."""
