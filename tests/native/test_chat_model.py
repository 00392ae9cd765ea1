"""A model as Python sees it: BOS exactly once, tokens by their place in the text, chats with and without a template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from python_runs import exact_session
from tiny_gguf import CHAT_TEMPLATE, TINY_GPT2, TINY_LLAMA, TinyModel

from pysteer.errors import ModelError, TokenizeError, VectorFileError, VectorMismatchWarning
from pysteer.model import Model
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_file import check_fits

WITH_BOS = "{{ bos_token }}" + CHAT_TEMPLATE
WriteTiny = Callable[[TinyModel, str], Path]


def load(write_tiny: WriteTiny, base: TinyModel, template: str | None) -> Model:
    return Model.load(write_tiny(replace(base, chat_template=template), "F32"))


def n_bos(model: Model, text: str) -> int:
    return int((model.tokenize(text).ids == model.native.special_token("bos")).sum())


@pytest.mark.parametrize(
    ("base", "template", "expected"),
    [
        pytest.param(TINY_LLAMA, CHAT_TEMPLATE, 1, id="the tokenizer adds it"),
        pytest.param(TINY_LLAMA, WITH_BOS, 1, id="tokenizer and template write it"),
        pytest.param(TINY_GPT2, WITH_BOS, 1, id="the template writes it"),
        pytest.param(TINY_GPT2, CHAT_TEMPLATE, 0, id="nobody wants it"),
    ],
)
def test_a_chat_begins_with_bos_once_where_the_model_wants_one(
    write_tiny: WriteTiny, base: TinyModel, template: str, expected: int
) -> None:
    model = load(write_tiny, base, template)
    ids = model.tokenize(model.chat("Hi")).ids
    assert n_bos(model, model.chat("Hi")) == expected
    assert (ids[0] == model.native.special_token("bos")) == bool(expected)
    with exact_session(model) as session:
        assert session.generate("Hi", max_tokens=2).n_prompt == len(ids)


def test_a_chat_is_the_text_of_the_template(write_tiny: WriteTiny) -> None:
    model = load(write_tiny, TINY_LLAMA, CHAT_TEMPLATE)
    assert model.has_chat_template
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert model.chat(messages) == "<system>Be kind.\n<user>Hi\n<assistant>"
    assert model.chat("Hi", add_generation_prompt=False) == "<user>Hi\n"


def test_a_model_without_a_template_says_what_to_do(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    assert not model.has_chat_template
    with pytest.raises(ModelError, match=r"no chat template.*raw=True"):
        model.chat("Hi")
    with exact_session(model) as session, pytest.raises(ModelError, match="--raw"):
        session.generate("Hi")


@pytest.mark.parametrize("name", ["tiny_llama", "tiny_gpt2", "tiny_qwen2"])
@pytest.mark.parametrize("text", ["Hello there", "é€😀 the thing", "a\n\n b", " lead", "x"])
def test_every_character_is_found_in_its_token(request: pytest.FixtureRequest, name: str, text: str) -> None:
    model = Model.load(request.getfixturevalue(name))
    tokens = model.tokenize(text)
    assert tokens.spans is not None
    data = text.encode()
    spans = [(begin, end) for begin, end in tokens.spans if end > begin]
    assert b"".join(data[begin:end] for begin, end in spans) == data
    for offset in range(len(text)):
        begin, end = tokens.spans[tokens.index_at(offset)]
        assert begin <= len(text[:offset].encode()) < end
    assert model.detokenize(tokens.ids).strip() == text.strip()


def test_a_character_outside_the_text_has_no_token(tiny_llama: Path) -> None:
    tokens = Model.load(tiny_llama).tokenize("abc")
    for offset in (-1, 3):
        with pytest.raises(TokenizeError, match="outside a text of 3 characters"):
            tokens.index_at(offset)


def test_half_a_surrogate_pair_is_no_text(tiny_llama: Path) -> None:
    with pytest.raises(TokenizeError, match="surrogate pair at character 1"):
        Model.load(tiny_llama).tokenize("a\ud83d")


def test_control_tokens_are_read_or_taken_as_text(tiny_gpt2: Path) -> None:
    model = Model.load(tiny_gpt2)
    end = model.native.special_token("eos")
    assert model.tokenize("a<|endoftext|>").ids.tolist()[-1] == end
    assert end not in model.tokenize("a<|endoftext|>", parse_special=False).ids
    assert model.detokenize([end], special=True) == "<|endoftext|>"
    assert model.detokenize([end]) == ""


def test_weights_are_those_of_the_file(write_tiny: WriteTiny, tiny_model: TinyModel, weight_type: str) -> None:
    path = write_tiny(tiny_model, weight_type)
    model, reader = Model.load(path), gguf.GGUFReader(path)
    expected = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    for name in ("token_embd.weight", "blk.1.attn_output.weight", "blk.2.ffn_down.weight", "output_norm.weight"):
        np.testing.assert_array_equal(model.weight(name), expected[name])
    output = expected.get("output.weight", expected["token_embd.weight"])
    np.testing.assert_array_equal(model.unembedding(), output)
    with pytest.raises(ModelError, match="no_such"):
        model.weight("no_such.weight")


def test_a_model_says_what_it_is(tiny_wide_head: Path) -> None:
    model = Model.load(tiny_wide_head)
    assert (model.architecture, model.n_layers, model.d_model, model.n_heads, model.n_heads_kv) == (
        "llama",
        4,
        64,
        4,
        2,
    )
    assert (model.n_ctx_train, model.name, model.path) == (256, "tiny llama", tiny_wide_head)
    assert "llama" in repr(model)
    assert model.n_parameters == sum(int(np.prod(shape)) for _, _, shape, _ in model.weights())


def test_a_vector_of_another_model_is_told_apart(tiny_llama: Path, tiny_gpt2: Path) -> None:
    llama, gpt2 = Model.load(tiny_llama), Model.load(tiny_gpt2)
    assert llama.hash != gpt2.hash

    def made_with(model: Model, site: Site, width: int) -> SteeringVector:
        origin = Provenance(method="test", architecture=model.architecture, model_hash=model.hash)
        return SteeringVector({site: np.ones(width)}, origin)

    def check(vector: SteeringVector, model: Model) -> None:
        check_fits(
            vector,
            d_model=model.d_model,
            n_layers=model.n_layers,
            architecture=model.architecture,
            model_hash=model.hash,
        )

    check(made_with(llama, Site("resid_post", 3), 64), llama)  # silent
    with pytest.warns(VectorMismatchWarning, match="architecture 'llama', the model is 'gpt2'"):
        check(made_with(llama, Site("resid_post", 3), 64), gpt2)
    with pytest.raises(VectorFileError, match="32 entries"):
        check(made_with(llama, Site("resid_post", 3), 32), llama)
    with pytest.raises(VectorFileError, match="4 blocks"):
        check(made_with(llama, Site("resid_post", 4), 64), llama)
