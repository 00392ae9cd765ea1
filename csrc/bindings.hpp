// The only header that includes Python. Binding files check, convert, release the GIL, call and wrap.
#pragma once

#include "errors.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pysteer {

namespace py = pybind11;

void bind_errors(py::module_ & module);
void bind_model(py::module_ & module);
void bind_edit(py::module_ & module);
void bind_session(py::module_ & module);
void bind_testing(py::module_ & module);

template <typename T> constexpr const char * dtype_name() {
    if constexpr (std::is_same_v<T, float>) return "float32";
    if constexpr (std::is_same_v<T, int32_t>) return "int32";
    if constexpr (std::is_same_v<T, uint8_t>) return "bool or uint8";
}

/// A one-dimensional, C-contiguous array of exactly this type, without a copy; ShapeError for anything else.
template <typename T> std::span<const T> view(const py::array & array, const char * name) {
    const bool is_bool = std::is_same_v<T, uint8_t> && py::isinstance<py::array_t<bool>>(array);
    const bool is_type = is_bool || py::isinstance<py::array_t<T>>(array);
    if (!is_type || array.ndim() != 1 || (array.flags() & py::array::c_style) == 0) {
        throw ShapeError(std::string(name) + ": expected a one-dimensional, contiguous array of " + dtype_name<T>() +
                         ", got " + py::str(array.dtype()).cast<std::string>() + " with " +
                         std::to_string(array.ndim()) + " axes");
    }
    return {static_cast<const T *>(array.data()), static_cast<size_t>(array.size())};
}

template <typename T> std::vector<T> copy(const py::array & array, const char * name) {
    const auto values = view<T>(array, name);
    return {values.begin(), values.end()};
}

/// Hand a vector over to NumPy: the buffer moves, nothing is copied.
template <typename T> py::array adopt(std::vector<T> && values, std::vector<py::ssize_t> shape) {
    auto owned = std::make_unique<std::vector<T>>(std::move(values));
    T * data = owned->data();
    py::capsule owner(owned.get(), [](void * pointer) { delete static_cast<std::vector<T> *>(pointer); });
    owned.release();
    return py::array_t<T>(std::move(shape), data, owner);
}

template <typename T> py::array adopt(std::vector<T> && values) {
    const auto n = static_cast<py::ssize_t>(values.size());
    return adopt(std::move(values), {n});
}

/// Text that came from a file or from llama.cpp's log: bytes that are not UTF-8 become U+FFFD instead of an error.
inline py::str readable(const std::string & text) {
    PyObject * decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace");
    if (decoded == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(decoded);
}

/// For work that runs without the GIL: look for Ctrl-C.
inline void check_interrupt() {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

} // namespace pysteer
