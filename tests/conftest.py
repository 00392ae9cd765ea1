"""Where tests find models and data: tiny random GGUFs written on the spot, trained models and data sets if present.

Trained models and data are never in the repository. They are looked for in ``$PYSTEER_MODELS`` and ``$PYSTEER_DATA``,
else in ``shared/models`` and ``shared/data`` beside the repository. Where they are missing a test is skipped with the
reason, but fails if the environment variable ``CI`` is set: there, a skip would hide that nothing was tested (set
``PYSTEER_ALLOW_SKIPS`` where that is known, as on a public runner without the data).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# With import-mode=importlib pytest leaves sys.path alone, and tests import the oracle and the writer by name.
sys.path.insert(0, str(Path(__file__).parent))

import tiny_gguf

WriteTiny = Callable[[tiny_gguf.TinyModel, str], Path]
REPOSITORY = Path(__file__).resolve().parent.parent
TINY_SEED = 1
# The weight types whose arithmetic the NumPy oracle imitates exactly.
EXACT_WEIGHT_TYPES = ("F32", "Q8_0", "Q4_0")
TINY_MODELS = {
    "llama": tiny_gguf.TINY_LLAMA,
    "llama_biases": tiny_gguf.TINY_LLAMA_BIASES,
    "wide_head": tiny_gguf.TINY_WIDE_HEAD,
    "gpt2": tiny_gguf.TINY_GPT2,
    "gpt2_untied": tiny_gguf.TINY_GPT2_UNTIED,
    "qwen2": tiny_gguf.TINY_QWEN2,
}


def find_folder(variable: str, name: str) -> Path:
    """The folder `variable` names, else ``../shared/<name>``; skips the test if missing, fails it under CI."""
    folder = REPOSITORY / (os.environ.get(variable) or REPOSITORY.parent / "shared" / name)
    if not folder.is_dir():
        give_up(f"no folder {folder}: set the environment variable {variable} to the folder of {name}")
    return folder


def find_model(models_dir: Path, name: str) -> Path:
    """``models_dir / name``; skips the test if missing, fails it under CI."""
    if not (models_dir / name).is_file():
        give_up(f"no model {name} in {models_dir}: set the environment variable PYSTEER_MODELS to a folder that has it")
    return models_dir / name


def give_up(reason: str) -> None:
    if os.environ.get("CI") and not os.environ.get("PYSTEER_ALLOW_SKIPS"):
        pytest.fail(f"{reason} (CI is set, so this is a failure and not a skip)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def outside_the_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in an empty folder: in the repository a subprocess would find the sources before the installed package."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of data sets: ``$PYSTEER_DATA``, else ``../shared/data``."""
    return find_folder("PYSTEER_DATA", "data")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder of trained models: ``$PYSTEER_MODELS``, else ``../shared/models``."""
    return find_folder("PYSTEER_MODELS", "models")


@pytest.fixture(scope="session")
def tinytalk(models_dir: Path) -> Path:
    """TinyTalk 3M chat, Q8_0: gpt2, 8 blocks, d_model 128, 16 heads, context 256, with a chat template."""
    return find_model(models_dir, "tinytalk-3m-chat-q8_0.gguf")


@pytest.fixture(scope="session")
def tinytalk_f32(models_dir: Path) -> Path:
    return find_model(models_dir, "tinytalk-3m-chat-f32.gguf")


@pytest.fixture(scope="session")
def tinytalk_q4_0(models_dir: Path) -> Path:
    return find_model(models_dir, "tinytalk-3m-chat-q4_0.gguf")


@pytest.fixture(scope="session")
def stories260k(models_dir: Path) -> Path:
    """Llama, 5 blocks, d_model 64, 8/4 heads, SentencePiece of 512 pieces, F32."""
    return find_model(models_dir, "stories260K-f32.gguf")


@pytest.fixture(scope="session")
def write_tiny(tmp_path_factory: pytest.TempPathFactory) -> WriteTiny:
    """``write_tiny(model, weight_type)``: path of a tiny random model, written once a session."""
    folder = tmp_path_factory.mktemp("tiny")
    written: dict[tuple[tiny_gguf.TinyModel, str], Path] = {}

    def write(model: tiny_gguf.TinyModel, weight_type: str) -> Path:
        key = (model, weight_type)
        if key not in written:
            path = folder / f"{model.architecture}-{len(written)}-{weight_type}.gguf"
            written[key] = tiny_gguf.write_tiny_gguf(path, model, weight_type=weight_type, seed=TINY_SEED)
        return written[key]

    return write


@pytest.fixture(scope="session", params=EXACT_WEIGHT_TYPES)
def weight_type(request: pytest.FixtureRequest) -> str:
    """Runs the test once for each of F32, Q8_0, Q4_0."""
    return str(request.param)


@pytest.fixture(scope="session", params=list(TINY_MODELS))
def tiny_model(request: pytest.FixtureRequest) -> tiny_gguf.TinyModel:
    """Runs the test once for each tiny model the NumPy oracle knows; its file is ``write_tiny(tiny_model, ...)``."""
    return TINY_MODELS[request.param]


@pytest.fixture(scope="session")
def tiny_llama(write_tiny: WriteTiny) -> Path:
    """Llama, F32: 4 blocks, d_model 64, 4/2 heads of 16, d_ff 96, byte vocabulary."""
    return write_tiny(tiny_gguf.TINY_LLAMA, "F32")


@pytest.fixture(scope="session")
def tiny_wide_head(write_tiny: WriteTiny) -> Path:
    """As `tiny_llama`, with head_dim 32 where d_model / n_heads is 16."""
    return write_tiny(tiny_gguf.TINY_WIDE_HEAD, "F32")


@pytest.fixture(scope="session")
def tiny_gpt2(write_tiny: WriteTiny) -> Path:
    """GPT-2, F32, tied, with biases: 4 blocks, d_model 64, 4 heads of 16, d_ff 96, byte-level BPE."""
    return write_tiny(tiny_gguf.TINY_GPT2, "F32")


@pytest.fixture(scope="session")
def tiny_qwen2(write_tiny: WriteTiny) -> Path:
    """Qwen2, F32, tied: 4 blocks, d_model 64, 4/2 heads of 16, d_ff 96, byte-level BPE. attn_out has no name."""
    return write_tiny(tiny_gguf.TINY_QWEN2, "F32")


@pytest.fixture(scope="session")
def tiny_gemma2(write_tiny: WriteTiny) -> Path:
    """Gemma 2, F32: `tiny_llama` with post-norms and soft caps. resid_mid is called sa_out; not for the oracle."""
    return write_tiny(tiny_gguf.TINY_GEMMA2, "F32")
