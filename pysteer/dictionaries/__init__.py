"""Sparse dictionaries (SAEs): what they are, and training one. Nothing here touches a model."""

from __future__ import annotations

from pysteer.dictionaries.dictionary_training import DictionaryTraining, TrainingPlan, train_dictionary
from pysteer.dictionaries.sparse_dictionary import SparseDictionary

__all__ = ["DictionaryTraining", "SparseDictionary", "TrainingPlan", "train_dictionary"]
