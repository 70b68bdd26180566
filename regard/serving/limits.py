"""What a server takes on, and how long it lets people wait."""

from __future__ import annotations

from dataclasses import dataclass, fields

from regard.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Bounds of one server. Raises ConfigError for bounds that let nothing through.

    num_texts: texts in one request
    num_characters: characters of one text
    num_tokens: tokens of one text, end-of-sentence not counted
    beam: the widest beam, and so the most translations of a text
    body_size: bytes of a request
    queue_size: texts that may wait for the model; those of more requests are refused
    batch_size: texts translated together
    wait_s: how long an idle server waits for texts to come together
    timeout_s: how long a request may take, reading its body and waiting included
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
        for one in fields(self):
            value, least = getattr(self, one.name), 0 if one.name == "wait_s" else 1e-9
            if not value >= least:
                raise ConfigError(f"limits.{one.name}: expected more than 0, got {value}")
        if self.queue_size < self.num_texts:
            raise ConfigError(
                f"limits.queue_size: a queue of {self.queue_size} never holds a request of {self.num_texts} texts "
                "(limits.num_texts); lengthen the one or lower the other"
            )
