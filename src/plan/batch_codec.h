#pragma once
// A batch as bytes and back: the payload of write-ahead log frames. Encoding is one pass over the columns
// (dictionaries for repetitive strings, varints of values or differences for integers, everything else raw),
// decoding reads in place: strings and labels of the decoded batch are views into the bytes, which `owner`
// keeps alive. Format: docs/formats/wal.md, "Batch". Pure functions; decoding trusts nothing and is bounded
// by its limits.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "plan/batch.h"

namespace obelisk {

enum class BatchCompression : uint8_t {
  none,
  zstd,  // the body as one zstd -1 frame, kept when it is at least an eighth smaller
};

struct BatchDecodeLimits {
  uint64_t rows_max = 1 << 24;
  // Of the decoded columns, which can be far larger than the bytes (constants, absent values).
  uint64_t memory_bytes_max = 1ull << 30;
};

// A column with values of those rows only that have one. Only the values of its type are used.
struct PresentColumn {
  Scope scope = Scope::fixed;
  ColumnType type = ColumnType::string;
  std::string_view name;
  std::span<const uint8_t> present;  // empty: every row has a value; else one a row, 0 or 1
  std::span<const int64_t> ints;
  std::span<const double> floats;
  std::span<const std::string_view> texts;
  std::span<const TraceId> trace_ids;
  // Where it is not empty, texts or trace ids are distinct entries and this has the number of each value's.
  std::span<const uint16_t> codes;
};

// Appends what encode_batch would of a batch with these columns, without compression.
void encode_columns(Table table, size_t row_count, std::span<const Group> groups,
                    std::span<const PresentColumn> columns, std::string& out);
// Appends to `out`. The batch must satisfy Batch::check.
void encode_batch(const Batch& batch, BatchCompression compression, std::string& out);
// All of `bytes` must be one batch; corrupt, unsupported (another version) or too_large otherwise.
Result<Batch> decode_batch(std::string_view bytes, std::shared_ptr<const void> owner,
                           const BatchDecodeLimits& limits = {});

}  // namespace obelisk
