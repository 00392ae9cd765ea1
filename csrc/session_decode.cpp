// Decoding, part by part; what became of a part that failed; sampling from the last one.
#include "session.hpp"

#include "session_guard.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace pysteer {

Results Session::decode(const Batch & batch, const Work & work) {
    const Guard guard(*this);
    check(batch, work);

    // The last block computes only the rows whose logits are asked for, so its sites need those rows to be outputs.
    std::vector<uint8_t> computed(batch.outputs.begin(), batch.outputs.end());
    computed.resize(batch.tokens.size(), 0);
    const bool in_last_block = std::any_of(work.sites.begin(), work.sites.end(),
                                           [&](const Site & site) { return site.layer == model_->n_layers() - 1; });
    if (in_last_block) {
        for (size_t i = 0; i < batch.recorded.size(); ++i) computed[i] = computed[i] | batch.recorded[i];
    }
    Batch full = batch;
    full.outputs = computed;

    for (const Program & program : programs_) {
        for (const Step & step : program) {
            if (step.site.component == Component::resid_post && step.edit->is_additive()) {
                hook_.row_steering().enable(context_, model_->d_model(), model_->n_layers());
            }
        }
    }
    hook_.recorder().start(work.sites, *table_);
    last_rows_.assign(batch.tokens.size(), -1);

    Results results;
    const std::vector<Part> parts = split(full);
    if (!work.scores.references.empty()) { // compared rows must be in memory together
        std::vector<size_t> part_of;
        for (size_t p = 0; p < parts.size(); ++p) {
            for (size_t i = parts[p].begin; i < parts[p].end; ++i) {
                if (!batch.outputs.empty() && batch.outputs[i] != 0) part_of.push_back(p);
            }
        }
        for (size_t i = 0; i < part_of.size(); ++i) {
            const int32_t reference = work.scores.references[i];
            if (reference >= 0 && part_of[static_cast<size_t>(reference)] != part_of[i]) {
                throw ShapeError(
                    "an output and its reference fall into different parts of this long batch; decode at most " +
                    text(n_batch_) + " tokens with at most " + text(n_outputs_) + " outputs at once");
            }
        }
    }
    for (const Part part : parts) {
        if (work.between) work.between();
        decode_part(full, part, work);
        std::vector<int32_t> outputs; // the caller's own: those computed for the recorder only are not scored
        for (size_t i = part.begin; i < part.end && !batch.outputs.empty(); ++i) {
            if (batch.outputs[i] != 0) outputs.push_back(static_cast<int32_t>(i - part.begin));
        }
        if (!outputs.empty() && work.score) score_part(outputs, part, work, results);
        ++results.n_parts;
    }
    results.recordings = hook_.recorder().take();
    return results;
}

void Session::decode_part(const Batch & batch, Part part, const Work & work) {
    const size_t n = part.end - part.begin;
    const auto copy = [&](std::span<const int32_t> all) {
        const auto some = all.subspan(part.begin, n);
        return std::vector<int32_t>(some.begin(), some.end()); // llama_batch wants pointers that are not const
    };
    std::vector<llama_token> tokens = copy(batch.tokens);
    std::vector<llama_pos> positions = copy(batch.positions);
    std::vector<llama_seq_id> sequences = copy(batch.sequences);
    std::vector<int32_t> n_sequences_each(n, 1);
    std::vector<llama_seq_id *> sequence_lists(n);
    std::vector<int8_t> wants_logits(n);
    Run run;
    for (size_t i = 0; i < n; ++i) {
        sequence_lists[i] = &sequences[i];
        wants_logits[i] = batch.outputs[part.begin + i] != 0 ? 1 : 0;
        if (wants_logits[i] != 0) run.outputs.push_back(static_cast<int32_t>(i));
    }
    const SteeringPlan plan(programs_, positions, sequences);
    run.n_tokens = static_cast<int32_t>(n);
    run.plan = &plan;
    if (!work.sites.empty()) run.recorded = batch.recorded.subspan(part.begin, n);
    run.stop_when_recorded = work.stop_early;

    llama_batch native{static_cast<int32_t>(n), tokens.data(),      nullptr, positions.data(), n_sequences_each.data(),
                       sequence_lists.data(),   wants_logits.data()};
    try {
        hook_.start(run);
        const int32_t status = llama_decode(context_, native);
        if (status != 0) hook_.cancel();
        if (status == 1) {
            throw ContextFullError(with_log("the KV memory of " + text(n_ctx()) + " cells has no room for " +
                                            text(static_cast<int64_t>(n)) +
                                            " more tokens; drop sequences or use a larger n_ctx"));
        }
        if (status != 0) throw SessionError(with_log("llama_decode failed with status " + text(status)));
        hook_.finish();
    } catch (...) {
        forget_failed(batch, part);
        throw;
    }
    int32_t depth = model_->n_layers();
    if (hook_.stopped()) {
        depth = 0;
        for (const Site & site : work.sites) depth = std::max(depth, site.layer + 1);
    }
    for (size_t i = 0; i < n; ++i) {
        Sequence & state = sequences_[static_cast<size_t>(sequences[i])];
        state.depth = state.length == 0 ? depth : std::min(state.depth, depth);
        state.length = positions[i] + 1;
    }
    std::fill(last_rows_.begin(), last_rows_.end(), -1);
    if (!hook_.stopped()) {
        for (const int32_t row : run.outputs) last_rows_[part.begin + static_cast<size_t>(row)] = row;
    }
}

void Session::score_part(std::span<const int32_t> outputs, Part part, const Work & work, Results & results) {
    const auto n_vocab = static_cast<size_t>(model_->n_vocab());
    std::vector<const float *> logits;
    const size_t begin = results.scores.rows.size();
    results.scores.grow(outputs.size(), work.scores, n_vocab);
    for (size_t i = 0; i < outputs.size(); ++i) {
        const float * row = llama_get_logits_ith(context_, outputs[i]);
        if (row == nullptr) throw SessionError(with_log("llama.cpp has no logits for row " + text(outputs[i])));
        logits.push_back(row);
        results.scores.rows[begin + i] = static_cast<int32_t>(part.begin) + outputs[i];
    }
    score_rows(logits, n_vocab, work.scores, begin, n_threads_, results.scores);
}

// What a failed call left in the KV memory is unknown: go back to the state before it.
void Session::forget_failed(const Batch & batch, Part part) {
    for (size_t i = part.begin; i < part.end; ++i) {
        const int32_t sequence = batch.sequences[i];
        const int32_t length = sequences_[static_cast<size_t>(sequence)].length;
        if (!llama_memory_seq_rm(llama_get_memory(context_), sequence, length, -1)) {
            llama_memory_seq_rm(llama_get_memory(context_), sequence, -1, -1);
            sequences_[static_cast<size_t>(sequence)].length = 0;
        }
    }
    std::fill(last_rows_.begin(), last_rows_.end(), -1);
}

int32_t Session::sample(Sampler & sampler, int32_t row) {
    const Guard guard(*this);
    if (row < 0 || row >= static_cast<int32_t>(last_rows_.size()) || last_rows_[static_cast<size_t>(row)] < 0) {
        throw SessionError("row " + text(row) +
                           " of the last decode has no logits to sample from; mark it as an output");
    }
    const int32_t index = last_rows_[static_cast<size_t>(row)];
    const float * logits = llama_get_logits_ith(context_, index);
    if (logits == nullptr) throw SessionError(with_log("llama.cpp has no logits for row " + text(row)));
    // Before sampling: NaN would leave a token that means nothing in the sampler's penalty window.
    float maximum = logits[0];
    for (int32_t id = 0; id < model_->n_vocab() && !std::isnan(maximum); ++id) {
        maximum = std::isnan(logits[id]) ? logits[id] : std::max(maximum, logits[id]);
    }
    if (!std::isfinite(maximum)) {
        throw MeasurementError(
            "the logits are not finite: the steering is far too strong, or the model file is broken");
    }
    return llama_sampler_sample(sampler.get(), context_, index);
}

} // namespace pysteer
