"""A study without a model, for the tests of the framework: draws numbers, and asks whether their mean is positive.

With ``$TOY_STUDY_KILL_AT`` set to a part's name, the process kills itself while it computes that part.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pysteer.pairs import ContrastPair, Dataset
from pysteer.report.estimates import Estimates
from pysteer.report.slope_violins import SlopeGroup, draw_slope_violins
from pysteer.statistics import bootstrap_mean
from pysteer.studies import Analysis, Study, StudyContext, StudyFigure
from pysteer.studies.claims import Above, Below, Claim, Experiment, Published
from pysteer.studies.parts import Part, PartResult, Task
from pysteer.studies.rows import ResultTable, no_number, row_of

DATA = Dataset((ContrastPair("Toy?", " Yes.", " No."),), "toy data")
N_COMPUTED = 0


@dataclass(frozen=True)
class ToySizes:
    n_groups: int
    n_items: int


def draw_numbers(task: Task) -> PartResult:
    """Draw normal numbers around 1."""
    global N_COMPUTED
    N_COMPUTED += 1
    if os.environ.get("TOY_STUDY_KILL_AT") == f"group {task.settings['group']}":
        os.kill(os.getpid(), signal.SIGKILL)
    generator = np.random.default_rng([task.settings["seed"], task.settings["group"]])
    task.progress(1, 2)
    return PartResult({"group": task.settings["group"]}, {"numbers": generator.normal(1.0, 0.3, task.settings["n"])})


def average(task: Task) -> PartResult:
    """Average what the parts before it drew."""
    means = [found.arrays["numbers"].mean() for _, found in sorted(task.inputs.items())]
    return PartResult(arrays={"means": np.array(means)})


class ToyStudy(Study):
    """Is the toy's mean positive?"""

    title, question = "A toy", "Is its mean positive?"
    design = ("Numbers are drawn.",)
    experiments = (Experiment("E99", "Drawing", "Each group is drawn; its mean is shown."),)
    claims = (
        Claim("T1", "E99", "The mean is positive.", "mean", Above(0.0), (Published("1", "the toy", "made up"),)),
        Claim("T2", "E99", "The mean is below 0.5.", "mean", Below(0.5)),
        Claim("T3", "E99", "Something that cannot be measured.", "nothing", Below(0.5)),
    )
    limits = ("It is a toy.",)
    presets: Mapping[str, ToySizes] = {"smoke": ToySizes(2, 5), "quick": ToySizes(4, 20)}

    def parts(self, context: StudyContext) -> Sequence[Part]:
        sizes: ToySizes = context.sizes
        draws = [
            Part(
                f"group {group}",
                draw_numbers,
                settings={"seed": context.seed, "group": group, "n": sizes.n_items},
                data={"toy": DATA},
            )
            for group in range(sizes.n_groups)
        ]
        needs = {f"{index:03d}": part.name for index, part in enumerate(draws)}
        return [*draws, Part("average", average, needs=needs)]

    def analyse(self, context: StudyContext, results: Mapping[str, PartResult]) -> Analysis:
        model = context.models[0]
        origin = context.origin(model, DATA.content_hash)
        numbers = [results[f"group {group}"].arrays["numbers"] for group in range(context.sizes.n_groups)]
        about = {"model": model.label}
        rows = [
            row_of(bootstrap_mean(each, seed=context.seed), origin, quantity="mean", labels={**about, "group": group})
            for group, each in enumerate(numbers)
        ]
        whole = row_of(
            bootstrap_mean(np.concatenate(numbers), seed=context.seed), origin, quantity="mean", labels=about
        )
        groups = [SlopeGroup(f"group {k}", each, Estimates(0.1, 0.0, 0.2)) for k, each in enumerate(numbers)]
        return Analysis(
            tables=[ResultTable("means", "E99", "Means of the groups", tuple(rows))],
            findings=[("T1", whole), ("T2", whole), ("T3", no_number(origin, "x", "it cannot", labels=about))],
            figures=[StudyFigure("draws", "E99", "Draws", draw_slope_violins(groups))],
            notes={"E99": [f"Means: {results['average'].arrays['means'].round(2).tolist()}"]},
        )


def main() -> None:
    """Run it in a process of its own: ``python -c "import toy_study; toy_study.main()" MODEL STORE FOLDER SEED``."""
    from pysteer.store import RunStore
    from pysteer.studies.run import make_context
    from pysteer.studies.running import run_parts
    from pysteer.studies.study_files import write_study

    model, store, folder, seed = sys.argv[1:]
    study = ToyStudy()
    context = make_context(study, [Path(model)], preset="quick", seed=int(seed))
    with RunStore(store) as opened:
        parts = study.parts(context)
        analysis = study.analyse(context, run_parts(parts, opened))
    write_study(folder, study, context, analysis, command="toy", n_parts=len(parts))
    print(N_COMPUTED)
