"""ActAdd (Turner et al. 2023, arXiv:2308.10248): one pair of texts, from tokens to logits, against the NumPy oracle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import exact_session, random_tokens
from tiny_gguf import TINY_LLAMA, TINY_QWEN2, TinyModel

from pysteer.extraction import extract
from pysteer.intervention import Intervention
from pysteer.pairs import ContrastPair, Dataset
from pysteer.site import Site
from pysteer.steering_program import compile_interventions, steps
from pysteer.window import Window

PAIR = Dataset((ContrastPair("", "I love you", "I loathe it"),), "one pair")
TOKENS = random_tokens(8, seed=3)


@pytest.mark.parametrize(("window", "positions"), [("last", [7]), ("prompt", list(range(8))), ("0:3", [0, 1, 2])])
@pytest.mark.parametrize("coefficient", [3.0, -1.0])
@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("tiny", [TINY_LLAMA, TINY_QWEN2], ids=["llama", "qwen2"])
def test_one_pair_added_at_a_layer_equals_numpy(
    write_tiny: Callable[[TinyModel, str], Path],
    tiny: TinyModel,
    layer: int,
    coefficient: float,
    window: str,
    positions: list[int],
) -> None:
    path = write_tiny(tiny, "F32")
    oracle = NumpyTransformer(path)
    with exact_session(path) as session:
        vector = extract(session.model, PAIR, layers=[layer], token="last", raw=True, session=session)
        with session.steer(vector, coefficient=coefficient, window=window):
            ours = session.logits(TOKENS)
        ids = [session.model.tokenize(text).ids for text in (PAIR[0].positive, PAIR[0].negative)]
    love, loathe = (oracle.forward(each).resid_post[layer][-1] for each in ids)
    np.testing.assert_allclose(vector[Site("resid_post", layer)], love - loathe, rtol=0, atol=1e-4 * np.abs(love).max())

    def hook(component: str, at: int, rows: np.ndarray) -> np.ndarray:
        if (component, at) == ("resid_post", layer):
            rows[positions] += coefficient * (love - loathe)
        return rows

    expected = oracle.forward(TOKENS, hook).logits
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert np.abs(expected - oracle.forward(TOKENS).logits).max() > 0.1


def test_rows_before_the_window_keep_their_bits_and_the_others_are_moved_by_exactly_the_step(
    write_tiny: Callable[[TinyModel, str], Path],
) -> None:
    """t_min of arXiv:2407.12404: skip 0 begins at the last prompt token ("answer"), skip 1 behind it ("generation")."""
    with exact_session(write_tiny(TINY_LLAMA, "F32")) as session:
        vector = extract(session.model, PAIR, layers=[2], token="last", raw=True, session=session)
        site, native = Site("resid_post", 2), session.native
        rows = {}
        for begin in (None, 4, 5):
            session.forget()
            if begin is not None:
                window = Window.parse("answer" if begin == 4 else "generation")
                compiled = compile_interventions([Intervention(vector, coefficient=1.5, window=window)])
                native.set_program(0, steps(compiled, 5))
            decoded = native.decode(
                TOKENS,
                np.arange(8, dtype=np.int32),
                np.zeros(8, dtype=np.int32),
                recorded=np.ones(8, dtype=np.uint8),
                sites=[("resid_post", 2)],
            )
            rows[begin] = np.array(decoded.recordings[0])
        session.forget()
    for begin in (4, 5):
        np.testing.assert_array_equal(rows[begin][:begin], rows[None][:begin])
        np.testing.assert_array_equal(rows[begin][begin:], rows[None][begin:] + np.float32(1.5) * vector[site])
