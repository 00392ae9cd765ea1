"""Is the NumPy oracle right? Compared with plain llama.cpp, through its C functions alone and without pysteer.

llama.cpp keeps keys and values as float32, with flash attention off: by default both lose three digits. The eval
callback copies every named site, and writes to it where a test edits. Errors are the largest difference at a site,
divided by the site's largest value. Seen on clear tokens: 7e-7 with F32 weights (1e-5 with GELU), 3e-7 with Q8_0, Q4_0.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from numpy_forward import COMPONENTS, Edit, NumpyTransformer, Sites, clear_tokens, gelu_table
from tiny_gguf import TINY_GEMMA2, TINY_GPT2, TINY_LLAMA, TINY_WIDE_HEAD, WEIGHT_TYPES, TinyModel

TOLERANCE = 1e-4
# ggml's names. Without a control vector the sum after the MLP is renamed from ffn_out to l_out, so ffn_out is the MLP
# alone. Of these architectures only llama names attn_out.
TENSOR_NAMES = {
    "resid_post": "l_out",
    "resid_mid": "ffn_inp",
    "attn_out": "attn_out",
    "mlp_out": "ffn_out",
    "head_out": "kqv_out",
    "final_norm": "result_norm",
}
COMPONENT_OF = {name: component for component, name in TENSOR_NAMES.items()}


# Through libllama, so that the symbols come from the one copy of ggml it is linked to: the wheel carries several files.
GGML = llama_cpp.llama_cpp._lib
GGML.ggml_get_name.restype = ctypes.c_char_p
GGML.ggml_get_data.restype = ctypes.c_void_p
GGML.ggml_nelements.restype = ctypes.c_int64
for function in (GGML.ggml_get_name, GGML.ggml_get_data, GGML.ggml_nelements):
    function.argtypes = [ctypes.c_void_p]


def decode(path: Path, tokens: list[int], edit: Edit | None = None) -> dict[tuple[str, int], np.ndarray]:
    """llama.cpp's float32 rows by (component, layer), each (T, width); (T, n_vocab) for ("logits", -1).

    `edit` is called as the oracle calls it, and what it returns is written into llama.cpp's memory.
    """
    rows: dict[tuple[str, int], np.ndarray] = {}
    failures: list[Exception] = []

    def visit(tensor: int, is_question: bool, _: object) -> bool:
        name, _, layer_text = GGML.ggml_get_name(tensor).decode().partition("-")
        if name not in COMPONENT_OF or is_question:
            return name in COMPONENT_OF or not is_question
        site = (COMPONENT_OF[name], int(layer_text or n_layers - 1))
        values = (ctypes.c_float * GGML.ggml_nelements(tensor)).from_address(GGML.ggml_get_data(tensor))
        array = np.frombuffer(values, dtype=np.float32).reshape(len(tokens), -1)
        try:
            if edit is not None:
                array[:] = edit(*site, array.astype(np.float64))
        except Exception as failure:  # ctypes would print it and go on
            failures.append(failure)
        rows[site] = array.copy()
        return True

    model_parameters = llama_cpp.llama_model_default_params()
    model_parameters.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_parameters)
    assert model, f"llama.cpp does not load {path}"
    n_layers = llama_cpp.llama_model_n_layer(model)
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 256
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
    parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.cb_eval = llama_cpp.ggml_backend_sched_eval_callback(visit)
    context = llama_cpp.llama_init_from_model(model, parameters)
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for row, token in enumerate(tokens):
        batch.token[row], batch.pos[row], batch.n_seq_id[row], batch.seq_id[row][0] = token, row, 1, 0
        # The last block keeps only the rows whose logits are asked for.
        batch.logits[row] = True
    try:
        assert llama_cpp.llama_decode(context, batch) == 0
        n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(context), (len(tokens), n_vocab))
        rows["logits", -1] = logits.copy()
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
    if failures:
        raise failures[0]
    return rows


def relative_errors(ours: Sites, theirs: dict[tuple[str, int], np.ndarray]) -> dict[tuple[str, int], float]:
    """Largest difference over largest value, for the logits and every site llama.cpp has a name for."""
    errors = {}
    for (component, layer), array in theirs.items():
        expected = getattr(ours, component)
        expected = expected[layer] if expected.ndim == 3 else expected
        errors[component, layer] = float(np.abs(expected - array).max() / np.abs(array).max())
    return errors


def assert_close(ours: Sites, theirs: dict[tuple[str, int], np.ndarray], *, tolerance: float) -> None:
    too_far = {site: error for site, error in relative_errors(ours, theirs).items() if not error <= tolerance}
    assert not too_far, f"relative errors above {tolerance}: {too_far}"


def random_tokens(model: NumpyTransformer, n_tokens: int, *, seed: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(model.n_vocab, size=n_tokens)]


@pytest.mark.parametrize("n_tokens", [1, 2, 13])
def test_oracle_agrees_with_llama_cpp_at_every_site(
    write_tiny: Callable[[TinyModel, str], Path], tiny_model: TinyModel, weight_type: str, n_tokens: int
) -> None:
    path = write_tiny(tiny_model, weight_type)
    model = NumpyTransformer(path, quantise_activations=True)
    tokens = clear_tokens(model, n_tokens, seed=0)
    theirs = decode(path, tokens)
    n_unnamed = 0 if tiny_model.architecture == "llama" else model.n_layers
    assert len(theirs) == 5 * model.n_layers + 2 - n_unnamed
    assert_close(model.forward(tokens), theirs, tolerance=TOLERANCE)


def test_float16_weights_agree_to_2e_3(write_tiny: Callable[[TinyModel, str], Path], tiny_model: TinyModel) -> None:
    path = write_tiny(tiny_model, "F16")
    model = NumpyTransformer(path)
    tokens = random_tokens(model, 13, seed=0)
    # ggml rounds each product's input to float16: 5e-4, added up over 4 blocks. Seen: 1.8e-3.
    assert_close(model.forward(tokens), decode(path, tokens), tolerance=4e-3)


@pytest.mark.parametrize("model_file", ["stories260k", "tinytalk_f32"])
def test_oracle_agrees_with_llama_cpp_on_trained_models(model_file: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(model_file)
    model = NumpyTransformer(path)
    tokens = random_tokens(model, 13, seed=0)
    # Not 1e-4: TinyTalk's 512 GELUs in each of 8 blocks cannot all stay away from a step. Seen: 4e-4; stories260K 3e-6.
    tolerance = 1e-3 if model.architecture == "gpt2" else TOLERANCE
    assert_close(model.forward(tokens), decode(path, tokens), tolerance=tolerance)


@pytest.mark.parametrize(
    ("tiny", "component"),
    [(TINY_WIDE_HEAD, component) for component in COMPONENTS]
    + [(TINY_GPT2, component) for component in COMPONENTS if component != "attn_out"],
    ids=lambda value: value if isinstance(value, str) else value.architecture,
)
def test_an_edit_of_the_oracle_equals_writing_to_llama_cpps_tensor(
    write_tiny: Callable[[TinyModel, str], Path], tiny: TinyModel, component: str, weight_type: str
) -> None:
    path = write_tiny(tiny, weight_type)
    model = NumpyTransformer(path, quantise_activations=True)
    layer = model.n_layers - 1 if component == "final_norm" else 1

    def edit(at_component: str, at_layer: int, array: np.ndarray) -> np.ndarray:
        if (at_component, at_layer) != (component, layer):
            return array
        # A step that depends on the activation, so that it is seen whether the edit gets the right one.
        step = np.random.default_rng(7).normal(size=array.shape[1])
        return 0.5 * array + (array @ step)[:, None] / np.sqrt(array.shape[1]) * step

    tokens = clear_tokens(model, 9, seed=1, edit=edit)
    edited = model.forward(tokens, edit)
    assert_close(edited, decode(path, tokens, edit), tolerance=TOLERANCE)
    assert np.abs(edited.logits - model.forward(tokens).logits).max() > 0.1


def test_gelu_table_equals_ggmls_table_bit_for_bit(tiny_gpt2: Path) -> None:
    decode(tiny_gpt2, [1])  # ggml fills its table when its CPU backend starts
    table = np.frombuffer((ctypes.c_uint16 * 65536).in_dll(GGML, "ggml_table_gelu_f16"), dtype=np.float16)
    argument = np.arange(65536, dtype=np.uint16).view(np.float16)
    is_looked_up = np.abs(argument) < 10.0
    np.testing.assert_array_equal(gelu_table(argument[is_looked_up].astype(np.float64)), table[is_looked_up])


def test_rounding_margin_is_infinite_where_nothing_is_rounded(tiny_llama: Path) -> None:
    sites = NumpyTransformer(tiny_llama, quantise_activations=True).forward([5, 6, 7])
    np.testing.assert_array_equal(sites.rounding_margin, np.inf)


def test_without_imitated_rounding_quantised_weights_miss_the_tolerance(
    write_tiny: Callable[[TinyModel, str], Path],
) -> None:
    path = write_tiny(TINY_LLAMA, "Q8_0")
    model = NumpyTransformer(path)
    tokens = random_tokens(model, 13, seed=0)
    errors = relative_errors(model.forward(tokens), decode(path, tokens))
    assert 100 * TOLERANCE < max(errors.values()) < 0.1


def test_an_edit_of_the_wrong_shape_is_refused(tiny_llama: Path) -> None:
    with pytest.raises(ValueError, match=r"edit of head_out\.0 returned shape"):
        NumpyTransformer(tiny_llama).forward([1, 2], lambda component, layer, array: array[:1])


@pytest.mark.parametrize("weight_type", WEIGHT_TYPES)
def test_llama_cpp_loads_gemma2_with_lively_logits(
    write_tiny: Callable[[TinyModel, str], Path], weight_type: str
) -> None:
    rows = decode(write_tiny(TINY_GEMMA2, weight_type), [2, 70, 71, 72, 260])
    assert ("resid_mid", 0) not in rows
    assert 1.0 < rows["logits", -1].std() < 3.0
    norms = [np.linalg.norm(rows["resid_post", layer], axis=1).mean() for layer in range(TINY_GEMMA2.n_layers)]
    assert all(1.0 < norm < 20.0 for norm in norms), norms
