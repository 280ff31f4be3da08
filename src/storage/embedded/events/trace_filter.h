#pragma once
// Which trace ids a row group may hold, as a split-block Bloom filter: each id sets one bit in each of the
// eight words of one 32-byte block. kTraceFilterBits bits an id (0.5 % of other ids look as if they were
// there; fewer bits cost reads of whole row groups, more cost disk). Log parts have one a row group in place
// of the trace index: an exact index takes several times as much where nearly every id is new.
//
// Blocks lie in pages with a checksum each, so that a look-up reads and verifies 4 KiB. Ids come as keys
// (trace_key in trace_index_block.h), as to the trace index. Format: docs/formats/event_part.md, "Trace
// filter". Pure.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

inline constexpr unsigned kTraceFilterBits = 12;
inline constexpr size_t kTraceFilterBlockBytes = 32;
inline constexpr size_t kTraceFilterPageBlocks = 127;
inline constexpr size_t kTraceFilterPageBytes = kTraceFilterPageBlocks * kTraceFilterBlockBytes + 8;

std::string encode_trace_filter(std::span<const uint64_t> keys);

// Where the page with the block of a key lies in a filter of `filter_bytes`.
struct TraceFilterPage {
  uint64_t offset = 0;
  uint64_t length = 0;
  size_t block = 0;  // in the page
};
// Whether a filter can have this length.
bool is_trace_filter_length(uint64_t filter_bytes);
TraceFilterPage trace_filter_page(uint64_t key, uint64_t filter_bytes);
// False: no id with this key is there. corrupt when the page is damaged.
Result<bool> trace_filter_has(std::string_view page, const TraceFilterPage& at, uint64_t key);

}  // namespace obelisk
