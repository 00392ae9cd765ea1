#include "model.hpp"

#include "errors.hpp"
#include "log.hpp"
#include "site.hpp"
#include "weights.hpp"

#include <array>
#include <exception>

namespace pysteer {

namespace {

struct Progress {
    const std::function<bool(float)> & report;
    std::exception_ptr error;
};

bool on_progress(float share, void * data) {
    auto & progress = *static_cast<Progress *>(data);
    try {
        return progress.report(share);
    } catch (...) { // must not travel through llama.cpp's C frames
        progress.error = std::current_exception();
        return false;
    }
}

template <typename Read> std::string read_string(Read read) {
    std::string text(256, '\0');
    const int32_t length = read(text.data(), text.size());
    if (length < 0) return {};
    if (static_cast<size_t>(length) >= text.size()) {
        text.assign(static_cast<size_t>(length) + 1, '\0');
        read(text.data(), text.size());
    }
    text.resize(static_cast<size_t>(length));
    return text;
}

} // namespace

std::shared_ptr<Model> Model::load(const std::string & path, const ModelOptions & options,
                                   const std::function<bool(float)> & progress) {
    const LogScope log;
    check_model_file(path); // llama.cpp aborts the process on some broken files

    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = options.n_gpu_layers;
    const bool use_mmap = options.use_mmap.value_or(options.n_gpu_layers != 0 || !is_mostly_repacked(path));
    params.load_mode = use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    params.check_tensors = options.check_tensors;
    Progress state{progress, nullptr};
    if (progress) {
        params.progress_callback = on_progress;
        params.progress_callback_user_data = &state;
    }
    llama_model * model = llama_model_load_from_file(path.c_str(), params);
    if (state.error) {
        if (model != nullptr) llama_model_free(model);
        std::rethrow_exception(state.error);
    }
    if (model == nullptr) throw ModelError(with_log("llama.cpp cannot load " + path));
    std::shared_ptr<Model> loaded(new Model(model, path));
    if (llama_vocab_type(loaded->vocab_) == LLAMA_VOCAB_TYPE_NONE || loaded->n_vocab() <= 0) {
        throw ModelError(path + " holds no vocabulary; pysteer needs a text model");
    }
    if (!llama_model_has_decoder(model))
        throw ModelError(path + " is an encoder; pysteer needs a model that generates");
    return loaded;
}

Model::Model(llama_model * model, std::string path)
    : model_(model), vocab_(llama_model_get_vocab(model)), path_(std::move(path)) {}

Model::~Model() {
    const LogScope log;
    llama_model_free(model_);
}

std::vector<std::pair<std::string, std::string>> Model::metadata() const {
    std::vector<std::pair<std::string, std::string>> pairs;
    const int32_t count = llama_model_meta_count(model_);
    for (int32_t i = 0; i < count; ++i) {
        pairs.emplace_back(
            read_string([&](char * out, size_t size) { return llama_model_meta_key_by_index(model_, i, out, size); }),
            read_string(
                [&](char * out, size_t size) { return llama_model_meta_val_str_by_index(model_, i, out, size); }));
    }
    return pairs;
}

std::string Model::description() const {
    return read_string([&](char * out, size_t size) { return llama_model_desc(model_, out, size); });
}

std::string Model::quantisation() const { return llama_ftype_name(llama_model_ftype(model_)); }

std::shared_ptr<const SiteTable> Model::sites() const {
    const std::lock_guard lock(mutex_);
    return sites_;
}

void Model::set_sites(std::shared_ptr<const SiteTable> sites) {
    const std::lock_guard lock(mutex_);
    if (!sites_) sites_ = std::move(sites);
}

} // namespace pysteer
