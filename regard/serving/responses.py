"""JSON of the responses, as OpenAPI shows it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MatrixRows = list[list[float]]


class Response(BaseModel):
    """A response: every key is described."""

    model_config = ConfigDict(extra="forbid")


class HypothesisMessage(Response):
    """One translation, token by token. Tokens end in `</s>`; an empty text has none."""

    text: str = Field(description="The translation.", examples=["the old woman laughs ."])
    log_probability: float | None = Field(description="Of the whole translation, in nats.", examples=[-0.82])
    score: float | None = Field(description="The score it was ranked by.", examples=[-0.14])
    tokens: list[str] = Field(examples=[["the", "old", "woman", "laughs", ".", "</s>"]])
    log_probabilities: list[float | None] = Field(description="Of each token, in nats.")
    source_tokens: list[str] = Field(examples=[["die", "alte", "frau", "lacht", ".", "</s>"]])
    words: list[str] = Field(description="The words that the tokens make up.")
    source_words: list[str]
    word_of_token: list[int] = Field(
        description="For each token the index of its word, from 0; -1 for none, as for `</s>`.",
        examples=[[0, 1, 2, 3, 4, -1]],
    )
    source_word_of_token: list[int]
    attention: MatrixRows | None = Field(
        description="Attention weights: a row for each token, a column for each source token; null without attention."
    )


class TranslationMessage(HypothesisMessage):
    """The best translation of a text, with its alternatives."""

    alternatives: list[HypothesisMessage] = Field(
        description="The rest of the `num_best` translations, best first."
    )


class TranslateResponse(Response):
    """A translation for each text, in order."""

    translations: list[TranslationMessage]


class SideMessage(Response):
    """One side of a trace."""

    text: str
    tokens: list[str]
    words: list[str]
    word_of_token: list[int] = Field(description="For each token the index of its word, from 0; -1 for none.")


class CandidateMessage(Response):
    """A token that the model considered at a step."""

    token: str
    probability: float


class StepMessage(Response):
    """One decoder step: S source tokens, encoder states of size M, a query of size Q; null without attention."""

    token: str
    id: int = Field(description="Index in the target vocabulary.")
    log_probability: float | None = Field(description="In nats; null for minus infinity.")
    candidates: list[CandidateMessage] = Field(description="The most probable tokens.")
    query: list[float] | None = Field(description="(Q)")
    scores: list[float | None] | None = Field(description="(S); null for minus infinity.")
    weights: list[float] | None = Field(description="(S)")
    context: list[float] | None = Field(description="(M)")
    alignment: MatrixRows | None = Field(
        description="(S, M): every encoder state times its weight; only on request."
    )
    intervention: str | None = Field(description="The intervention at this step.")


class NodeMessage(Response):
    """A partial hypothesis that the search considered."""

    id: int
    parent: int = Field(description="The node it extends; -1 for the start.")
    step: int
    token: str
    log_probability: float | None
    score: float | None
    kept: bool
    finished: bool
    best: bool


class TreeMessage(Response):
    """All partial hypotheses that the search considered."""

    beam: int
    nodes: list[NodeMessage]


class TraceResponse(Response):
    """Everything about one translation, in the format that `regard explain --trace` writes."""

    format: Literal["regard-trace/2"] = Field(alias="schema")
    model: dict[str, Any] = Field(description="The architecture of the model.")
    source: SideMessage
    target: SideMessage
    log_probability: float | None
    score: float | None
    states: MatrixRows | None = Field(description="(S, M): the encoder states.")
    steps: list[StepMessage]
    beam: TreeMessage | None = Field(description="Null if the request has a target.")


class AlignResponse(Response):
    """Word alignment from the attention weights, while the model is forced to output the target."""

    pharaoh: str = Field(
        description="Word links, source first, from 0: each target word with the source word it attends to most.",
        examples=["0-0 1-1 2-2 3-3 4-4"],
    )
    attention: MatrixRows = Field(description="Attention weights: a row for each target token.")
    tokens: list[str]
    source_tokens: list[str]


class ScoreResponse(Response):
    """How probable the target is under the model. Null for an empty text, and for what is not finite."""

    log_probability: float | None = Field(description="Of the whole target, in nats.", examples=[-0.82])
    per_token: float | None = Field(description="Mean log-probability of a token.", examples=[-0.14])
    perplexity: float | None = Field(description="exp(-per_token).", examples=[1.15])
    tokens: list[str]
    log_probabilities: list[float | None] = Field(description="Of each token, in nats.")


class HealthResponse(Response):
    """Whether the server accepts requests, the model it serves, and its limits."""

    status: str = Field(examples=["ready", "stopping"])
    version: str = Field(description="Version of regard.")
    model: dict[str, Any] = Field(description="The architecture of the model.")
    limits: dict[str, int | float] = Field(description="Limits on requests.")


class ErrorDetail(Response):
    """What is wrong with a request."""

    field: str | None = Field(description="The field of the request.", examples=["text[3]"])
    message: str = Field(examples=["text[3]: expected at most 2000 characters, got 2301"])
    limit: int | float | None = Field(None, description="The limit that was exceeded.", examples=[2000])


class ErrorResponse(Response):
    """The body of every response that is not a success."""

    error: ErrorDetail
