#pragma once
// The label sets (streams, series) of an event part: every text once, every set as pairs of text numbers.
// Immutable once built or parsed; views point into it. Kept small: a part may have a million sets.
// Format: docs/formats/event_part.md, "Labels".
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "model/labels.h"
#include "storage/embedded/events/label_set_index.h"

namespace obelisk {

class LabelTable {
 public:
  static Result<std::shared_ptr<const LabelTable>> parse(std::string_view stored, uint64_t group_count);

  size_t size() const { return starts_.size() - 1; }
  LabelsView labels(uint32_t group) const {
    return LabelsView(refs_).subspan(starts_[group], starts_[group + 1] - starts_[group]);
  }
  uint64_t hash(uint32_t group) const { return hash_labels(labels(group)); }
  // Which groups have a label; made at the first call. Any thread.
  const LabelSetIndex& index() const;
  size_t memory_bytes() const {
    return arena_.allocated_bytes() + refs_.capacity() * sizeof(LabelRef) + starts_.capacity() * 4;
  }

 private:
  Arena arena_;
  std::vector<LabelRef> refs_;
  std::vector<uint32_t> starts_{0};  // of each group in refs_, and the end
  mutable std::once_flag index_made_;
  mutable LabelSetIndex index_;
};

// Numbers label sets as they come.
class LabelTableBuilder {
 public:
  uint32_t add(LabelsView labels, uint64_t hash);
  LabelsView labels(uint32_t group) const { return groups_[group]; }
  size_t size() const { return groups_.size(); }
  // Compressed, with its checksum.
  std::string encode() const;

 private:
  Arena arena_;
  std::vector<LabelsView> groups_;
  absl::flat_hash_map<uint64_t, uint32_t> by_hash_;  // another set with the same hash: under the next number
};

}  // namespace obelisk
