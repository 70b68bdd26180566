"""What goes wrong, as an answer: `{"error": {"field", "message", "limit"}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from regard.errors import RegardError

RETRY_AFTER_S = 1
MISTAKE = "a mistake of the server's; its log says more"


class RefusedError(Exception):
    """A request that is not answered as asked: the HTTP status, what was wrong in which field, the limit passed."""

    def __init__(
        self, status: int, message: str, field: str | None = None, limit: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.limit = limit

    @staticmethod
    def of(error: RegardError, field: str | None = None) -> RefusedError:
        """A mistake of the user's."""
        return RefusedError(422, str(error), field)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        told = {"field": self.field, "message": self.message}
        return {"error": told if self.limit is None else told | {"limit": self.limit}}

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """As an answer; who was refused for want of room is told when to come again."""
        again = {"Retry-After": str(RETRY_AFTER_S)} if self.status == 503 else {}
        content = json.dumps(self.body())  # in ASCII: a name of a field may hold half a character
        return Response(content, self.status, {**(headers or {}), **again}, media_type="application/json")


def refused_for(errors: Sequence[Mapping[str, Any]], body: object) -> RefusedError:
    """What pydantic found wrong in a body; of several the one that lies deepest, which a union is sure of."""
    named = [(_field(error["loc"][1:], body), error) for error in errors]
    field, error = max(named, key=lambda one: one[0].count("[") + one[0].count("."))
    if error["type"] == "json_invalid":
        return RefusedError(422, f"expected JSON; {error['ctx']['error']} at character {error['loc'][-1]}")
    message = error["msg"][:1].lower() + error["msg"][1:]
    return RefusedError(
        422, f"{field}: {message}" if field else f"expected an object; {message}", field or None
    )


def _field(places: Sequence[str | int], body: object) -> str:
    """`interventions[0].step`; without the names that pydantic gives the members of a union."""
    name = ""
    for depth, place in enumerate(places):
        if isinstance(body, list) and isinstance(place, int):
            name += f"[{place}]"
            body = body[place] if place < len(body) else None
        elif isinstance(body, dict) and (place in body or depth == len(places) - 1):
            name += f".{place}" if name else str(place)
            body = body.get(place)
    return name
