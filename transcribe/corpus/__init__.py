"""A folder of transcriptions as a training set for generators of music.

>>> from transcribe.corpus import CorpusConfig, build_corpus
>>> corpus = build_corpus("transcriptions", "corpus", CorpusConfig(copies=2))
>>> corpus.n_pieces("train")

The names are loaded when they are first used, so that the command line can parse its arguments
before numpy is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.corpus.builder import build_corpus
    from transcribe.corpus.config import CorpusConfig
    from transcribe.corpus.corpus import Corpus

__all__ = ["Corpus", "CorpusConfig", "build_corpus"]

__getattr__ = lazy_names(
    __name__,
    {
        "Corpus": "transcribe.corpus.corpus",
        "CorpusConfig": "transcribe.corpus.config",
        "build_corpus": "transcribe.corpus.builder",
    },
)
