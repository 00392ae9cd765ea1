// llama_model and its vocabulary. Shared by any number of sessions; read-only after loading.
#pragma once

#include "llama.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pysteer {

class SiteTable;

struct ModelOptions {
    int32_t n_gpu_layers = 0;
    std::optional<bool> use_mmap; // unset: map, unless the weights are copied anyway
    bool check_tensors = false;   // let llama.cpp validate every quantised block (slow on big files)
};

class Model {
  public:
    /// `progress` gets a share in [0, 1] and returns whether to go on. Throws ModelError.
    static std::shared_ptr<Model> load(const std::string & path, const ModelOptions & options,
                                       const std::function<bool(float)> & progress);
    ~Model();
    Model(const Model &) = delete;
    Model & operator=(const Model &) = delete;

    llama_model * get() const { return model_; }
    const llama_vocab * vocab() const { return vocab_; }
    const std::string & path() const { return path_; }

    int32_t n_layers() const { return llama_model_n_layer(model_); }
    int32_t d_model() const { return llama_model_n_embd(model_); }
    int32_t n_heads() const { return llama_model_n_head(model_); }
    int32_t n_heads_kv() const { return llama_model_n_head_kv(model_); }
    int32_t n_vocab() const { return llama_vocab_n_tokens(vocab_); }
    int32_t n_ctx_train() const { return llama_model_n_ctx_train(model_); }
    bool is_recurrent() const { return llama_model_is_recurrent(model_) || llama_model_is_hybrid(model_); }

    /// Scalar metadata as llama.cpp prints it, in file order (arrays are not included).
    std::vector<std::pair<std::string, std::string>> metadata() const;
    std::string description() const;
    /// Name of the weights' type, such as "Q4_K - Medium".
    std::string quantisation() const;

    /// Names of sites in this architecture; filled by the first session (see site.hpp).
    std::shared_ptr<const SiteTable> sites() const;
    void set_sites(std::shared_ptr<const SiteTable> sites);

  private:
    Model(llama_model * model, std::string path);

    llama_model * model_;
    const llama_vocab * vocab_;
    std::string path_;
    mutable std::mutex mutex_;
    std::shared_ptr<const SiteTable> sites_;
};

} // namespace pysteer
