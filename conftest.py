"""What is collected depends on what is installed."""

from __future__ import annotations

from importlib.util import find_spec

# The page needs an extra; `make test` runs without it.
collect_ignore_glob = [] if find_spec("nicegui") else ["src/nearedge/web/*"]
