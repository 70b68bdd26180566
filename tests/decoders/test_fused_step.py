"""A step of a search as one kernel against the decoder's own."""

from __future__ import annotations

import pytest
import torch

from regard import kernels
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.model import ModelStepper, Seq2Seq
from regard.records.tensors import DecoderState, Prediction
from regard.records.text import END, START
from regard.search import beam_search, greedy_search
from tests.kernels.agreement import of_numba

pytestmark = of_numba

VOCABULARY = 21


def model_of(
    decoder: str = "luong",
    cell: str = "lstm",
    score: str = "additive",
    layers: int = 1,
    width: int = 8,
    **more: bool,
) -> Seq2Seq:
    """A model whose states are `width` wide."""
    config = ModelConfig(
        embedding_size=width,
        encoder=EncoderConfig(cell=cell, hidden_size=width // 2, num_layers=layers),
        decoder=DecoderConfig(name=decoder, cell=cell, hidden_size=width, num_layers=layers, **more),
        attention=AttentionConfig(score=score, size=width),
    )
    torch.manual_seed(1)
    model = build_model(config, VOCABULARY, VOCABULARY).eval()
    with torch.no_grad():  # so that nothing is nearly zero
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def stepper_of(model: Seq2Seq, sentences: int) -> ModelStepper:
    """Over sentences of 5 and fewer tokens."""
    valid = torch.arange(5) < torch.tensor([5, 3, 2, 4, 5, 1])[:sentences].unsqueeze(1)
    return model.stepper(model.encode(torch.randint(4, VOCABULARY, (sentences, 5)), valid))


def steps(stepper: ModelStepper, rows: int, number: int = 3) -> list[Prediction]:
    """A few steps of so many rows a sentence, from one state to the next."""
    state = stepper.start()
    state = state.select(torch.arange(stepper.num_sentences).repeat_interleave(rows))
    tokens, predictions = torch.full((rows * stepper.num_sentences,), START), []
    for number_of_step in range(number):
        predictions.append(stepper.step(tokens, state))
        state, tokens = (
            predictions[-1].state,
            (tokens + 3 + number_of_step + torch.arange(len(tokens))) % VOCABULARY,
        )
    return predictions


def compare(one: Prediction, other: Prediction, allowed: float) -> None:
    """All that a search sees."""
    assert one.attention is not None
    assert other.attention is not None
    close = {"atol": allowed, "rtol": allowed}
    torch.testing.assert_close(one.log_probabilities, other.log_probabilities, **close)
    for part in ("scores", "weights", "context"):
        torch.testing.assert_close(getattr(one.attention, part), getattr(other.attention, part), **close)
    assert list(one.state) == list(other.state)
    for name in one.state:
        torch.testing.assert_close(one.state[name], other.state[name], **close)


MODELS = {
    "luong": {},
    "luong gru": {"cell": "gru"},
    "luong dot": {"score": "dot"},
    "luong general, 2 layers": {"score": "general", "layers": 2},
    "luong gru, 2 layers": {"cell": "gru", "layers": 2},
    "luong without feeding": {"input_feeding": False},
    "bahdanau": {"decoder": "bahdanau"},
    "bahdanau gru": {"decoder": "bahdanau", "cell": "gru"},
    "bahdanau scaled dot": {"decoder": "bahdanau", "score": "scaled_dot"},
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("sentences", "rows"), [(1, 1), (1, 3), (2, 2), (4, 1), (3, 3)])
@torch.inference_mode()
def test_it_is_the_same_step(name: str, sentences: int, rows: int) -> None:
    stepper = stepper_of(model_of(**MODELS[name]), sentences)  # type: ignore[arg-type]
    fused = stepper.fused
    assert fused is not None
    tokens, state = torch.full((sentences,), START), stepper.start()
    assert fused.step(tokens, state, stepper.sentences) is not None
    ours = steps(stepper, rows)
    with kernels.forced("plain"):
        plain = steps(stepper, rows)
    for one, other in zip(ours, plain, strict=True):
        compare(one, other, 1e-5)


@torch.inference_mode()
def test_weights_in_8_bits_come_close_and_are_not_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.kernels.gemm.int8.MIN_INT8_WIDTH", 8)
    model = model_of(width=64)
    torch.manual_seed(2)
    plain = steps(stepper_of(model, 1), 1)
    torch.manual_seed(2)
    with kernels.int8():
        low = steps(stepper_of(model, 1), 1)
    for one, other in zip(low, plain, strict=True):
        compare(one, other, 0.1)
    assert not torch.equal(low[0].log_probabilities, plain[0].log_probabilities)


@torch.inference_mode()
def test_an_intervention_takes_the_decoders_own_step() -> None:
    stepper = stepper_of(model_of(), 1)
    state = stepper.start()
    override = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0]])
    overridden = DecoderState(dict(state.tensors) | {"attention.override": override})
    prediction = stepper.step(torch.tensor([START]), overridden)
    assert prediction.attention is not None
    assert prediction.attention.weights.flatten().tolist() == [0, 1, 0, 0, 0]


def test_with_gradients_the_decoder_takes_the_step() -> None:
    stepper = stepper_of(model_of(), 1)
    prediction = stepper.step(torch.tensor([START]), stepper.start())
    prediction.log_probabilities[0, 5].backward()
    assert stepper.model.head.weight.grad is not None


@pytest.mark.parametrize("name", ["luong", "luong without feeding", "luong gru, 2 layers", "bahdanau"])
@pytest.mark.parametrize("sentences", [1, 4, 6])
@torch.inference_mode()
def test_a_whole_greedy_search_writes_the_same(name: str, sentences: int) -> None:
    stepper = stepper_of(model_of(**MODELS[name]), sentences)  # type: ignore[arg-type]
    with torch.no_grad():
        stepper.model.head.bias[END] = 0.4  # so that some end before their limit
    limits = [30, 1, 12, 30, 2, 2][:sentences]
    tokens, state = torch.full((sentences,), START), stepper.start()
    assert stepper.greedy(tokens, state, limits) is not None
    ours = greedy_search(stepper, limits)
    with kernels.forced("plain"):
        assert stepper.greedy(tokens, state, limits) is None
        plain = greedy_search(stepper, limits)
    for one, other in zip(ours, plain, strict=True):
        assert one.ids == other.ids
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
        assert one.attention == pytest.approx(other.attention, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_in_low_precision_it_goes_from_one_best_token_to_the_next(name: str) -> None:
    stepper = stepper_of(model_of(**MODELS[name]), 6)  # type: ignore[arg-type]
    stepper.model.head.bias[END] = 0.4
    tokens, state, limits = torch.full((6,), START), stepper.start(), [5, 3, 5, 4, 5, 1]
    with torch.autocast("cpu", torch.bfloat16):
        runs = stepper.greedy(tokens, state, limits)
        assert runs is not None
        for position in range(2):
            prediction = stepper.best(tokens, state, 2)
            whole = stepper.step(tokens, state).log_probabilities
            torch.testing.assert_close(
                prediction.log_probabilities, whole.gather(1, prediction.tokens), atol=1e-5, rtol=1e-5
            )
            assert (prediction.log_probabilities[:, 0] >= prediction.log_probabilities[:, 1]).all()
            tokens, state = prediction.tokens[:, 0], prediction.state
            for row, run in enumerate(runs):
                if position < len(run.ids):
                    assert run.ids[position] == tokens[row]
                    assert run.log_probabilities[position] == pytest.approx(
                        float(prediction.log_probabilities[row, 0]), abs=1e-5
                    )
    assert all(1 <= len(run.ids) <= limit for run, limit in zip(runs, limits, strict=True))


@pytest.mark.parametrize("sentences", [1, 5])
@torch.inference_mode()
def test_a_beam_finds_the_same(sentences: int) -> None:
    stepper = stepper_of(model_of(), sentences)
    stepper.model.head.bias[END] = 0.4  # so that some sentences leave before others
    limits = [9, 2, 9, 5, 9][:sentences]
    ours = beam_search(stepper, limits, beam_size=3, num_best=2)
    with kernels.forced("plain"):
        plain = beam_search(stepper, limits, beam_size=3, num_best=2)
    assert [[one.ids for one in best] for best in ours] == [[one.ids for one in best] for best in plain]
