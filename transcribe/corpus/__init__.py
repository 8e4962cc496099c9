"""A folder of transcriptions as a training set for generators of music.

>>> from transcribe.corpus import CorpusConfig, build_corpus
>>> corpus = build_corpus("transcriptions", "corpus", CorpusConfig(copies=2))
>>> corpus.n_pieces("train")
"""

from __future__ import annotations

from transcribe.corpus.builder import Corpus, build_corpus
from transcribe.corpus.config import CorpusConfig

__all__ = ["Corpus", "CorpusConfig", "build_corpus"]
