// Additive steering at graph speed, with a strength per row.
//
// A zero control vector makes llama.cpp put an addition after every block but the first. While the graph is walked, the
// second operand of that addition is replaced by a tensor of our own with one row a token (or one row for all of them).
// Nothing stops, nothing is copied back, the graph is reused.
#pragma once

#include "steering.hpp"

#include "ggml-backend.h"
#include "llama.h"

#include <cstdint>
#include <map>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pysteer {

class RowSteering {
  public:
    RowSteering() = default;
    ~RowSteering();
    RowSteering(const RowSteering &) = delete;
    RowSteering & operator=(const RowSteering &) = delete;

    /// Give the context its zero control vector (once). Throws SessionError.
    void enable(llama_context * context, int32_t d_model, int32_t n_layers);
    bool enabled() const { return enabled_; }

    /// Make `node`, the output of block `layer`, add what `plan` says (nothing, when it is nullptr). row_of[i] is the
    /// batch row of the node's row i. False when the node is no such addition; the edit must then be made in place.
    bool prepare(ggml_tensor * node, int32_t layer, const SitePlan * plan, std::span<const int32_t> row_of);

    /// How often an operand was put in, over the session's life (for tests of the mechanism).
    uint64_t n_prepared() const { return n_prepared_; }

  private:
    /// The tensor that stands in for the control vector of one layer. Its row count is set anew for every batch; its
    /// memory grows and is never given back before the session ends, because cached graphs point to the tensor.
    struct Operand {
        ggml_context * context = nullptr;
        ggml_backend_buffer_t buffer = nullptr;
        ggml_tensor * tensor = nullptr;
        int64_t capacity = 0;          // rows
        std::vector<uint64_t> content; // ids of the edits in it, 0 after each row: filled again only when this changes
    };
    using Key = std::pair<int32_t, ggml_backend_buffer_type_t>;

    Operand & operand(int32_t layer, int64_t n_rows, ggml_backend_buffer_type_t type, int64_t width);

    bool enabled_ = false;
    uint64_t n_prepared_ = 0;
    std::map<Key, Operand> operands_;
    std::unordered_set<const ggml_tensor *> ours_;
    // Scratch of prepare(), which runs for every layer of every decode.
    std::vector<std::span<const Edit * const>> edits_;
    std::vector<uint64_t> content_;
    std::vector<float> staging_;
};

} // namespace pysteer
