// Places in a model where an activation can be read or edited, and the tensors that carry them in llama.cpp's graph.
#pragma once

#include "ggml.h"

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pysteer {

enum class Component : int32_t { resid_post, resid_mid, attn_out, mlp_out, head_out, final_norm };
inline constexpr int32_t n_components = 6;

const char * component_name(Component component);
Component component_from(const std::string & name); // throws SiteError

/// `layer` counts blocks from 0; resid_post of layer i is the residual stream after block i.
/// final_norm has no layer of its own: it is written with the last one.
struct Site {
    Component component = Component::resid_post;
    int32_t layer = 0;
    auto operator<=>(const Site &) const = default;
    int32_t index() const { return layer * n_components + static_cast<int32_t>(component); }
    std::string text() const;
};

/// One node of the computation graph, as the survey saw it.
struct NodeInfo {
    std::string name;
    ggml_op op;
    std::string weight;             // name of the first source
    std::string addend;             // name of the second source
    std::array<int64_t, 4> extents; // ggml order
    ggml_type type;
};

/// Which tensor is which site in one architecture. Made once per model from the nodes of one small decode, because the
/// names differ between architectures and some are used twice.
class SiteTable {
  public:
    SiteTable(const std::vector<NodeInfo> & nodes, int32_t n_layers);

    /// What is worth looking up: a decode passes a thousand tensors, and nearly none of them is a site that it wants.
    struct Wanted {
        std::bitset<256> initials; // of the tensors' names
        bool by_source = false;    // some are known by their weight or bias only
    };
    Wanted wanted(const std::bitset<n_components> & components) const;

    /// The site that this tensor is, or nullptr; sites of components that are not wanted need not be found.
    const Site * find(const ggml_tensor * tensor, const Wanted & wanted) const;

    bool has(const Site & site) const;
    /// Floats per row; throws SiteError, with what there is, when the site is missing.
    int32_t width(const Site & site) const;
    void require(const Site & site) const { width(site); }

    int32_t n_layers() const { return n_layers_; }
    /// Positions are rows of a matrix of n_ctx_train rows (GPT-2), so there are no others.
    bool has_learned_positions() const { return has_learned_positions_; }
    /// "resid_post: layers 0-23", one entry a component that exists.
    std::vector<std::string> available() const;

  private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using Names = std::unordered_map<std::string, Site, Hash, std::equal_to<>>;

    void add(Names & names, const NodeInfo & node, const std::string & key, const Site & site);
    [[noreturn]] void fail(const Site & site) const;

    int32_t n_layers_;
    bool has_learned_positions_ = false;
    Names by_name_;                // the tensor's own name
    Names by_weight_;              // product with this weight (attention output projection without a name of its own)
    Names by_bias_;                // sum with this bias
    std::vector<int32_t> widths_;  // by Site::index(); 0: not there
    std::vector<std::string> odd_; // found, but not a float32 matrix of one row a token
};

} // namespace pysteer
