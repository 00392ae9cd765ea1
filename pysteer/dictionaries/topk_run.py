"""One training of a TopK dictionary: its state, and one step.

Source: Gao et al. 2024, "Scaling and evaluating sparse autoencoders", arXiv:2406.04093:
f = TopK((x - b) W_enc + b_enc), x^ = f W_dec + b, squared error, Adam, decoder rows of norm 1, encoder begun as the
decoder's transpose. Rows are centred and divided by one scale while training; both are folded into the biases
afterwards, so that learning rates mean the same for every model.

Deviations: the encoder is begun as that transpose times the one factor that explains the first rows best; without it
the first steps are spent on unlearning an overshoot. Features that no row of the last ``revive_every`` steps used are
begun again at errors of badly explained rows (Bricken et al. 2023, "Towards Monosemanticity"), where Gao et al. have an
auxiliary loss. None is revived in the last fifth of the steps, so that revived features are trained.

Only active features have a gradient: for row x and error e = x^ - x, active feature j gets e . d_j; W_enc and W_dec
get outer products. All of it is float32 BLAS on blocks of rows.
"""

from __future__ import annotations

import math

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.dictionaries.sparse_dictionary import SparseDictionary, activate
from pysteer.dictionaries.training_checkpoint import Arrays
from pysteer.dictionaries.training_plan import DictionaryTraining, TrainingPlan
from pysteer.errors import DataError, ShapeError
from pysteer.provenance import Provenance
from pysteer.site import Site

_BETA_1, _BETA_2, _EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
_TRAINED = ("w_enc", "b_enc", "w_dec", "b")


class TopKRun:
    """Everything that changes while training."""

    def __init__(self, rows: Float32Array, plan: TrainingPlan) -> None:
        if not (isinstance(rows, np.ndarray) and rows.dtype == np.float32 and rows.ndim == 2 and rows.size):
            raise ShapeError("rows to train on: expected float32 of shape (n, d)")
        if not np.isfinite(rows).all():
            raise ShapeError("rows to train on: some values are NaN or infinite")
        if len(rows) < plan.batch_size:
            raise DataError(f"{len(rows)} rows are fewer than a batch of {plan.batch_size}")
        self.rows, self.plan = np.ascontiguousarray(rows), plan
        self.mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        variance = float(rows.var(axis=0, dtype=np.float64).mean())
        if variance == 0.0:
            raise DataError("rows to train on do not differ")
        self.scale = np.float32(math.sqrt(variance))
        self.steps_per_epoch = len(rows) // plan.batch_size
        self.n_steps = self.steps_per_epoch * plan.n_epochs
        self.step = self.n_revived = 0
        self.losses = np.zeros(self.n_steps, dtype=np.float64)
        d, n_features = rows.shape[1], plan.n_features
        w_dec = np.random.default_rng([plan.seed, 0]).normal(size=(n_features, d)).astype(np.float32)
        w_dec /= np.linalg.norm(w_dec, axis=1, keepdims=True)
        self.weights: dict[str, Float32Array] = {
            "w_enc": np.ascontiguousarray(w_dec.T),
            "b_enc": np.zeros(n_features, dtype=np.float32),
            "w_dec": w_dec,
            "b": np.zeros(d, dtype=np.float32),  # rows have their mean taken away
        }
        self.first = {name: np.zeros_like(self.weights[name]) for name in _TRAINED}
        self.second = {name: np.zeros_like(self.weights[name]) for name in _TRAINED}
        self.is_used = np.zeros(n_features, dtype=np.uint8)
        self._order: tuple[int, np.ndarray[tuple[int], np.dtype[np.int64]]] | None = None
        self.weights["w_enc"] *= self._first_scale()

    def _first_scale(self) -> np.float32:
        """Return the factor for the encoder with which the first rows are explained best.

        Directions of features that are active together are not orthogonal, so that a transposed decoder overshoots.
        """
        x = self.batch()
        explained = activate(x @ self.weights["w_enc"], "topk", k=self.plan.k) @ self.weights["w_dec"]
        square = float(np.vdot(explained, explained))
        factor: np.float32 = np.float32(float(np.vdot(explained, x)) / square if square > 0 else 1.0)
        return factor

    def state(self) -> Arrays:
        """Return all that a checkpoint must hold, by name."""
        arrays = {
            f"{kind}.{name}": getattr(self, kind)[name] for kind in ("weights", "first", "second") for name in _TRAINED
        }
        counts = np.array([self.step, self.n_revived], dtype=np.int64)
        return {**arrays, "is_used": self.is_used, "losses": self.losses, "counts": counts}

    def restore(self, state: Arrays) -> None:
        for kind in ("weights", "first", "second"):
            getattr(self, kind).update({name: state[f"{kind}.{name}"] for name in _TRAINED})
        self.is_used, self.losses = state["is_used"], state["losses"]
        self.step, self.n_revived = (int(count) for count in state["counts"])

    def batch(self) -> Float32Array:
        """Return the rows of the present step, centred and scaled, float32, (batch_size, d)."""
        epoch, place = divmod(self.step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self.plan.seed, 1, epoch]).permutation(len(self.rows)))
        chosen = np.sort(self._order[1][place * self.plan.batch_size : (place + 1) * self.plan.batch_size])
        x: Float32Array = (self.rows[chosen] - self.mean) / self.scale
        return x

    def advance(self) -> None:
        """Make one step."""
        x, w, k = self.batch(), self.weights, self.plan.k
        inner: Float32Array = x - w["b"]
        z: Float32Array = inner @ w["w_enc"]
        z += w["b_enc"]
        places = np.argpartition(z, z.shape[1] - k, axis=1)[:, -k:]
        values = np.maximum(np.take_along_axis(z, places, axis=1), np.float32(0.0))
        features: Float32Array = np.zeros_like(z)
        np.put_along_axis(features, places, values, axis=1)
        error: Float32Array = features @ w["w_dec"]
        error += w["b"]
        error -= x
        flat = error.ravel()
        self.losses[self.step] = float(flat @ flat) / float(x.ravel() @ x.ravel())
        self.is_used[places[values > 0]] = 1
        # The loss is the mean over rows of |error|^2 / 2.
        error_of_mean = error / np.float32(len(x))
        slope = np.take_along_axis(error_of_mean @ w["w_dec"].T, places, axis=1) * (values > 0)
        np.put_along_axis(z, places, slope, axis=1)
        mask = features > 0
        z *= mask  # z now holds d loss / d z
        towards = features.T @ error_of_mean
        towards -= np.einsum("fd,fd->f", towards, w["w_dec"])[:, None] * w["w_dec"]  # norms are fixed
        gradients = {
            "w_enc": inner.T @ z,
            "b_enc": z.sum(axis=0),
            "w_dec": towards,
            "b": error_of_mean.sum(axis=0) - z.sum(axis=0) @ w["w_enc"].T,
        }
        self._adam(gradients)
        w["w_dec"] /= np.linalg.norm(w["w_dec"], axis=1, keepdims=True)
        self.step += 1
        every = self.plan.revive_every
        if every and self.step % every == 0 and self.step < 0.8 * self.n_steps:
            self._revive(x, error)
            self.is_used[:] = 0

    def _adam(self, gradients: dict[str, Float32Array]) -> None:
        left = (self.n_steps - self.step) / (0.2 * self.n_steps)
        rate = self.plan.learning_rate * min(1.0, left)
        steps = self.step + 1
        rate *= math.sqrt(1 - float(_BETA_2) ** steps) / (1 - float(_BETA_1) ** steps)
        for name, gradient in gradients.items():
            first, second = self.first[name], self.second[name]
            first *= _BETA_1
            first += (1 - _BETA_1) * gradient
            second *= _BETA_2
            second += (1 - _BETA_2) * gradient * gradient
            self.weights[name] -= np.float32(rate) * first / (np.sqrt(second) + _EPSILON)

    def _revive(self, x: Float32Array, error: Float32Array) -> None:
        """Begin dead features again at errors of rows drawn by their squared error."""
        dead = np.flatnonzero(self.is_used == 0)
        squares = np.einsum("nd,nd->n", error, error, dtype=np.float64)
        candidates = int(np.count_nonzero(squares))
        dead = dead[:candidates]
        if not dead.size:
            return
        rng = np.random.default_rng([self.plan.seed, 2, self.step])
        chosen = rng.choice(len(x), size=len(dead), replace=False, p=squares / squares.sum())
        directions = -error[chosen]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self.weights["w_dec"][dead] = directions
        self.weights["w_enc"][:, dead] = directions.T
        self.weights["b_enc"][dead] = 0.0
        for moments in (self.first, self.second):
            moments["w_enc"][:, dead], moments["w_dec"][dead], moments["b_enc"][dead] = 0.0, 0.0, 0.0
        self.n_revived += len(dead)

    def result(self, site: Site | None, provenance: Provenance, identity: dict[str, object]) -> DictionaryTraining:
        """Return the dictionary in the units of the rows: centre and scale go into the biases."""
        w = self.weights
        bias = self.mean + self.scale * w["b"]
        extra = {**provenance.extra, "training": identity}
        dictionary = SparseDictionary(
            w["w_enc"],
            self.scale * w["b_enc"],
            w["w_dec"],
            bias,
            "topk",
            Provenance(**{**provenance.to_dict(), "extra": extra}),
            site=site,
            b_pre=bias,
            k=self.plan.k,
        )
        n_dead = int(np.count_nonzero(self.is_used == 0))
        return DictionaryTraining(dictionary, tuple(self.losses.tolist()), self.n_revived, n_dead)
