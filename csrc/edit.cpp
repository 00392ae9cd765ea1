#include "edit.hpp"

#include "errors.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>

namespace pysteer {

namespace {

uint64_t new_id() {
    static std::atomic<uint64_t> next_id{1};
    return next_id++;
}

std::shared_ptr<Edit> make(Edit::Kind kind) {
    auto edit = std::make_shared<Edit>();
    edit->kind = kind;
    edit->id = new_id();
    return edit;
}

void check_finite(std::span<const float> values, const char * what) {
    for (const float value : values) {
        if (!std::isfinite(value)) throw SteeringError(std::string(what) + " holds a value that is not finite");
    }
}

// Eight partial sums: the compiler may then use vector instructions without being allowed to reorder float sums.
float dot(std::span<const float> a, std::span<const float> b) {
    std::array<float, 8> sums{};
    const size_t whole = a.size() / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        for (size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
    }
    for (size_t i = whole; i < a.size(); ++i) sums[i - whole] += a[i] * b[i];
    float total = 0.0f;
    for (const float sum : sums) total += sum;
    return total;
}

float norm(std::span<const float> a) { return std::sqrt(dot(a, a)); }

bool is_open(const Gate & gate, std::span<const float> row) {
    float value = dot(row, gate.read);
    if (gate.relative) {
        const float length = norm(row);
        value = length > 0.0f ? value / length : 0.0f;
    }
    return gate.above ? value > gate.threshold : value < gate.threshold;
}

void apply_rank_one(const Edit & edit, std::span<float> row) {
    const float step = edit.gain == 0.0f ? edit.offset : edit.offset + edit.gain * dot(row, edit.read);
    for (size_t i = 0; i < row.size(); ++i) row[i] += step * edit.write[i];
}

void apply_norm_preserving(const Edit & edit, std::span<float> row) {
    const float before = norm(row);
    for (size_t i = 0; i < row.size(); ++i) row[i] += edit.write[i];
    const float after = norm(row);
    const float scale = after > 0.0f ? before / after : 0.0f;
    for (float & value : row) value *= scale;
}

void apply_in_context(const Edit & edit, std::span<float> row) {
    const float before = norm(row);
    if (before == 0.0f) return; // no direction to turn
    const size_t width = row.size();
    const size_t n_tasks = edit.strengths.size();
    std::vector<float> turned(row.begin(), row.end());
    for (float & value : turned) value /= before;
    for (size_t k = 0; k < n_tasks; ++k) {
        const std::span<const float> unit(edit.write.data() + k * width, width);
        const float against = std::max(0.0f, -dot(row, unit) / before);
        const float step = edit.strengths[k] * (1.0f + against) / static_cast<float>(n_tasks);
        for (size_t i = 0; i < width; ++i) turned[i] += step * unit[i];
    }
    const float after = norm(turned);
    const float scale = after > 0.0f ? before / after : 0.0f;
    for (size_t i = 0; i < width; ++i) row[i] = turned[i] * scale;
}

} // namespace

std::shared_ptr<const Edit> Edit::rank_one(std::vector<float> read, std::vector<float> write, float offset,
                                           float gain) {
    if (write.empty()) throw ShapeError("an edit needs a direction with at least one value");
    if (gain != 0.0f && read.size() != write.size()) {
        throw ShapeError("read has " + std::to_string(read.size()) + " values, write has " +
                         std::to_string(write.size()));
    }
    check_finite(read, "read");
    check_finite(write, "write");
    check_finite(std::array{offset, gain}, "offset or gain");
    auto edit = make(Kind::rank_one);
    edit->read = std::move(read);
    edit->write = std::move(write);
    edit->offset = offset;
    edit->gain = gain;
    return edit;
}

std::shared_ptr<const Edit> Edit::norm_preserving(std::vector<float> write) {
    if (write.empty()) throw ShapeError("an edit needs a direction with at least one value");
    check_finite(write, "write");
    auto edit = make(Kind::norm_preserving);
    edit->write = std::move(write);
    return edit;
}

std::shared_ptr<const Edit> Edit::in_context(std::vector<float> directions, std::vector<float> strengths) {
    if (strengths.empty() || directions.empty() || directions.size() % strengths.size() != 0) {
        throw ShapeError("expected one strength for each direction, got " + std::to_string(strengths.size()) +
                         " strengths for " + std::to_string(directions.size()) + " values");
    }
    check_finite(directions, "directions");
    check_finite(strengths, "strengths");
    const size_t width = directions.size() / strengths.size();
    for (size_t k = 0; k < strengths.size(); ++k) {
        const std::span<float> direction(directions.data() + k * width, width);
        const float length = norm(direction);
        if (length == 0.0f) throw SteeringError("direction " + std::to_string(k) + " is zero, so it points nowhere");
        for (float & value : direction) value /= length;
    }
    auto edit = make(Kind::in_context);
    edit->write = std::move(directions);
    edit->strengths = std::move(strengths);
    return edit;
}

std::shared_ptr<const Edit> Edit::replace(int32_t begin, std::vector<float> values) {
    if (begin < 0 || values.empty()) throw ShapeError("a replacement needs begin >= 0 and at least one value");
    check_finite(values, "values");
    auto edit = make(Kind::replace);
    edit->begin = begin;
    edit->write = std::move(values);
    return edit;
}

std::shared_ptr<const Edit> Edit::gated(const Edit & edit, Gate gate) {
    if (gate.read.empty()) throw ShapeError("a gate needs a direction with at least one value");
    if (edit.gate) throw SteeringError("this edit has a gate already");
    check_finite(gate.read, "the gate's direction");
    check_finite(std::array{gate.threshold}, "the gate's threshold");
    auto copy = std::make_shared<Edit>(edit);
    copy->id = new_id();
    copy->gate = std::move(gate);
    return copy;
}

void Edit::check_width(int32_t width) const {
    const auto expected = static_cast<size_t>(width);
    if (gate && gate->read.size() != expected) {
        throw ShapeError("a gate's direction of " + std::to_string(gate->read.size()) +
                         " values does not fit rows of " + std::to_string(width));
    }
    if (kind == Kind::replace) {
        const size_t end = static_cast<size_t>(begin) + write.size();
        if (end > expected) {
            throw ShapeError("a replacement of values " + std::to_string(begin) + " to " + std::to_string(end) +
                             " does not fit rows of " + std::to_string(width));
        }
        return;
    }
    const size_t got = kind == Kind::in_context ? write.size() / strengths.size() : write.size();
    if (got != expected) {
        throw ShapeError("a direction of " + std::to_string(got) + " values does not fit rows of " +
                         std::to_string(width));
    }
}

void check_overflow(std::span<const float> row) {
    if (!std::isfinite(dot(row, row))) {
        throw MeasurementError(
            "the steered activation overflows float32: the steering is far too strong, or the model file is broken");
    }
}

void sum_additive(std::span<const Edit * const> edits, std::span<float> row) {
    for (size_t k = 0; k < edits.size(); ++k) {
        const Edit & edit = *edits[k];
        if (k == 0) {
            for (size_t i = 0; i < row.size(); ++i) row[i] = edit.offset * edit.write[i];
        } else {
            for (size_t i = 0; i < row.size(); ++i) row[i] += edit.offset * edit.write[i];
        }
    }
}

void apply_edits(std::span<const Edit * const> edits, std::span<float> row) {
    std::vector<float> sum;
    for (size_t k = 0; k < edits.size();) {
        size_t run = k;
        while (run < edits.size() && edits[run]->is_additive()) ++run;
        if (run - k > 1) {
            sum.resize(row.size());
            sum_additive(edits.subspan(k, run - k), sum);
            for (size_t i = 0; i < row.size(); ++i) row[i] += sum[i];
            k = run;
            continue;
        }
        const Edit & edit = *edits[k++];
        if (edit.gate && !is_open(*edit.gate, row)) continue;
        switch (edit.kind) {
        case Edit::Kind::rank_one: apply_rank_one(edit, row); break;
        case Edit::Kind::norm_preserving: apply_norm_preserving(edit, row); break;
        case Edit::Kind::in_context: apply_in_context(edit, row); break;
        case Edit::Kind::replace: std::copy(edit.write.begin(), edit.write.end(), row.begin() + edit.begin); break;
        }
    }
}

} // namespace pysteer
