#include "weights.hpp"

#include "errors.hpp"
#include "log.hpp"

#include "ggml-cpu.h"
#include "ggml.h"
#include "gguf.h"
#include "llama.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_set>

namespace pysteer {

namespace {

struct File {
    std::string path;
    gguf_context * gguf = nullptr;
    ggml_context * tensors = nullptr;
    uint64_t size = 0;

    explicit File(const std::string & file_path) : path(file_path) {
        std::error_code error;
        const auto status = std::filesystem::status(path, error);
        if (error || !std::filesystem::exists(status)) throw ModelError("no such model file: " + path);
        if (!std::filesystem::is_regular_file(status)) throw ModelError(path + " is not a file");
        size = std::filesystem::file_size(path, error);
        if (error) throw ModelError("cannot read " + path + ": " + error.message());
        check_header();
        gguf_init_params params{/*no_alloc=*/true, /*ctx=*/&tensors};
        gguf = gguf_init_from_file(path.c_str(), params);
        if (gguf == nullptr) throw ModelError(with_log(path + " is not a readable GGUF file (cut off, or broken)"));
    }
    ~File() {
        if (tensors != nullptr) ggml_free(tensors);
        if (gguf != nullptr) gguf_free(gguf);
    }
    File(const File &) = delete;
    File & operator=(const File &) = delete;

    // The counts are checked against the file's size before anything is allocated for them.
    void check_header() const {
        std::ifstream stream(path, std::ios::binary);
        std::array<char, 24> head{};
        if (!stream.read(head.data(), head.size())) {
            throw ModelError(path + " is not a GGUF file: expected a header of 24 bytes, the file has " +
                             std::to_string(size));
        }
        if (std::memcmp(head.data(), "GGUF", 4) != 0) {
            throw ModelError(path + " is not a GGUF file: it does not begin with the letters GGUF");
        }
        uint64_t n_tensors = 0, n_keys = 0;
        std::memcpy(&n_tensors, head.data() + 8, 8);
        std::memcpy(&n_keys, head.data() + 16, 8);
        if (n_tensors > size / 24 || n_keys > size / 12) {
            throw ModelError(path + " is broken: its header promises " + std::to_string(n_tensors) + " tensors and " +
                             std::to_string(n_keys) + " keys, more than " + std::to_string(size) + " bytes can hold");
        }
    }

    void check_whole() const {
        const uint64_t data = gguf_get_data_offset(gguf);
        for (int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i) {
            const uint64_t end = data + gguf_get_tensor_offset(gguf, i) + gguf_get_tensor_size(gguf, i);
            if (end > size) {
                throw ModelError(path + " is cut off: tensor " + gguf_get_tensor_name(gguf, i) + " ends at byte " +
                                 std::to_string(end) + ", the file has " + std::to_string(size) +
                                 "; download it again");
            }
        }
    }

    // llama.cpp aborts the process when two tokens have one text.
    void check_vocabulary() const {
        const int64_t id = gguf_find_key(gguf, "tokenizer.ggml.tokens");
        if (id < 0 || gguf_get_kv_type(gguf, id) != GGUF_TYPE_ARRAY || gguf_get_arr_type(gguf, id) != GGUF_TYPE_STRING)
            return;
        if (text("tokenizer.ggml.model") == "hybriddna") return; // marked by llama.cpp, so that they differ
        std::unordered_set<std::string_view> texts;
        for (size_t i = 0; i < gguf_get_arr_n(gguf, id); ++i) {
            const char * token = gguf_get_arr_str(gguf, id, i);
            if (*token != '\0' && !texts.insert(token).second) { // llama.cpp gives empty ones a name
                throw ModelError(path + " is broken: token " + std::to_string(i) +
                                 " of its vocabulary repeats the text "
                                 " + token + "
                                 "");
            }
        }
    }

    std::string text(const std::string & key) const {
        const int64_t id = gguf_find_key(gguf, key.c_str());
        return id >= 0 && gguf_get_kv_type(gguf, id) == GGUF_TYPE_STRING ? gguf_get_val_str(gguf, id) : std::string();
    }

    // A count that llama.cpp divides by, or sizes its buffers from. -1: not there; arrays count by their smallest entry.
    int64_t count(const std::string & key) const {
        const int64_t id = gguf_find_key(gguf, key.c_str());
        if (id < 0) return -1;
        switch (gguf_get_kv_type(gguf, id)) {
        case GGUF_TYPE_UINT32: return gguf_get_val_u32(gguf, id);
        case GGUF_TYPE_INT32: return gguf_get_val_i32(gguf, id);
        case GGUF_TYPE_UINT64: return static_cast<int64_t>(gguf_get_val_u64(gguf, id));
        case GGUF_TYPE_INT64: return gguf_get_val_i64(gguf, id);
        case GGUF_TYPE_UINT16: return gguf_get_val_u16(gguf, id);
        default: return -1;
        }
    }
};

std::vector<std::string> parts_of(const File & first) {
    const int64_t n_parts = first.count("split.count");
    if (n_parts <= 1) return {first.path};
    std::array<char, 4096> prefix{};
    if (llama_split_prefix(prefix.data(), prefix.size(), first.path.c_str(), 0, static_cast<int>(n_parts)) <= 0) {
        return {first.path}; // renamed part: what it holds itself can still be read
    }
    std::vector<std::string> paths;
    for (int i = 0; i < n_parts; ++i) {
        std::array<char, 4096> path{};
        llama_split_path(path.data(), path.size(), prefix.data(), i, static_cast<int>(n_parts));
        paths.emplace_back(path.data());
    }
    return paths;
}

std::vector<int64_t> numpy_shape(const ggml_tensor * tensor) {
    std::vector<int64_t> shape;
    for (int axis = ggml_n_dims(tensor) - 1; axis >= 0; --axis) shape.push_back(tensor->ne[axis]);
    return shape;
}

void dequantise(ggml_type type, const std::vector<char> & bytes, int64_t row_length, int64_t n_rows, float * out) {
    const auto * traits = ggml_get_type_traits(type);
    const size_t row_bytes = ggml_row_size(type, row_length);
    const auto rows = [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const char * from = bytes.data() + static_cast<size_t>(row) * row_bytes;
            float * to = out + row * row_length;
            if (type == GGML_TYPE_F32) {
                std::memcpy(to, from, row_bytes);
            } else {
                traits->to_float(from, to, row_length);
            }
        }
    };
    const int64_t n_threads =
        row_length * n_rows < (1 << 20) ? 1 : std::max<int64_t>(1, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    const int64_t share = (n_rows + n_threads - 1) / n_threads;
    for (int64_t begin = share; begin < n_rows; begin += share) {
        threads.emplace_back(rows, begin, std::min(begin + share, n_rows));
    }
    rows(0, std::min(share, n_rows));
}

} // namespace

void check_model_file(const std::string & path) {
    const File file(path);
    file.check_whole();
    file.check_vocabulary();
    const std::string architecture = file.text("general.architecture");
    if (architecture.empty()) throw ModelError(path + " names no architecture (general.architecture)");
    if (architecture == "controlvector") {
        throw ModelError(path + " is a steering vector, not a model: load it with pysteer.load_vector");
    }
    const auto check = [&](const std::string & key, int64_t largest) {
        const int64_t value = file.count(architecture + key);
        if (value == 0 || value > largest) {
            throw ModelError(path + " is broken: " + architecture + key + " is " + std::to_string(value) +
                             ", expected 1 to " + std::to_string(largest));
        }
    };
    check(".block_count", 512); // LLAMA_MAX_LAYERS: llama.cpp aborts the process above it
    for (const char * key : {".embedding_length", ".context_length", ".attention.head_count"}) {
        check(key, std::numeric_limits<int32_t>::max());
    }
}

bool is_mostly_repacked(const std::string & path) {
    // As ggml-cpu/repack.cpp chooses.
    const bool x86 = ggml_cpu_has_avx2() != 0;
    const bool arm = ggml_cpu_has_neon() != 0 && ggml_cpu_has_dotprod() != 0;
    const auto is_repacked = [&](const std::string & type) {
        if (type == "q4_0" || type == "q4_K" || type == "iq4_nl" || type == "mxfp4") return x86 || arm;
        if (type == "q2_K") return ggml_cpu_has_avx512() != 0;
        return arm && (type == "q5_K" || type == "q6_K" || type == "q8_0");
    };
    uint64_t all = 0, repacked = 0;
    for (const WeightInfo & info : list_weights(path)) {
        all += info.n_bytes;
        if (is_repacked(info.type)) repacked += info.n_bytes;
    }
    return 2 * repacked > all;
}

std::vector<WeightInfo> list_weights(const std::string & path) {
    const LogScope log;
    std::vector<WeightInfo> infos;
    const File first(path);
    for (const std::string & part : parts_of(first)) {
        const File file(part);
        for (int64_t i = 0; i < gguf_get_n_tensors(file.gguf); ++i) {
            const char * name = gguf_get_tensor_name(file.gguf, i);
            const ggml_tensor * tensor = ggml_get_tensor(file.tensors, name);
            infos.push_back(
                {name, ggml_type_name(tensor->type), numpy_shape(tensor), gguf_get_tensor_size(file.gguf, i)});
        }
    }
    return infos;
}

Weight read_weight(const std::string & path, const std::string & name) {
    const LogScope log;
    const File first(path);
    for (const std::string & part : parts_of(first)) {
        const File file(part);
        const int64_t id = gguf_find_tensor(file.gguf, name.c_str());
        if (id < 0) continue;
        file.check_whole();
        const ggml_tensor * tensor = ggml_get_tensor(file.tensors, name.c_str());
        if (tensor->type != GGML_TYPE_F32 && ggml_get_type_traits(tensor->type)->to_float == nullptr) {
            throw ModelError("tensor " + name + " of " + part + " has type " + ggml_type_name(tensor->type) +
                             ", which cannot be turned into floats");
        }
        std::vector<char> bytes(gguf_get_tensor_size(file.gguf, id));
        std::ifstream stream(part, std::ios::binary);
        stream.seekg(
            static_cast<std::streamoff>(gguf_get_data_offset(file.gguf) + gguf_get_tensor_offset(file.gguf, id)));
        if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
            throw ModelError("cannot read tensor " + name + " of " + part + ": " + std::strerror(errno));
        }
        Weight weight{std::vector<float>(static_cast<size_t>(ggml_nelements(tensor))), numpy_shape(tensor)};
        dequantise(tensor->type, bytes, tensor->ne[0], ggml_nrows(tensor), weight.values.data());
        return weight;
    }
    throw ModelError("no tensor named " + name + " in " + path);
}

} // namespace pysteer
