#include "tokens.hpp"

#include "errors.hpp"
#include "log.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>

namespace pysteer {

namespace {

size_t utf8_length(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xE0) return 2;
    return first < 0xF0 ? 3 : 4;
}

// A SentencePiece vocabulary without byte tokens makes llama.cpp abort the process on a character that it lacks.
void check_expressible(const Model & model, const std::string & text) {
    const llama_vocab * vocab = model.vocab();
    if (llama_vocab_type(vocab) != LLAMA_VOCAB_TYPE_SPM) return;
    int n_byte_tokens = 0;
    for (int32_t id = 0; id < model.n_vocab() && n_byte_tokens < 256; ++id) {
        n_byte_tokens += (llama_vocab_get_attr(vocab, id) & LLAMA_TOKEN_ATTR_BYTE) != 0;
    }
    if (n_byte_tokens == 256) return;
    std::unordered_set<std::string_view> pieces;
    for (int32_t id = 0; id < model.n_vocab(); ++id) pieces.insert(llama_vocab_get_text(vocab, id));
    const auto check = [&](const std::string & piece, const std::string & shown) {
        if (!pieces.contains(piece)) {
            throw TokenizeError("the vocabulary of " + model.path() + " has no token for \"" + shown +
                                "\" and no byte tokens to spell it; leave the character out");
        }
    };
    check("\xE2\x96\x81", " "); // the blank that the tokenizer puts in front
    for (size_t at = 0; at < text.size();) {
        const size_t length = std::min(utf8_length(static_cast<unsigned char>(text[at])), text.size() - at);
        const std::string piece = text.substr(at, length);
        check(piece == " " ? "\xE2\x96\x81" : piece, piece);
        at += length;
    }
}

// Follow the text with the bytes of each token. `adds_blank`: SentencePiece puts one in front of the text, and in front of
// the text after a special token.
bool trace(const Model & model, const std::string & text, bool add_special, bool adds_blank, Tokens & tokens) {
    constexpr int apart = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED | LLAMA_TOKEN_ATTR_UNKNOWN;
    const bool begins_with_bos = add_special && llama_vocab_get_add_bos(model.vocab());
    size_t at = 0;
    bool at_start = true;
    tokens.spans.clear();
    for (const int32_t id : tokens.ids) {
        std::string bytes = token_bytes(model, id, true);
        const bool is_control = llama_vocab_is_control(model.vocab(), id);
        const bool is_added_bos =
            begins_with_bos && tokens.spans.empty(); // even where the text begins with the same letters
        if (is_control && (is_added_bos || text.compare(at, bytes.size(), bytes) != 0)) { // BOS, EOS
            tokens.spans.emplace_back(static_cast<int32_t>(at), static_cast<int32_t>(at));
            continue;
        }
        const bool is_apart = (llama_vocab_get_attr(model.vocab(), id) & apart) != 0;
        if (adds_blank && at_start && !is_apart) {
            if (!bytes.starts_with(' ')) return false;
            bytes.erase(0, 1);
        }
        if (text.compare(at, bytes.size(), bytes) != 0) return false;
        at_start = is_apart;
        tokens.spans.emplace_back(static_cast<int32_t>(at), static_cast<int32_t>(at + bytes.size()));
        at += bytes.size();
    }
    return at == text.size();
}

void check_id(const Model & model, int32_t token) {
    if (token < 0 || token >= model.n_vocab()) {
        throw TokenizeError("token id " + std::to_string(token) + " is outside the vocabulary: ids run from 0 to " +
                            std::to_string(model.n_vocab() - 1));
    }
}

} // namespace

Tokens tokenize(const Model & model, const std::string & text, bool add_special, bool parse_special) {
    const LogScope log;
    if (text.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
        throw TokenizeError("text of " + std::to_string(text.size()) +
                            " bytes; at most 1 GiB can be tokenised at once");
    }
    check_expressible(model, text);
    const auto length = static_cast<int32_t>(text.size());
    Tokens tokens;
    tokens.ids.resize(text.size() + 8);
    int32_t count = llama_tokenize(model.vocab(), text.data(), length, tokens.ids.data(),
                                   static_cast<int32_t>(tokens.ids.size()), add_special, parse_special);
    if (count < 0 && count != std::numeric_limits<int32_t>::min()) {
        tokens.ids.resize(static_cast<size_t>(-count));
        count = llama_tokenize(model.vocab(), text.data(), length, tokens.ids.data(),
                               static_cast<int32_t>(tokens.ids.size()), add_special, parse_special);
    }
    if (count < 0) throw TokenizeError(with_log("llama.cpp cannot tokenise this text"));
    tokens.ids.resize(static_cast<size_t>(count));
    // llama.cpp does not say whether it adds blanks; only one of the two can account for every byte.
    if (!trace(model, text, add_special, true, tokens) && !trace(model, text, add_special, false, tokens))
        tokens.spans.clear();
    return tokens;
}

std::string token_bytes(const Model & model, int32_t token, bool special) {
    check_id(model, token);
    std::string bytes(64, '\0');
    int32_t length =
        llama_token_to_piece(model.vocab(), token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
    if (length < 0) {
        bytes.resize(static_cast<size_t>(-length));
        length =
            llama_token_to_piece(model.vocab(), token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
    }
    bytes.resize(static_cast<size_t>(std::max(length, 0)));
    return bytes;
}

std::string detokenize(const Model & model, const std::vector<int32_t> & ids, bool special) {
    for (const int32_t id : ids) check_id(model, id);
    if (ids.empty()) return {};
    std::string text(ids.size() * 8 + 16, '\0');
    const auto write = [&] {
        return llama_detokenize(model.vocab(), ids.data(), static_cast<int32_t>(ids.size()), text.data(),
                                static_cast<int32_t>(text.size()), /*remove_special=*/false, special);
    };
    int32_t length = write();
    if (length < 0) {
        text.resize(static_cast<size_t>(-length));
        length = write();
    }
    text.resize(static_cast<size_t>(std::max(length, 0)));
    return text;
}

} // namespace pysteer
