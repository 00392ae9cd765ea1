// What can be done to one row of activations. Immutable and shared between sequences; which rows is steering.hpp's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace pysteer {

/// Makes an edit depend on the row: it is made where the value, x . read or, with `relative`, x . read / |x| (0 for a row
/// of zeros), lies above the threshold, or below it. The row is looked at just before the edit, after those before it.
struct Gate {
    std::vector<float> read; // [width]
    float threshold = 0.0f;
    bool above = true;
    bool relative = false;
};

struct Edit {
    enum class Kind { rank_one, norm_preserving, in_context, replace };

    /// x <- x + (offset + gain * (x . read)) * write
    ///
    /// add: gain 0.   ablate: read = write = unit direction, gain -1.   clamp to c: offset c, gain -1.   reflect: gain -2.
    /// `read` may be empty when gain is 0.
    static std::shared_ptr<const Edit> rank_one(std::vector<float> read, std::vector<float> write, float offset,
                                                float gain);

    /// x <- (x + write) * |x| / |x + write|
    static std::shared_ptr<const Edit> norm_preserving(std::vector<float> write);

    /// In-context vectors (Liu et al. 2023, arXiv:2311.06668): K task directions, u_k = direction_k / |direction_k|,
    /// y = 1/K sum_k strength_k (1 + max(0, cos(x, -u_k))) u_k,   x <- normalise(normalise(x) + y) |x|
    static std::shared_ptr<const Edit> in_context(std::vector<float> directions, std::vector<float> strengths);

    /// x[begin : begin + values.size()] <- values
    static std::shared_ptr<const Edit> replace(int32_t begin, std::vector<float> values);

    /// The same edit, made only where `gate` is open.
    static std::shared_ptr<const Edit> gated(const Edit & edit, Gate gate);

    Kind kind = Kind::rank_one;
    std::vector<float> read;      // [width]; rank_one only
    std::vector<float> write;     // [width]; in_context: K unit directions, [K][width]; replace: the values
    std::vector<float> strengths; // [K]; in_context only
    float offset = 0.0f;          // residual-stream units
    float gain = 0.0f;
    int32_t begin = 0; // replace only
    std::optional<Gate> gate;
    uint64_t id = 0; // tells edits apart after their memory was reused

    bool is_additive() const { return kind == Kind::rank_one && gain == 0.0f && !gate; }
    /// Throws ShapeError when the edit does not fit rows of `width` floats.
    void check_width(int32_t width) const;
};

/// Apply `edits` in order to `row` ([width], in place). Runs of additive edits are summed first and added once, as
/// llama.cpp does with several control vectors: the result does not depend on which of the two ways is taken.
void apply_edits(std::span<const Edit * const> edits, std::span<float> row);

/// Throws MeasurementError when the squares of `row` overflow: the model's norms would turn it into zeros, and the logits
/// would be finite numbers that mean nothing.
void check_overflow(std::span<const float> row);

/// Sum of additive edits into `row` ([width], overwritten).
void sum_additive(std::span<const Edit * const> edits, std::span<float> row);

} // namespace pysteer
