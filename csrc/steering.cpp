#include "steering.hpp"

#include <algorithm>

namespace pysteer {

namespace {

using Effect = std::vector<std::pair<Site, uint64_t>>;

Effect effect_at(const Program & program, int32_t position) {
    Effect effect;
    for (const Step & step : program) {
        if (step.begin <= position && position < step.end) effect.emplace_back(step.site, step.edit->id);
    }
    // Order matters at one site only.
    std::stable_sort(effect.begin(), effect.end(), [](const auto & a, const auto & b) { return a.first < b.first; });
    return effect;
}

} // namespace

int32_t first_difference(const Program & a, const Program & b, int32_t limit) {
    std::vector<int32_t> edges{0};
    for (const Program * program : {&a, &b}) {
        for (const Step & step : *program) {
            edges.push_back(std::max(step.begin, 0));
            edges.push_back(std::max(step.end, 0));
        }
    }
    std::sort(edges.begin(), edges.end());
    for (const int32_t edge : edges) {
        if (edge >= limit) break;
        if (effect_at(a, edge) != effect_at(b, edge)) return edge;
    }
    return limit;
}

SteeringPlan::SteeringPlan(const std::vector<Program> & programs, std::span<const int32_t> positions,
                           std::span<const int32_t> sequences) {
    for (size_t row = 0; row < positions.size(); ++row) {
        for (const Step & step : programs[static_cast<size_t>(sequences[row])]) {
            if (positions[row] < step.begin || positions[row] >= step.end) continue;
            const auto index = static_cast<size_t>(step.site.index());
            if (index >= by_index_.size()) by_index_.resize(index + 1, -1);
            if (by_index_[index] < 0) {
                by_index_[index] = static_cast<int32_t>(sites_.size());
                sites_.push_back({step.site, true, {}, {0}, {}});
            }
            SitePlan & plan = sites_[static_cast<size_t>(by_index_[index])];
            plan.additive = plan.additive && step.edit->is_additive();
            if (plan.rows.empty() || plan.rows.back() != static_cast<int32_t>(row)) {
                plan.rows.push_back(static_cast<int32_t>(row));
                plan.starts.push_back(plan.starts.back());
            }
            plan.edits.push_back(step.edit.get());
            plan.starts.back() += 1;
        }
    }
}

const SitePlan * SteeringPlan::at(const Site & site) const {
    const auto index = static_cast<size_t>(site.index());
    if (index >= by_index_.size() || by_index_[index] < 0) return nullptr;
    return &sites_[static_cast<size_t>(by_index_[index])];
}

} // namespace pysteer
