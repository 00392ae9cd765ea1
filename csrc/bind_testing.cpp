// For pysteer's own tests only: provoke each error, look at the mechanisms, run the edits without a model.
#include "bindings.hpp"

#include "device_edit.hpp"
#include "session.hpp"

#include "ggml-alloc.h"
#include "ggml-backend.h"

#include <numeric>

namespace pysteer {

namespace {

void raise(const std::string & name) {
    if (name == "ModelError") throw ModelError("provoked");
    if (name == "TokenizeError") throw TokenizeError("provoked");
    if (name == "SessionError") throw SessionError("provoked");
    if (name == "BusyError") throw BusyError("provoked");
    if (name == "ContextFullError") throw ContextFullError("provoked");
    if (name == "SiteError") throw SiteError("provoked");
    if (name == "ShapeError") throw ShapeError("provoked");
    if (name == "SteeringError") throw SteeringError("provoked");
    if (name == "MeasurementError") throw MeasurementError("provoked");
    throw Error("provoked");
}

using Edits = std::vector<std::vector<std::shared_ptr<Edit>>>; // by row

py::array apply_on_host(const py::array & flat, size_t width, const Edits & edits) {
    std::vector<float> rows = copy<float>(flat, "rows");
    for (size_t i = 0; i < edits.size(); ++i) {
        std::vector<const Edit *> list;
        for (const auto & edit : edits[i]) list.push_back(edit.get());
        apply_edits(list, std::span<float>(rows.data() + i * width, width));
    }
    return adopt(std::move(rows));
}

/// The ggml operations that a GPU would run, on the CPU backend.
py::array apply_on_device(const py::array & flat, size_t width, const Edits & edits) {
    std::vector<float> rows = copy<float>(flat, "rows");
    SitePlan plan{{}, false, {}, {0}, {}};
    for (size_t i = 0; i < edits.size(); ++i) {
        if (edits[i].empty()) continue;
        plan.rows.push_back(static_cast<int32_t>(i));
        for (const auto & edit : edits[i]) plan.edits.push_back(edit.get());
        plan.starts.push_back(static_cast<uint32_t>(plan.edits.size()));
    }
    std::vector<int32_t> row_of(rows.size() / width);
    std::iota(row_of.begin(), row_of.end(), 0);
    ggml_context * context = ggml_init({ggml_tensor_overhead(), nullptr, true});
    ggml_tensor * tensor =
        ggml_new_tensor_2d(context, GGML_TYPE_F32, static_cast<int64_t>(width), static_cast<int64_t>(row_of.size()));
    ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors_from_buft(context, ggml_backend_cpu_buffer_type());
    ggml_backend_tensor_set(tensor, rows.data(), 0, ggml_nbytes(tensor));
    DeviceEditor().apply(tensor, plan, row_of);
    ggml_backend_tensor_get(tensor, rows.data(), 0, ggml_nbytes(tensor));
    ggml_backend_buffer_free(buffer);
    ggml_free(context);
    return adopt(std::move(rows));
}

} // namespace

void bind_testing(py::module_ & module) {
    py::module_ testing = module.def_submodule("_testing", "For pysteer's own tests only.");
    testing.def("raise_error", &raise, py::arg("name"));
    testing.def("apply_on_host", &apply_on_host, py::arg("rows"), py::arg("width"), py::arg("edits"));
    testing.def("apply_on_device", &apply_on_device, py::arg("rows"), py::arg("width"), py::arg("edits"));
    testing.def("force_device_edits", [](Session & session, bool force) { session.hook().force_device_edits(force); });
    testing.def("n_prepared", [](Session & session) { return session.hook().row_steering().n_prepared(); });
    testing.def("use_row_steering", [](Session & session) {
        const auto & model = session.model();
        session.hook().row_steering().enable(session.context(), model->d_model(), model->n_layers());
    });
}

} // namespace pysteer
