#include "query/logql/series_table.h"

#include <algorithm>

namespace obelisk::logql {

size_t SeriesTable::find_or_add(LabelsView labels, bool& added) {
  uint64_t hash = hash_labels(labels);
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Labels& known = labels_[it->second];
    bool same = known.size() == labels.size() && std::equal(labels.begin(), labels.end(), known.begin(),
                                                            [](const LabelRef& a, const Label& b) {
                                                              return a.name == b.name && a.value == b.value;
                                                            });
    if (!same) continue;
    added = false;
    return it->second;
  }
  added = true;
  by_hash_.emplace(hash, labels_.size());
  labels_.emplace_back(labels);
  return labels_.size() - 1;
}

}  // namespace obelisk::logql
