#pragma once
// Posting lists: strictly ascending 32-bit row numbers (of series, in the metric parts), coded as the
// smallest of
//   0  deltas  blocks of 128 differences minus one, each block with its own width in bits
//   1  runs    gap and length of each run of consecutive numbers, as varints
//   2  bitmap  one bit a number from the first to the last
// behind one kind byte and a varint count. Lists in memory are plain sorted vectors; the set operations below
// work on those. Pure functions. Format: docs/formats/metric_part.md, "Posting list".
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

using Postings = std::vector<uint32_t>;

void encode_postings(std::span<const uint32_t> ascending, std::string& out);
// Every number must be below `universe`, which also bounds the memory taken.
Result<Postings> decode_postings(std::string_view bytes, uint32_t universe);

Postings intersect_postings(std::span<const uint32_t> a, std::span<const uint32_t> b);
Postings subtract_postings(std::span<const uint32_t> from, std::span<const uint32_t> what);
// The union of any number of lists.
Postings unite_postings(std::vector<Postings> lists);

}  // namespace obelisk
