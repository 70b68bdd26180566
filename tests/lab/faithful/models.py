"""A model whose weights are known: it counts, outputs what it attends to, and attends by scores set by hand."""

from __future__ import annotations

import torch

from regard.build import build_model
from regard.checkpoint import Tokenisers
from regard.config import (
    AttentionConfig,
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
    SearchConfig,
    TokeniserConfig,
)
from regard.data import Tokeniser
from regard.records.text import END, SPECIALS, START
from regard.translator import Translator

LETTERS = "a b c d e"
_SIZE = len(SPECIALS) + len(LETTERS.split())


def counter(score: str = "general", sharpness: float = 8.0) -> Translator:
    """After a it writes b, after b c, as far as its weights let it: the context alone says what is written.

    Encoder states are the tokens themselves, whatever stands beside them. The query is made of the last token: it
    scores the next letter highest, the one after it a little lower, and so on round, the end lowest.
    """
    config = ModelConfig(
        embedding_size=_SIZE,
        dropout=0.0,
        encoder=EncoderConfig(cell="rnn", hidden_size=_SIZE, bidirectional=False),
        decoder=DecoderConfig(
            name="luong", cell="rnn", hidden_size=_SIZE, num_layers=1, bridge="zero", input_feeding=False
        ),
        attention=AttentionConfig(score=score),
    )
    tokeniser = Tokeniser.train([LETTERS] * 3, TokeniserConfig(kind="words", size=50))
    letters = tokeniser.encode(LETTERS)
    assert len(tokeniser) == _SIZE
    model = build_model(config, _SIZE, _SIZE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        unit = torch.eye(_SIZE)
        model.embedding.weight.copy_(unit)
        model.encoder.cells[0].project.weight.copy_(unit)
        model.decoder.embedding.weight.copy_(unit)
        for place, last in enumerate([START, *letters[:-1]]):
            wanted = torch.full((_SIZE,), -0.9)
            for turn in range(len(letters)):
                wanted[letters[(place + turn) % len(letters)]] = 0.9 - 0.1 * turn
            wanted[END] = -0.9
            model.decoder.stack.cells[0].project.weight[:, last] = wanted.atanh()
        if score == "general":
            model.decoder.attention.score.W.weight.copy_(unit * sharpness)
        model.decoder.combine.weight[:, :_SIZE] = unit
        model.head.weight.copy_(unit * 20)
    return Translator(model, Tokenisers(tokeniser, tokeniser), SearchConfig(beam=1))
