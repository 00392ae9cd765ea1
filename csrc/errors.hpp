// Typed errors of the native core. bind_errors.cpp turns each into the Python class of the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace pysteer {

/// Base of all errors; the text says what was expected, what came and what to do.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct ModelError : Error {
    using Error::Error;
}; // the file cannot be loaded or read
struct TokenizeError : Error {
    using Error::Error;
}; // text that the vocabulary cannot express, or ids outside it
struct SessionError : Error {
    using Error::Error;
}; // a decode that cannot be done, or state that does not allow it
struct BusyError : Error {
    using Error::Error;
}; // one session used from two threads
struct ContextFullError : Error {
    using Error::Error;
}; // no room left in the KV memory
struct SiteError : Error {
    using Error::Error;
}; // no such place in this model
struct ShapeError : Error {
    using Error::Error;
}; // arrays that do not fit together
struct SteeringError : Error {
    using Error::Error;
}; // an edit that makes no sense
struct MeasurementError : Error {
    using Error::Error;
}; // logits that are not finite

} // namespace pysteer
