#include "scoring.hpp"

#include "errors.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
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

// exp(x) for x <= 0 to 2e-7 relative, without a branch, so that the compiler uses vector instructions: most of the time of
// a perplexity run on a small model with a large vocabulary would go into std::exp. Below -87 it is 0.
inline float exp_of_negative(float x) {
    constexpr float log2_e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    constexpr float round_to_integer = 12582912.0f; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    const float bounded = x < -87.0f ? -87.0f : x;
    const float n = (bounded * log2_e + round_to_integer) - round_to_integer;
    const float r = (bounded - n * ln2_high) - n * ln2_low; // |r| <= ln(2) / 2
    float p = 1.9875691500e-4f;                             // minimax polynomial of Cephes' expf
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
    return x < -87.0f ? 0.0f : p * power;
}

// Eight vector lanes where the processor has them; the plain version elsewhere. Clones need the loader's help (GNU).
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define PYSTEER_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define PYSTEER_VECTOR_CLONES
#endif

constexpr size_t n_lanes = 16;     // independent partial sums in float ...
constexpr size_t block_size = 256; // ... of at most 16 terms each, which then go on in double

struct Sums {
    double weight = 0.0; // sum of p
    double value = 0.0;  // sum of p * shifted
};

using Block = std::array<float, block_size>;

inline double sum_block(const Block & values, size_t n) {
    std::array<float, n_lanes> lanes{};
    const size_t whole = n / n_lanes * n_lanes;
    for (size_t i = 0; i < whole; i += n_lanes) {
        for (size_t lane = 0; lane < n_lanes; ++lane) lanes[lane] += values[i + lane];
    }
    for (size_t i = whole; i < n; ++i) lanes[i - whole] += values[i];
    double total = 0.0;
    for (const float lane : lanes) total += static_cast<double>(lane);
    return total;
}

/// p = exp(logits - maximum), summed, and weighted with what was exponentiated.
PYSTEER_VECTOR_CLONES Sums sum_exp(const float * logits, size_t n, float maximum) {
    Sums sums;
    Block weights, values;
    for (size_t begin = 0; begin < n; begin += block_size) {
        const size_t size = std::min(block_size, n - begin);
        for (size_t i = 0; i < size; ++i) {
            const float x = logits[begin + i] - maximum;
            const float p = exp_of_negative(x);
            weights[i] = p;
            values[i] = p * (x < -1e30f ? -1e30f : x); // a logit of -inf has no share
        }
        sums.weight += sum_block(weights, size);
        sums.value += sum_block(values, size);
    }
    return sums;
}

/// Sum of p_reference * (log p_reference - log p), both without their normalisers.
PYSTEER_VECTOR_CLONES double sum_divergence(const float * reference, float reference_maximum, const float * logits,
                                            float maximum, size_t n) {
    double total = 0.0;
    Block values;
    for (size_t begin = 0; begin < n; begin += block_size) {
        const size_t size = std::min(block_size, n - begin);
        for (size_t i = 0; i < size; ++i) {
            const float x = reference[begin + i] - reference_maximum;
            const float p = exp_of_negative(x);
            const float difference = x - (logits[begin + i] - maximum);
            values[i] = p > 0.0f ? p * difference : 0.0f;
        }
        total += sum_block(values, size);
    }
    return total;
}

float largest(const float * logits, size_t n) {
    std::array<float, n_lanes> lanes;
    lanes.fill(logits[0]);
    const size_t whole = n / n_lanes * n_lanes;
    for (size_t i = 0; i < whole; i += n_lanes) {
        for (size_t lane = 0; lane < n_lanes; ++lane)
            lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];
    }
    for (size_t i = whole; i < n; ++i) lanes[i - whole] = std::max(lanes[i - whole], logits[i]);
    return *std::max_element(lanes.begin(), lanes.end());
}

Row survey(const float * logits, size_t n_vocab) {
    const float maximum = largest(logits, n_vocab); // its place afterwards: both at once is no vector operation
    const auto top_id = static_cast<int32_t>(std::find(logits, logits + n_vocab, maximum) - logits);
    const Sums sums = sum_exp(logits, n_vocab, maximum);
    return {logits, n_vocab, maximum, top_id, sums.weight, sums.value / sums.weight};
}

// KL(reference || row) = sum p_ref (log p_ref - log p_row). Differences of logits are taken in double, so that two equal
// rows give 0 exactly; where rounding makes the sum of two almost equal rows negative, it is 0.
double divergence(const Row & reference, const Row & row) {
    const double total = sum_divergence(reference.logits, reference.maximum, row.logits, row.maximum, row.n_vocab);
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
            int32_t n_better = 0;
            for (size_t token = 0; token < n_vocab; ++token) n_better += row.logits[token] > own ? 1 : 0;
            scores.rank[out] = n_better;
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
