// A session's life and its sequences; decoding is in session_decode.cpp.
#include "session.hpp"

#include "session_guard.hpp"

#include "errors.hpp"
#include "log.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

namespace pysteer {

namespace {

constexpr int32_t n_sequences_max = 256;      // LLAMA_MAX_SEQ
constexpr int32_t n_threads_max = 512;        // GGML_MAX_N_THREADS: more overrun ggml's arrays
constexpr int64_t logits_budget = 64ll << 20; // bytes for one of the two buffers that hold output rows

} // namespace

Session::Session(std::shared_ptr<Model> model, const SessionOptions & options) : model_(std::move(model)) {
    if (options.n_sequences < 1 || options.n_sequences > n_sequences_max) {
        throw SessionError("n_sequences is " + text(options.n_sequences) + "; expected 1 to " + text(n_sequences_max));
    }
    if (options.n_ctx < 1 || options.n_batch < 1 || options.n_outputs < 0 || options.n_threads < 0) {
        throw SessionError("n_ctx and n_batch must be positive, n_outputs and n_threads not negative");
    }
    if (options.n_threads > n_threads_max) {
        throw SessionError("n_threads is " + text(options.n_threads) + "; expected 0 (all cores) to " +
                           text(n_threads_max));
    }
    const LogScope log;
    n_threads_ = options.n_threads > 0 ? options.n_threads
                                       : static_cast<int32_t>(std::clamp(std::thread::hardware_concurrency(), 1u,
                                                                         static_cast<unsigned>(n_threads_max)));
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
    params.flash_attn_type = !options.flash_attention   ? LLAMA_FLASH_ATTN_TYPE_AUTO
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

int32_t Session::set_program(int32_t sequence, Program program) {
    const Guard guard(*this);
    Sequence & state = at(sequence);
    for (const Step & step : program) {
        step.edit->check_width(table_->width(step.site));
        if (step.begin < 0 || step.end < step.begin) {
            throw SteeringError("a window from " + text(step.begin) + " to " + text(step.end) +
                                " is no half-open range of positions");
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
        throw SessionError("sequence " + text(source) + " has " + text(from.length) + " tokens, so " + text(n) +
                           " cannot be shared");
    }
    trim_unguarded(target, 0);
    int32_t shared =
        first_difference(programs_[static_cast<size_t>(source)], programs_[static_cast<size_t>(target)], n);
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
