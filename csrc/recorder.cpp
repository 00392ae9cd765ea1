#include "recorder.hpp"

#include "errors.hpp"

#include "ggml-backend.h"

#include <utility>

namespace pysteer {

void Recorder::start(const std::vector<Site> & sites, const SiteTable & table) {
    recordings_.clear();
    by_index_.clear();
    for (const Site & site : sites) {
        const int32_t width = table.width(site);
        const auto index = static_cast<size_t>(site.index());
        if (index >= by_index_.size()) by_index_.resize(index + 1, -1);
        if (by_index_[index] >= 0) throw SiteError("site " + site.text() + " is asked for twice");
        by_index_[index] = static_cast<int32_t>(recordings_.size());
        recordings_.push_back({site, width, {}});
    }
}

int32_t Recorder::wants(const Site & site) const {
    const auto index = static_cast<size_t>(site.index());
    return index < by_index_.size() ? by_index_[index] : -1;
}

void Recorder::append(int32_t recording, const ggml_tensor * tensor, std::span<const int32_t> row_of,
                      std::span<const uint8_t> wanted) {
    Recording & target = recordings_[static_cast<size_t>(recording)];
    const auto width = static_cast<size_t>(target.width);
    const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
    const char * data = static_cast<const char *>(tensor->data);
    if (!ggml_backend_buffer_is_host(buffer)) {
        staging_.resize(ggml_nbytes(tensor));
        ggml_backend_tensor_get(tensor, staging_.data(), 0, staging_.size());
        data = staging_.data();
    }
    const auto * rows = reinterpret_cast<const float *>(data); // contiguous: the hook has checked it
    for (size_t i = 0; i < row_of.size();) {                   // runs of wanted rows in one piece
        size_t end = i;
        while (end < row_of.size() && wanted[static_cast<size_t>(row_of[end])] != 0) ++end;
        target.rows.insert(target.rows.end(), rows + i * width, rows + end * width);
        i = end + 1;
    }
}

std::vector<Recording> Recorder::take() {
    by_index_.clear();
    return std::exchange(recordings_, {});
}

} // namespace pysteer
