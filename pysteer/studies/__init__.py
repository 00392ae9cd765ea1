"""Studies: published experiments that one command runs again on any model, with a verdict on each claim.

One file or package per study, with one registered class; the other files are what all studies share:

    study         what a study is; the registry
    claims        claims, published numbers, verdict rules
    rows          measured numbers with n, interval, seed and hashes; tables
    parts         the cells of a study and their keys in the run store
    study_model   models: named, hashed, loaded while they are needed
    running       computing what is missing, with time left; estimates
    study_page    the report as one HTML file
    study_files   the output folder: CSV, Parquet, figures, report
    run           all of it in one call
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.studies.study import PRESETS, Analysis, Study, StudyContext, StudyFigure, studies

__all__ = ["PRESETS", "Analysis", "Study", "StudyContext", "StudyFigure", "studies"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
