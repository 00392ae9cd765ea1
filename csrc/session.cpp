#include "session.hpp"

#include "errors.hpp"
#include "log.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

namespace pysteer {

namespace {

constexpr int32_t n_sequences_max = 256;       // LLAMA_MAX_SEQ
constexpr int32_t n_threads_max = 512;         // GGML_MAX_N_THREADS: more overrun ggml's arrays
constexpr int64_t logits_budget = 64ll << 20;  // bytes for one of the two buffers that hold output rows

std::string text(int64_t number) { return std::to_string(number); }

} // namespace

// One user at a time, and llama.cpp's log lines of this call.
class Session::Guard {
  public:
    explicit Guard(Session & session) : session_(session) {
        if (session_.busy_.exchange(true)) {
            throw BusyError("this session is being used by another thread; give each thread a session of its own "
                            "(they may share one model)");
        }
    }
    ~Guard() { session_.busy_ = false; }
    Guard(const Guard &) = delete;
    Guard & operator=(const Guard &) = delete;

  private:
    Session & session_;
    LogScope log_;
};

Session::Session(std::shared_ptr<Model> model, const SessionOptions & options) : model_(std::move(model)) {
    if (options.n_sequences < 1 || options.n_sequences > n_sequences_max) {
        throw SessionError("n_sequences is " + text(options.n_sequences) + "; expected 1 to " + text(n_sequences_max));
    }
    if (options.n_ctx < 1 || options.n_batch < 1 || options.n_outputs < 0 || options.n_threads < 0) {
        throw SessionError("n_ctx and n_batch must be positive, n_outputs and n_threads not negative");
    }
    if (options.n_threads > n_threads_max) {
        throw SessionError("n_threads is " + text(options.n_threads) + "; expected 0 (all cores) to " + text(n_threads_max));
    }
    const LogScope log;
    n_threads_ = options.n_threads > 0 ? options.n_threads : static_cast<int32_t>(std::clamp(std::thread::hardware_concurrency(), 1u, static_cast<unsigned>(n_threads_max)));
    const auto rows_in_budget = static_cast<int32_t>(logits_budget / (int64_t{4} * model_->n_vocab()));
    const int32_t wanted = options.n_outputs > 0 ? options.n_outputs : std::clamp(rows_in_budget, 16, options.n_batch);

    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(options.n_ctx);
    params.n_batch = static_cast<uint32_t>(options.n_batch);
    params.n_ubatch = params.n_batch; // one graph a batch, so that tensor row i is batch row i
    params.n_seq_max = static_cast<uint32_t>(options.n_sequences);
    // llama.cpp aborts the process when this is below n_seq_max.
    params.n_outputs_max = static_cast<uint32_t>(std::max(std::min(wanted, options.n_batch), options.n_sequences));
    params.n_threads = n_threads_;
    params.n_threads_batch = n_threads_;
    params.type_k = params.type_v = options.kv_f32 ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.flash_attn_type = !options.flash_attention    ? LLAMA_FLASH_ATTN_TYPE_AUTO
                             : *options.flash_attention ? LLAMA_FLASH_ATTN_TYPE_ENABLED
                                                        : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.kv_unified = true; // prefixes are shared between sequences, and token order is kept
    params.swa_full = true;   // a pruned window could not be trimmed or shared
    params.no_perf = true;
    params.cb_eval = GraphHook::callback;
    params.cb_eval_user_data = &hook_;
    context_ = llama_init_from_model(model_->get(), params);
    if (context_ == nullptr) {
        throw SessionError(with_log("llama.cpp cannot make a context of n_ctx " + text(options.n_ctx) + ", n_batch " +
                                    text(options.n_batch) + ", " + text(options.n_sequences) + " sequences"));
    }
    n_batch_ = static_cast<int32_t>(std::min(llama_n_batch(context_), llama_n_ubatch(context_)));
    n_outputs_ = static_cast<int32_t>(params.n_outputs_max);
    sequences_.resize(static_cast<size_t>(options.n_sequences));
    programs_.resize(sequences_.size());
    try {
        survey();
    } catch (...) {
        llama_free(context_);
        throw;
    }
}

Session::~Session() {
    const LogScope log;
    llama_free(context_);
}

// Decode one token to see the names that this architecture gives to its tensors.
void Session::survey() {
    table_ = model_->sites();
    if (!table_) {
        const llama_token bos = llama_vocab_bos(model_->vocab());
        llama_token token = bos == LLAMA_TOKEN_NULL ? 0 : bos;
        hook_.start_survey();
        const int32_t status = llama_decode(context_, llama_batch_get_one(&token, 1));
        const std::vector<NodeInfo> nodes = hook_.finish_survey();
        if (status != 0) throw SessionError(with_log("llama.cpp cannot decode a single token with this model"));
        llama_memory_clear(llama_get_memory(context_), true);
        model_->set_sites(std::make_shared<SiteTable>(nodes, model_->n_layers()));
        table_ = model_->sites();
    }
    hook_.set_table(table_);
}

Session::Sequence & Session::at(int32_t sequence) {
    if (sequence < 0 || sequence >= n_sequences()) {
        throw SessionError("sequence " + text(sequence) + " does not exist: this session has " + text(n_sequences()) +
                           ", counted from 0 (n_sequences)");
    }
    return sequences_[static_cast<size_t>(sequence)];
}

int32_t Session::length(int32_t sequence) const { return const_cast<Session *>(this)->at(sequence).length; }

int32_t Session::depth(int32_t sequence) const {
    const Sequence & state = const_cast<Session *>(this)->at(sequence);
    return state.length == 0 ? model_->n_layers() : state.depth;
}

void Session::check(const Batch & batch, const Work & work) const {
    const size_t n = batch.tokens.size();
    if (n == 0) throw ShapeError("an empty batch: there is no token to decode");
    if (batch.positions.size() != n || batch.sequences.size() != n || (!batch.outputs.empty() && batch.outputs.size() != n) ||
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
            throw ContextFullError("position " + text(expected) + " of sequence " + text(sequence) + ": this model has learned " +
                                   text(model_->n_ctx_train()) + " positions and cannot go beyond them");
        }
        ++expected;
    }
    const size_t n_outputs = batch.outputs.empty() ? 0 : n - static_cast<size_t>(std::count(batch.outputs.begin(), batch.outputs.end(), 0));
    const ScoreRequest & scores = work.scores;
    if (!work.sites.empty() && batch.recorded.empty()) {
        throw ShapeError("sites are to be recorded, but no token is marked (recorded)");
    }
    if (work.stop_early && (n_outputs > 0 || work.sites.empty())) {
        throw SessionError("stopping early needs sites to record, and leaves no logits to score");
    }
    if ((!scores.targets.empty() && scores.targets.size() != n_outputs) ||
        (!scores.references.empty() && scores.references.size() != n_outputs)) {
        throw ShapeError("targets and references need one entry for each of the " + text(static_cast<int64_t>(n_outputs)) + " outputs");
    }
    if (scores.lookup_outputs.size() != scores.lookup_tokens.size()) throw ShapeError("lookups need one token for each output");
    for (const int32_t output : scores.lookup_outputs) {
        if (output < 0 || output >= static_cast<int32_t>(n_outputs)) throw ShapeError("lookup " + text(output) + " is no output row");
    }
    for (const auto & ids : {scores.targets, scores.candidates, scores.lookup_tokens}) {
        for (const int32_t id : ids) {
            if (id >= model_->n_vocab() || id < -1) throw TokenizeError("token id " + text(id) + " is outside the vocabulary");
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
    if (scores.n_top < 0 || scores.n_top > model_->n_vocab()) throw ShapeError("n_top must lie between 0 and the vocabulary's size");

    const auto n_layers = model_->n_layers();
    int32_t deepest = n_layers; // blocks that this batch needs
    if (work.stop_early) {
        deepest = 0;
        for (const Site & site : work.sites) deepest = std::max(deepest, site.layer + 1);
    }
    for (size_t i = 0; i < n; ++i) {
        const Sequence & state = sequences_[static_cast<size_t>(batch.sequences[i])];
        if (state.length > 0 && state.depth < deepest) {
            throw SessionError("sequence " + text(batch.sequences[i]) + " was computed only up to block " + text(state.depth - 1) +
                               " (stopped early), and this batch needs block " + text(deepest - 1) + "; drop the sequence first");
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
                throw ShapeError("an output and its reference fall into different parts of this long batch; decode at most " +
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

    llama_batch native{static_cast<int32_t>(n), tokens.data(), nullptr, positions.data(),
                       n_sequences_each.data(), sequence_lists.data(), wants_logits.data()};
    try {
        hook_.start(run);
        const int32_t status = llama_decode(context_, native);
        if (status != 0) hook_.cancel();
        if (status == 1) {
            throw ContextFullError(with_log("the KV memory of " + text(n_ctx()) + " cells has no room for " +
                                            text(static_cast<int64_t>(n)) + " more tokens; drop sequences or use a larger n_ctx"));
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
        throw SessionError("row " + text(row) + " of the last decode has no logits to sample from; mark it as an output");
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
        throw MeasurementError("the logits are not finite: the steering is far too strong, or the model file is broken");
    }
    return llama_sampler_sample(sampler.get(), context_, index);
}

int32_t Session::set_program(int32_t sequence, Program program) {
    const Guard guard(*this);
    Sequence & state = at(sequence);
    for (const Step & step : program) {
        step.edit->check_width(table_->width(step.site));
        if (step.begin < 0 || step.end < step.begin) {
            throw SteeringError("a window from " + text(step.begin) + " to " + text(step.end) + " is no half-open range of positions");
        }
    }
    Program & current = programs_[static_cast<size_t>(sequence)];
    const int32_t kept = first_difference(current, program, state.length);
    current = std::move(program);
    return trim_unguarded(sequence, kept);
}

int32_t Session::share(int32_t source, int32_t target, int32_t n) {
    const Guard guard(*this);
    const Sequence & from = at(source);
    Sequence & to = at(target);
    if (source == target) throw SessionError("a sequence cannot share a prefix with itself");
    if (n < 0 || n > from.length) {
        throw SessionError("sequence " + text(source) + " has " + text(from.length) + " tokens, so " + text(n) + " cannot be shared");
    }
    trim_unguarded(target, 0);
    int32_t shared = first_difference(programs_[static_cast<size_t>(source)], programs_[static_cast<size_t>(target)], n);
    if (model_->is_recurrent() && shared < from.length) shared = 0; // the state after fewer tokens is gone
    if (shared == 0) return 0;
    llama_memory_seq_cp(llama_get_memory(context_), source, target, 0, shared);
    to.length = shared;
    to.depth = from.depth;
    return shared;
}

int32_t Session::trim(int32_t sequence, int32_t n) {
    const Guard guard(*this);
    at(sequence);
    if (n < 0) throw SessionError("cannot keep " + text(n) + " positions");
    return trim_unguarded(sequence, n);
}

int32_t Session::trim_unguarded(int32_t sequence, int32_t n) {
    Sequence & state = at(sequence);
    if (n >= state.length) return state.length;
    if (n == 0 || !llama_memory_seq_rm(llama_get_memory(context_), sequence, n, -1)) {
        llama_memory_seq_rm(llama_get_memory(context_), sequence, -1, -1);
        n = 0;
    }
    state.length = n;
    return n;
}

void Session::clear() {
    const Guard guard(*this);
    llama_memory_clear(llama_get_memory(context_), false);
    for (Sequence & state : sequences_) state.length = 0;
}

} // namespace pysteer
