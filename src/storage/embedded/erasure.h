#pragma once
// An erasure: rows that are to be treated as if they had never been written. It stands in the manifest from
// the moment it is answered until no file holds such a row any more. It counts for what was written up to its
// sequence: a store keeps rows of requests before and after it apart until a merge has applied it.
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "plan/scan.h"

namespace obelisk {

// As the manifest has it.
struct ErasureRecord {
  uint64_t id = 0;  // ascending for each tenant, never given out twice
  Table table = Table::samples;
  uint64_t through_sequence = 0;  // rows of requests up to this one
  TimeRange range;
  std::string where;  // plan/expression_codec.h
  bool operator==(const ErasureRecord&) const = default;
};

// As stores use it.
struct Erasure {
  ErasureRecord record;
  Expr where;

  bool concerns(uint64_t last_sequence, int64_t min_time, int64_t max_time) const {
    return last_sequence <= record.through_sequence && min_time < record.range.end.value &&
           max_time >= record.range.begin.value;
  }
};
using ErasurePtr = std::shared_ptr<const Erasure>;

// More than one erasure a minute for a day; merges take them away much faster. Each costs reads a little.
inline constexpr size_t kErasuresMax = 1000;

}  // namespace obelisk
