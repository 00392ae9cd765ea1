#include "bindings.hpp"

#include "session.hpp"

#include <optional>
#include <tuple>

namespace pysteer {

namespace {

using SiteList = std::vector<std::pair<std::string, int32_t>>;

struct Decoded { // NumPy owns the arrays; see _core.pyi for shapes
    py::array rows, log_prob, rank, entropy, log_normaliser, top_id, kl, candidate_log_probs, top_ids, top_log_probs,
        logits, lookup_log_probs;
    std::vector<py::array> recordings;
    int32_t n_parts;
};

Decoded wrap(Results && results, const ScoreRequest & request, int32_t n_vocab) {
    Scores & s = results.scores;
    const auto n = static_cast<py::ssize_t>(s.rows.size());
    Decoded decoded{adopt(std::move(s.rows)),
                    adopt(std::move(s.log_prob)),
                    adopt(std::move(s.rank)),
                    adopt(std::move(s.entropy)),
                    adopt(std::move(s.log_normaliser)),
                    adopt(std::move(s.top_id)),
                    adopt(std::move(s.kl)),
                    adopt(std::move(s.candidate_log_probs), {n, static_cast<py::ssize_t>(request.candidates.size())}),
                    adopt(std::move(s.top_ids), {n, request.n_top}),
                    adopt(std::move(s.top_log_probs), {n, request.n_top}),
                    adopt(std::move(s.logits), {request.keep_logits ? n : 0, n_vocab}),
                    adopt(std::move(s.lookup_log_probs)),
                    {},
                    results.n_parts};
    for (Recording & recording : results.recordings) {
        const py::ssize_t width = recording.width;
        const auto n_rows = static_cast<py::ssize_t>(recording.rows.size()) / width;
        decoded.recordings.push_back(adopt(std::move(recording.rows), {n_rows, width}));
    }
    return decoded;
}

Decoded decode(Session & session, const py::array & tokens, const py::array & positions, const py::array & sequences,
               const std::optional<py::array> & outputs, const std::optional<py::array> & recorded,
               const SiteList & sites, bool stop_early, bool scored, const std::optional<py::array> & targets,
               const std::optional<py::array> & references, const std::optional<py::array> & candidates, int32_t n_top,
               bool logits, const std::optional<std::pair<py::array, py::array>> & lookups) {
    Batch batch{view<int32_t>(tokens, "tokens"),
                view<int32_t>(positions, "positions"),
                view<int32_t>(sequences, "sequences"),
                {},
                {}};
    if (outputs) batch.outputs = view<uint8_t>(*outputs, "outputs");
    if (recorded) batch.recorded = view<uint8_t>(*recorded, "recorded");
    Work work;
    for (const auto & [component, layer] : sites) work.sites.push_back({component_from(component), layer});
    work.stop_early = stop_early;
    work.score = scored;
    if (targets) work.scores.targets = copy<int32_t>(*targets, "targets");
    if (references) work.scores.references = copy<int32_t>(*references, "references");
    if (candidates) work.scores.candidates = copy<int32_t>(*candidates, "candidates");
    if (lookups) {
        work.scores.lookup_outputs = copy<int32_t>(lookups->first, "lookups[0]");
        work.scores.lookup_tokens = copy<int32_t>(lookups->second, "lookups[1]");
    }
    work.scores.n_top = n_top;
    work.scores.keep_logits = logits;
    work.between = check_interrupt;
    Results results;
    {
        const py::gil_scoped_release release; // the whole forward pass
        results = session.decode(batch, work);
    }
    return wrap(std::move(results), work.scores, session.model()->n_vocab());
}

std::unique_ptr<Session> make_session(std::shared_ptr<Model> model, int32_t n_ctx, int32_t n_batch, int32_t n_sequences,
                                      int32_t n_outputs, int32_t n_threads, bool kv_f32,
                                      std::optional<bool> flash_attention) {
    const SessionOptions options{n_ctx, n_batch, n_sequences, n_outputs, n_threads, kv_f32, flash_attention};
    const py::gil_scoped_release release; // allocates, and decodes one token
    return std::make_unique<Session>(std::move(model), options);
}

} // namespace

void bind_session(py::module_ & module) {
    py::class_<Decoded>(module, "Decoded", "What one decode measured and recorded.")
        .def_readonly("rows", &Decoded::rows)
        .def_readonly("log_prob", &Decoded::log_prob)
        .def_readonly("rank", &Decoded::rank)
        .def_readonly("entropy", &Decoded::entropy)
        .def_readonly("log_normaliser", &Decoded::log_normaliser)
        .def_readonly("top_id", &Decoded::top_id)
        .def_readonly("kl", &Decoded::kl)
        .def_readonly("candidate_log_probs", &Decoded::candidate_log_probs)
        .def_readonly("top_ids", &Decoded::top_ids)
        .def_readonly("top_log_probs", &Decoded::top_log_probs)
        .def_readonly("logits", &Decoded::logits)
        .def_readonly("lookup_log_probs", &Decoded::lookup_log_probs)
        .def_readonly("recordings", &Decoded::recordings)
        .def_readonly("n_parts", &Decoded::n_parts);

    py::class_<Sampler>(module, "Sampler", "llama.cpp's sampler chain for one sequence.")
        .def(py::init([](std::shared_ptr<Model> model, float temperature, int32_t top_k, float top_p, float min_p,
                         float repetition_penalty, int32_t penalty_window, uint32_t seed) {
                 return std::make_unique<Sampler>(
                     std::move(model),
                     SamplingOptions{temperature, top_k, top_p, min_p, repetition_penalty, penalty_window, seed});
             }),
             py::arg("model").none(false), py::kw_only(), py::arg("temperature"), py::arg("top_k"), py::arg("top_p"),
             py::arg("min_p"), py::arg("repetition_penalty"), py::arg("penalty_window"), py::arg("seed"))
        .def("accept", &Sampler::accept, py::arg("token"))
        .def("reset", &Sampler::reset);

    const auto release = py::call_guard<py::gil_scoped_release>();
    py::class_<Session>(module, "Session", "One llama.cpp context with its sequences.")
        .def(py::init(&make_session), py::arg("model").none(false), py::kw_only(), py::arg("n_ctx"), py::arg("n_batch"),
             py::arg("n_sequences"), py::arg("n_outputs"), py::arg("n_threads"), py::arg("kv_f32"),
             py::arg("flash_attention").none(true))
        .def("decode", &decode, py::arg("tokens"), py::arg("positions"), py::arg("sequences"), py::kw_only(),
             py::arg("outputs") = py::none(), py::arg("recorded") = py::none(), py::arg("sites") = SiteList{},
             py::arg("stop_early") = false, py::arg("scored") = true, py::arg("targets") = py::none(),
             py::arg("references") = py::none(), py::arg("candidates") = py::none(), py::arg("n_top") = 0,
             py::arg("logits") = false, py::arg("lookups") = py::none())
        .def("sample", &Session::sample, py::arg("sampler"), py::arg("row"), release)
        .def("set_program", &Session::set_program, py::arg("sequence"), py::arg("steps"), release)
        .def("share", &Session::share, py::arg("source"), py::arg("target"), py::arg("n"), release)
        .def("trim", &Session::trim, py::arg("sequence"), py::arg("n"), release)
        .def("clear", &Session::clear, release)
        .def("length", &Session::length, py::arg("sequence"))
        .def("depth", &Session::depth, py::arg("sequence"))
        .def(
            "site_width",
            [](const Session & session, const std::string & component, int32_t layer) {
                return session.sites().width({component_from(component), layer});
            },
            py::arg("component"), py::arg("layer"))
        .def("available_sites", [](const Session & session) { return session.sites().available(); })
        .def_property_readonly("n_ctx", &Session::n_ctx)
        .def_property_readonly("n_batch", &Session::n_batch)
        .def_property_readonly("n_outputs", &Session::n_outputs)
        .def_property_readonly("n_sequences", &Session::n_sequences)
        .def_property_readonly("n_threads", &Session::n_threads);
}

} // namespace pysteer
