#pragma once
// The label sets (streams, series) of an event part: every text once, every set as pairs of text numbers.
// Immutable once built or parsed; views point into it. Format: docs/formats/event_part.md, "Labels".
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "model/labels.h"

namespace obelisk {

class LabelTable {
 public:
  static Result<std::shared_ptr<const LabelTable>> parse(std::string_view stored, uint64_t group_count);

  size_t size() const { return groups_.size(); }
  LabelsView labels(uint32_t group) const { return groups_[group].labels; }
  uint64_t hash(uint32_t group) const { return groups_[group].hash; }
  size_t memory_bytes() const { return arena_.allocated_bytes() + groups_.size() * sizeof(Entry); }

 private:
  friend class LabelTableBuilder;
  struct Entry {
    LabelsView labels;
    uint64_t hash = 0;
  };

  Arena arena_;
  std::vector<Entry> groups_;
};

// Numbers label sets as they come.
class LabelTableBuilder {
 public:
  uint32_t add(LabelsView labels, uint64_t hash);
  LabelsView labels(uint32_t group) const { return table_.groups_[group].labels; }
  size_t size() const { return table_.size(); }
  // Compressed, with its checksum.
  std::string encode() const;

 private:
  LabelTable table_;
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;
};

}  // namespace obelisk
