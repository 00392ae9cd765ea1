// What a batch must be, and where a long one is split.
#include "session.hpp"

#include "session_guard.hpp"

#include <algorithm>
#include <string>

namespace pysteer {

void Session::check(const Batch & batch, const Work & work) const {
    const size_t n = batch.tokens.size();
    if (n == 0) throw ShapeError("an empty batch: there is no token to decode");
    if (batch.positions.size() != n || batch.sequences.size() != n ||
        (!batch.outputs.empty() && batch.outputs.size() != n) ||
        (!batch.recorded.empty() && batch.recorded.size() != n)) {
        throw ShapeError("tokens, positions, sequences, outputs and recorded must have the same length");
    }
    std::vector<int32_t> next(sequences_.size());
    for (size_t s = 0; s < next.size(); ++s) next[s] = sequences_[s].length;
    const bool recurrent = model_->is_recurrent();
    for (const Site & site : work.sites) table_->require(site);
    for (size_t i = 0; i < n; ++i) {
        const int32_t sequence = batch.sequences[i];
        if (sequence < 0 || sequence >= n_sequences()) {
            throw SessionError("row " + text(static_cast<int64_t>(i)) + " belongs to sequence " + text(sequence) +
                               "; this session has " + text(n_sequences()) + ", counted from 0 (n_sequences)");
        }
        if (batch.tokens[i] < 0 || batch.tokens[i] >= model_->n_vocab()) {
            throw TokenizeError("token id " + text(batch.tokens[i]) + " is outside the vocabulary: ids run from 0 to " +
                                text(model_->n_vocab() - 1));
        }
        int32_t & expected = next[static_cast<size_t>(sequence)];
        if (batch.positions[i] != expected) {
            throw SessionError("sequence " + text(sequence) + " goes on at position " + text(expected) + ", got " +
                               text(batch.positions[i]) + "; trim the sequence first to compute a position again");
        }
        if (table_->has_learned_positions() && expected >= model_->n_ctx_train()) { // llama.cpp aborts the process
            throw ContextFullError("position " + text(expected) + " of sequence " + text(sequence) +
                                   ": this model has learned " + text(model_->n_ctx_train()) +
                                   " positions and cannot go beyond them");
        }
        ++expected;
    }
    const size_t n_outputs =
        batch.outputs.empty() ? 0 : n - static_cast<size_t>(std::count(batch.outputs.begin(), batch.outputs.end(), 0));
    const ScoreRequest & scores = work.scores;
    if (!work.sites.empty() && batch.recorded.empty()) {
        throw ShapeError("sites are to be recorded, but no token is marked (recorded)");
    }
    if (work.stop_early && (n_outputs > 0 || work.sites.empty())) {
        throw SessionError("stopping early needs sites to record, and leaves no logits to score");
    }
    if ((!scores.targets.empty() && scores.targets.size() != n_outputs) ||
        (!scores.references.empty() && scores.references.size() != n_outputs)) {
        throw ShapeError("targets and references need one entry for each of the " +
                         text(static_cast<int64_t>(n_outputs)) + " outputs");
    }
    if (scores.lookup_outputs.size() != scores.lookup_tokens.size())
        throw ShapeError("lookups need one token for each output");
    for (const int32_t output : scores.lookup_outputs) {
        if (output < 0 || output >= static_cast<int32_t>(n_outputs))
            throw ShapeError("lookup " + text(output) + " is no output row");
    }
    for (const auto & ids : {scores.targets, scores.candidates, scores.lookup_tokens}) {
        for (const int32_t id : ids) {
            if (id >= model_->n_vocab() || id < -1)
                throw TokenizeError("token id " + text(id) + " is outside the vocabulary");
        }
    }
    for (const auto & ids : {scores.candidates, scores.lookup_tokens}) { // -1 is "none" for targets only
        if (std::count(ids.begin(), ids.end(), -1) > 0) throw TokenizeError("token id -1 is outside the vocabulary");
    }
    for (const int32_t reference : scores.references) {
        if (reference < -1 || reference >= static_cast<int32_t>(n_outputs)) {
            throw ShapeError("reference " + text(reference) + " is no output row");
        }
    }
    if (scores.n_top < 0 || scores.n_top > model_->n_vocab())
        throw ShapeError("n_top must lie between 0 and the vocabulary's size");

    const auto n_layers = model_->n_layers();
    int32_t deepest = n_layers; // blocks that this batch needs
    if (work.stop_early) {
        deepest = 0;
        for (const Site & site : work.sites) deepest = std::max(deepest, site.layer + 1);
    }
    for (size_t i = 0; i < n; ++i) {
        const Sequence & state = sequences_[static_cast<size_t>(batch.sequences[i])];
        if (state.length > 0 && state.depth < deepest) {
            throw SessionError("sequence " + text(batch.sequences[i]) + " was computed only up to block " +
                               text(state.depth - 1) + " (stopped early), and this batch needs block " +
                               text(deepest - 1) + "; drop the sequence first");
        }
    }
    if (recurrent && !scores.references.empty()) {
        for (size_t i = 1; i < n; ++i) {
            if (batch.sequences[i] != batch.sequences[0]) {
                throw SessionError("a model with recurrent state decodes one sequence at a time, so rows of different "
                                   "sequences cannot be compared; ask for the logits instead");
            }
        }
    }
}

std::vector<Session::Part> Session::split(const Batch & batch) const {
    const bool one_sequence = model_->is_recurrent(); // llama.cpp would reorder the rows of several
    std::vector<Part> parts;
    size_t begin = 0;
    int32_t n_outputs = 0;
    for (size_t i = 0; i < batch.tokens.size(); ++i) {
        const int32_t output = batch.outputs.empty() ? 0 : batch.outputs[i] != 0;
        const bool is_full = i - begin == static_cast<size_t>(n_batch_) || n_outputs + output > n_outputs_;
        if (is_full || (one_sequence && i > begin && batch.sequences[i] != batch.sequences[begin])) {
            parts.push_back({begin, i});
            begin = i;
            n_outputs = 0;
        }
        n_outputs += output;
    }
    parts.push_back({begin, batch.tokens.size()});
    return parts;
}

} // namespace pysteer
