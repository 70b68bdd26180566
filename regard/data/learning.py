"""How vocabularies are learnt: words, characters, BPE and Unigram, each as a tokeniser of the `tokenizers` library.

Every vocabulary begins with the special tokens. The library is never told that they are special, and stores each with
a space at its end, which no token of text has: "</s>" typed by a user is plain text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from regard.config import TokeniserConfig
from regard.data.normalisation import normalise_all, normaliser
from regard.data.sentencepiece import read_model
from regard.errors import ConfigError
from regard.records.text import SPECIALS, UNKNOWN

STORED_SPECIALS = [special + " " for special in SPECIALS]
_SPACE_BYTES = b" \t\n\v\f\r"
# no byte token for white space of one byte, so that decoding never breaks a line in two
_BYTES = [f"<0x{byte:02X}>" for byte in range(256) if byte not in _SPACE_BYTES]
_BYTE_FALLBACK = ("bpe", "unigram")
# a sign, or letters and digits with the apostrophe before them (don't: don + 't), each with the space before it
_SIGN_OR_LETTERS = r" ?['’]?[\p{L}\p{M}\p{N}]+| ?[\p{P}\p{S}]"
_SCORE_STEP = 1e-4
# the longest run of characters learnt from as one word: longer runs are data, and training time grows with the square
_LONGEST_WORD = 1000
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD}}}")


def learn(texts: Iterable[str], config: TokeniserConfig) -> Tokenizer:
    """Learn a vocabulary from texts, or read it where the config names a sentencepiece model.

    Raises ConfigError when `size` leaves no token for text, DataError for a sentencepiece model that cannot be read.
    """
    if config.kind == "sentencepiece":
        return _read_sentencepiece(config)
    num_fixed = len(SPECIALS) + (len(_BYTES) if config.kind in _BYTE_FALLBACK else 0)
    if config.size <= num_fixed:
        raise ConfigError(
            f"tokeniser.size: expected more than {num_fixed} for {config.kind} "
            f"({num_fixed} tokens are always there), got {config.size}; raise it"
        )
    return _LEARN[config.kind](texts, config, config.size - num_fixed)


def grow(library: Tokenizer, config: TokeniserConfig, texts: Iterable[str]) -> Tokenizer:
    """Append the unknown words or characters of these texts to a vocabulary, the most frequent first."""
    content = json.loads(library.to_str())
    vocabulary = content["model"]["vocab"]
    counts = _count(normalise_all(library, texts), config.kind)
    for known in vocabulary.keys() & counts.keys():
        del counts[known]
    added = _most_frequent(counts, config.size, config.min_frequency)
    vocabulary |= {token: i for i, token in enumerate(added, start=len(vocabulary))}
    return library_from(content)


def library_from(content: dict[str, Any]) -> Tokenizer:
    """Return the library's tokeniser that has this JSON content."""
    return Tokenizer.from_str(json.dumps(content))


def _read_sentencepiece(config: TokeniserConfig) -> Tokenizer:
    if not config.source_model:
        raise ConfigError(
            "tokeniser.kind sentencepiece: expected the .model file of each side in tokeniser.source_model and "
            "tokeniser.target_model; name them (a shared model is the source's)"
        )
    library = read_model(config.source_model, STORED_SPECIALS)
    if config.lowercase:
        library.normalizer = normalizers.Sequence([normalizers.Lowercase(), library.normalizer])
    return library


def _learn_words(texts: Iterable[str], config: TokeniserConfig, num_tokens: int) -> Tokenizer:
    library = _new_library(config)
    vocabulary = _learn_vocabulary(library, texts, config, num_tokens)
    library.model = models.WordLevel(vocabulary, unk_token=STORED_SPECIALS[UNKNOWN])
    library.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return library


def _learn_characters(texts: Iterable[str], config: TokeniserConfig, num_tokens: int) -> Tokenizer:
    """BPE without merges. A character is one code point, so in NFD an accent is a token of its own."""
    library = _new_library(config)
    vocabulary = _learn_vocabulary(library, texts, config, num_tokens)
    library.model = models.BPE(vocabulary, [], unk_token=STORED_SPECIALS[UNKNOWN], cache_capacity=0)
    library.decoder = decoders.Fuse()
    return library


def _learn_bpe(texts: Iterable[str], config: TokeniserConfig, num_tokens: int) -> Tokenizer:
    """Byte-pair encoding (Sennrich et al. 2016) with byte fallback."""
    texts = _repeatable(texts)
    library = _new_fallback_library(config)
    alphabet = _learn_alphabet(library, texts, config, num_tokens)
    library.model = models.BPE(unk_token=STORED_SPECIALS[UNKNOWN], byte_fallback=True)
    trainer = trainers.BpeTrainer(
        vocab_size=config.size,
        min_frequency=max(2, config.min_frequency),
        special_tokens=[*STORED_SPECIALS, *_BYTES],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    library.train_from_iterator(_split_long_words(texts), trainer)
    return library_from(json.loads(library.to_str()) | {"added_tokens": []})


def _learn_unigram(texts: Iterable[str], config: TokeniserConfig, num_tokens: int) -> Tokenizer:
    """The unigram language model (Kudo 2018) with byte fallback; a token's score is its log-probability."""
    texts = _repeatable(texts)
    library = _new_fallback_library(config)
    alphabet = _learn_alphabet(library, texts, config, num_tokens)
    scores = _unigram_scores(library, texts, alphabet, num_tokens)
    fixed = [(token, 0.0) for token in [*STORED_SPECIALS, *_BYTES]]
    tokens = _stable_scores(scores, alphabet, num_tokens)
    library = _new_fallback_library(config)  # the trainer has told the old one that unknown is special
    library.model = models.Unigram([*fixed, *tokens], unk_id=UNKNOWN, byte_fallback=True)
    return library


def _unigram_scores(
    library: Tokenizer, texts: Iterable[str], alphabet: Sequence[str], num_tokens: int
) -> dict[str, float]:
    """Return the score of each token that the library's trainer learns, without the unknown one."""
    if len(alphabet) <= 1:  # the trainer refuses to learn from nothing
        return {}
    unknown = STORED_SPECIALS[UNKNOWN]
    trainer = trainers.UnigramTrainer(
        vocab_size=num_tokens + 1, unk_token=unknown, special_tokens=[unknown], show_progress=False
    )
    library.model = models.Unigram()
    kept = _OthersToSpaces(alphabet)
    normalised = normalise_all(library, _split_long_words(texts))
    library.train_from_iterator((text.translate(kept) for text in normalised), trainer)
    learnt = json.loads(library.to_str())["model"]["vocab"]
    return {token: score for token, score in learnt if token != unknown}


def _split_long_words(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts with spaces inserted into runs of characters longer than `_LONGEST_WORD`."""
    return (_LONG_WORD.sub(r"\g<0> ", text) if len(text) > _LONGEST_WORD else text for text in texts)


class _OthersToSpaces(dict[int, int]):
    """A table for `str.translate` that keeps some characters and turns all others into spaces."""

    def __init__(self, kept: Iterable[str]) -> None:
        super().__init__({ord(character): ord(character) for character in kept})

    def __missing__(self, code: int) -> int:
        self[code] = ord(" ")
        return self[code]


def _stable_scores(
    scores: dict[str, float], alphabet: Sequence[str], num_tokens: int
) -> list[tuple[str, float]]:
    """Return at most `num_tokens` tokens by falling score, the alphabet always; the same in every process.

    The library gives characters that are no tokens of the model the lowest scores, a step apart, in an order that
    changes from run to run, and sums probabilities in an order that does too. Here such characters share the lowest
    score, and scores are rounded.
    """
    lowest = min(scores.values(), default=0.0)
    rare = lowest + _SCORE_STEP * (len(alphabet) + 1)
    stable = dict.fromkeys(alphabet, lowest) | scores
    for token, score in stable.items():
        stable[token] = round(lowest if len(token) == 1 and score <= rare else score, 4)
    ranked = sorted(stable.items(), key=lambda item: (-item[1], item[0]))
    longer = [item for item in ranked if len(item[0]) > 1][: num_tokens - len(alphabet)]
    kept = set(alphabet).union(token for token, _ in longer)
    return [item for item in ranked if item[0] in kept]


def _repeatable(texts: Iterable[str]) -> Iterable[str]:
    return list(texts) if isinstance(texts, Iterator) else texts


def _learn_alphabet(
    library: Tokenizer, texts: Iterable[str], config: TokeniserConfig, num_tokens: int
) -> list[str]:
    """Return the characters that become tokens, the space always among them: every text begins with it."""
    counts = _count(normalise_all(library, texts), "characters")
    counts.pop(" ", None)
    return [" ", *_most_frequent(counts, num_tokens - 1, config.min_frequency)]


def _new_fallback_library(config: TokeniserConfig) -> Tokenizer:
    """Return an untrained tokeniser in which a word begins with a space and unknown characters become bytes.

    No token joins letters with punctuation, so "dog." is "dog" and ".". "<" is always a token of its own, so that no
    learnt token can be mistaken for a byte token.
    """
    library = _new_library(config)
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=" "),
            pre_tokenizers.Split("<", "isolated"),
            pre_tokenizers.Split(Regex(_SIGN_OR_LETTERS), "isolated"),
        ]
    )
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return library


def _new_library(config: TokeniserConfig) -> Tokenizer:
    library = Tokenizer(models.BPE())
    library.normalizer = normaliser(config)
    return library


def _learn_vocabulary(
    library: Tokenizer, texts: Iterable[str], config: TokeniserConfig, num_tokens: int
) -> dict[str, int]:
    """Return the ids of the special tokens and of the most frequent words or characters."""
    counts = _count(normalise_all(library, texts), config.kind)
    frequent = _most_frequent(counts, num_tokens, config.min_frequency)
    return {token: i for i, token in enumerate([*STORED_SPECIALS, *frequent])}


def _count(texts: Iterable[str], kind: str) -> Counter[str]:
    """Count the words of the texts, or their characters."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split() if kind == "words" else text)
    return counts


def _most_frequent(counts: Counter[str], num_tokens: int, min_frequency: int) -> list[str]:
    """Return the most frequent first; of equally frequent ones the smaller code points first."""
    frequent = [token for token, count in counts.items() if count >= min_frequency]
    return sorted(frequent, key=lambda token: (-counts[token], token))[:num_tokens]


_LEARN = {
    "words": _learn_words,
    "characters": _learn_characters,
    "bpe": _learn_bpe,
    "unigram": _learn_unigram,
}
