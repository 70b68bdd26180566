"""The form in which text is compared and tokenised: Unicode form, case, white space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenizers import Regex, Tokenizer, normalizers

from regard.config import TokeniserConfig

_WHITE_SPACE = r"[\s\x1c-\x1f]+"  # what `str.split` splits at


def normaliser(config: TokeniserConfig) -> normalizers.Normalizer:
    """Return the normaliser of a config: Unicode form and case, then white space unless characters are tokens."""
    steps = _unicode_steps(config)
    if config.kind != "characters":
        steps = [*steps, normalizers.Replace(Regex(_WHITE_SPACE), " "), normalizers.Strip()]
    return normalizers.Sequence(steps)


def unicode_normaliser(config: TokeniserConfig) -> normalizers.Normalizer:
    """Return the normaliser of a config without its handling of white space."""
    return normalizers.Sequence(_unicode_steps(config))


def normalise_all(library: Tokenizer, texts: Iterable[str]) -> Iterator[str]:
    """Normalise each text as the library's tokeniser does."""
    return map(library.normalizer.normalize_str, texts)


def _unicode_steps(config: TokeniserConfig) -> list[normalizers.Normalizer]:
    """Unicode form, lower case, and the form again, since a lower-case letter may compose anew."""
    form = [] if config.normalise == "none" else [getattr(normalizers, config.normalise)()]
    return [*form, normalizers.Lowercase(), *form] if config.lowercase else form
