"""Metrics of a server, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server, in their own registry; `work` is translate, stream, trace, align or score."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.queue = Gauge("regard_queue_depth", "Texts waiting for the model", registry=registry)
        self.batches = Histogram(
            "regard_batch_size", "Texts in a batch", ["work"], buckets=_BATCH_SIZES, registry=registry
        )
        self.seconds = Histogram(
            "regard_batch_seconds", "Seconds the model took for a batch", ["work"], registry=registry
        )
        self.sentences = Counter("regard_sentences", "Texts processed", ["work"], registry=registry)
        self.source_tokens = Counter(
            "regard_source_tokens", "Source tokens of the texts processed", ["work"], registry=registry
        )
        self.refused = Counter("regard_refused", "Requests refused", ["status"], registry=registry)
