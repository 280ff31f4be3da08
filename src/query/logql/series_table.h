#pragma once
// Series by label set: from the labels of a row to the index of its series. Not thread safe.
#include <unordered_map>
#include <vector>

#include "model/labels.h"

namespace obelisk::logql {

class SeriesTable {
 public:
  // The index of the series with these sorted labels; a new one when there is none (`added` then says so).
  size_t find_or_add(LabelsView labels, bool& added);
  size_t size() const { return labels_.size(); }
  const Labels& labels(size_t index) const { return labels_[index]; }

 private:
  std::vector<Labels> labels_;
  std::unordered_multimap<uint64_t, size_t> by_hash_;
};

}  // namespace obelisk::logql
