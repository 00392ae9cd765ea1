// Numbers from logits, where the logits are: log-probabilities, entropy, top-k, KL. n_vocab floats a token stay here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pysteer {

/// What to compute for each output row. Arrays are as long as there are output rows, or empty.
struct ScoreRequest {
    std::vector<int32_t> targets;        // token whose log-probability is wanted, -1: none
    std::vector<int32_t> lookup_outputs; // any number of (output row, token) whose log-probability is wanted
    std::vector<int32_t> lookup_tokens;
    std::vector<int32_t> references; // output row (in order) to compare the distribution with, -1: none
    std::vector<int32_t> candidates; // tokens whose log-probabilities are wanted for every row
    int32_t n_top = 0;               // how many of the most probable tokens
    bool keep_logits = false;        // the whole row
};

/// Per output row, in batch order. Natural logarithms. Missing values are NaN / -1.
struct Scores {
    std::vector<int32_t> rows;              // batch row of each output
    std::vector<float> log_prob;            // of the target
    std::vector<int32_t> rank;              // of the target: 0 is the most probable token
    std::vector<float> entropy;             // nats
    std::vector<float> log_normaliser;      // log sum exp of the logits: logit = log-probability + log_normaliser
    std::vector<int32_t> top_id;            // most probable token
    std::vector<float> kl;                  // KL(reference row || this row), nats
    std::vector<float> candidate_log_probs; // [n_rows][n_candidates]
    std::vector<int32_t> top_ids;           // [n_rows][n_top]
    std::vector<float> top_log_probs;       // [n_rows][n_top]
    std::vector<float> logits;              // [n_rows][n_vocab]
    std::vector<float> lookup_log_probs;    // one a lookup

    /// Make room for `n_more` rows behind the ones that are there.
    void grow(size_t n_more, const ScoreRequest & request, size_t n_vocab);
};

/// Fill rows [begin, begin + logits.size()) of `scores`; logits[i] points to the row's n_vocab floats. Uses `n_threads`.
/// References must lie in the same range. Throws MeasurementError when a row holds NaN or infinity.
void score_rows(std::span<const float * const> logits, size_t n_vocab, const ScoreRequest & request, size_t begin,
                int n_threads, Scores & scores);

} // namespace pysteer
