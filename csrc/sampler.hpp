// llama.cpp's own sampler chain, one for each generated sequence.
#pragma once

#include "model.hpp"

#include "llama.h"

#include <cstdint>
#include <memory>

namespace pysteer {

struct SamplingOptions {
    float temperature = 0.0f;        // 0: greedy
    int32_t top_k = 40;              // 0: off
    float top_p = 0.95f;             // 1: off
    float min_p = 0.05f;             // 0: off
    float repetition_penalty = 1.0f; // 1: off
    int32_t penalty_window = 64;     // tokens looked back for the penalty; -1: the whole context
    uint32_t seed = 0;
};

class Sampler {
  public:
    /// Throws SteeringError for values outside their ranges.
    Sampler(std::shared_ptr<Model> model, const SamplingOptions & options);

    llama_sampler * get() const { return chain_.get(); }
    /// Tell the penalty about a token that was not sampled here (the prompt). Throws TokenizeError for ids that do not exist.
    void accept(int32_t token);
    void reset();

  private:
    struct Free {
        void operator()(llama_sampler * sampler) const { llama_sampler_free(sampler); }
    };
    std::shared_ptr<Model> model_; // the chain reads its vocabulary
    std::unique_ptr<llama_sampler, Free> chain_;
};

} // namespace pysteer
