"""Train a TopK dictionary on rows of activations, with checkpoints. The formulas: `pysteer.dictionaries.topk_run`.

Everything random is drawn from (seed, place), so that a run that was stopped and goes on from its checkpoint is
bit-identical to one that was not (same BLAS, same threads).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from pysteer.arrays import Float32Array
from pysteer.dictionaries.topk_run import TopKRun
from pysteer.dictionaries.training_checkpoint import read_checkpoint, write_checkpoint
from pysteer.dictionaries.training_plan import DictionaryTraining, TrainingPlan
from pysteer.progress import Progress, silent
from pysteer.provenance import Provenance
from pysteer.site import Site


def train_dictionary(
    rows: Float32Array,
    plan: TrainingPlan,
    *,
    site: Site | None = None,
    provenance: Provenance | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> DictionaryTraining:
    """Return a TopK dictionary of the rows.

    Parameters
    ----------
    rows : float32, shape (n, d)
        Activations at one site; read, never changed.
    checkpoint : Path, optional
        Written every ``checkpoint_every`` steps and when ``progress`` stops the work; read if it exists.
    progress : Progress
        In steps.

    Raises
    ------
    ShapeError
        Not float32 rows, some not finite.
    DataError
        Fewer rows than a batch, rows that do not differ, or a checkpoint of another training.
    """
    run = TopKRun(rows, plan)
    identity = {"plan": asdict(plan), "shape": list(rows.shape), "rows": hashlib.sha256(run.rows.data).hexdigest()}
    if checkpoint is not None and checkpoint.exists():
        run.restore(read_checkpoint(checkpoint, identity, run.state()))
    while run.step < run.n_steps:
        try:
            progress(run.step, run.n_steps)
        except BaseException:  # here and not within a step, where the state would be half of two
            if checkpoint is not None:
                write_checkpoint(checkpoint, identity, run.state())
            raise
        run.advance()
        if checkpoint is not None and run.step % plan.checkpoint_every == 0:
            write_checkpoint(checkpoint, identity, run.state())
    progress(run.n_steps, run.n_steps)
    if checkpoint is not None:
        write_checkpoint(checkpoint, identity, run.state())
    given = provenance or Provenance("topk_dictionary", seed=plan.seed)
    return run.result(site, given, json.loads(json.dumps(identity)))
