// One translator: each C++ error becomes the class of the same name in pysteer.errors.
#include "bindings.hpp"

namespace pysteer {

namespace {

template <typename E> bool translate(const std::exception_ptr & pointer, const char * name) {
    try {
        std::rethrow_exception(pointer);
    } catch (const E & error) {
        const py::object type = py::module_::import("pysteer.errors").attr(name);
        PyErr_SetObject(type.ptr(), readable(error.what()).ptr());
        return true;
    } catch (...) {
        return false;
    }
}

} // namespace

void bind_errors(py::module_ &) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        if (!pointer) return;
        const bool done =
            translate<ModelError>(pointer, "ModelError") || translate<TokenizeError>(pointer, "TokenizeError") ||
            translate<SessionError>(pointer, "SessionError") || translate<BusyError>(pointer, "BusyError") ||
            translate<ContextFullError>(pointer, "ContextFullError") || translate<SiteError>(pointer, "SiteError") ||
            translate<ShapeError>(pointer, "ShapeError") || translate<SteeringError>(pointer, "SteeringError") ||
            translate<MeasurementError>(pointer, "MeasurementError") || translate<Error>(pointer, "PysteerError");
        if (!done) std::rethrow_exception(pointer);
    });
}

} // namespace pysteer
