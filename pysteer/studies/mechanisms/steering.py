"""One direction, added at one layer: the steering of all parts of this study that read or write text."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.intervention import Intervention
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window

ANSWER = Window.parse("answer")


def intervention(direction: Float64Array, layer: int, strength: float, window: Window = ANSWER) -> Intervention:
    """Return the addition of a direction after a block; from the last token of the prompt on, unless told otherwise."""
    vector = SteeringVector({Site("resid_post", layer): np.asarray(direction, dtype=np.float32)}, Provenance("study"))
    return Intervention(vector, coefficient=float(strength), window=window)
