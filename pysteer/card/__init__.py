"""The vector card: does this vector work on this model, on which inputs does it backfire, and what does it cost?

vector_card     what a card holds, and its JSON
presets         how much is measured
texts           what costs are measured on, if nothing else is given
training_data   whether the items were seen in training
battery         the measurements, through the run store
numbers         from cells to numbers
guard           which strengths can be recommended
verdicts        what the numbers say, in words
card_figures    the figures
card_page       the page
short_form      what is written into the vector's file
"""

from __future__ import annotations

from pysteer.card.battery import measure_card
from pysteer.card.card_page import card_page
from pysteer.card.guard import Guard
from pysteer.card.short_form import ShortCard, read_short_card, write_short_card
from pysteer.card.vector_card import VectorCard

__all__ = ["Guard", "ShortCard", "VectorCard", "card_page", "measure_card", "read_short_card", "write_short_card"]
