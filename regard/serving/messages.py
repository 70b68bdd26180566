"""What goes over the wire: the JSON of requests and answers, which OpenAPI shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Matrix = list[list[float]]


class Asked(BaseModel):
    """A request: a key that nobody knows is an error, and a number in quotes is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
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


Step = Annotated[int, Field(ge=0, lt=10_000, description="The output piece, from 0, at which this happens.")]


class AttendMessage(Asked):
    """Look only at these source pieces, evenly, while one output piece is written."""

    kind: Literal["attend"]
    step: Step
    to: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Places of source pieces, from 0.", examples=[[2]]
    )


class WeightsMessage(Asked):
    """Look by these weights while one output piece is written; they are scaled to sum to 1."""

    kind: Literal["weights"]
    step: Step
    row: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        min_length=1,
        description="A weight for each source piece, end-of-sentence counted.",
        examples=[[0, 0, 1, 0, 0, 0]],
    )


class ForceMessage(Asked):
    """Write this piece, whatever the model would write."""

    kind: Literal["force"]
    step: Step
    piece: str = Field(description="A piece of the target vocabulary.", examples=["woman"])


Interventions = Annotated[
    list[Annotated[AttendMessage | WeightsMessage | ForceMessage, Field(discriminator="kind")]],
    Field(
        description="What to change. The pieces before the first change stay as without it; then the model goes on."
    ),
]


class TranslateRequest(Asked):
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
    stream: bool = Field(False, description="Send the translation of one text piece by piece, as events.")


class TraceRequest(Asked):
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


class PairRequest(Asked):
    """A text and its translation."""

    source: Sentence
    target: Target


class Hypothesis(Told):
    """One translation, piece by piece. Pieces end in `</s>`; an empty text has none."""

    text: str = Field(description="The translation.", examples=["the old woman laughs ."])
    log_probability: float | None = Field(description="Of the whole, in nats.", examples=[-0.82])
    score: float | None = Field(description="What it was ranked by.", examples=[-0.14])
    pieces: list[str] = Field(examples=[["the", "old", "woman", "laughs", ".", "</s>"]])
    log_probabilities: list[float | None] = Field(description="Of each piece, in nats.")
    source_pieces: list[str] = Field(examples=[["die", "alte", "frau", "lacht", ".", "</s>"]])
    words: list[str] = Field(description="The words that the pieces make up.")
    source_words: list[str]
    places: list[int] = Field(
        description="For each piece the place of its word, from 0; -1 for none, as `</s>`.",
        examples=[[0, 1, 2, 3, 4, -1]],
    )
    source_places: list[int]
    attention: Matrix | None = Field(
        description="A row of weights for each piece, a column for each source piece; null without attention."
    )


class TranslationMessage(Hypothesis):
    """The best translation of a text, with the next best."""

    alternatives: list[Hypothesis] = Field(description="The rest of the `num_best`, best first.")


class TranslateAnswer(Told):
    """A translation for each text, in order."""

    translations: list[TranslationMessage]


class Side(Told):
    """One side of a trace."""

    text: str
    pieces: list[str]
    words: list[str]
    places: list[int] = Field(description="For each piece the place of its word, from 0; -1 for none.")


class Candidate(Told):
    """A piece that could have come."""

    piece: str
    probability: float


class StepMessage(Told):
    """One output piece. S source pieces, M numbers of an encoder state, Q of the query; null without attention."""

    piece: str
    id: int = Field(description="In the target vocabulary.")
    log_probability: float | None = Field(description="In nats; null for minus infinity.")
    candidates: list[Candidate] = Field(description="The most probable pieces.")
    query: list[float] | None = Field(description="(Q)")
    scores: list[float | None] | None = Field(description="(S); null for minus infinity.")
    weights: list[float] | None = Field(description="(S)")
    context: list[float] | None = Field(description="(M)")
    alignment: Matrix | None = Field(
        description="(S, M): every encoder state times its weight; if asked for."
    )
    intervention: str | None = Field(description="What was changed here.")


class NodeMessage(Told):
    """A beginning that the search considered."""

    id: int
    parent: int = Field(description="The node it continues; -1 for the start.")
    step: int
    piece: str
    log_probability: float | None
    score: float | None
    kept: bool
    finished: bool
    best: bool


class TreeMessage(Told):
    """What the search considered."""

    beam: int
    nodes: list[NodeMessage]


class TraceAnswer(Told):
    """Everything about one translation, in the form that `regard explain --trace` writes."""

    format: Literal["regard-trace/1"] = Field(alias="schema")
    model: dict[str, Any] = Field(description="How the model is built.")
    source: Side
    target: Side
    log_probability: float | None
    score: float | None
    states: Matrix | None = Field(description="(S, M): the encoder states.")
    steps: list[StepMessage]
    beam: TreeMessage | None = Field(description="Null where a target was given.")


class AlignAnswer(Told):
    """Which word looked at which, while the model was made to write the target."""

    pharaoh: str = Field(
        description="Links between words, source first, from 0: each target word with the one it looked at most.",
        examples=["0-0 1-1 2-2 3-3 4-4"],
    )
    attention: Matrix = Field(description="A row of weights for each target piece.")
    pieces: list[str]
    source_pieces: list[str]


class ScoreAnswer(Told):
    """How probable the model finds the target. Figures of an empty text, and what is too large, are null."""

    log_probability: float | None = Field(description="Of the whole, in nats.", examples=[-0.82])
    per_piece: float | None = Field(description="The mean of a piece.", examples=[-0.14])
    perplexity: float | None = Field(description="exp(-per_piece).", examples=[1.15])
    pieces: list[str]
    log_probabilities: list[float | None] = Field(description="Of each piece, in nats.")


class HealthAnswer(Told):
    """Whether the server takes requests, which model it has, and what it takes on."""

    status: str = Field(examples=["ready", "stopping"])
    version: str = Field(description="Of regard.")
    model: dict[str, Any] = Field(description="How the model is built.")
    limits: dict[str, int | float] = Field(description="Bounds of requests.")


class ErrorDetail(Told):
    """What was wrong."""

    field: str | None = Field(description="Where in the request.", examples=["text[3]"])
    message: str = Field(examples=["text[3]: expected at most 2000 characters, got 2301"])
    limit: int | float | None = Field(None, description="The bound that was passed.", examples=[2000])


class ErrorAnswer(Told):
    """Every answer that is no success."""

    error: ErrorDetail
