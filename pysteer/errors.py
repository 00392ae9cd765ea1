"""Every error and warning that pysteer raises.

    PysteerError                    (Exception)
    +-- ModelError                                  a model file cannot be loaded or asked this
    |   +-- TokenizeError           (ValueError)    text and tokens do not translate into each other
    +-- SessionError                (RuntimeError)  a session cannot do this now
    |   +-- BusyError                               another thread is using it
    |   +-- ContextFullError                        no room left for more tokens
    +-- SiteError                   (ValueError)    no such place in the model
    +-- ShapeError                  (ValueError)    arrays of the wrong shape, dtype or not finite
    +-- DataError                   (ValueError)    contrast pairs or a data file are wrong
    +-- VectorFileError             (ValueError)    a vector file is damaged, hostile or does not fit
    +-- SteeringError               (ValueError)    an intervention that has no meaning
    +-- MeasurementError            (ValueError)    a number that would be wrong or undefined
    +-- StoreError                  (RuntimeError)  a run store cannot be read or written
    +-- UnknownNameError            (KeyError)      no method, operation or metric of that name
    +-- BuildError                  (ImportError)   the native core is missing or does not fit llama.cpp

    PysteerWarning                  (UserWarning)
    +-- LayerShiftWarning                           a vector file may count its layers from one
    +-- VectorMismatchWarning                       a vector comes from another model
    +-- DroppedDataWarning                          records of a data file were left out

The second base is the built-in that a caller who knows nothing of pysteer would catch. A message says what was
expected, what came, where, and what to do.
"""

from __future__ import annotations


class PysteerError(Exception):
    """Base of every error that pysteer raises on purpose."""


class ModelError(PysteerError):
    """A model file cannot be loaded, or the model cannot do what was asked."""


class TokenizeError(ModelError, ValueError):
    """Text cannot be turned into tokens, or tokens into text."""


class SessionError(PysteerError, RuntimeError):
    """A session cannot do this in its present state."""


class BusyError(SessionError):
    """Another thread is using the session: one session serves one user at a time."""


class ContextFullError(SessionError):
    """The session's memory has no room for more tokens."""


class SiteError(PysteerError, ValueError):
    """The model, or the vector, has no such site or layer."""


class ShapeError(PysteerError, ValueError):
    """An array has the wrong shape or dtype or values that are not finite, or two arrays do not fit together."""


class DataError(PysteerError, ValueError):
    """Contrast pairs, a data file or stored metadata are malformed."""


class VectorFileError(PysteerError, ValueError):
    """A vector file is damaged, hostile, of another kind, or does not fit the model."""


class SteeringError(PysteerError, ValueError):
    """An intervention without meaning: a zero direction to project on, a strength that is not finite, no token."""


class MeasurementError(PysteerError, ValueError):
    """A measurement whose number would be wrong or undefined: no example, one coefficient, NaN."""


class StoreError(PysteerError, RuntimeError):
    """A run store cannot be opened, read or written; what was in it stays as it is."""


class UnknownNameError(PysteerError, KeyError):
    """Nothing is registered under that name."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which turns a sentence into a quoted, escaped string.
        return str(self.args[0]) if self.args else ""


class BuildError(PysteerError, ImportError):
    """The native core cannot be imported, or was built for another llama.cpp."""


class PysteerWarning(UserWarning):
    """Base of every warning that pysteer gives."""


class LayerShiftWarning(PysteerWarning):
    """A control vector looks like one from a tool that writes the output of block i as ``direction.(i+1)``."""


class VectorMismatchWarning(PysteerWarning):
    """A vector fits the model by its shape, but was made with another model."""


class DroppedDataWarning(PysteerWarning):
    """A data file repeats records, or holds some that cannot be used; the message counts them by reason."""
