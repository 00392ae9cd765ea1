#include "sampler.hpp"

#include "errors.hpp"

#include <cmath>
#include <string>

namespace pysteer {

namespace {

void check(const SamplingOptions & o) {
    const auto fail = [](const char * name, double value, const char * range) {
        throw SteeringError(std::string(name) + " is " + std::to_string(value) + "; expected " + range);
    };
    if (!(o.temperature >= 0.0f) || !std::isfinite(o.temperature))
        fail("temperature", o.temperature, "0 (greedy) or more");
    if (o.top_k < 0) fail("top_k", o.top_k, "0 (off) or more");
    if (!(o.top_p > 0.0f && o.top_p <= 1.0f)) fail("top_p", o.top_p, "a share above 0, up to 1 (off)");
    if (!(o.min_p >= 0.0f && o.min_p < 1.0f)) fail("min_p", o.min_p, "a share from 0 (off) to below 1");
    if (!(o.repetition_penalty > 0.0f) || !std::isfinite(o.repetition_penalty)) {
        fail("repetition_penalty", o.repetition_penalty, "a factor above 0 (1 is off)");
    }
    // llama.cpp sets this much memory aside.
    if (o.penalty_window < -1 || o.penalty_window > (1 << 24)) {
        fail("penalty_window", o.penalty_window, "-1 (whole context) to 16777216 tokens");
    }
}

} // namespace

Sampler::Sampler(std::shared_ptr<Model> model, const SamplingOptions & options) : model_(std::move(model)) {
    check(options);
    llama_sampler_chain_params params = llama_sampler_chain_default_params();
    params.no_perf = true;
    chain_.reset(llama_sampler_chain_init(params));
    llama_sampler * chain = chain_.get();
    if (options.repetition_penalty != 1.0f) {
        const int32_t window = options.penalty_window < 0 ? model_->n_ctx_train() : options.penalty_window;
        llama_sampler_chain_add(
            chain, llama_sampler_init_penalties(model_->n_vocab(), window, options.repetition_penalty, 0.0f, 0.0f));
    }
    if (options.temperature == 0.0f) {
        llama_sampler_chain_add(chain, llama_sampler_init_greedy());
        return;
    }
    if (options.top_k > 0) llama_sampler_chain_add(chain, llama_sampler_init_top_k(options.top_k));
    if (options.top_p < 1.0f) llama_sampler_chain_add(chain, llama_sampler_init_top_p(options.top_p, 1));
    if (options.min_p > 0.0f) llama_sampler_chain_add(chain, llama_sampler_init_min_p(options.min_p, 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(options.temperature));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(options.seed));
}

void Sampler::accept(int32_t token) {
    if (token < 0 || token >= model_->n_vocab()) {
        throw TokenizeError("token id " + std::to_string(token) + " is outside the vocabulary: ids run from 0 to " +
                            std::to_string(model_->n_vocab() - 1));
    }
    llama_sampler_accept(chain_.get(), token);
}

void Sampler::reset() { llama_sampler_reset(chain_.get()); }

} // namespace pysteer
