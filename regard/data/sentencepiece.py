"""Sentencepiece models (Kudo & Richardson 2018), read into the `tokenizers` library.

A space is "▁" in the file and a space here; where somebody types "▁", sentencepiece takes it for a space. Control
symbols are dropped, since no text has them, and the unknown token is replaced by ours. The file format calls a token
a piece; only its own attribute names are spelt so here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from regard.errors import ConfigError, DataError

_UNIGRAM, _BPE = 1, 2  # TrainerSpec.ModelType
_NORMAL, _USER_DEFINED, _BYTE = 1, 4, 6  # SentencePiece.Type
_SPACE = "▁"
_LINE_FEED = "<0x0A>"


def read_model(file: str | Path, specials: Sequence[str]) -> Tokenizer:
    """Read a `.model` file: `specials` first, the second of them unknown, then the model's tokens in order.

    Raises ConfigError without the library, DataError for a file that is no model or a kind of model not supported
    here: only unigram and BPE whose tokens stay inside words, and no user-defined symbols in BPE.
    """
    model = _parse(file)
    kind, pieces = model.trainer_spec.model_type, list(model.pieces)
    _check(file, model)
    texts = {
        piece.piece.replace(_SPACE, " "): piece.score
        for piece in pieces
        if piece.type in (_NORMAL, _USER_DEFINED, _BYTE) and piece.piece != _LINE_FEED
    }
    fallback = bool(model.trainer_spec.byte_fallback)
    if kind == _UNIGRAM:
        _score_user_defined(texts, pieces)
        vocabulary = [*((special, 0.0) for special in specials), *texts.items()]
        library = Tokenizer(models.Unigram(vocabulary, unk_id=1, byte_fallback=fallback))
    else:
        library = Tokenizer(_bpe(texts, specials, fallback))
    library.normalizer = _normaliser(model.normalizer_spec)
    split = [pre_tokenizers.Split(" ", "merged_with_next")]
    if fallback:  # "<0x41>" typed by a user is no byte token
        split.append(pre_tokenizers.Split(Regex("<(?=0x[0-9A-F]{2}>)"), "isolated"))
    library.pre_tokenizer = pre_tokenizers.Sequence(split)
    strip = [decoders.Strip(" ", 1, 0)] if model.normalizer_spec.add_dummy_prefix else []
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), *strip])
    return library


def _parse(file: str | Path) -> Any:
    try:
        from sentencepiece import sentencepiece_model_pb2 as format
    except ImportError:
        raise ConfigError(
            f"{file}: reading sentencepiece models needs two libraries; "
            "get them with: pip install 'regard[sentencepiece]'"
        ) from None
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected a sentencepiece .model file") from None
    model = format.ModelProto()  # type: ignore[attr-defined]  # defined when the module is loaded
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's DecodeError, from whichever implementation is installed
        raise DataError(
            f"{file}: not a sentencepiece .model file ({error}); is it the .vocab or text file?"
        ) from None
    if not model.pieces:
        raise DataError(
            f"{file}: not a sentencepiece .model file, it has no tokens; is it the .vocab or text file?"
        )
    return model


def _check(file: str | Path, model: Any) -> None:
    kind = model.trainer_spec.model_type
    if kind not in (_UNIGRAM, _BPE):
        raise DataError(f"{file}: a model of words or characters; use tokeniser.kind words or characters")
    if model.trainer_spec.treat_whitespace_as_suffix or any(_SPACE in p.piece[1:] for p in model.pieces):
        raise DataError(
            f"{file}: has tokens that end in a space or go beyond one word, which is not supported; "
            "train it with --split_by_whitespace=true --treat_whitespace_as_suffix=false"
        )
    if kind == _BPE and any(piece.type == _USER_DEFINED for piece in model.pieces):
        raise DataError(
            f"{file}: user-defined symbols are supported in unigram models only; train it again without them"
        )


def _score_user_defined(texts: dict[str, float], pieces: Sequence[Any]) -> None:
    """Score user-defined symbols as sentencepiece does, above any way to spell them."""
    best = max((piece.score for piece in pieces if piece.type == _NORMAL), default=0.0)
    for piece in pieces:
        if piece.type == _USER_DEFINED:
            texts[piece.piece.replace(_SPACE, " ")] = len(piece.piece.encode()) * best - 0.1


def _bpe(texts: dict[str, float], specials: Sequence[str], fallback: bool) -> models.BPE:
    """Return the merges that sentencepiece implies by scores: every split of a token into two tokens is one."""
    ids = {text: i for i, text in enumerate([*specials, *texts])}
    merges = []
    for text in sorted(texts, key=lambda text: (-texts[text], ids[text])):
        splits = ((text[:middle], text[middle:]) for middle in range(1, len(text)))
        merges += [(left, right) for left, right in splits if left in texts and right in texts]
    return models.BPE(ids, merges, unk_token=specials[1], fuse_unk=True, byte_fallback=fallback)


def _normaliser(spec: Any) -> normalizers.Normalizer:
    """Return the model's own character map, its handling of spaces, and the space before the first word."""
    steps: list[normalizers.Normalizer] = [normalizers.Replace("\n", " ")]  # a text is one line
    if spec.precompiled_charsmap:
        # the library applies the map to shorter spans than sentencepiece does; with NFC before and after they suffice
        form = [normalizers.NFC()] if "nfkc" in spec.name else []
        steps += [*form, normalizers.Precompiled(spec.precompiled_charsmap), *form]
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Replace(Regex("^ |[ ▁]+$"), "")]
    steps.append(normalizers.Replace(_SPACE, " "))
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(" "))
    return normalizers.Sequence(steps)
