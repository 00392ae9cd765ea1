"""The study of mechanisms where something is missing: too few pairs, no text, no prediction, names that are alike."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from planted_mechanisms import N_PROMPTS, SIZES, behaviour, planted_model

from pysteer.studies.mechanisms import Mechanisms
from pysteer.studies.mechanisms.behaviours import CHOSEN, Behaviour, Material
from pysteer.studies.mechanisms.best_layer import analyse_layers
from pysteer.studies.mechanisms.corpora import corpora
from pysteer.studies.mechanisms.found import Found, repeat_items
from pysteer.studies.mechanisms.knees import knee_of
from pysteer.studies.mechanisms.larger_models import analyse_larger
from pysteer.studies.mechanisms.overdose import analyse_overdose, broken
from pysteer.studies.mechanisms.pair_numbers import analyse_numbers
from pysteer.studies.mechanisms.plan import make_parts
from pysteer.studies.mechanisms.single_pairs import analyse_single
from pysteer.studies.mechanisms.sizes import OVERDOSE
from pysteer.studies.mechanisms.user_queries import reply_rows
from pysteer.studies.quantised_model import bits_of, quantised_models
from pysteer.studies.rows import Row, joined_hash
from pysteer.studies.study import Analysis, Piece, StudyContext

NAMES = ("joyful-sad", *CHOSEN[:3])
FOUR = [behaviour(name) for name in NAMES]
CLAIMS = {claim.id: claim for claim in Mechanisms.claims}


def row_of_claim(piece: Piece, claim: str) -> Row:
    return next(row for name, row in piece.findings if name == claim)


def outcome(piece: Piece, claim: str) -> str:
    return CLAIMS[claim].judge(row_of_claim(piece, claim)).outcome


def with_pairs(n_pairs: int) -> list[Behaviour]:
    return [behaviour(name, n_pairs=n_pairs) for name in NAMES]


# E21: few pairs


@pytest.mark.parametrize("n_pairs", [60, 92, 318])
@pytest.mark.parametrize("noise_ratio", [0.4, 4.2, 9.2, 60.0])
def test_with_few_pairs_the_measured_knee_decides_nothing_whatever_it_is(n_pairs: int, noise_ratio: float) -> None:
    """All that such behaviours could say is that the knee is small."""
    piece = analyse_numbers([planted_model(with_pairs(n_pairs), noise_ratio=noise_ratio)])
    assert outcome(piece, "C3.2a") == "inconclusive"
    assert "320 pairs or more" in row_of_claim(piece, "C3.2a").note
    assert any("fewer than 320 pairs" in told and "joyful-sad" in told for told in piece.notes["E21"])
    measured = [row for row in piece.tables[0].rows if row.quantity == "pairs, measured by the effect"]
    assert len(measured) == len(FOUR)
    assert all(f"of {n_pairs} pairs only knees up to {n_pairs / 2:g}" in row.note for row in measured)


def test_a_behaviour_with_enough_pairs_decides_beside_others_that_do_not() -> None:
    mixed = [*FOUR[:2], *with_pairs(60)[2:]]
    row = row_of_claim(analyse_numbers([planted_model(mixed, noise_ratio=9.2)]), "C3.2a")
    assert row.note == f"of {NAMES[0]}, {NAMES[1]}"
    assert row.n == 2
    assert 40.0 < row.value < 85.0


def test_a_knee_that_cannot_be_seen_counts_as_large_and_is_not_left_out() -> None:
    seen = planted_model(FOUR, noise_ratio=9.2)
    knees = [knee_of(seen, each) for each in FOUR]
    assert row_of_claim(analyse_numbers([seen]), "C3.2a").value == pytest.approx(np.median(knees))
    found = planted_model(FOUR, noise_ratio=9.2)
    for each in FOUR[2:]:  # no subset of these reaches the effect of all
        found.part(each, "subsets").arrays["propensities"][:] *= 0.5
        assert np.isposinf(knee_of(found, each))
    piece = analyse_numbers([found])
    row = row_of_claim(piece, "C3.2a")
    assert outcome(piece, "C3.2a") == "inconclusive"
    assert np.isnan(row.value)
    assert "above 160 pairs" in row.note
    assert row.n == len(FOUR)
    assert any("no knee below half of the pairs" in told and FOUR[3].name in told for told in piece.notes["E21"])


def test_an_interval_whose_end_cannot_be_seen_gives_no_number_but_says_what_is_known() -> None:
    five = [behaviour(name) for name in (*NAMES, CHOSEN[3])]
    found = planted_model(five, noise_ratio=9.2)
    for each in five[3:]:  # two of five: the median is seen, not so in draws in which they are three
        found.part(each, "subsets").arrays["propensities"][:] *= 0.5
    row = row_of_claim(analyse_numbers([found]), "C3.2a")
    assert np.isnan(row.value)
    assert 40.0 < float(row.note.split(" ", 1)[0]) < 85.0
    assert "to above 160: above half of the pairs" in row.note


def test_behaviours_without_an_effect_on_the_measured_items_are_told_from_late_knees() -> None:
    found = planted_model(FOUR, effect=lambda each: -1.0 if each is FOUR[0] else 1.0, judged=lambda each: 1.0)
    piece = analyse_numbers([found])
    assert np.isnan(knee_of(found, FOUR[0]))
    told = [told for told in piece.notes["E21"] if FOUR[0].name in told]
    assert any("all pairs have no effect on these items" in one for one in told)
    assert not any("no knee below half" in one for one in told)
    assert row_of_claim(piece, "C3.2a").failures == 1


def test_pairs_without_a_common_direction_are_counted_where_predictions_are_compared() -> None:
    found = planted_model(FOUR)
    deltas = found.part(FOUR[0], "vectors").arrays["deltas"]
    deltas[::2] = -deltas[1::2]
    row = row_of_claim(analyse_numbers([found]), "C3.2c")
    assert (row.n, row.failures) == (3, 1)
    assert FOUR[0].name in row.note


def test_numbers_carry_the_hash_of_the_items_or_pairs_that_they_come_from() -> None:
    found = planted_model(FOUR)
    few = [repeat_items(each, SIZES) for each in FOUR]
    assert [len(items) for items in few] == [SIZES.n_repeat_items] * 4
    assert len(FOUR[0].test) > SIZES.n_repeat_items
    expected = joined_hash([items.content_hash for items in few])
    piece = analyse_numbers([found])
    assert row_of_claim(piece, "C3.2a").origin.data_hash == expected
    assert row_of_claim(piece, "C3.2b").origin.data_hash == joined_hash([each.train.content_hash for each in FOUR])
    single = analyse_single([found])
    assert row_of_claim(single, "C3.8a").origin.data_hash == expected
    assert {row.origin.data_hash for row in single.tables[0].rows} == {items.content_hash for items in few}


# E20: coarser weights, larger models


def model_of(described: str, n_parameters: int = 1000, size: int = 1000) -> Any:
    loaded = SimpleNamespace(quantisation=described, n_parameters=n_parameters)
    options: Any = None
    return SimpleNamespace(loaded=loaded, size=size, hash="0" * 64, label="m", options=options, shelf=None)


@pytest.mark.parametrize(
    ("described", "coarser"),
    [
        ("all F32", ["Q8_0", "Q4_K_M", "Q4_0", "Q2_K"]),
        ("(guessed) all F32", ["Q8_0", "Q4_K_M", "Q4_0", "Q2_K"]),
        ("Q8_0", ["Q4_K_M", "Q4_0", "Q2_K"]),
        ("Q4_K - Medium", ["Q4_0", "Q2_K"]),
        ("Q4_0", ["Q2_K"]),
        ("Q4_0 (guessed)", ["Q2_K"]),
        ("Q2_K - Medium", []),
        ("IQ3_S mix - 3.66 bpw", ["Q2_K"]),
        ("something new", ["Q4_K_M", "Q4_0", "Q2_K"]),  # eight bits per weight, as far as the file tells
    ],
)
def test_only_types_coarser_than_the_file_are_coarser_weights(described: str, coarser: list[str]) -> None:
    found = quantised_models(model_of(described), ("Q8_0", "Q4_K_M", "Q4_0", "Q2_K"))
    assert [each.weight_type for each in found] == coarser


def test_every_type_to_quantise_to_has_bits() -> None:
    from pysteer.quantisation import TYPES

    bits = [bits_of(name) for name in TYPES]
    assert None not in bits
    assert bits_of("MXFP4 MoE") is None


def test_rows_about_two_files_carry_the_hashes_of_both() -> None:
    small = planted_model(FOUR, label="small", n_parameters=1000)
    large = planted_model(FOUR, label="the large", n_parameters=9000)
    piece = analyse_larger([large, small])
    hashes = (small.model.hash, large.model.hash)
    assert row_of_claim(piece, "C3.5").origin.model_hash == joined_hash(hashes)
    coarse = [row for row in piece.tables[0].rows if row.labels["model"] == "small"]
    assert {row.origin.model_hash for row in coarse} == {joined_hash([small.model.hash, "c" * 64])}


# E20: texts


def without_room(found: Found, n: int) -> Found:
    """The first prompts are longer than the context."""
    for each in found.behaviours:
        part = found.part(each, "texts")
        for row in range(n):
            part.content["stops"][row] = ["too long"] * len(OVERDOSE)
            part.content["texts"][row] = [""] * len(OVERDOSE)
        part.arrays["surprise"][:n] = np.nan
        part.arrays["n_tokens"][:n] = 0.0
    return found


def test_prompts_without_room_for_a_text_are_no_broken_texts() -> None:
    found = without_room(planted_model(FOUR, breaks_at=99.0), 4)
    assert np.isnan(broken(found, FOUR[0])[:4]).all()
    piece = analyse_overdose([found])
    assert outcome(piece, "C3.7c") == "refuted"
    row = row_of_claim(piece, "C3.7c")
    assert (row.value, row.failures) == (0.0, 4)
    rows = [row for row in piece.tables[0].rows if row.quantity == "broken texts"]
    assert {(row.n, row.failures) for row in rows} == {(N_PROMPTS - 4, 4)}
    assert any("4 of 10 prompts leave no room" in told for told in piece.notes["E20"])


def test_without_any_text_nothing_is_said_about_texts() -> None:
    piece = analyse_overdose([without_room(planted_model(FOUR), N_PROMPTS)])
    for claim in ("C3.7b", "C3.7c"):
        row = row_of_claim(piece, claim)
        assert outcome(piece, claim) == "inconclusive"
        assert "0 of 10 prompts leave room" in row.note
        assert row.failures == N_PROMPTS
    assert outcome(piece, "C3.7a") == "confirmed"


def test_texts_that_the_model_leaves_empty_are_broken_and_those_cut_by_the_context_are_told() -> None:
    found = planted_model(FOUR, breaks_at=99.0)
    for each in FOUR:
        part = found.part(each, "texts")
        part.arrays["n_tokens"][:, -1] = 0.0
        part.arrays["surprise"][:, -1] = np.nan
        for row in part.content["stops"]:
            row[1] = "context"
    piece = analyse_overdose([found])
    assert outcome(piece, "C3.7c") == "confirmed"
    assert any("40 of 280 texts end at the model's context" in told for told in piece.notes["E20"])


def test_an_empty_reply_is_neither_joyful_nor_sad() -> None:
    texts = behaviour("joyful-sad", kind="texts")
    found = planted_model([texts, *FOUR[1:]], joyful=(0.5, 0.5, 1.0))
    part = found.part(texts, "replies")
    part.arrays["n_tokens"][10:, 0] = 0.0  # all but the joyful ones
    for row in part.content["texts"][10:]:
        row[0] = ""
    first = reply_rows(found, texts)[0]
    assert (first.value, first.n, first.failures) == (1.0, 10, 10)
    part.arrays["n_tokens"][:, 0] = 0.0
    assert np.isnan(reply_rows(found, texts)[0].value)


# E24


def test_a_behaviour_without_an_effect_here_counts_in_the_ratio() -> None:
    """Left out because of its result, the share would look smaller than it is."""
    found = planted_model(FOUR, effect=lambda each: -0.5 if each is FOUR[0] else 1.0, judged=lambda each: 1.0)
    row = row_of_claim(analyse_single([found]), "C3.8a")
    assert row.note == "of " + ", ".join(NAMES)
    assert row.n == len(FOUR)
    assert row.value == pytest.approx(0.5)  # single pairs have half of the effect, whatever its sign
    found.part(FOUR[0], "single").arrays["propensities"][:] = 0.0
    assert row_of_claim(analyse_single([found]), "C3.8a").value == pytest.approx(0.5 * 3.0 / 2.5, rel=0.05)


# Texts


def test_pieces_of_an_encyclopaedia_come_from_all_over_it(tmp_path: Path) -> None:
    """Neighbours are of one article: windows of them are no independent draws."""
    folder = tmp_path / "text" / "wikitext2"
    folder.mkdir(parents=True)
    pieces = [f"{number:03d} " + "word " * 80 for number in range(200)]
    (folder / "test.txt").write_text("\n = Heading = \n".join(pieces), "utf-8")
    context = StudyContext((), "quick", SIZES, 0, tmp_path)
    found = corpora(context, is_embedded=False, n=4)["wikitext2"]
    assert [text[:3] for text in found] == ["000", "050", "100", "150"]


# The whole


def test_figures_of_models_whose_labels_make_one_name_have_names_of_their_own() -> None:
    models = [planted_model(FOUR, label=label) for label in ("tiny_q4", "tiny-q4")]
    names = [figure.name for figure in Analysis.of([analyse_layers(models), analyse_numbers(models)]).figures]
    assert names[:2] == ["layers_tiny-q4", "map_tiny-q4"]
    assert len(set(names)) == len(names) == 6


class Shelved:
    """A model that counts how often it is opened, of which only one is open at a time."""

    opened: ClassVar[list[str]] = []

    def __init__(self, label: str, n_ctx: int) -> None:
        self.label, self.raw, self.hash, self.size = label, True, f"{n_ctx:064x}", 1000
        self.identity = {"file": self.hash}
        self.options = self.shelf = None
        tokenize = str.split
        self._loaded = SimpleNamespace(
            n_ctx_train=n_ctx, tokenize=tokenize, n_layers=6, quantisation="all F32", n_parameters=9
        )

    @property
    def loaded(self) -> Any:
        if self.opened[-1:] != [self.label]:
            self.opened.append(self.label)
        return self._loaded


def test_models_are_opened_twice_for_all_parts_and_read_windows_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysteer.studies.mechanisms.plan.adversarial_parts", lambda *given: [])
    monkeypatch.setattr(Shelved, "opened", [])
    models: Any = (Shelved("a", 99), Shelved("b", 64))
    context = StudyContext(models, "quick", SIZES, 0)
    parts = make_parts(context, Material(tuple(FOUR), False))
    assert Shelved.opened == ["a", "b", "a", "b"]
    sizes = {part.settings["window_size"] for part in parts if "window_size" in part.settings}
    assert sizes == {64}
    layer = next(part for part in parts if part.name == "a / layer")
    assert "pysteer.statistics.line" in layer.modules
