"""What the parts of the search for adversarial inputs compute, on a tiny model with a planted reversing token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_reversal import MODEL, REVERSING, direction, write_planted_reversal

from pysteer.formats.texts import Texts
from pysteer.intervention import Intervention
from pysteer.pair_files import check_disjoint
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.prompt_search import ReversalObjective
from pysteer.propensity import propensities
from pysteer.studies.mechanisms import adversarial_asking, adversarial_plan
from pysteer.studies.mechanisms import adversarial_measuring as measuring
from pysteer.studies.mechanisms.adversarial_asking import (
    LOW_PENALTY,
    Target,
    asking,
    compact,
    penalty_scale,
    search_settings,
)
from pysteer.studies.mechanisms.adversarial_plan import adversarial_parts
from pysteer.studies.mechanisms.adversarial_sizes import ADVERSARIAL_PRESETS
from pysteer.studies.mechanisms.adversarial_strings import natural_strings, random_strings
from pysteer.studies.mechanisms.behaviours import Behaviour, Material, name_of
from pysteer.studies.mechanisms.steering import intervention
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import ModelOptions, StudyModel

SIZES = {
    "n_restarts": 2, "length": 3, "n_slots": 2, "n_children": 12, "budget": 150, "restart_every": 0,
    "answer_tokens": 4, "n_random": 8, "n_natural": 4,
}  # fmt: skip
TEXTS = Texts("natural", tuple(f"The dog number {k} ran home. It was late." for k in range(8)))


def steering_of(vector: np.ndarray, layer: int, strength: float) -> tuple[Intervention, ...]:
    return (intervention(vector, layer, strength),)


def items(name: str, begin: int, n: int) -> Dataset:
    pairs = (ContrastPair(f"Is {k} good? (A) or (B)?", "(A)", "(B)") for k in range(begin, begin + n))
    return Dataset(tuple(pairs), name)


def replies(n: int = 4) -> Dataset:
    return Dataset(tuple(ContrastPair(f"How was day {k}?", f"Ab {k} was fun", f"Ab {k} bad") for k in range(n)), "talk")


@pytest.fixture(scope="module", params=[True, False], ids=["planted", "nothing planted"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StudyModel:
    path = tmp_path_factory.mktemp("planted") / "tiny.gguf"
    write_planted_reversal(path, is_planted=request.param)
    return StudyModel(path, "planted" if request.param else "plain", options=ModelOptions(n_threads=1, kv_type="f32"))


def choice(model: StudyModel) -> PartResult:
    vectors = {"letters": direction(), "nothing": np.eye(MODEL.d_model)[60]}
    inputs = {name: PartResult(arrays={"mean": vector}) for name, vector in vectors.items()}
    data = {name: items(f"{name}.validation", 50, 4) for name in vectors}
    settings = {"strengths": [1.0, 2.0], "answer_tokens": 4}
    given = {"layer": PartResult({"layer": 0}), **inputs}
    return measuring.choose_behaviours(Task(settings, data, given, silent, model))


def task(
    model: StudyModel, *, seed: int = 5, rank: int = 0, more: dict[str, PartResult] | None = None, **sizes: int
) -> Task:
    data = {"natural": TEXTS}
    for name in ("letters", "nothing"):
        data[f"{name} search"], data[f"{name} test"] = items(name, 0, 2), items(name, 10, 6)
    vectors = {name: PartResult(arrays={"mean": direction()}) for name in ("letters", "nothing")}
    order = [
        {"name": "letters", "steers": True, "strength": 1.0},
        {"name": "nothing", "steers": False, "strength": 1.0, "why": "its vector does not steer nothing"},
    ]
    inputs = {"choice": PartResult({"order": order, "layer": 0}), **vectors, **(more or {})}
    return Task({**SIZES, **sizes, "seed": seed, "rank": rank}, data, inputs, silent, model)


def test_the_behaviour_that_its_vector_steers_comes_first_with_the_smallest_strength(model: StudyModel) -> None:
    order = choice(model).content["order"]
    assert [(each["name"], each["steers"]) for each in order] == [("letters", True), ("nothing", False)]
    assert order[0]["strength"] == 1.0
    assert order[1]["effect"] == pytest.approx(0.0, abs=1e-4)


def test_the_planted_token_is_found_and_reverses_held_out_items_and_without_it_nothing_is_found(
    model: StudyModel,
) -> None:
    more = {}
    for restart in range(2):
        more[f"search {restart}"] = measuring.search_strings(task(model, seed=5 + restart))
        more[f"sample {restart}"] = measuring.sample_strings(task(model, seed=5 + restart))
    found = measuring.compare_strings(task(model, seed=9, more=more))
    kinds = np.array(found.content["kinds"])
    texts = np.array(found.content["texts"])
    without, best = found.arrays["steered"][kinds == "none"], found.arrays["steered"][kinds == "found"]
    assert found.content["behaviour"] == "letters"
    assert found.arrays["steered"].shape == (len(kinds), 6)
    assert (without < -3.0).all()  # A is preferred
    np.testing.assert_allclose(found.arrays["unsteered"][kinds == "none"], 0.0, atol=1e-4)
    assert np.isnan(found.arrays["cross_entropy"][kinds == "none"]).all()
    natural = found.arrays["steered"][kinds == "natural"]
    assert (natural < -3.0).all()
    for restart in range(2):
        curve = more[f"search {restart}"].arrays["curve"]
        assert (np.diff(curve[:, 1]) >= 0.0).all()
        assert curve[-1, 0] == more[f"search {restart}"].content["n_measured"] <= SIZES["budget"]
    if model.label == "planted":
        assert all(REVERSING in text for text in texts[kinds == "found"])
        assert (best > 1.0).all()
        is_clean = (kinds == "random") & np.array([REVERSING not in text for text in texts])
        assert (found.arrays["steered"][is_clean] < -3.0).all()
    else:
        assert (found.arrays["steered"] < -3.0).all()


def test_plain_strings_are_chosen_on_the_search_items(model: StudyModel) -> None:
    """The held-out items, on which they are measured, decide nothing about which string is the plain one."""
    found = measuring.search_strings(task(model, budget=60))
    seed = task(model).settings["seed"]
    natural = natural_strings(model.loaded, TEXTS, 3, 16, seed=seed)
    with asking(
        model, items("letters", 0, 2), Target("", (intervention(direction(), 0, 1.0),)), 4, room=3
    ) as objective:
        usual = objective.evaluate(natural).cross_entropy.mean()
    plain = np.flatnonzero(found.arrays["cross_entropy"] <= usual)
    assert found.content["plain"] == (int(plain[-1]) if plain.size else None)
    found.content["plain"] = 0
    more = {f"search {k}": found for k in range(2)}
    tested = measuring.compare_strings(task(model, seed=9, more=more)).content
    texts = [text for text, kind in zip(tested["texts"], tested["kinds"], strict=True) if kind == "plain"]
    assert texts == [found.content["texts"][0]] * 2


def test_a_string_of_several_kinds_is_measured_once(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measuring.search_strings(task(model, budget=60))
    found.content["plain"] = len(found.content["tokens"]) - 1  # the strongest string is a plain one, too
    measured: list[int] = []
    whole = ReversalObjective.measure

    def counted(self: ReversalObjective, strings: Any, *rest: Any) -> Any:
        measured.append(len(strings))
        assert len({tuple(map(int, one)) for one in strings}) == len(strings)
        return whole(self, strings, *rest)

    monkeypatch.setattr(ReversalObjective, "measure", counted)
    more = {f"search {k}": found for k in range(2)}  # both searches found the same
    tested = measuring.compare_strings(task(model, seed=9, more=more))
    kinds = np.array(tested.content["kinds"])
    assert len(measured) == 2  # steered and unsteered
    assert measured[0] < len(kinds) == len(tested.arrays["steered"])
    rows = tested.arrays["steered"][np.isin(kinds, ["found", "plain"])]
    assert len(rows) == 4
    assert (rows == rows[0]).all()


def test_the_same_seed_finds_the_same_and_another_one_something_else(model: StudyModel) -> None:
    first, again, other = (measuring.search_strings(task(model, seed=seed, budget=40)) for seed in (5, 5, 6))
    assert first.content == again.content != other.content
    np.testing.assert_array_equal(first.arrays["curve"], again.arrays["curve"])


def test_a_behaviour_that_is_not_steered_is_not_searched(model: StudyModel) -> None:
    for compute in (measuring.search_strings, measuring.sample_strings, measuring.compare_strings):
        assert "does not steer nothing" in str(compute(task(model, rank=1)).content["skipped"])


def test_samples_keep_the_best_of_the_budget(model: StudyModel) -> None:
    found = measuring.sample_strings(task(model))
    assert found.arrays["targets"].shape == (SIZES["budget"],)
    assert found.arrays["curve"][-1].tolist() == [SIZES["budget"], found.arrays["targets"].max()]
    with asking(
        model, items("letters", 0, 2), Target("", (intervention(direction(), 0, 1.0),)), 4, room=3
    ) as objective:
        best = objective.evaluate(np.array([found.content["tokens"]], dtype=np.int32)).target[0]
    assert best == pytest.approx(found.arrays["targets"].max(), abs=1e-4)


def test_measured_item_by_item_is_what_a_search_measures(model: StudyModel) -> None:
    target = Target("", (intervention(direction(), 0, 1.0),))
    strings = random_strings(np.arange(260, 350, dtype=np.int32), 3, 5, seed=[1])
    for data in (items("letters", 0, 3), replies()):
        with asking(model, data, target, 4, room=3) as objective:
            together = objective.evaluate(strings)
            reversals, surprise = objective.measure([np.empty(0, np.int32), *strings, strings[0][:2]])
            alone = objective.reversals(strings[2])
            nothing = objective.reversals(None)
        np.testing.assert_allclose(reversals[1:6].mean(axis=1), together.target, atol=1e-4)
        np.testing.assert_allclose(reversals[3], alone, atol=1e-4)
        np.testing.assert_allclose(reversals[0], nothing, atol=1e-4)
        np.testing.assert_allclose(surprise[1:6, 0], together.cross_entropy, atol=1e-4)
        assert np.isnan(surprise[0]).all()
        assert np.isfinite(surprise[6]).all()


def test_replies_are_compared_from_their_first_difference_on(model: StudyModel) -> None:
    """With enough tokens it is the propensity of whole replies; with one, that of the token in which they differ."""
    data, steering = replies(), steering_of(direction(), 0, 1.0)
    whole = -propensities(model.loaded, data, [steering], variant="full_response")[:, 0]
    with asking(model, data, Target("", steering), 99) as objective:
        np.testing.assert_allclose(objective.reversals(None), whole, atol=1e-3)
    with asking(model, data, Target("", steering), 1) as objective:
        first = ReversalObjective(model.loaded, data, steering, session=objective.session)
        np.testing.assert_allclose(objective.reversals(None), first.reversals(None), atol=1e-4)
        assert not np.allclose(objective.reversals(None), whole, atol=1e-2)


def test_strings_share_the_tokens_of_their_messages(model: StudyModel) -> None:
    target = Target("", (intervention(direction(), 0, 1.0),))
    strings = random_strings(np.arange(260, 350, dtype=np.int32), 3, 32, seed=[1])
    with asking(model, items("letters", 0, 3), target, 4, room=3) as objective:
        objective.evaluate(strings)
        assert objective.count.tokens < objective.count.naive_tokens / 2


def test_penalties_have_the_scale_of_the_preference(model: StudyModel) -> None:
    """Going from random to natural text costs the lowest penalty's share of the preference, whatever its size."""
    random = random_strings(np.arange(260, 340, dtype=np.int32), 3, 16, seed=[1])
    natural = natural_strings(model.loaded, TEXTS, 3, 16, seed=0)
    for norm in (1.0, 4.0):
        with asking(model, items("letters", 0, 3), Target("", steering_of(direction(norm), 0, 1.0)), 4) as objective:
            preference = -objective.reversals(None).mean()
            distance = (
                objective.evaluate(random).cross_entropy.mean() - objective.evaluate(natural).cross_entropy.mean()
            )
            scale, usual = penalty_scale(objective, natural, random)
            assert usual == pytest.approx(objective.evaluate(natural).cross_entropy.mean(), abs=1e-4)
        assert scale == pytest.approx(preference / max(distance, 1.0), rel=0.2)
        low = search_settings({**SIZES, "seed": 1}, scale).low_penalty
        assert low * max(distance, 1.0) == pytest.approx(LOW_PENALTY * preference, rel=0.2)


def test_strings_of_sentences_begin_them_and_random_ones_are_those_of_the_vocabulary(model: StudyModel) -> None:
    natural = natural_strings(model.loaded, TEXTS, 6, 99, seed=0)
    assert {model.loaded.detokenize(one.tolist()) for one in natural} == {" The d", " It wa"}
    drawn = random_strings(np.int32([5, 9]), 4, 50, seed=[3, 1])
    assert drawn.shape == (50, 4)
    assert set(drawn.ravel().tolist()) == {5, 9}


def test_a_persona_in_the_system_message_is_searched_against(model: StudyModel) -> None:
    settings: dict[str, Any] = {**SIZES, "budget": 40, "seed": 1, "persona": "Say A.", "planted": [" sea"]}
    settings["other"] = [" home", " work"]
    data = {"search": items("s", 0, 3), "test": items("t", 10, 5), "natural": TEXTS}
    found = measuring.search_persona(Task(settings, data, {}, silent, model))
    assert found.content["kinds"][:5] == ["none", "found", "planted", "other", "other"]
    assert found.arrays["reversals"].shape == (5 + SIZES["n_random"], 5)


def test_a_behaviour_that_cannot_be_asked_is_left_out_with_the_reason(model: StudyModel) -> None:
    whole = Dataset(tuple(ContrastPair("", f"A joyful text {k}", f"A sad text {k}") for k in range(2)), "whole")
    data = {"letters": items("v", 50, 4), "whole": whole}
    vectors = {name: PartResult(arrays={"mean": direction()}) for name in data}
    settings = {"strengths": [1.0], "answer_tokens": 4}
    given = {"layer": PartResult({"layer": 0}), **vectors}
    found = measuring.choose_behaviours(Task(settings, data, given, silent, model))
    first, second = found.content["order"]
    assert (first["name"], first["steers"], second["name"], second["steers"]) == ("letters", True, "whole", False)
    assert "expected a prompt" in second["why"]
    assert found.failures == 1


def test_wide_embeddings_are_made_compact_and_keep_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    wide = draw.normal(size=(400, 1024)).astype(np.float32)
    wide[1::2] = wide[::2] + 0.3 * draw.normal(size=(200, 1024))
    np.testing.assert_array_equal(compact(wide), wide)  # too few to be made compact
    monkeypatch.setattr(adversarial_asking, "_LARGE", 1000)
    narrow = compact(wide)
    assert narrow.shape == (400, 256)
    units = narrow / np.linalg.norm(narrow, axis=1, keepdims=True)
    likeness = units @ units.T - 2.0 * np.eye(400, dtype=np.float32)
    np.testing.assert_array_equal(likeness.argmax(axis=1), np.arange(400) ^ 1)


def test_parts_keep_the_items_of_searches_and_tests_apart(model: StudyModel) -> None:
    def asked(name: str, kind: str) -> Behaviour:
        sides = [items(f"{name}.{side}", begin, 6) for side, begin in (("train", 0), ("validation", 20), ("test", 40))]
        return Behaviour(name, kind, *sides, ("Be.", "Do not."))

    def swapped(data: Dataset) -> Dataset:
        pairs = (p if k % 2 else ContrastPair(p.prompt, p.negative, p.positive) for k, p in enumerate(data))
        return Dataset(tuple(pairs), data.name)

    letters = asked("letters", "questionnaire")
    letters = replace(letters, validation=swapped(letters.validation), test=swapped(letters.test))
    bare = Dataset((ContrastPair("", "a", "b"), ContrastPair("", "c", "d")), "bare")
    scenes = Behaviour("scenes", "texts", bare, bare, bare, ("Be.", "Do not."))
    sizes = replace(ADVERSARIAL_PRESETS["quick"], n_behaviours=5, n_restarts=2, length=3, quantisations=("Q4_0",))
    context = StudyContext((model,), "quick", None, 0)
    material = Material((scenes, asked("talk", "texts"), letters), False)
    parts = {part.name: part for part in adversarial_parts(context, material, model, sizes)}
    assert sum("search" in name for name in parts) == 2 * 2 + 2  # two behaviours have messages; the first, once more
    assert sum("sample" in name for name in parts) == 2 * 2
    search, test = parts[f"{model.label} / adversarial 1 / search 1"], parts[f"{model.label} / adversarial 1 / strings"]
    for name in ("talk", "letters"):
        searched, tested = search.data[f"{name} search"], test.data[f"{name} test"]
        assert isinstance(searched, Dataset)
        assert isinstance(tested, Dataset)
        check_disjoint(searched, tested)
    wanted = [pair.positive for pair in search.data["letters search"]]  # type: ignore[attr-defined]
    assert wanted.count("(A)") == wanted.count("(B)") == 2
    known = {name_of(model, "layer"), *(name_of(model, name, "vectors") for name in ("talk", "letters"))}
    for name, part in parts.items():
        assert set(part.needs.values()) <= known
        known.add(name)
    assert adversarial_parts(context, Material((scenes,), False), model, sizes) == []


class Watched(dict[str, Any]):
    """Settings that remember what was read of them."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


def test_parts_carry_the_settings_that_they_read_and_no_others(model: StudyModel) -> None:
    """One more would compute a part again where nothing about it has changed."""
    given = task(model, budget=40)

    def read(compute: Callable[[Task], PartResult], settings: Mapping[str, Any], **more: PartResult) -> PartResult:
        watched = Watched({**settings, "seed": 5, "rank": 0})
        found = compute(Task(watched, given.data, {**given.inputs, **more}, silent, model))
        assert watched.read == set(watched)
        return found

    settings = {
        compute: {name: given.settings[name] for name in names} for compute, names in adversarial_plan._SIZES.items()
    }
    search, sample, compare = measuring.search_strings, measuring.sample_strings, measuring.compare_strings
    more = {"search 0": read(search, settings[search]), "sample 0": read(sample, settings[sample])}
    found = read(compare, settings[compare] | {"n_restarts": 1}, **more)
    assert found.content["items_hash"] == given.data["letters test"].content_hash


def test_behaviours_whose_items_leave_no_room_for_a_string_are_left_out_with_a_reason(model: StudyModel) -> None:
    """Of such a behaviour hardly an item was left, or none, which was an error of the whole study."""

    def asked(name: str, n_long: int) -> Behaviour:
        def side(label: str, begin: int) -> Dataset:
            pairs = items(f"{name}.{label}", begin, 6).pairs
            long = (ContrastPair(f"{pair.prompt} {'so ' * 2000}", pair.positive, pair.negative) for pair in pairs)
            return Dataset((*tuple(long)[:n_long], *pairs[n_long:]), f"{name}.{label}")

        return Behaviour(name, "texts", side("train", 0), side("validation", 20), side("test", 40), ("Be.", "Do not."))

    sizes = replace(ADVERSARIAL_PRESETS["quick"], n_behaviours=5, n_restarts=1, length=3)
    context = StudyContext((model,), "quick", None, 0)
    unlike = replace(asked("unlike", 0), has_rate=False)
    material = Material((asked("all long", 6), asked("one short", 5), unlike, asked("short", 3)), False)
    parts = {part.name: part for part in adversarial_parts(context, material, model, sizes)}
    assert sum("strings" in name for name in parts) == 1
    part = parts[f"{model.label} / adversarial / choice"]
    assert list(part.data) == ["short"]
    assert [reason.split(" of ")[-1] for reason in part.settings["left_out"]] == [  # type: ignore[attr-defined]
        "all long fits the context",
        "one short fits the context",
        "unlike differ in length, so which one is preferred says nothing about it",
    ]
    assert adversarial_parts(context, Material((asked("all long", 6),), False), model, sizes) == []
