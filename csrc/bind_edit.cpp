#include "bindings.hpp"

#include "steering.hpp"

#include <optional>

namespace pysteer {

namespace {

std::shared_ptr<const Edit> in_context(const py::array & directions, const py::array & strengths) {
    if (directions.ndim() != 2) throw ShapeError("directions: expected an array of shape (n_tasks, d_model)");
    if (directions.shape(0) != strengths.size()) {
        throw ShapeError("expected one strength for each direction, got " + std::to_string(strengths.size()) +
                         " strengths for " + std::to_string(directions.shape(0)) + " directions");
    }
    const py::array flat = directions.attr("reshape")(-1).cast<py::array>();
    return Edit::in_context(copy<float>(flat, "directions"), copy<float>(strengths, "strengths"));
}

} // namespace

void bind_edit(py::module_ & module) {
    py::class_<Edit, std::shared_ptr<Edit>>(module, "Edit", "What is done to one row of activations.")
        .def_static(
            "rank_one",
            [](const std::optional<py::array> & read, const py::array & write, float offset, float gain) {
                return std::const_pointer_cast<Edit>(
                    Edit::rank_one(read ? copy<float>(*read, "read") : std::vector<float>(),
                                   copy<float>(write, "write"), offset, gain));
            },
            py::arg("read").none(true), py::arg("write"), py::arg("offset"), py::arg("gain"))
        .def_static(
            "norm_preserving",
            [](const py::array & write) {
                return std::const_pointer_cast<Edit>(Edit::norm_preserving(copy<float>(write, "write")));
            },
            py::arg("write"))
        .def_static(
            "in_context",
            [](const py::array & directions, const py::array & strengths) {
                return std::const_pointer_cast<Edit>(in_context(directions, strengths));
            },
            py::arg("directions"), py::arg("strengths"))
        .def_static(
            "replace",
            [](int32_t begin, const py::array & values) {
                return std::const_pointer_cast<Edit>(Edit::replace(begin, copy<float>(values, "values")));
            },
            py::arg("begin"), py::arg("values"))
        .def(
            "gated",
            [](const Edit & edit, const py::array & read, float threshold, bool above, bool relative) {
                return std::const_pointer_cast<Edit>(
                    Edit::gated(edit, {copy<float>(read, "read"), threshold, above, relative}));
            },
            py::arg("read"), py::arg("threshold"), py::kw_only(), py::arg("above"), py::arg("relative"))
        .def_property_readonly("is_additive", &Edit::is_additive);

    py::class_<Step>(module, "Step", "One edit at one site for a half-open range of token positions.")
        .def(
            py::init([](const std::string & component, int32_t layer, const std::shared_ptr<Edit> & edit, int32_t begin,
                        int32_t end) { return Step{{component_from(component), layer}, edit, begin, end}; }),
            py::arg("component"), py::arg("layer"), py::arg("edit").none(false), py::arg("begin"), py::arg("end"))
        .def_property_readonly(
            "site",
            [](const Step & step) { return py::make_tuple(component_name(step.site.component), step.site.layer); })
        .def_readonly("begin", &Step::begin)
        .def_readonly("end", &Step::end);
}

} // namespace pysteer
