#include "graph_hook.hpp"

#include "edit.hpp"
#include "errors.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace pysteer {

bool GraphHook::callback(ggml_tensor * tensor, bool ask, void * data) {
    auto & hook = *static_cast<GraphHook *>(data);
    // After a stop, llama.cpp goes on with the next part of the graph (another device): end that at its first node.
    if (hook.error_ || hook.stopped_) return ask;
    try {
        return ask ? hook.ask(tensor) : hook.act(tensor);
    } catch (...) { // must not travel through llama.cpp's C frames
        hook.error_ = std::current_exception();
        return ask; // ask: come back for this tensor, then the graph ends there
    }
}

void GraphHook::set_table(std::shared_ptr<const SiteTable> table) {
    table_ = std::move(table);
    components_.reset();
    wanted_ = {};
}

void GraphHook::start_survey() {
    survey_.clear();
    surveying_ = true;
    stopped_ = false;
    error_ = nullptr;
}

std::vector<NodeInfo> GraphHook::finish_survey() {
    surveying_ = false;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::exchange(survey_, {});
}

void GraphHook::start(const Run & run) {
    run_ = run;
    all_rows_.resize(static_cast<size_t>(run.n_tokens));
    std::iota(all_rows_.begin(), all_rows_.end(), 0);
    const auto n_sites = static_cast<size_t>(table_->n_layers() * n_components);
    seen_.assign(n_sites, 0);
    edit_.assign(n_sites, 0);
    n_recorded_ = 0;
    n_steered_ = 0;
    stopped_ = false;
    error_ = nullptr;
    running_ = true;

    std::bitset<n_components> components;
    components.set(static_cast<size_t>(Component::resid_post), row_steering_.enabled());
    for (const SitePlan & plan : run.plan->sites()) components.set(static_cast<size_t>(plan.site.component));
    for (const Recording & recording : recorder_.recordings()) {
        components.set(static_cast<size_t>(recording.site.component));
    }
    if (components != components_) {
        wanted_ = table_->wanted(components);
        components_ = components;
    }
}

void GraphHook::cancel() {
    running_ = false;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void GraphHook::finish() {
    cancel();
    if (n_recorded_ < recorder_.n_sites() && !run_.recorded.empty()) {
        throw SiteError("only " + std::to_string(n_recorded_) + " of " + std::to_string(recorder_.n_sites()) +
                        " recorded sites came by in the graph");
    }
    if (run_.plan == nullptr || stopped_) return;
    if (n_steered_ < run_.plan->sites().size()) {
        throw SiteError("only " + std::to_string(n_steered_) + " of " + std::to_string(run_.plan->sites().size()) +
                        " steered sites came by in the graph, so the result would be wrong");
    }
}

bool GraphHook::ask(ggml_tensor * tensor) {
    if (surveying_) {
        const auto name = [](const ggml_tensor * t) { return t == nullptr ? std::string() : std::string(t->name); };
        survey_.push_back({tensor->name,
                           tensor->op,
                           name(tensor->src[0]),
                           name(tensor->src[1]),
                           {tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3]},
                           tensor->type});
        return false;
    }
    if (!running_) return false;
    const Site * site = table_->find(tensor, wanted_);
    if (site == nullptr) return false;
    const auto index = static_cast<size_t>(site->index());
    if (std::exchange(seen_[index], uint8_t{1}) != 0) return false; // with a control vector there are two ffn_out-N

    const SitePlan * plan = run_.plan->at(*site);
    bool need = false;
    if (site->component == Component::resid_post && (plan == nullptr || plan->additive)) {
        // Also without a plan: a cached graph still adds what the last batch was steered with.
        const bool done = row_steering_.prepare(tensor, site->layer, plan, rows_of(tensor));
        if (done && plan != nullptr) ++n_steered_;
        if (!done && plan != nullptr) need = true;
    } else if (plan != nullptr) {
        if (site->component == Component::resid_post)
            row_steering_.prepare(tensor, site->layer, nullptr, rows_of(tensor));
        need = true;
    }
    edit_[index] = need ? 1 : 0;
    return need || (recorder_.wants(*site) >= 0 && !run_.recorded.empty());
}

bool GraphHook::act(ggml_tensor * tensor) {
    const Site * site = table_->find(tensor, wanted_);
    if (site == nullptr) return true;
    const auto row_of = rows_of(tensor);
    if (tensor->nb[0] != sizeof(float) || tensor->nb[1] != static_cast<size_t>(tensor->ne[0]) * sizeof(float)) {
        throw SiteError("the rows of " + site->text() + " do not lie one behind the other in this build of llama.cpp");
    }
    if (edit_[static_cast<size_t>(site->index())] != 0) {
        edit_in_place(tensor, *run_.plan->at(*site), row_of);
        ++n_steered_;
    }
    const int32_t recording = run_.recorded.empty() ? -1 : recorder_.wants(*site);
    if (recording >= 0) {
        for (size_t row = 0; row < run_.recorded.size(); ++row) {
            if (run_.recorded[row] != 0 &&
                !std::binary_search(row_of.begin(), row_of.end(), static_cast<int32_t>(row))) {
                throw SiteError("llama.cpp computed " + site->text() + " for the output tokens only");
            }
        }
        recorder_.append(recording, tensor, row_of, run_.recorded);
        ++n_recorded_;
    }
    stopped_ = run_.stop_when_recorded && n_recorded_ == recorder_.n_sites();
    return !stopped_;
}

std::span<const int32_t> GraphHook::rows_of(const ggml_tensor * tensor) const {
    if (tensor->ne[1] == run_.n_tokens) return all_rows_;
    // The last block goes on with the rows whose logits were asked for.
    if (tensor->ne[1] == static_cast<int64_t>(run_.outputs.size())) return run_.outputs;
    throw SiteError("tensor " + std::string(tensor->name) + " has " + std::to_string(tensor->ne[1]) + " rows for " +
                    std::to_string(run_.n_tokens) + " tokens with " + std::to_string(run_.outputs.size()) + " outputs");
}

void GraphHook::edit_in_place(ggml_tensor * tensor, const SitePlan & plan, std::span<const int32_t> row_of) {
    const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
    if (force_device_edits_ || !ggml_backend_buffer_is_host(buffer)) {
        device_editor_.apply(tensor, plan, row_of);
        return;
    }
    const auto width = static_cast<size_t>(tensor->ne[0]);
    auto * data = static_cast<float *>(tensor->data);
    size_t at = 0;
    for (size_t i = 0; i < plan.rows.size(); ++i) {
        while (at < row_of.size() && row_of[at] < plan.rows[i]) ++at;
        if (at == row_of.size()) return;
        if (row_of[at] != plan.rows[i]) continue;
        const std::span<float> row(data + at * width, width);
        apply_edits(plan.edits_of(i), row);
        check_overflow(row);
    }
}

} // namespace pysteer
