#pragma once
// Equality and order of trace ids, as their operators say, for loops over millions of rows: two numbers each
// instead of a call of memcmp.
#include <cstdint>
#include <cstring>

#include "model/ids.h"

namespace obelisk {

inline bool same_trace(const TraceId& a, const TraceId& b) {
  uint64_t left[2], right[2];
  std::memcpy(left, a.bytes.data(), sizeof left);
  std::memcpy(right, b.bytes.data(), sizeof right);
  return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

inline bool trace_before(const TraceId& a, const TraceId& b) {
  uint64_t left[2], right[2];
  std::memcpy(left, a.bytes.data(), sizeof left);
  std::memcpy(right, b.bytes.data(), sizeof right);
  size_t half = left[0] == right[0] ? 1 : 0;
  return __builtin_bswap64(left[half]) < __builtin_bswap64(right[half]);
}

}  // namespace obelisk
