"""Errors as HTTP responses: `{"error": {"field", "message", "limit"}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from regard.errors import RegardError

RETRY_AFTER_S = 1
INTERNAL_ERROR = "internal server error; the server's log has the details"


class RequestError(Exception):
    """A request that cannot be answered: the HTTP status, what is wrong in which field, and the limit exceeded."""

    def __init__(
        self, status: int, message: str, field: str | None = None, limit: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.limit = limit

    @staticmethod
    def of(error: RegardError, field: str | None = None) -> RequestError:
        """Wrap a user's mistake that the library found, with status 422."""
        return RequestError(422, str(error), field)

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        detail = {"field": self.field, "message": self.message}
        return {"error": detail if self.limit is None else detail | {"limit": self.limit}}

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the HTTP response; a 503 says in Retry-After when to try again."""
        retry = {"Retry-After": str(RETRY_AFTER_S)} if self.status == 503 else {}
        content = json.dumps(self.body())  # in ASCII: a field's name may hold half of a surrogate pair
        return Response(content, self.status, {**(headers or {}), **retry}, media_type="application/json")


def validation_error(errors: Sequence[Mapping[str, Any]], body: object) -> RequestError:
    """Describe what pydantic found wrong in a body.

    Of several errors, the most deeply nested is reported: it comes from the member of a union that fits best.
    """
    named = [(_field(error["loc"][1:], body), error) for error in errors]
    field, error = max(named, key=lambda pair: pair[0].count("[") + pair[0].count("."))
    if error["type"] == "json_invalid":
        return RequestError(422, f"expected JSON; {error['ctx']['error']} at character {error['loc'][-1]}")
    message = error["msg"][:1].lower() + error["msg"][1:]
    return RequestError(
        422, f"{field}: {message}" if field else f"expected an object; {message}", field or None
    )


def _field(location: Sequence[str | int], body: object) -> str:
    """Name the field at a location, as `interventions[0].step`, without pydantic's names for union members."""
    name = ""
    for depth, part in enumerate(location):
        if isinstance(body, list) and isinstance(part, int):
            name += f"[{part}]"
            body = body[part] if part < len(body) else None
        elif isinstance(body, dict) and (part in body or depth == len(location) - 1):
            name += f".{part}" if name else str(part)
            body = body.get(part)
    return name
