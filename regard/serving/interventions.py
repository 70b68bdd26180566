"""Interventions, from messages to records."""

from __future__ import annotations

from collections.abc import Sequence

from regard.records.text import Attend, Force, Intervention, Weights
from regard.serving.messages import AttendMessage, ForceMessage, WeightsMessage


def interventions_of(
    messages: Sequence[AttendMessage | WeightsMessage | ForceMessage],
) -> tuple[Intervention, ...]:
    """The same as records; whether a model can do them, the translator knows."""
    return tuple(map(_intervention, messages))


def _intervention(message: AttendMessage | WeightsMessage | ForceMessage) -> Intervention:
    match message:
        case AttendMessage():
            return Attend(message.step, tuple(message.to))
        case WeightsMessage():
            return Weights(message.step, tuple(message.row))
        case ForceMessage():
            return Force(message.step, message.token)
