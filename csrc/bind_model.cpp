#include "bindings.hpp"

#include "model.hpp"
#include "tokens.hpp"
#include "weights.hpp"

#include <optional>

namespace pysteer {

namespace {

std::shared_ptr<Model> load(const std::string & path, int32_t n_gpu_layers, std::optional<bool> use_mmap,
                            bool check_tensors, const std::optional<py::function> & progress) {
    const ModelOptions options{n_gpu_layers, use_mmap, check_tensors};
    const auto report = [&progress](float share) {
        const py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (progress) (*progress)(share);
        return true;
    };
    const py::gil_scoped_release release; // seconds of file reading
    return Model::load(path, options, report);
}

py::tuple tokenize_text(const Model & model, const std::string & text, bool add_special, bool parse_special) {
    Tokens tokens;
    {
        const py::gil_scoped_release release; // long texts
        tokens = tokenize(model, text, add_special, parse_special);
    }
    const auto n = static_cast<py::ssize_t>(tokens.ids.size());
    py::object spans = py::none();
    if (tokens.spans.size() == tokens.ids.size()) {
        std::vector<int32_t> flat;
        flat.reserve(2 * tokens.spans.size());
        for (const auto & [begin, end] : tokens.spans) {
            flat.push_back(begin);
            flat.push_back(end);
        }
        spans = adopt(std::move(flat), {n, 2});
    }
    return py::make_tuple(adopt(std::move(tokens.ids)), spans);
}

py::array weight_array(const Model & model, const std::string & name) {
    Weight weight;
    {
        const py::gil_scoped_release release; // reads and dequantises
        weight = read_weight(model.path(), name);
    }
    std::vector<py::ssize_t> shape(weight.shape.begin(), weight.shape.end());
    return adopt(std::move(weight.values), std::move(shape));
}

py::list weight_list(const Model & model) {
    py::list list;
    for (const WeightInfo & info : list_weights(model.path())) {
        list.append(py::make_tuple(readable(info.name), info.type, py::tuple(py::cast(info.shape)), info.n_bytes));
    }
    return list;
}

py::object special_token(const Model & model, const std::string & name) {
    const llama_vocab * vocab = model.vocab();
    llama_token id = LLAMA_TOKEN_NULL;
    if (name == "bos") id = llama_vocab_bos(vocab);
    if (name == "eos") id = llama_vocab_eos(vocab);
    if (name == "eot") id = llama_vocab_eot(vocab);
    if (name == "pad") id = llama_vocab_pad(vocab);
    if (id == LLAMA_TOKEN_NULL) return py::none();
    return py::int_(id);
}

} // namespace

void bind_model(py::module_ & module) {
    py::class_<Model, std::shared_ptr<Model>>(module, "Model", "Weights and vocabulary of one GGUF file.")
        .def_static("load", &load, py::arg("path"), py::kw_only(), py::arg("n_gpu_layers") = 0,
                    py::arg("use_mmap") = py::none(), py::arg("check_tensors") = false,
                    py::arg("progress") = py::none())
        .def_property_readonly("path", &Model::path)
        .def_property_readonly("n_layers", &Model::n_layers)
        .def_property_readonly("d_model", &Model::d_model)
        .def_property_readonly("n_heads", &Model::n_heads)
        .def_property_readonly("n_heads_kv", &Model::n_heads_kv)
        .def_property_readonly("n_vocab", &Model::n_vocab)
        .def_property_readonly("n_ctx_train", &Model::n_ctx_train)
        .def_property_readonly("is_recurrent", &Model::is_recurrent)
        .def_property_readonly("description", &Model::description)
        .def_property_readonly("quantisation", &Model::quantisation)
        .def_property_readonly("n_parameters", [](const Model & m) { return llama_model_n_params(m.get()); })
        .def_property_readonly("n_bytes", [](const Model & m) { return llama_model_size(m.get()); })
        .def_property_readonly("adds_bos", [](const Model & m) { return llama_vocab_get_add_bos(m.vocab()); })
        .def("metadata",
             [](const Model & m) {
                 py::list pairs;
                 for (const auto & [key, value] : m.metadata())
                     pairs.append(py::make_tuple(readable(key), readable(value)));
                 return pairs;
             })
        .def("special_token", &special_token, py::arg("name"))
        .def(
            "is_end", [](const Model & m, int32_t id) { return llama_vocab_is_eog(m.vocab(), id); }, py::arg("token"))
        .def("tokenize", &tokenize_text, py::arg("text"), py::arg("add_special"), py::arg("parse_special"))
        .def(
            "token_bytes",
            [](const Model & m, int32_t id, bool special) { return py::bytes(token_bytes(m, id, special)); },
            py::arg("token"), py::arg("special"))
        .def(
            "detokenize",
            [](const Model & m, const py::array & ids, bool special) {
                return py::bytes(detokenize(m, copy<int32_t>(ids, "ids"), special));
            },
            py::arg("ids"), py::arg("special"))
        .def("weight", &weight_array, py::arg("name"))
        .def("weights", &weight_list);
}

} // namespace pysteer
