"""Who keeps whom alive, what is given back, and what happens when Python interrupts."""

from __future__ import annotations

import _thread
import gc
import os
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from core_runs import FOREVER, add, decode, int32, logits_of, open_session, random_vector, run_python, steer, step

from pysteer import _core

TOKENS = [5, 9, 14, 200, 77]


def test_a_session_outlives_the_name_of_its_model(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    expected = logits_of(open_session(model), TOKENS)
    session = open_session(model)
    del model
    gc.collect()
    np.testing.assert_array_equal(logits_of(session, TOKENS), expected)


def test_results_outlive_the_session(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    decoded = decode(session, TOKENS, sites=[("resid_post", 1)], recorded=np.ones(5, dtype=bool), logits=True)
    logits, recording = decoded.logits, decoded.recordings[0]
    expected = logits.copy(), recording.copy()
    del decoded, session
    gc.collect()
    np.testing.assert_array_equal(logits, expected[0])
    np.testing.assert_array_equal(recording, expected[1])


def test_a_program_keeps_its_edits_alive(tiny_llama: Path) -> None:
    session, other = open_session(tiny_llama), open_session(tiny_llama)
    for each in (session, other):
        steer(each, 0, step("resid_post", 1, add(random_vector(64, seed=1))), step("mlp_out", 2, add(np.ones(64))))
        gc.collect()
        _ = [add(random_vector(64, seed=seed)) for seed in range(50)]  # would take the place of freed ones
    np.testing.assert_array_equal(logits_of(session, TOKENS), logits_of(other, TOKENS))


def test_models_and_sessions_give_their_memory_back(tiny_llama: Path) -> None:
    vector = random_vector(64, seed=1)

    def use_once() -> None:
        session = open_session(_core.Model.load(str(tiny_llama)))
        steer(session, 0, step("resid_post", 2, add(vector)), step("resid_post", 3, _core.Edit.norm_preserving(vector)))
        _core._testing.force_device_edits(session, True)
        decode(session, TOKENS, sites=[("head_out", 1)], recorded=np.ones(5, dtype=bool), logits=True)

    process = psutil.Process()
    for _ in range(15):
        use_once()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(50):
        use_once()
    gc.collect()
    # A leaked model is 0.8 MB, a leaked context more: 40 MB at least.
    assert process.memory_info().rss - before < 8e6


def test_decoding_and_steering_anew_does_not_grow(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)

    def use_once(seed: int) -> None:
        session.clear()
        steer(session, 0, step("resid_post", 2, add(random_vector(64, seed=seed))))
        decode(session, TOKENS * 10, sites=[("head_out", 1)], recorded=np.ones(50, dtype=bool), logits=True)

    process = psutil.Process()
    for seed in range(50):
        use_once(seed)
    before = process.memory_info().rss
    for seed in range(400):
        use_once(seed)
    assert process.memory_info().rss - before < 4e6


def test_progress_rises_to_1(tiny_llama: Path) -> None:
    shares: list[float] = []
    _core.Model.load(str(tiny_llama), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(0.0 <= share <= 1.0 for share in shares)


def test_an_exception_in_the_progress_callback_arrives_in_the_caller(tiny_llama: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(share: float) -> None:
        raise Stopped(share)

    with pytest.raises(Stopped):
        _core.Model.load(str(tiny_llama), progress=stop)
    assert _core.Model.load(str(tiny_llama)).n_layers == 4


def test_the_progress_callback_is_let_go(tiny_llama: Path) -> None:
    def report(share: float) -> None:
        pass

    before = sys.getrefcount(report)
    _core.Model.load(str(tiny_llama), progress=report)
    assert sys.getrefcount(report) == before


def decode_again_and_again(session: _core.Session, tokens: list[int]) -> None:
    for _ in range(100):  # one part a token: longer than any timer here
        session.clear()
        decode(session, tokens)


def test_ctrl_c_in_a_long_batch_raises_and_the_session_goes_on_from_there(tinytalk_f32: Path) -> None:
    """The length says how far the decode came, and what is there is right."""
    session, whole = open_session(tinytalk_f32, n_batch=1), open_session(tinytalk_f32, n_batch=1)
    tokens = [int(token) for token in np.random.default_rng(0).integers(1000, size=250)]
    timer = threading.Timer(0.02, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        decode_again_and_again(session, tokens)
    timer.join()
    kept = session.length(0)
    expected = logits_of(whole, [*tokens[:kept], 7])[-1:]
    np.testing.assert_array_equal(logits_of(session, [7]), expected)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_one_copy_of_each_llama_cpp_library_is_mapped(tiny_llama: Path) -> None:
    """Two copies would have two logs, two backends, and tensors that the other one does not know."""
    open_session(tiny_llama)
    libraries: dict[str, set[str]] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[-1]
        name = Path(path).name
        if name.startswith(("libllama", "libggml")):
            libraries.setdefault(name.split(".so")[0], set()).add(os.path.realpath(path))
    assert {"libllama", "libggml", "libggml-base"} <= set(libraries)
    assert all(len(paths) == 1 for paths in libraries.values()), libraries


def test_a_process_ends_quietly_with_everything_still_in_use(tiny_llama: Path) -> None:
    """Objects, llama.cpp's log and Python's log callback are torn down in any order."""
    script = (
        "import sys, llama_cpp\n"
        "from pysteer import _core\n"
        "model = _core.Model.load(sys.argv[1])\n"
        "session = _core.Session(model, n_ctx=64, n_batch=8, n_sequences=1, n_outputs=0, n_threads=1, kv_f32=True,\n"
        "                        flash_attention=None)\n"
        "_core.set_verbose(True)\n"
        "sys.keep = (model, session)\n"
    )
    done = run_python(script, str(tiny_llama))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-600:]


def test_loading_and_decoding_write_nothing_to_the_terminal(
    tiny_llama: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logits_of(open_session(tiny_llama), TOKENS)
    assert capfd.readouterr() == ("", "")


def test_a_step_states_where_it_acts() -> None:
    made = step("head_out", 2, add(np.ones(4)), 3, FOREVER)
    assert (made.site, made.begin, made.end) == (("head_out", 2), 3, FOREVER)


def test_two_sessions_of_one_model_do_not_share_tokens(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    first, second = open_session(model), open_session(model)
    logits_of(first, TOKENS)
    assert (first.length(0), second.length(0)) == (5, 0)
    np.testing.assert_array_equal(
        second.decode(int32(TOKENS), int32(range(5)), int32([0] * 5), outputs=np.ones(5, dtype=bool)).rows, range(5)
    )
