"""Text in, text out, and everything attention did on the way."""

from regard.translator.loading import load, load_ensemble, table_in
from regard.translator.translator import Translator

__all__ = ["Translator", "load", "load_ensemble", "table_in"]
