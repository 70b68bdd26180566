"""JSON of the requests, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Request(BaseModel):
    """A request: unknown keys are errors, and a number in quotes is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


BeamWidth = Annotated[
    int | None,
    Field(ge=1, description="Hypotheses kept at each step; 1 is greedy. Default: the model's recipe."),
]
SentenceText = Annotated[
    str, Field(description="One sentence, as plain text.", examples=["die alte frau lacht ."])
]
Target = Annotated[str, Field(description="Its translation.", examples=["the old woman laughs ."])]
Step = Annotated[
    int, Field(ge=0, lt=10_000, description="Index of the output token to intervene at, from 0.")
]


class AttendMessage(Request):
    """Attend only to these source tokens, with equal weights, at one step."""

    kind: Literal["attend"]
    step: Step
    to: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Indices of source tokens, from 0.", examples=[[2]]
    )


class WeightsMessage(Request):
    """Replace the attention weights of one step; they are scaled to sum to 1."""

    kind: Literal["weights"]
    step: Step
    row: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        min_length=1,
        description="A weight for each source token, including end-of-sentence.",
        examples=[[0, 0, 1, 0, 0, 0]],
    )


class ForceMessage(Request):
    """Force the output token of one step, in place of the model's choice."""

    kind: Literal["force"]
    step: Step
    token: str = Field(description="A token of the target vocabulary.", examples=["woman"])


InterventionMessage = AttendMessage | WeightsMessage | ForceMessage
InterventionMessages = Annotated[
    list[Annotated[InterventionMessage, Field(discriminator="kind")]],
    Field(
        description="Changes at single steps. Tokens before the first one stay as they are without it; from there "
        "the model decodes on."
    ),
]


class TranslateRequest(Request):
    """Texts to translate, each as one sentence."""

    text: str | list[str] = Field(
        description="One text, or a list of texts.",
        examples=["die alte frau lacht .", ["die alte frau lacht .", "das kind schläft ."]],
    )
    beam: BeamWidth = None
    num_best: int = Field(
        1, ge=1, description="Translations of each text; all but the best are in `alternatives`."
    )
    interventions: InterventionMessages = []
    stream: bool = Field(
        False, description="Send the translation of one text token by token, as server-sent events."
    )


class TraceRequest(Request):
    """A text whose translation is traced step by step."""

    text: SentenceText
    target: str | None = Field(None, description="Trace this translation in place of the model's own.")
    beam: BeamWidth = None
    interventions: InterventionMessages = []
    alignment: bool = Field(
        False, description="Include every encoder state times its weight; large, so only for short texts."
    )


class PairRequest(Request):
    """A text and its translation."""

    source: SentenceText
    target: Target
