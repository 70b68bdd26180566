"""What goes over the wire: the JSON of requests and answers, which OpenAPI shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Matrix = list[list[float]]


class Request(BaseModel):
    """A request: a key that nobody knows is an error, and a number in quotes is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Response(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")


BeamWidth = Annotated[
    int | None,
    Field(ge=1, description="Hypotheses kept at each step; 1 is greedy. Default: the model's recipe."),
]
Sentence = Annotated[
    str, Field(description="One sentence, as plain text.", examples=["die alte frau lacht ."])
]
Target = Annotated[str, Field(description="Its translation.", examples=["the old woman laughs ."])]


Step = Annotated[int, Field(ge=0, lt=10_000, description="The output token, from 0, at which this happens.")]


class AttendMessage(Request):
    """Look only at these source tokens, evenly, while one output token is written."""

    kind: Literal["attend"]
    step: Step
    to: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Places of source tokens, from 0.", examples=[[2]]
    )


class WeightsMessage(Request):
    """Look by these weights while one output token is written; they are scaled to sum to 1."""

    kind: Literal["weights"]
    step: Step
    row: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        min_length=1,
        description="A weight for each source token, end-of-sentence counted.",
        examples=[[0, 0, 1, 0, 0, 0]],
    )


class ForceMessage(Request):
    """Write this token, whatever the model would write."""

    kind: Literal["force"]
    step: Step
    token: str = Field(description="A token of the target vocabulary.", examples=["woman"])


Interventions = Annotated[
    list[Annotated[AttendMessage | WeightsMessage | ForceMessage, Field(discriminator="kind")]],
    Field(
        description="What to change. The tokens before the first change stay as without it; then the model goes on."
    ),
]


class TranslateRequest(Request):
    """Texts to translate; each is taken as one sentence."""

    text: str | list[str] = Field(
        description="One text, or a list of them.",
        examples=["die alte frau lacht .", ["die alte frau lacht .", "das kind schläft ."]],
    )
    beam: BeamWidth = None
    num_best: int = Field(
        1, ge=1, description="Translations wanted of each text; all but the best are in `alternatives`."
    )
    interventions: Interventions = []
    stream: bool = Field(False, description="Send the translation of one text token by token, as events.")


class TraceRequest(Request):
    """A text whose translation is shown step by step."""

    text: Sentence
    target: str | None = Field(
        None, description="Show how the model would write this, in place of its own translation."
    )
    beam: BeamWidth = None
    interventions: Interventions = []
    alignment: bool = Field(
        False, description="Also every encoder state times its weight; for short texts only, as it is large."
    )


class PairRequest(Request):
    """A text and its translation."""

    source: Sentence
    target: Target


class Hypothesis(Response):
    """One translation, token by token. Tokens end in `</s>`; an empty text has none."""

    text: str = Field(description="The translation.", examples=["the old woman laughs ."])
    log_probability: float | None = Field(description="Of the whole, in nats.", examples=[-0.82])
    score: float | None = Field(description="What it was ranked by.", examples=[-0.14])
    tokens: list[str] = Field(examples=[["the", "old", "woman", "laughs", ".", "</s>"]])
    log_probabilities: list[float | None] = Field(description="Of each token, in nats.")
    source_tokens: list[str] = Field(examples=[["die", "alte", "frau", "lacht", ".", "</s>"]])
    words: list[str] = Field(description="The words that the tokens make up.")
    source_words: list[str]
    places: list[int] = Field(
        description="For each token the place of its word, from 0; -1 for none, as `</s>`.",
        examples=[[0, 1, 2, 3, 4, -1]],
    )
    source_places: list[int]
    attention: Matrix | None = Field(
        description="A row of weights for each token, a column for each source token; null without attention."
    )


class TranslationMessage(Hypothesis):
    """The best translation of a text, with the next best."""

    alternatives: list[Hypothesis] = Field(description="The rest of the `num_best`, best first.")


class TranslateAnswer(Response):
    """A translation for each text, in order."""

    translations: list[TranslationMessage]


class Side(Response):
    """One side of a trace."""

    text: str
    tokens: list[str]
    words: list[str]
    places: list[int] = Field(description="For each token the place of its word, from 0; -1 for none.")


class Candidate(Response):
    """A token that could have come."""

    token: str
    probability: float


class StepMessage(Response):
    """One output token. S source tokens, M numbers of an encoder state, Q of the query; null without attention."""

    token: str
    id: int = Field(description="In the target vocabulary.")
    log_probability: float | None = Field(description="In nats; null for minus infinity.")
    candidates: list[Candidate] = Field(description="The most probable tokens.")
    query: list[float] | None = Field(description="(Q)")
    scores: list[float | None] | None = Field(description="(S); null for minus infinity.")
    weights: list[float] | None = Field(description="(S)")
    context: list[float] | None = Field(description="(M)")
    alignment: Matrix | None = Field(
        description="(S, M): every encoder state times its weight; if asked for."
    )
    intervention: str | None = Field(description="What was changed here.")


class NodeMessage(Response):
    """A beginning that the search considered."""

    id: int
    parent: int = Field(description="The node it continues; -1 for the start.")
    step: int
    token: str
    log_probability: float | None
    score: float | None
    kept: bool
    finished: bool
    best: bool


class TreeMessage(Response):
    """What the search considered."""

    beam: int
    nodes: list[NodeMessage]


class TraceAnswer(Response):
    """Everything about one translation, in the form that `regard explain --trace` writes."""

    format: Literal["regard-trace/2"] = Field(alias="schema")
    model: dict[str, Any] = Field(description="How the model is built.")
    source: Side
    target: Side
    log_probability: float | None
    score: float | None
    states: Matrix | None = Field(description="(S, M): the encoder states.")
    steps: list[StepMessage]
    beam: TreeMessage | None = Field(description="Null where a target was given.")


class AlignAnswer(Response):
    """Which word looked at which, while the model was made to write the target."""

    pharaoh: str = Field(
        description="Links between words, source first, from 0: each target word with the one it looked at most.",
        examples=["0-0 1-1 2-2 3-3 4-4"],
    )
    attention: Matrix = Field(description="A row of weights for each target token.")
    tokens: list[str]
    source_tokens: list[str]


class ScoreAnswer(Response):
    """How probable the model finds the target. Figures of an empty text, and what is too large, are null."""

    log_probability: float | None = Field(description="Of the whole, in nats.", examples=[-0.82])
    per_token: float | None = Field(description="The mean of a token.", examples=[-0.14])
    perplexity: float | None = Field(description="exp(-per_token).", examples=[1.15])
    tokens: list[str]
    log_probabilities: list[float | None] = Field(description="Of each token, in nats.")


class HealthAnswer(Response):
    """Whether the server takes requests, which model it has, and what it takes on."""

    status: str = Field(examples=["ready", "stopping"])
    version: str = Field(description="Of regard.")
    model: dict[str, Any] = Field(description="How the model is built.")
    limits: dict[str, int | float] = Field(description="Bounds of requests.")


class ErrorDetail(Response):
    """What was wrong."""

    field: str | None = Field(description="Where in the request.", examples=["text[3]"])
    message: str = Field(examples=["text[3]: expected at most 2000 characters, got 2301"])
    limit: int | float | None = Field(None, description="The bound that was passed.", examples=[2000])


class ErrorAnswer(Response):
    """Every answer that is no success."""

    error: ErrorDetail
