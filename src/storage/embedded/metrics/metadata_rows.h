#pragma once
// Rows of the metadata table (what a metric family is), each distinct row once.
// Senders repeat their metadata every minute; so a row is kept with the first and the last time it was seen,
// and stands for all of them: a scan gets it when its range overlaps that span, with the latest time inside
// both. Rows keep the order in which they were last appended: the reader of the table lets the last one win.
// Bounds: kMetadataBytesMax of distinct rows; rows beyond it are refused (and counted by the store).
// Not thread safe.
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "plan/batch.h"
#include "plan/scan.h"

namespace obelisk {

inline constexpr size_t kMetadataBytesMax = 64u << 20;

class MetadataRows {
 public:
  // Returns how many rows were refused for space.
  uint64_t add(const Batch& batch);
  // A row in its stored form (see key in the .cc); false when refused for space.
  bool add_row(std::string key, int64_t first_time, int64_t last_time);
  void add_all(const MetadataRows& later);

  size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  size_t memory_bytes() const { return key_bytes_ * 2 + rows_.size() * 160; }

  // The rows in range, in order, grouped by labels, with all columns.
  Result<Batch> to_batch(const TimeRange& range) const;

  // One stored page (unpacked); decode adds to what is there.
  std::string encode() const;
  Result<void> decode(std::string_view bytes);

 private:
  struct Row {
    std::string key;  // labels and columns without the time, in one canonical form
    int64_t first_time;
    int64_t last_time;
  };
  std::list<Row> rows_;  // in order of last appearance
  std::unordered_map<std::string_view, std::list<Row>::iterator> by_key_;
  size_t key_bytes_ = 0;
};

}  // namespace obelisk
