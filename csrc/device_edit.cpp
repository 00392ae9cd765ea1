#include "device_edit.hpp"

#include "errors.hpp"

#include "ggml-alloc.h"
#include "ggml-cpu.h"
#include "ggml.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pysteer {

namespace {

struct FreeContext {
    void operator()(ggml_context * context) const { ggml_free(context); }
};

/// A small graph being built: inputs are remembered with their values and uploaded before it runs.
class EditGraph {
  public:
    EditGraph(ggml_tensor * rows, size_t n_tasks)
        : max_nodes_(64 + 12 * n_tasks),
          context_(ggml_init(
              {ggml_tensor_overhead() * max_nodes_ + ggml_graph_overhead_custom(max_nodes_, false), nullptr, true})) {
        if (!context_) throw SessionError("out of memory for an edit on the device");
        // A leaf on the same memory, not a view: a view would pull the model's whole graph in as its source.
        x_ = ggml_new_tensor_2d(get(), GGML_TYPE_F32, rows->ne[0], rows->ne[1]);
        x_->buffer = rows->view_src != nullptr ? rows->view_src->buffer : rows->buffer;
        x_->data = rows->data;
    }

    ggml_context * get() const { return context_.get(); }
    ggml_tensor * x() const { return x_; }

    ggml_tensor * input(int64_t n_columns, int64_t n_rows, std::span<const float> values) {
        ggml_tensor * tensor = ggml_new_tensor_2d(get(), GGML_TYPE_F32, n_columns, n_rows);
        ggml_set_input(tensor);
        inputs_.emplace_back(tensor, values);
        return tensor;
    }

    /// x <- result, then run on `backend`.
    void run(ggml_backend_t backend, ggml_gallocr_t allocator, ggml_tensor * result) {
        ggml_cgraph * graph = ggml_new_graph_custom(get(), max_nodes_, false);
        ggml_build_forward_expand(graph, ggml_cpy(get(), result, x_));
        if (!ggml_gallocr_alloc_graph(allocator, graph)) {
            throw SessionError("out of device memory for an edit of " + std::to_string(x_->ne[1]) + " rows");
        }
        for (const auto & [tensor, values] : inputs_) {
            if (tensor->buffer != nullptr) ggml_backend_tensor_set(tensor, values.data(), 0, values.size_bytes());
        }
        if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) {
            throw SessionError(std::string("the edit failed on ") + ggml_backend_name(backend));
        }
    }

  private:
    size_t max_nodes_;
    std::unique_ptr<ggml_context, FreeContext> context_;
    ggml_tensor * x_;
    std::vector<std::pair<ggml_tensor *, std::span<const float>>> inputs_;
};

ggml_tensor * row_norms(ggml_context * c, ggml_tensor * x) { // [width, n] -> [1, n]
    return ggml_sqrt(c, ggml_sum_rows(c, ggml_sqr(c, x)));
}

// Divisor that leaves zero rows zero instead of making them NaN.
ggml_tensor * positive(ggml_context * c, ggml_tensor * x) { return ggml_clamp(c, x, 1e-30f, 3e38f); }

// 1 for the rows where the gate is open, 0 for the others: [width, n] -> [1, n]
ggml_tensor * open_rows(EditGraph & graph, const Gate & gate) {
    ggml_context * c = graph.get();
    ggml_tensor * x = graph.x();
    ggml_tensor * value = ggml_sum_rows(c, ggml_mul(c, x, graph.input(x->ne[0], 1, gate.read)));
    if (gate.relative) value = ggml_div(c, value, positive(c, row_norms(c, x)));
    const float sign = gate.above ? 1.0f : -1.0f;
    return ggml_step(c, ggml_scale_bias(c, value, sign, -sign * gate.threshold));
}

ggml_tensor * outer(ggml_context * c, ggml_tensor * shape, ggml_tensor * direction, ggml_tensor * per_row) {
    return ggml_mul(c, ggml_repeat(c, direction, shape), per_row); // [width, 1] x [1, n] -> [width, n]
}

} // namespace

DeviceEditor::~DeviceEditor() {
    for (const auto & [device, place] : places_) {
        if (place.allocator != nullptr) ggml_gallocr_free(place.allocator);
        if (place.backend != nullptr) ggml_backend_free(place.backend);
    }
}

void DeviceEditor::apply(ggml_tensor * tensor, const SitePlan & plan, std::span<const int32_t> row_of) {
    const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
    ggml_backend_dev_t device = ggml_backend_buft_get_device(ggml_backend_buffer_get_type(buffer));
    if (device == nullptr) device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    Place & place = places_[device];
    if (place.backend == nullptr) place.backend = ggml_backend_dev_init(device, nullptr);
    if (place.backend == nullptr) throw SessionError("cannot open the device that holds the activations");
    if (place.allocator == nullptr)
        place.allocator = ggml_gallocr_new(ggml_backend_get_default_buffer_type(place.backend));
    if (place.allocator == nullptr) throw SessionError("out of memory for edits on the device");

    std::vector<int32_t> tensor_row(
        row_of.empty() ? 0 : static_cast<size_t>(*std::max_element(row_of.begin(), row_of.end())) + 1, -1);
    for (size_t i = 0; i < row_of.size(); ++i) tensor_row[static_cast<size_t>(row_of[i])] = static_cast<int32_t>(i);

    // Round k handles the k-th edit of every row, so that the order within a row is kept; rows of one round that share
    // an edit are one graph.
    std::vector<float> mask(row_of.size());
    for (size_t round = 0;; ++round) {
        std::vector<std::pair<const Edit *, std::vector<size_t>>> groups;
        for (size_t i = 0; i < plan.rows.size(); ++i) {
            const auto edits = plan.edits_of(i);
            const auto row = static_cast<size_t>(plan.rows[i]);
            if (round >= edits.size() || row >= tensor_row.size() || tensor_row[row] < 0) continue;
            const Edit * edit = edits[round];
            auto group = std::find_if(groups.begin(), groups.end(), [&](const auto & g) { return g.first == edit; });
            if (group == groups.end()) group = groups.insert(groups.end(), {edit, {}});
            group->second.push_back(static_cast<size_t>(tensor_row[row]));
        }
        if (groups.empty()) return;
        for (const auto & [edit, rows] : groups) {
            std::fill(mask.begin(), mask.end(), 0.0f);
            for (const size_t row : rows) mask[row] = 1.0f;
            apply_one(place, tensor, *edit, mask);
        }
    }
}

void DeviceEditor::apply_one(const Place & place, ggml_tensor * tensor, const Edit & edit,
                             std::span<const float> mask) {
    EditGraph graph(tensor, edit.strengths.size());
    ggml_context * c = graph.get();
    ggml_tensor * x = graph.x();
    const int64_t width = tensor->ne[0];
    const auto n = static_cast<int64_t>(mask.size());
    const auto whole = static_cast<size_t>(width);
    ggml_tensor * rows = graph.input(1, n, mask);
    ggml_tensor * open = edit.gate ? open_rows(graph, *edit.gate) : nullptr;
    if (open != nullptr) rows = ggml_mul(c, rows, open);

    switch (edit.kind) {
    case Edit::Kind::rank_one: {
        ggml_tensor * write = graph.input(width, 1, edit.write);
        std::vector<float> offsets(mask.begin(), mask.end());
        for (float & value : offsets) value *= edit.offset;
        ggml_tensor * step = graph.input(1, n, offsets);
        if (open != nullptr) step = ggml_mul(c, step, open);
        if (edit.gain != 0.0f) {
            ggml_tensor * along = ggml_sum_rows(c, ggml_mul(c, x, graph.input(width, 1, edit.read)));
            step = ggml_add(c, ggml_mul(c, ggml_scale(c, along, edit.gain), rows), step);
        }
        graph.run(place.backend, place.allocator, ggml_add(c, x, outer(c, x, write, step)));
        return;
    }
    case Edit::Kind::norm_preserving: {
        ggml_tensor * moved = ggml_add(c, x, outer(c, x, graph.input(width, 1, edit.write), rows));
        ggml_tensor * scale = ggml_div(c, row_norms(c, x), positive(c, row_norms(c, moved)));
        ggml_tensor * scaled = ggml_mul(c, moved, scale);
        // Rows outside the mask keep their bits: x (1 - m) + scaled m.
        ggml_tensor * kept = ggml_mul(c, x, ggml_scale_bias(c, rows, -1.0f, 1.0f));
        graph.run(place.backend, place.allocator, ggml_add(c, kept, ggml_mul(c, scaled, rows)));
        return;
    }
    case Edit::Kind::in_context: {
        ggml_tensor * length = row_norms(c, x);
        ggml_tensor * unit_x = ggml_div(c, x, positive(c, length));
        ggml_tensor * turned = unit_x;
        const size_t n_tasks = edit.strengths.size();
        for (size_t k = 0; k < n_tasks; ++k) {
            const float strength = edit.strengths[k] / static_cast<float>(n_tasks);
            ggml_tensor * unit = graph.input(width, 1, std::span(edit.write).subspan(k * whole, whole));
            ggml_tensor * against = ggml_relu(c, ggml_neg(c, ggml_sum_rows(c, ggml_mul(c, unit_x, unit))));
            turned = ggml_add(c, turned, outer(c, x, unit, ggml_scale_bias(c, against, strength, strength)));
        }
        ggml_tensor * result = ggml_mul(c, ggml_div(c, turned, positive(c, row_norms(c, turned))), length);
        ggml_tensor * kept = ggml_mul(c, x, ggml_scale_bias(c, rows, -1.0f, 1.0f));
        graph.run(place.backend, place.allocator, ggml_add(c, kept, ggml_mul(c, result, rows)));
        return;
    }
    case Edit::Kind::replace: {
        std::vector<float> values(whole, 0.0f), inside(whole, 0.0f);
        std::copy(edit.write.begin(), edit.write.end(), values.begin() + edit.begin);
        std::fill_n(inside.begin() + edit.begin, edit.write.size(), 1.0f);
        ggml_tensor * chosen = outer(c, x, graph.input(width, 1, inside), rows);
        ggml_tensor * kept = ggml_mul(c, x, ggml_scale_bias(c, chosen, -1.0f, 1.0f));
        graph.run(place.backend, place.allocator,
                  ggml_add(c, kept, ggml_mul(c, chosen, graph.input(width, 1, values))));
        return;
    }
    }
}

} // namespace pysteer
