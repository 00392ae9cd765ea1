"""What can be measured about a steered model: one file per measurement, each with one registered class.

A new measurement is a new file in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.measurements.measured import About, Data, Measured, Result, Undefined, Work
from pysteer.measurements.measurement import (
    Measurement,
    Steering,
    describe_measurements,
    make_measurement,
    measurements,
)
from pysteer.measurements.subject import Subject

__all__ = [
    "About",
    "Data",
    "Measured",
    "Measurement",
    "Result",
    "Steering",
    "Subject",
    "Undefined",
    "Work",
    "describe_measurements",
    "make_measurement",
    "measurements",
]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
