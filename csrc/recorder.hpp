// Keeps the rows of wanted sites at wanted tokens, in batch order, until they are taken.
#pragma once

#include "site.hpp"

#include "ggml.h"

#include <cstdint>
#include <span>
#include <vector>

namespace pysteer {

struct Recording {
    Site site;
    int32_t width = 0;
    std::vector<float> rows; // [n][width]
};

class Recorder {
  public:
    /// Begin a new recording of these sites (what was recorded before is dropped).
    void start(const std::vector<Site> & sites, const SiteTable & table);

    /// Index of the recording of `site`, -1 when it is not recorded.
    int32_t wants(const Site & site) const;
    size_t n_sites() const { return recordings_.size(); }
    const std::vector<Recording> & recordings() const { return recordings_; }

    /// Append the rows of `tensor` whose `wanted` flag is set; row_of[i] is the batch row of tensor row i.
    void append(int32_t recording, const ggml_tensor * tensor, std::span<const int32_t> row_of,
                std::span<const uint8_t> wanted);

    std::vector<Recording> take();

  private:
    std::vector<Recording> recordings_;
    std::vector<int32_t> by_index_;
    std::vector<char> staging_; // rows on their way from a device
};

} // namespace pysteer
