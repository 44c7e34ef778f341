"""A page that holds everything it shows and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_STYLE = """
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; color: #222; background: #fff;
       max-width: 60em; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin: 0; }
h2 { font-size: 1em; margin: 1em 0 0.2em; }
ul { margin: 0; padding-left: 1.2em; }
p { margin: 0.2em 0; }
.faint { color: #666; overflow-wrap: anywhere; }
.warning { border-left: 4px solid #d55e00; padding-left: 0.7em; margin: 0.8em 0; }
@media print { body { margin: 0; } }
"""


def page(
    title: str,
    lines: Sequence[str],
    name: str,
    warning: str,
    figure: Figure | None,
    below: Sequence[str] = (),
) -> str:
    """Return a page: title, lines below it, name of the data, warning, figure, a headed list.

    Examples
    --------
    >>> text = page("No answer", [], "<scan>.xdi", "", None)
    >>> "&lt;scan&gt;.xdi" in text, "http://" in text
    (True, False)
    """
    body = [f"<h1>{escape(title)}</h1>"]
    body += [f"<p>{escape(line)}</p>" for line in lines]
    body.append(f'<p class="faint">{escape(name)}</p>')
    if warning:
        body.append(f'<p class="warning">{escape(warning)}</p>')
    if figure is not None:
        body.append(
            figure.to_html(
                full_html=False,
                include_plotlyjs=True,
                config={"displaylogo": False, "responsive": True},
            )
        )
    if below:
        head, *entries = below
        items = "".join(f"<li>{escape(entry).replace(chr(10), '<br>')}</li>" for entry in entries)
        body.append(f"<h2>{escape(head)}</h2>\n<ul>{items}</ul>")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )
