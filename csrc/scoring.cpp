#include "scoring.hpp"

#include "errors.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <thread>

namespace pysteer {

namespace {

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

struct Row {
    const float * logits;
    size_t n_vocab;
    float maximum;
    int32_t top_id;
    double sum;  // of exp(logit - maximum)
    double mean; // of logit - maximum under the distribution

    double log_sum() const { return std::log(sum); }
    double log_prob(size_t token) const { return static_cast<double>(logits[token]) - maximum - log_sum(); }
};

Row survey(const float * logits, size_t n_vocab) {
    Row row{logits, n_vocab, logits[0], 0, 0.0, 0.0};
    for (size_t i = 1; i < n_vocab; ++i) {
        if (logits[i] > row.maximum) {
            row.maximum = logits[i];
            row.top_id = static_cast<int32_t>(i);
        }
    }
    for (size_t i = 0; i < n_vocab; ++i) {
        const float shifted = logits[i] - row.maximum;
        const auto p = static_cast<double>(std::exp(shifted));
        row.sum += p;
        if (p > 0.0) row.mean += p * shifted; // a token with logit -inf has no share
    }
    row.mean /= row.sum;
    return row;
}

// KL(reference || row) = sum p_ref (log p_ref - log p_row). Differences of logits are taken in double, so that two equal
// rows give 0 exactly; where rounding makes the sum of two almost equal rows negative, it is 0.
double divergence(const Row & reference, const Row & row) {
    double total = 0.0;
    for (size_t i = 0; i < row.n_vocab; ++i) {
        const auto p = static_cast<double>(std::exp(reference.logits[i] - reference.maximum));
        if (p == 0.0) continue;
        const double own = static_cast<double>(reference.logits[i]) - reference.maximum;
        total += p * (own - (static_cast<double>(row.logits[i]) - row.maximum));
    }
    return std::max(0.0, total / reference.sum - reference.log_sum() + row.log_sum());
}

void top_tokens(const Row & row, size_t n_top, int32_t * ids, float * log_probs) {
    std::vector<int32_t> order(row.n_vocab);
    std::iota(order.begin(), order.end(), 0);
    const auto more_probable = [&](int32_t a, int32_t b) {
        const float x = row.logits[a], y = row.logits[b];
        return x > y || (x == y && a < b);
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n_top), order.end(), more_probable);
    for (size_t k = 0; k < n_top; ++k) {
        ids[k] = order[k];
        log_probs[k] = static_cast<float>(row.log_prob(static_cast<size_t>(order[k])));
    }
}

template <typename Work> void in_parallel(size_t n, int n_threads, const Work & work) {
    std::atomic<size_t> next{0};
    const auto loop = [&] {
        for (size_t i = next++; i < n; i = next++) work(i);
    };
    std::vector<std::jthread> threads;
    for (size_t t = 1; t < std::min(n, static_cast<size_t>(std::max(1, n_threads))); ++t) threads.emplace_back(loop);
    loop();
}

} // namespace

void Scores::grow(size_t n_more, const ScoreRequest & request, size_t n_vocab) {
    const size_t n = rows.size() + n_more;
    rows.resize(n, -1);
    log_prob.resize(n, nan_value);
    rank.resize(n, -1);
    entropy.resize(n, nan_value);
    log_normaliser.resize(n, nan_value);
    top_id.resize(n, -1);
    kl.resize(n, nan_value);
    candidate_log_probs.resize(n * request.candidates.size(), nan_value);
    top_ids.resize(n * static_cast<size_t>(request.n_top), -1);
    top_log_probs.resize(n * static_cast<size_t>(request.n_top), nan_value);
    if (request.keep_logits) logits.resize(n * n_vocab);
    lookup_log_probs.resize(request.lookup_outputs.size(), nan_value);
}

void score_rows(std::span<const float * const> logits, size_t n_vocab, const ScoreRequest & request, size_t begin,
                int n_threads, Scores & scores) {
    const bool is_small = logits.size() * n_vocab < (1 << 16); // not worth a thread
    std::vector<Row> rows(logits.size());
    std::atomic<int64_t> broken{-1};
    in_parallel(logits.size(), is_small ? 1 : n_threads, [&](size_t i) {
        const size_t out = begin + i;
        rows[i] = survey(logits[i], n_vocab);
        const Row & row = rows[i];
        if (!std::isfinite(row.sum) || !std::isfinite(row.maximum)) {
            broken = static_cast<int64_t>(out);
            return;
        }
        scores.entropy[out] = static_cast<float>(row.log_sum() - row.mean);
        scores.log_normaliser[out] = static_cast<float>(row.maximum + row.log_sum());
        scores.top_id[out] = row.top_id;
        if (!request.targets.empty() && request.targets[out] >= 0) {
            const auto target = static_cast<size_t>(request.targets[out]);
            scores.log_prob[out] = static_cast<float>(row.log_prob(target));
            const float own = row.logits[target];
            scores.rank[out] = static_cast<int32_t>(std::count_if(
                row.logits, row.logits + n_vocab, [own](float other) { return other > own; }));
        }
        for (size_t k = 0; k < request.candidates.size(); ++k) {
            scores.candidate_log_probs[out * request.candidates.size() + k] =
                static_cast<float>(row.log_prob(static_cast<size_t>(request.candidates[k])));
        }
        if (request.n_top > 0) {
            const auto n_top = static_cast<size_t>(request.n_top);
            top_tokens(row, n_top, scores.top_ids.data() + out * n_top, scores.top_log_probs.data() + out * n_top);
        }
        if (request.keep_logits) std::memcpy(scores.logits.data() + out * n_vocab, row.logits, n_vocab * sizeof(float));
    });
    if (broken >= 0) {
        throw MeasurementError("the logits of output row " + std::to_string(broken.load()) +
                               " are not finite: the steering is far too strong, or the model file is broken");
    }
    for (size_t k = 0; k < request.lookup_outputs.size(); ++k) {
        const auto output = static_cast<size_t>(request.lookup_outputs[k]);
        if (output < begin || output >= begin + rows.size()) continue;
        scores.lookup_log_probs[k] =
            static_cast<float>(rows[output - begin].log_prob(static_cast<size_t>(request.lookup_tokens[k])));
    }
    if (request.references.empty()) return;
    in_parallel(logits.size(), is_small ? 1 : n_threads, [&](size_t i) {
        const int32_t reference = request.references[begin + i];
        if (reference < 0) return;
        scores.kl[begin + i] = static_cast<float>(divergence(rows[static_cast<size_t>(reference) - begin], rows[i]));
    });
}

} // namespace pysteer
