"""What goes in and comes out, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from nearedge.web.arrays import Arrays

Interval = list[float]


class Environment(BaseModel):
    """The class of a site, were the sample of one kind."""

    label: str
    probabilities: dict[str, float]
    set: list[str] | None = Field(description="Environments of the prediction set")
    coverage: float | None


class Ratio(BaseModel):
    """Overall composition of a sample: atoms of the neighbour elements for one absorber."""

    neighbours: list[str]
    absorber: str
    mean: float
    interval: Interval | None


class Coordination(BaseModel):
    """The average coordination number."""

    mean: float
    interval: Interval | None = Field(description="Lower and upper end")
    coverage: float | None
    ratio: Ratio | None = Field(None, description="Where the label scheme defines it")


class Composition(BaseModel):
    """Fractions of sites in each environment."""

    fractions: dict[str, float]
    intervals: dict[str, Interval] | None
    coverage: float | None


class NoveltyEntry(BaseModel):
    """How far the spectrum is from everything the model was trained on."""

    p_value: float | None
    flag: bool
    reason: str


class PredictionEntry(BaseModel):
    """What the model says of one spectrum; further keys may come in later versions."""

    file: str
    scan: str | None
    status: Literal["ok", "abstained", "error"]
    environment: Environment | None
    coordination: Coordination | None
    novelty: NoveltyEntry | None
    alignment: dict[str, float | None] | None
    message: str
    preparation: list[dict[str, Any]] | None
    sensitivity: dict[str, Any] | None
    composition: Composition | None
    why: dict[str, Any] | None = Field(
        description="Energies that decided, and the library's nearest sites"
    )
    header: dict[str, Any]


class ModelEntry(BaseModel):
    """A model that can answer."""

    name: str
    absorber: str
    edge: str
    classes: list[str]
    grid: dict[str, float]
    library: dict[str, Any]
    held_out: dict[str, Any] = Field(description="Figures on sites the training never saw")
    card: str = Field(description="The model's card, in Markdown")


class Health(BaseModel):
    """State of the server."""

    status: Literal["ok"]
    version: str
    workers: int
    replaced: int = Field(description="Workers that died and were replaced")
    waiting: int = Field(description="Requests that no worker has taken yet")


class Error(BaseModel):
    """Why there is no answer."""

    error: str


_REASONS = {
    401: "The server asks for its token",
    403: "The request comes from a page of another site, or asks for another host",
    413: "Too many or too large files, or too many spectra",
    415: "Neither a form nor JSON",
    422: "The request is not as described here, or took a worker to its limits",
    503: "Too many requests are waiting",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": Error, "description": reason} for code, reason in _REASONS.items()
}

_ENERGIES = [round(-5.0 + 2.0 * i, 1) for i in range(16)]
_INTENSITIES = [0.0, 0.0, 0.1, 0.9, 0.7, 0.9, 1.2, 1.0, 0.9, 1.0, 1.1, 1.0, 0.9, 0.9, 0.9, 0.9]

PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                        "description": "Files with spectra, in any readable format; 200 at most",
                    }
                },
            },
        },
        "application/json": {
            "schema": Arrays.model_json_schema(ref_template="#/components/schemas/{model}"),
            "example": {
                "spectra": [
                    {
                        "name": "scan 7",
                        "energy_eV": _ENERGIES,
                        "intensity": _INTENSITIES,
                        "axis": "relative",
                    }
                ]
            },
        },
    },
}
# OpenAPI keeps all schemas in one place, and this one is written by hand.
PARTS: dict[str, Any] = PREDICT_BODY["content"]["application/json"]["schema"].pop("$defs")
