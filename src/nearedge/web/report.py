"""A report of one answer on one sheet of paper, in one file that loads nothing and runs nothing."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import Environment

from nearedge import __version__
from nearedge.models import Model
from nearedge.pictures import draw_answer, portrait
from nearedge.series import Record
from nearedge.web.words import novelty_words, number_words, steps_words

_TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>nearedge: {{ shown.title }}</title>
<style>
@page { size: A4; margin: 16mm; }
body { font: 14px/1.45 Roboto, system-ui, "DejaVu Sans", sans-serif; color: #16202c;
       background: #fff; max-width: 46em; margin: 1.5em auto; padding: 0 1em; }
header { display: flex; justify-content: space-between; border-bottom: 2px solid #0b6e6e;
         padding-bottom: .4em; gap: 1em; }
header b { color: #0b6e6e; } header span { color: #55606e; overflow-wrap: anywhere; }
.number { font-size: 3.2em; font-weight: 700; line-height: 1.05; margin: .35em 0 0; }
.interval { font-size: 1.15em; color: #38424e; margin: 0 0 .8em; }
h2 { font-size: 1.05em; margin: 1.2em 0 .35em; }
table { border-collapse: collapse; width: 100%; } td.n, th.n { text-align: right; }
.above { margin: 1em 0 -.6em; } td.n { white-space: nowrap; }
th, td { text-align: left; padding: .2em .8em .2em 0; border-bottom: 1px solid #dde3ea; }
.columns { display: grid; grid-template-columns: 86mm 1fr; gap: 8mm; align-items: start; }
img { width: 85mm; } .faint { color: #55606e; } ol { padding-left: 1.3em; margin: 0; }
@media (max-width: 700px) { .columns { grid-template-columns: 1fr; } }
@media print { body { margin: 0; max-width: none; padding: 0; } .hint { display: none; } }
</style></head><body>
<header><b>nearedge</b><span>{{ shown.title }}</span></header>
{% if shown.coordination is not none %}<p class="faint above">Average coordination number</p>
{% endif %}<p class="number">{{ number[0] }}</p>
<p class="interval">{{ number[1] }}</p>
<div class="columns"><img alt="The spectrum over the library's bands, the energies that decided, and
the probability of each environment" src="data:image/png;base64,{{ picture }}">
<div>
{% if rows %}<h2>Environments</h2>
<table><tr><th>Environment</th><th class="n">Probability</th>
<th class="n">Fraction of sites</th></tr>
{% for label, p, share in rows %}<tr><td>{{ label }}</td><td class="n">{{ p }}</td>
<td class="n">{{ share }}</td></tr>{% endfor %}</table>
{% if members is not none %}<p>At {{ coverage }} one of: {{ members or "none" }}.</p>{% endif %}
{% endif %}
<h2>Like the library?</h2><p>{{ novelty }}</p>
{% if message %}<h2>To know</h2><p>{{ message }}</p>{% endif %}
</div></div>
{% if steps %}<h2>From the file to the model</h2><ol>{% for step in steps %}<li>{{ step }}</li>
{% endfor %}</ol>{% endif %}
<p class="faint">Model {{ name }}: {{ shown.absorber }} {{ shown.edge }} edge, trained on
{{ library.sites }} sites of {{ library.structures }} structures ({{ library.engine_version }}),
library {{ library.hash }}. nearedge {{ version }}.
<span class="hint">Print this page to make a PDF.</span></p>
</body></html>
"""


def report(record: Record, model: Model, name: str) -> str:
    """Write the report of an answer.

    Parameters
    ----------
    record
        As predicted.
    model
        That gave the answer.
    name
        Of the model.
    """
    shown = portrait(record, model)
    answer = record.prediction
    environment = answer.environment or {}
    rows = [
        (label, f"{p:.0%}", _share(shown.fractions.get(label)))
        for label, p in (environment.get("probabilities") or {}).items()
    ]
    members = environment.get("set")
    return (
        Environment(autoescape=True)
        .from_string(_TEMPLATE)
        .render(
            shown=shown,
            number=number_words(answer.to_dict()),
            picture=b64encode(_picture(record, model)).decode(),
            rows=rows,
            members=None if members is None else ", ".join(members),
            coverage=f"{environment.get('coverage') or 0:.0%}",
            novelty=novelty_words(answer.to_dict()),
            message=answer.message,
            steps=steps_words(answer.preparation),
            name=name,
            library=model.info["library"],
            version=__version__,
        )
    )


def _picture(record: Record, model: Model) -> bytes:
    with TemporaryDirectory(prefix="nearedge-report-") as folder:
        path = Path(folder) / "answer.png"
        draw_answer(path, record, model)
        return path.read_bytes()


def _share(found: tuple[float, float, float] | None) -> Any:
    if found is None:
        return ""
    mean, low, high = found
    return f"{mean:.0%}" + (f" ({100 * low:.0f}–{100 * high:.0f})" if low == low else "")
