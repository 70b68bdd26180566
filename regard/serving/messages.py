"""What goes over the wire: the JSON of requests and answers, which OpenAPI shows."""

from __future__ import annotations

from typing import Annotated, Any

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
    stream: bool = Field(False, description="Send the translation of one text piece by piece, as events.")


class TraceRequest(Asked):
    """A text whose translation is shown step by step."""

    text: Sentence
    target: str | None = Field(
        None, description="Show how the model would write this, in place of its own translation."
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
