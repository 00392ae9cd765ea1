// Edits on activations that lie on a device (CUDA, Metal): a few ggml operations in place, on the device itself, so that
// rows never travel to the host. The same formulas as edit.cpp, on all rows at once, with a mask for the rows concerned.
#pragma once

#include "steering.hpp"

#include "ggml-alloc.h"
#include "ggml-backend.h"

#include <map>
#include <span>

namespace pysteer {

class DeviceEditor {
  public:
    DeviceEditor() = default;
    ~DeviceEditor();
    DeviceEditor(const DeviceEditor &) = delete;
    DeviceEditor & operator=(const DeviceEditor &) = delete;

    /// Apply `plan` to `tensor` ([width, n] float32, contiguous). row_of[i] is the batch row of tensor row i.
    void apply(ggml_tensor * tensor, const SitePlan & plan, std::span<const int32_t> row_of);

  private:
    struct Place {
        ggml_backend_t backend = nullptr;
        ggml_gallocr_t allocator = nullptr;
    };

    void apply_one(const Place & place, ggml_tensor * tensor, const Edit & edit, std::span<const float> mask);

    std::map<ggml_backend_dev_t, Place> places_;
};

} // namespace pysteer
