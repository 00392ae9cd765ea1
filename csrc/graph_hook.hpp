// The eval callback: what happens at each tensor of llama.cpp's graph while it runs. The only file that llama.cpp calls.
#pragma once

#include "device_edit.hpp"
#include "recorder.hpp"
#include "row_steering.hpp"
#include "site.hpp"
#include "steering.hpp"

#include <bitset>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

namespace pysteer {

/// What one llama_decode call is to do besides decoding.
struct Run {
    int32_t n_tokens = 0;
    std::vector<int32_t> outputs; // batch rows whose logits are computed, ascending
    const SteeringPlan * plan = nullptr;
    std::span<const uint8_t> recorded; // one flag a batch row
    bool stop_when_recorded = false;   // stop after the last recorded site
};

class GraphHook {
  public:
    /// Registered with llama_context_params::cb_eval; `data` is the GraphHook.
    static bool callback(ggml_tensor * tensor, bool ask, void * data);

    void set_table(std::shared_ptr<const SiteTable> table);
    void force_device_edits(bool force) { force_device_edits_ = force; }

    /// List every node of the next decode instead of acting on it.
    void start_survey();
    std::vector<NodeInfo> finish_survey();

    void start(const Run & run);
    /// Throws what went wrong inside the graph (llama_decode reports success for a graph that its callback stopped),
    /// and SiteError when a site that should have been edited or recorded did not come by.
    void finish();
    /// End a run that llama_decode itself reported as failed.
    void cancel();
    /// The graph was stopped on purpose: there are no logits, and deeper layers have no keys and values.
    bool stopped() const { return stopped_; }

    Recorder & recorder() { return recorder_; }
    RowSteering & row_steering() { return row_steering_; }

  private:
    bool ask(ggml_tensor * tensor);
    bool act(ggml_tensor * tensor);
    std::span<const int32_t> rows_of(const ggml_tensor * tensor) const;
    void edit_in_place(ggml_tensor * tensor, const SitePlan & plan, std::span<const int32_t> row_of);

    std::shared_ptr<const SiteTable> table_;
    Recorder recorder_;
    RowSteering row_steering_;
    DeviceEditor device_editor_;
    bool force_device_edits_ = false;

    bool running_ = false;
    bool surveying_ = false;
    std::vector<NodeInfo> survey_;
    Run run_;
    std::bitset<n_components> components_; // those that wanted_ was made for
    SiteTable::Wanted wanted_;
    std::vector<int32_t> all_rows_;
    std::vector<uint8_t> seen_; // by Site::index(): the first tensor of a name is the site, a second one is not
    std::vector<uint8_t> edit_; // by Site::index(): to be edited in place when the tensor is ready
    size_t n_recorded_ = 0;
    size_t n_steered_ = 0;
    bool stopped_ = false;
    std::exception_ptr error_;
};

} // namespace pysteer
