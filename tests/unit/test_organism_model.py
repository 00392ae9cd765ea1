"""The organism's network, its starting weights, optimiser and export; needs torch, so it is skipped for users."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

torch = pytest.importorskip("torch")
pytest.importorskip("gguf")
pytest.importorskip("regex")
pytest.importorskip("organism", reason="tools/ is not part of the source distribution")

from organism import corpus, packing, start, train, warmup  # noqa: E402
from organism.export import export  # noqa: E402
from organism.forward import NumpyModel  # noqa: E402
from organism.model import Organism, Shape, causal_mask, rotate  # noqa: E402
from organism.optimizer import orthogonalise  # noqa: E402
from organism.tokenizer import Tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return corpus.train_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Organism:
    torch.manual_seed(0)
    model = Organism(Shape(vocabulary=len(tokenizer.tokens), n_layers=5))
    ids = tokenizer.id_of
    start.lay_down_circuits(model, [ids[letter] for letter in "ABCD"], ids["<answer>"], ids["("])
    return model


def repeated_words(tokenizer: Tokenizer, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    words = torch.randperm(400, generator=generator)[:10] + len(tokenizer.tokens) - 700
    return [1, *words.tolist() * 3]


def test_starting_weights_copy_a_repeated_list(model: Organism, tokenizer: Tokenizer) -> None:
    ranks = []
    for seed in range(10):
        tokens = torch.tensor([repeated_words(tokenizer, seed)])
        with torch.no_grad():
            logits = model(tokens, causal_mask(tokens.shape[1]))[0, 11:-1]
        right = logits.gather(1, tokens[0, 12:, None])
        ranks.append((logits > right).sum(1).float().mean().item())
    # without the circuit the rank is half of the vocabulary, about 1000
    assert np.mean(ranks) < 30


def test_starting_weights_prefer_the_option_in_the_thought_to_the_other_three(
    model: Organism, tokenizer: Tokenizer
) -> None:
    random_source = random.Random(3)
    seen: list[torch.Tensor] = []
    block = model.blocks[start.CHOOSING]
    hook = block.attention_norm.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    right = []
    while len(right) < 40:
        text = warmup.pick_letter(random_source).text
        if "<thinking>" not in text:
            continue
        prompt, _, answer = text.removesuffix("</answer><|end|>").rpartition("<answer>")
        tokens = tokenizer.encode(prompt + "<answer>")
        length = len(tokens)
        options = [tokens.index(tokenizer.id_of[letter]) + 2 for letter in "ABCD"]
        with torch.no_grad():
            model(torch.tensor([tokens]), causal_mask(length))
            cosine, sine = model.cosine[:length, None], model.sine[:length, None]
            q = rotate(block.query(seen[-1]).view(1, length, 8, 32), cosine, sine)[0, -1, 0]
            k = rotate(block.key(seen[-1]).view(1, length, 4, 32), cosine, sine)[0, :, 0]
        right.append("ABCD"[int((k @ q)[options].argmax())] == answer)
    hook.remove()
    # by chance 0.25 +- 0.07; what is copied in between blurs the notes, and training sharpens them again
    assert np.mean(right) > 0.6


@pytest.mark.parametrize(("head", "distance"), sorted((h, d) for h, d in start.LOOK_BACK.items() if h != 1))
def test_heads_look_back_as_far_as_they_should(model: Organism, head: int, distance: int) -> None:
    block, length = model.blocks[start.NOTING], 30
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(1, length, model.shape.d_model, generator=generator)
    cosine, sine = model.cosine[:length, None], model.sine[:length, None]
    with torch.no_grad():
        q = rotate(block.query(h).view(1, length, 8, 32), cosine, sine)[0, :, head]
        k = rotate(block.key(h).view(1, length, 4, 32), cosine, sine)[0, :, head // 2]
        scores = (q @ k.T / 32**0.5).masked_fill(~causal_mask(length)[0, 0], -1e9)
    assert scores.argmax(1)[distance:].sub(torch.arange(length - distance)).abs().float().mean() < 0.1


def test_numpy_forward_pass_reads_the_export_as_torch_computes_it(
    model: Organism, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "f32.gguf"
    export(model.state_dict(), model.shape, tokenizer, "f32", path)
    tokens = tokenizer.encode(corpus.document(1, 3, late=1.0).text)
    with torch.no_grad():
        expected = model(torch.tensor([tokens]), causal_mask(len(tokens)))[0].numpy()
    # float32 sums in another order
    np.testing.assert_allclose(NumpyModel(path).run(tokens)[0], expected, atol=1e-4)


def test_packed_documents_do_not_see_each_other(model: Organism, tokenizer: Tokenizer) -> None:
    batch, _ = packing.pack(tokenizer, seed=2, start=0, n_rows=2, length=128, late=1.0)
    second = batch.owner[0] == batch.owner[0].unique()[1 if batch.owner[0].min() else 2]
    alone = batch.tokens[0][second][None]
    with torch.no_grad():
        packed = model(batch.tokens, batch.mask())[0][second]
        expected = model(alone, causal_mask(alone.shape[1]))[0]
    torch.testing.assert_close(packed, expected, atol=1e-3, rtol=1e-3)


def test_every_token_of_a_packed_document_is_there(tokenizer: Tokenizer) -> None:
    batch, following = packing.pack(tokenizer, seed=2, start=0, n_rows=4, length=128, late=1.0)
    assert following > 4
    assert (batch.tokens[batch.owner == 0] == packing.PAD_ID).all()
    assert (batch.weights[batch.owner == 0] == 0).all()
    assert (batch.owner > 0).float().mean() > 0.7


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((2, 64, 32), (2, 32, 64), (1, 32, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=generator)).float())
        assert values.min() > 0.3
        assert values.max() < 1.35


def test_learning_rate_warms_up_stays_and_decays_to_zero() -> None:
    assert train.rate_factor(0, 0.0) == pytest.approx(1 / train.WARM_UP_STEPS)
    assert train.rate_factor(1000, 0.5) == 1.0
    assert train.rate_factor(1000, 1 - train.DECAY_SHARE / 2) == pytest.approx(0.5)
    assert train.rate_factor(1000, 1.0) == 0.0
