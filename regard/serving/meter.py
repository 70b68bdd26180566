"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_POWERS = (1, 2, 4, 8, 16, 32, 64, 128)


class Meter:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.queue = Gauge("regard_queue_depth", "Texts that wait for the model", registry=self.registry)
        self.batches = Histogram(
            "regard_batch_size", "Texts done together", ["work"], buckets=_POWERS, registry=self.registry
        )
        self.seconds = Histogram(
            "regard_batch_seconds",
            "Seconds that the model worked on a batch",
            ["work"],
            registry=self.registry,
        )
        self.sentences = Counter("regard_sentences", "Texts done", ["work"], registry=self.registry)
        self.source_pieces = Counter(
            "regard_source_pieces", "Pieces of the texts done", ["work"], registry=self.registry
        )
        self.refused = Counter(
            "regard_refused", "Requests refused, by HTTP status", ["status"], registry=self.registry
        )
