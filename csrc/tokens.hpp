// Text to token ids and back, with the byte span of every token.
#pragma once

#include "model.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pysteer {

struct Tokens {
    std::vector<int32_t> ids;
    // Half-open byte ranges in the text; empty range for tokens that were added (BOS). Empty vector: the tokenizer
    // normalises text in a way that cannot be traced back.
    std::vector<std::pair<int32_t, int32_t>> spans;
};

/// `add_special`: BOS/EOS as the model wants them. `parse_special`: control tokens written in the text become one token.
Tokens tokenize(const Model & model, const std::string & text, bool add_special, bool parse_special);

/// Bytes of one token (not always valid UTF-8). `special`: control tokens are written out.
std::string token_bytes(const Model & model, int32_t token, bool special);

std::string detokenize(const Model & model, const std::vector<int32_t> & ids, bool special);

} // namespace pysteer
