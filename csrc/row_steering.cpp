#include "row_steering.hpp"

#include "errors.hpp"
#include "log.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace pysteer {

RowSteering::~RowSteering() {
    for (auto & [key, operand] : operands_) {
        if (operand.buffer != nullptr) ggml_backend_buffer_free(operand.buffer);
        if (operand.context != nullptr) ggml_free(operand.context);
    }
}

void RowSteering::enable(llama_context * context, int32_t d_model, int32_t n_layers) {
    if (enabled_ || n_layers < 2) return;
    // The whole buffer, always: a shorter one would leave stale directions in the layers that it does not cover.
    const std::vector<float> zeros(static_cast<size_t>(d_model) * static_cast<size_t>(n_layers - 1), 0.0f);
    if (llama_set_adapter_cvec(context, zeros.data(), zeros.size(), d_model, 1, n_layers - 1) != 0) {
        throw SessionError(with_log("llama.cpp refused the control vector that additive steering stands on"));
    }
    enabled_ = true;
}

RowSteering::Operand & RowSteering::operand(int32_t layer, int64_t n_rows, ggml_backend_buffer_type_t type,
                                            int64_t width) {
    Operand & operand = operands_[{layer, type}];
    if (operand.tensor == nullptr) {
        operand.context = ggml_init({/*mem_size=*/ggml_tensor_overhead(), /*mem_buffer=*/nullptr, /*no_alloc=*/true});
        if (operand.context == nullptr) throw SessionError("out of memory for a steering tensor");
        operand.tensor = ggml_new_tensor_2d(operand.context, GGML_TYPE_F32, width, 1);
        ours_.insert(operand.tensor);
    }
    ggml_tensor * tensor = operand.tensor;
    if (operand.capacity < n_rows) {
        int64_t capacity = 1;
        while (capacity < n_rows) capacity *= 2;
        const size_t n_bytes = static_cast<size_t>(width * capacity) * sizeof(float);
        const ggml_backend_buffer_t grown =
            ggml_backend_buft_alloc_buffer(type, n_bytes + ggml_backend_buft_get_alignment(type));
        if (grown == nullptr) {
            throw SessionError("out of memory for a steering tensor of " + std::to_string(n_rows) +
                               " rows; use a smaller n_batch");
        }
        if (operand.buffer != nullptr) ggml_backend_buffer_free(operand.buffer);
        operand.buffer = grown;
        operand.capacity = capacity;
        operand.content.clear();
        tensor->buffer = nullptr;
        tensor->data = nullptr;
        tensor->ne[1] = capacity;
        if (ggml_backend_tensor_alloc(grown, tensor, ggml_backend_buffer_get_base(grown)) != GGML_STATUS_SUCCESS) {
            throw SessionError("cannot place a steering tensor in its buffer");
        }
    }
    tensor->ne[1] = n_rows;
    tensor->nb[2] = tensor->nb[3] = tensor->nb[1] * static_cast<size_t>(n_rows);
    return operand;
}

bool RowSteering::prepare(ggml_tensor * node, int32_t layer, const SitePlan * plan, std::span<const int32_t> row_of) {
    if (!enabled_ || node->op != GGML_OP_ADD || node->src[1] == nullptr) return false;
    const ggml_tensor * former = node->src[1];
    const bool is_control_vector = former->op == GGML_OP_NONE && ggml_nrows(former) == 1 &&
                                   former->ne[0] == node->ne[0] && former->type == GGML_TYPE_F32 &&
                                   std::strncmp(former->name, "blk.", 4) != 0; // not a bias of the model
    if (!is_control_vector && !ours_.contains(former)) return false;
    const ggml_backend_buffer_t buffer = former->view_src != nullptr ? former->view_src->buffer : former->buffer;
    const ggml_backend_buffer_type_t type = ggml_backend_buffer_get_type(buffer);

    // Edits of each row of the node, as ids; a plan whose rows are all alike needs one row only.
    edits_.assign(row_of.size(), {});
    if (plan != nullptr) {
        for (size_t i = 0; i < row_of.size(); ++i) {
            const auto found = std::lower_bound(plan->rows.begin(), plan->rows.end(), row_of[i]);
            if (found == plan->rows.end() || *found != row_of[i]) continue;
            edits_[i] = plan->edits_of(static_cast<size_t>(found - plan->rows.begin()));
        }
    }
    const auto same = [](const auto & a, const auto & b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
    const bool uniform =
        std::all_of(edits_.begin(), edits_.end(), [&](const auto & e) { return same(e, edits_.front()); });
    const size_t n_rows = uniform ? 1 : edits_.size();
    content_.clear();
    for (size_t i = 0; i < n_rows && i < edits_.size(); ++i) {
        for (const Edit * edit : edits_[i]) content_.push_back(edit->id);
        content_.push_back(0);
    }

    Operand & target = operand(layer, static_cast<int64_t>(n_rows), type, node->ne[0]);
    if (target.content != content_) {
        const auto width = static_cast<size_t>(node->ne[0]);
        staging_.assign(width * n_rows, 0.0f);
        for (size_t i = 0; i < n_rows && i < edits_.size(); ++i) {
            const std::span<float> row(staging_.data() + i * width, width);
            sum_additive(edits_[i], row);
            check_overflow(row);
        }
        ggml_backend_tensor_set(target.tensor, staging_.data(), 0, staging_.size() * sizeof(float));
        target.content = content_;
    }
    node->src[1] = target.tensor;
    ++n_prepared_;
    return true;
}

} // namespace pysteer
