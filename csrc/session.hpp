// One llama_context: its sequences, what they are steered with, what is recorded, what is scored.
//
// One user at a time (BusyError otherwise); many sessions may share one model.
#pragma once

#include "graph_hook.hpp"
#include "model.hpp"
#include "sampler.hpp"
#include "scoring.hpp"
#include "steering.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pysteer {

struct SessionOptions {
    int32_t n_ctx = 2048;                // cells of KV memory, shared by all sequences
    int32_t n_batch = 512;               // tokens computed at once
    int32_t n_sequences = 16;            // at most 256
    int32_t n_outputs = 0;               // rows of logits kept at once; 0: chosen from the vocabulary's size
    int32_t n_threads = 0;               // 0: all cores
    bool kv_f32 = false;                 // exact keys and values (float16 otherwise)
    std::optional<bool> flash_attention; // unset: llama.cpp decides
};

/// Tokens to decode. All arrays have the same length; outputs and recorded may be empty (none).
struct Batch {
    std::span<const int32_t> tokens;
    std::span<const int32_t> positions;
    std::span<const int32_t> sequences;
    std::span<const uint8_t> outputs;  // compute (and score) logits for this token
    std::span<const uint8_t> recorded; // record the wanted sites for this token
};

struct Work {
    std::vector<Site> sites; // to record
    bool stop_early = false; // end the computation after the last recorded site; then nothing may be scored
    bool score = true;       // false: outputs are only to be sampled from
    ScoreRequest scores;
    std::function<void()> between; // called between parts of a long batch; may throw to interrupt
};

struct Results {
    Scores scores;
    std::vector<Recording> recordings;
    int32_t n_parts = 0; // llama_decode calls
};

class Session {
  public:
    Session(std::shared_ptr<Model> model, const SessionOptions & options);
    ~Session();
    Session(const Session &) = delete;
    Session & operator=(const Session &) = delete;

    Results decode(const Batch & batch, const Work & work);

    /// Sample the token after batch row `row` of the last decode, and tell the sampler's penalty about it.
    int32_t sample(Sampler & sampler, int32_t row);

    /// Steer `sequence` from now on. Its keys and values are kept up to the first position that the new program treats
    /// differently, and dropped from there; returns how many positions were kept.
    int32_t set_program(int32_t sequence, Program program);

    /// Let `target` (dropped first) begin with the first `n` tokens of `source`, as far as both are steered alike there.
    /// Returns how many positions are shared.
    int32_t share(int32_t source, int32_t target, int32_t n);

    /// Keep the first `n` positions of `sequence`. Returns how many are left (models with recurrent state: all or none).
    int32_t trim(int32_t sequence, int32_t n);
    void clear(); // all sequences; their programs stay

    int32_t length(int32_t sequence) const;
    /// Blocks whose keys and values are there; n_layers unless the sequence was computed with stop_early.
    int32_t depth(int32_t sequence) const;

    const std::shared_ptr<Model> & model() const { return model_; }
    const SiteTable & sites() const { return *table_; }
    int32_t n_ctx() const { return static_cast<int32_t>(llama_n_ctx(context_)); }
    int32_t n_batch() const { return n_batch_; }
    int32_t n_outputs() const { return n_outputs_; }
    int32_t n_sequences() const { return static_cast<int32_t>(sequences_.size()); }
    int32_t n_threads() const { return n_threads_; }

    // For tests of the mechanisms.
    llama_context * context() const { return context_; }
    GraphHook & hook() { return hook_; }

  private:
    struct Sequence {
        int32_t length = 0;
        int32_t depth = 0;
    };
    struct Part { // rows [begin, end) of a batch, decoded in one call
        size_t begin;
        size_t end;
    };
    class Guard;

    void survey();
    void check(const Batch & batch, const Work & work) const;
    std::vector<Part> split(const Batch & batch) const;
    void decode_part(const Batch & batch, Part part, const Work & work);
    void score_part(std::span<const int32_t> outputs, Part part, const Work & work, Results & results);
    int32_t trim_unguarded(int32_t sequence, int32_t n);
    void forget_failed(const Batch & batch, Part part);
    Sequence & at(int32_t sequence);

    std::shared_ptr<Model> model_;
    std::shared_ptr<const SiteTable> table_;
    GraphHook hook_;
    llama_context * context_ = nullptr;
    int32_t n_batch_ = 0;
    int32_t n_outputs_ = 0;
    int32_t n_threads_ = 0;
    std::vector<Sequence> sequences_;
    std::vector<Program> programs_;  // by sequence
    std::vector<int32_t> last_rows_; // by batch row of the last decode: index in llama.cpp's last call, -1: no logits
    std::atomic<bool> busy_{false};
};

} // namespace pysteer
