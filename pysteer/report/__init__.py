"""Figures and pages: arrays in, a figure for a paper or one self-contained HTML file out.

One file per figure, each with one function ``draw_...`` that returns a `Drawing`. `page` puts text, tables and
drawings together. Nothing here runs a model or computes a statistic: values and intervals come from
`pysteer.metrics` and `pysteer.statistics`.
"""

from __future__ import annotations
