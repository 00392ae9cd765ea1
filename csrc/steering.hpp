// Who is steered how: each sequence has a program of steps; a plan says, for one batch, which rows get which edits.
#pragma once

#include "edit.hpp"
#include "site.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pysteer {

/// One edit at one site for the tokens at positions begin <= position < end of its sequence.
struct Step {
    Site site;
    std::shared_ptr<const Edit> edit;
    int32_t begin;
    int32_t end;
};

using Program = std::vector<Step>;

/// Smallest position below `limit` at which the two programs do different things; `limit` when there is none.
/// Keys and values computed below that position under one program are valid under the other.
int32_t first_difference(const Program & a, const Program & b, int32_t limit);

/// Edits of one site in one batch.
struct SitePlan {
    Site site;
    bool additive = true;         // every edit is a plain addition
    std::vector<int32_t> rows;    // batch rows with edits, ascending
    std::vector<uint32_t> starts; // edits of rows[i]: edits[starts[i] .. starts[i + 1])
    std::vector<const Edit *> edits;

    std::span<const Edit * const> edits_of(size_t i) const {
        return {edits.data() + starts[i], edits.data() + starts[i + 1]};
    }
};

class SteeringPlan {
  public:
    /// `programs` by sequence id. Row r of the batch is the token at positions[r] of sequences[r].
    SteeringPlan(const std::vector<Program> & programs, std::span<const int32_t> positions,
                 std::span<const int32_t> sequences);

    bool empty() const { return sites_.empty(); }
    const SitePlan * at(const Site & site) const;
    const std::vector<SitePlan> & sites() const { return sites_; }

  private:
    std::vector<SitePlan> sites_;
    std::vector<int32_t> by_index_; // Site::index() -> place in sites_, -1: none
};

} // namespace pysteer
