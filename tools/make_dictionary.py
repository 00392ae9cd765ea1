"""Train the dictionary of features that ships with the embedded model, label its features, and measure it.

    python tools/make_dictionary.py [--model pysteer/demo/organism-q8_0.gguf] [--output pysteer/demo/features.npz]

The texts are documents of the stream that the model was trained on (`tools/organism`), from a seed of their own; one
tenth of them is kept apart for the measurement. Writes the dictionary with float16 matrices, and its labels beside it.
The same arguments on the same machine give the same files.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from organism.corpus import documents
from organism.document import BOS

from pysteer.cli.console import progress_bar
from pysteer.dictionaries import TrainingPlan, train_dictionary
from pysteer.dictionaries.feature_labels import save_labels
from pysteer.dictionary_file import load_dictionary, save_dictionary
from pysteer.feature_labelling import label_features
from pysteer.model import Model
from pysteer.provenance import Provenance
from pysteer.session import session_for_texts
from pysteer.site import Site
from pysteer.site_rows import record_rows

DEMO = Path(__file__).resolve().parents[1] / "pysteer" / "demo"
TEXT_SEED = 70707
HELD_OUT = 0.1
N_EXAMPLES = 5
SIZE_LIMIT = 10_000_000
"""Bytes of both files together, which every download of the package carries."""


def texts_of(model: Model, n: int) -> list[str]:
    """Return documents without the BOS that the tokenizer adds."""
    texts = [document.text for document in documents(TEXT_SEED, 0, n)]
    return [text.removeprefix(BOS) for text in texts] if model.native.adds_bos else texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEMO / "organism-q8_0.gguf")
    parser.add_argument("--output", type=Path, default=DEMO / "features.npz")
    parser.add_argument("--layer", type=int, help="default: in the middle, where dispositions can still be steered")
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--documents", type=int, default=6_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    model = Model.load(arguments.model)
    site = Site("resid_post", model.n_layers // 2 if arguments.layer is None else arguments.layer)
    texts = texts_of(model, arguments.documents)
    n_kept = len(texts) - round(HELD_OUT * len(texts))
    plan = TrainingPlan(arguments.features, arguments.k, seed=arguments.seed, n_epochs=arguments.epochs)
    origin = Provenance(
        "topk_dictionary",
        model_name=model.name,
        model_hash=model.hash,
        architecture=model.architecture,
        quantisation=model.quantisation,
        data_name=f"organism documents, seed {TEXT_SEED}",
        data_hash=hashlib.sha256("\0".join(texts).encode()).hexdigest(),
        seed=arguments.seed,
    )
    with session_for_texts(model, model.n_ctx_train, n_ctx=2048, n_threads=arguments.threads) as session:
        with progress_bar("recording", "tokens") as report:
            rows = record_rows(model, texts[:n_kept], site, n_rows=arguments.tokens, session=session, progress=report)
        apart = record_rows(model, texts[n_kept:], site, session=session)
        with progress_bar("training", "steps") as report:
            training = train_dictionary(rows, plan, site=site, provenance=origin, progress=report)
        save_dictionary(training.dictionary, arguments.output, half=True)
        dictionary = load_dictionary(arguments.output)
        with progress_bar("labelling", "texts") as report:
            labels = label_features(model, dictionary, texts, n_examples=N_EXAMPLES, session=session, progress=report)
    labels_file = arguments.output.with_name(f"{arguments.output.stem}.labels.json")
    save_labels(labels, labels_file)
    size = arguments.output.stat().st_size + labels_file.stat().st_size
    losses = np.array_split(np.array(training.losses), 10)
    print(
        f"{dictionary!r}\nmodel {model.hash[:12]}, {len(rows)} tokens; FVU {dictionary.fvu(rows):.4f}, "
        f"on {len(apart)} tokens kept apart {dictionary.fvu(apart):.4f} at L0 {dictionary.l0(apart):.1f}; "
        f"{labels.n_dead} features never active, {training.n_revived} begun again; "
        f"loss {losses[0].mean():.3f} to {losses[-1].mean():.3f}\n"
        f"{arguments.output}, {labels_file.name}: {size / 1e6:.1f} MB together"
    )
    if size > SIZE_LIMIT:
        raise SystemExit(f"{size} bytes are more than the {SIZE_LIMIT} that the package has room for")


if __name__ == "__main__":
    main()
