"""Sparse dictionaries (SAEs): what they are, training one, their features. Nothing here touches a model."""

from __future__ import annotations

from pysteer.dictionaries.dictionary_training import train_dictionary
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.dictionaries.training_plan import DictionaryTraining, TrainingPlan

__all__ = ["DictionaryTraining", "SparseDictionary", "TrainingPlan", "train_dictionary"]
