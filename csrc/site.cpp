#include "site.hpp"

#include "errors.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pysteer {

namespace {

constexpr std::array<const char *, n_components> names = {"resid_post", "resid_mid", "attn_out",
                                                          "mlp_out",    "head_out",  "final_norm"};

// Names that llama.cpp's model files give to each component, the first that a model has is taken.
const std::array<std::vector<std::string>, n_components> & tensor_names() {
    static const std::array<std::vector<std::string>, n_components> table = {{
        {"l_out"},
        {"ffn_inp", "sa_out"},
        {"attn_out"},
        {"ffn_out", "ffn_moe_out"},
        {"kqv_out"},
        {"result_norm"},
    }};
    return table;
}

// "l_out-12" -> ("l_out", 12); layer -1 when there is no number.
std::pair<std::string, int32_t> split_name(const std::string & name) {
    const size_t dash = name.find_last_of('-');
    if (dash == std::string::npos || dash + 1 >= name.size() || name.size() - dash > 7) return {name, -1};
    for (size_t i = dash + 1; i < name.size(); ++i) {
        if (name[i] < '0' || name[i] > '9') return {name, -1};
    }
    return {name.substr(0, dash), std::stoi(name.substr(dash + 1))};
}

} // namespace

const char * component_name(Component component) { return names[static_cast<size_t>(component)]; }

Component component_from(const std::string & name) {
    for (size_t i = 0; i < names.size(); ++i) {
        if (name == names[i]) return static_cast<Component>(i);
    }
    throw SiteError("no component \"" + name +
                    "\"; there are resid_post, resid_mid, attn_out, mlp_out, head_out, final_norm");
}

std::string Site::text() const {
    return component == Component::final_norm ? "final_norm"
                                              : std::string(component_name(component)) + "." + std::to_string(layer);
}

SiteTable::SiteTable(const std::vector<NodeInfo> & nodes, int32_t n_layers)
    : n_layers_(n_layers), widths_(static_cast<size_t>(n_layers * n_components), 0) {
    has_learned_positions_ = std::any_of(nodes.begin(), nodes.end(), [](const NodeInfo & node) {
        return node.op == GGML_OP_GET_ROWS && node.weight == "position_embd.weight";
    });
    // Names per layer, and whether a tensor already contains the residual stream (then it is not the block's own output).
    std::map<std::pair<std::string, int32_t>, const NodeInfo *> first;
    for (const NodeInfo & node : nodes) first.try_emplace(split_name(node.name), &node);

    for (size_t c = 0; c < tensor_names().size(); ++c) {
        const auto component = static_cast<Component>(c);
        for (int32_t layer = 0; layer < n_layers; ++layer) {
            const Site site{component, layer};
            for (const std::string & name : tensor_names()[c]) {
                const bool is_final = component == Component::final_norm;
                if (is_final && layer != n_layers - 1) break;
                const auto found = first.find({name, is_final ? -1 : layer});
                if (found == first.end()) continue;
                const NodeInfo & node = *found->second;
                const std::string residual = "ffn_inp-" + std::to_string(layer);
                if (component == Component::mlp_out && node.op == GGML_OP_ADD &&
                    (node.addend == residual || node.weight == residual)) {
                    continue; // mixture-of-experts Llama: ffn_out is taken after the residual sum
                }
                add(by_name_, node, node.name, site);
                break;
            }
        }
    }
    // qwen2, qwen3, gemma, phi3, gpt2 ... do not name the attention output: it is the product with blk.N.attn_output,
    // plus its bias where there is one.
    for (int32_t layer = 0; layer < n_layers; ++layer) {
        const Site site{Component::attn_out, layer};
        if (widths_[static_cast<size_t>(site.index())] != 0) continue;
        const std::string block = "blk." + std::to_string(layer) + ".attn_output.";
        const auto adds_bias = [&](const NodeInfo & n) { return n.op == GGML_OP_ADD && n.addend == block + "bias"; };
        const auto is_product = [&](const NodeInfo & n) {
            return n.op == GGML_OP_MUL_MAT && n.weight == block + "weight";
        };
        if (const auto bias = std::find_if(nodes.begin(), nodes.end(), adds_bias); bias != nodes.end()) {
            add(by_bias_, *bias, block + "bias", site);
        } else if (const auto product = std::find_if(nodes.begin(), nodes.end(), is_product); product != nodes.end()) {
            add(by_weight_, *product, block + "weight", site);
        }
    }
}

void SiteTable::add(Names & table, const NodeInfo & node, const std::string & key, const Site & site) {
    // Hyper-connection and alt-up models carry several streams a token; editing one of them would be a guess.
    if (node.type != GGML_TYPE_F32 || node.extents[2] != 1 || node.extents[3] != 1) {
        odd_.push_back(site.text() + " (" + node.name + " is not one float32 row a token)");
        return;
    }
    table.emplace(key, site);
    widths_[static_cast<size_t>(site.index())] = static_cast<int32_t>(node.extents[0]);
}

SiteTable::Wanted SiteTable::wanted(const std::bitset<n_components> & components) const {
    Wanted result;
    for (const auto & [name, site] : by_name_) {
        if (components[static_cast<size_t>(site.component)]) result.initials.set(static_cast<unsigned char>(name[0]));
    }
    for (const Names * table : {&by_weight_, &by_bias_}) {
        for (const auto & [name, site] : *table) {
            result.by_source = result.by_source || components[static_cast<size_t>(site.component)];
        }
    }
    return result;
}

const Site * SiteTable::find(const ggml_tensor * tensor, const Wanted & wanted) const {
    if (wanted.initials[static_cast<unsigned char>(tensor->name[0])]) {
        const auto found = by_name_.find(std::string_view(tensor->name));
        if (found != by_name_.end()) return &found->second;
    }
    if (!wanted.by_source) return nullptr;
    if (!by_weight_.empty() && tensor->op == GGML_OP_MUL_MAT) {
        const auto found = by_weight_.find(std::string_view(tensor->src[0]->name));
        if (found != by_weight_.end()) return &found->second;
    }
    if (!by_bias_.empty() && tensor->op == GGML_OP_ADD) {
        const auto found = by_bias_.find(std::string_view(tensor->src[1]->name));
        if (found != by_bias_.end()) return &found->second;
    }
    return nullptr;
}

bool SiteTable::has(const Site & site) const {
    return site.layer >= 0 && site.layer < n_layers_ && widths_[static_cast<size_t>(site.index())] != 0;
}

int32_t SiteTable::width(const Site & site) const {
    if (!has(site)) fail(site);
    return widths_[static_cast<size_t>(site.index())];
}

std::vector<std::string> SiteTable::available() const {
    std::vector<std::string> entries;
    for (size_t c = 0; c < names.size(); ++c) {
        std::string layers;
        for (int32_t layer = 0; layer < n_layers_; ++layer) {
            if (!has({static_cast<Component>(c), layer})) continue;
            int32_t end = layer;
            while (end + 1 < n_layers_ && has({static_cast<Component>(c), end + 1})) ++end;
            if (!layers.empty()) layers += ", ";
            layers += std::to_string(layer);
            if (end > layer) layers.append("-").append(std::to_string(end));
            layer = end;
        }
        if (layers.empty()) continue;
        entries.push_back(static_cast<Component>(c) == Component::final_norm
                              ? "final_norm"
                              : std::string(names[c]) + ": layers " + layers);
    }
    return entries;
}

void SiteTable::fail(const Site & site) const {
    std::string text = "no site " + site.text() + ": ";
    if (site.layer < 0 || site.layer >= n_layers_) {
        text += "this model has " + std::to_string(n_layers_) + " blocks, so layers run from 0 to " +
                std::to_string(n_layers_ - 1);
    } else {
        text += "llama.cpp does not expose it for this architecture. There are";
        const char * separator = " ";
        for (const std::string & entry : available()) {
            text += separator + entry;
            separator = "; ";
        }
        for (const std::string & entry : odd_) {
            if (entry.starts_with(site.text() + " ")) text += ". " + entry;
        }
    }
    throw SiteError(text);
}

} // namespace pysteer
