"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_POWERS = (1, 2, 4, 8, 16, 32, 64, 128)


class Meter:
    """The figures of one server, in a registry of its own; `work` is translate, stream, trace, align or score."""

    def __init__(self) -> None:
        self.registry = kept = CollectorRegistry()
        self.queue = Gauge("regard_queue_depth", "Texts that wait for the model", registry=kept)
        self.batches = Histogram(
            "regard_batch_size", "Texts done together", ["work"], buckets=_POWERS, registry=kept
        )
        self.seconds = Histogram(
            "regard_batch_seconds", "Seconds the model worked on a batch", ["work"], registry=kept
        )
        self.sentences = Counter("regard_sentences", "Texts done", ["work"], registry=kept)
        self.source_tokens = Counter(
            "regard_source_tokens", "Tokens of the texts done", ["work"], registry=kept
        )
        self.refused = Counter("regard_refused", "Requests refused", ["status"], registry=kept)
