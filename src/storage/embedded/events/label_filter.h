#pragma once
// Which labels the groups of a batch have, roughly: a Bloom filter of names with values, so that a search for
// one of a million streams passes over the batches that cannot have it. Twelve to 24 bits for every different
// label, three probes: at most one in a hundred look-ups is answered "maybe" in vain. Immutable once made.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class LabelFilter {
 public:
  LabelFilter() = default;  // of nothing known: may have every label
  explicit LabelFilter(const std::vector<Group>& groups);

  bool may_have(std::string_view name, std::string_view value) const;
  size_t memory_bytes() const { return words_.capacity() * sizeof(uint64_t); }

 private:
  std::vector<uint64_t> words_;  // a power of two
};

}  // namespace obelisk
