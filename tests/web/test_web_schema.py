"""Whatever openapi.json allows is answered as it says, and whatever it does not is refused."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def described(server) -> Any:
    schemathesis = pytest.importorskip("schemathesis")
    return schemathesis.openapi.from_url(f"{server.address}/api/v1/openapi.json")


def test_the_interface_keeps_to_its_own_description(described) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode

    for result in described.get_all_operations():
        operation = result.ok()
        # A stream has no end that could be checked; test_web_api.py listens to it.
        if operation.path == "/api/v1/live" and operation.method.upper() == "GET":
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            # An operation without input has nothing that could be wrong.
            if mode is GenerationMode.NEGATIVE and operation.method.upper() == "GET":
                continue
            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=12,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases)
            def check(case) -> None:
                case.call_and_validate(timeout=60)

            check()
