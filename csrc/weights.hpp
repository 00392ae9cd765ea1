// The file side of a model: is it whole, and what is in a tensor, as float32. Reads the GGUF itself, because llama.cpp
// repacks weights in memory and gives no access to them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pysteer {

struct Weight {
    std::vector<float> values;  // row-major, NumPy order
    std::vector<int64_t> shape; // NumPy order: ggml's reversed, e.g. (n_out, n_in) for a matrix
};

struct WeightInfo {
    std::string name;
    std::string type;           // "Q4_K", ...
    std::vector<int64_t> shape; // NumPy order
    uint64_t n_bytes;
};

/// Throws ModelError when `path` is no GGUF model file, is cut off, or states sizes that llama.cpp would abort on.
void check_model_file(const std::string & path);

/// Whether llama.cpp, on this CPU, will rearrange most of the weights into a copy of its own. Mapping such a file only
/// doubles the memory.
bool is_mostly_repacked(const std::string & path);

/// All tensors of the file (of all its parts, when it is split).
std::vector<WeightInfo> list_weights(const std::string & path);

/// Dequantised tensor `name`. Throws ModelError when there is none.
Weight read_weight(const std::string & path, const std::string & name);

} // namespace pysteer
