"""Limits of a server: the size of requests, of its queue and of its batches, and how long they may take."""

from __future__ import annotations

from dataclasses import dataclass, fields

from regard.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Limits of one server. Raises ConfigError for values under which no request could succeed.

    num_texts: texts in a request
    num_characters: characters in a text
    num_tokens: tokens in a text, without end-of-sentence
    beam: the largest beam, and so the most translations of a text
    body_size: bytes in a request
    queue_size: texts waiting for the model; requests beyond that are refused
    batch_size: texts translated together
    wait_s: how long an idle server waits for more texts before it starts a batch
    timeout_s: how long a request may take, including reading its body and waiting in the queue
    """

    num_texts: int = 64
    num_characters: int = 2000
    num_tokens: int = 400
    beam: int = 20
    body_size: int = 1_000_000
    queue_size: int = 512
    batch_size: int = 32
    wait_s: float = 0.005
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, minimum = getattr(self, field.name), 0 if field.name == "wait_s" else 1e-9
            if not value >= minimum:
                raise ConfigError(f"limits.{field.name}: expected more than 0, got {value}")
        if self.queue_size < self.num_texts:
            raise ConfigError(
                f"limits.queue_size: a queue of {self.queue_size} never holds a request of {self.num_texts} texts "
                "(limits.num_texts); raise the first or lower the second"
            )
