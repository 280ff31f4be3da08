#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/bit_packing.h"
#include "codec/checksum.h"
#include "codec/integer_column.h"
#include "codec/varint.h"
#include "model/trace_id_order.h"
#include "storage/embedded/events/column_chunk.h"
#include "storage/embedded/events/column_chunk_format.h"
#include "storage/embedded/events/message/packed_text.h"
#include "storage/embedded/events/parent_rows.h"
#include "storage/embedded/events/string_numbers.h"
#include "storage/embedded/events/value_filter.h"

namespace obelisk {
namespace {

using namespace chunk_format;

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

void put_presence(const std::vector<uint8_t>& present, size_t value_count, std::string& out) {
  if (present.empty()) return put_u8(out, kAll);
  std::string positions;
  if (value_count * 16 <= present.size() * 2) {  // few: positions may be smaller than one bit a row
    std::vector<int64_t> rows;
    for (size_t row = 0; row < present.size(); ++row) {
      if (present[row] != 0) rows.push_back(static_cast<int64_t>(row));
    }
    append_varint(positions, rows.size());
    encode_integer_column(rows, positions);
    if (positions.size() < (present.size() + 7) / 8) {
      put_u8(out, kPositions);
      out.append(positions);
      return;
    }
  }
  put_u8(out, kBitmap);
  size_t start = out.size();
  out.resize(start + (present.size() + 7) / 8);
  constexpr uint64_t kGather = 0x0102040810204080;  // bit 0 of each byte to the highest byte
  char* to = out.data() + start;
  for (size_t row = 0; row < present.size(); row += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, present.data() + row, std::min<size_t>(8, present.size() - row));
    *to++ = static_cast<char>((bytes * kGather) >> 56);
  }
}

void put_trace_ids(const std::vector<TraceId>& ids, std::string& out) {
  std::vector<const TraceId*> distinct;
  std::vector<int64_t> lengths;
  for (const TraceId& id : ids) {
    if (distinct.empty() || !same_trace(*distinct.back(), id)) {
      distinct.push_back(&id);
      lengths.push_back(0);
    }
    ++lengths.back();
  }
  if (distinct.size() * 8 > ids.size() * 7) {
    put_u8(out, kRawIds);
    for (const TraceId& id : ids) out.append(id.view());
    return;
  }
  put_u8(out, kIdRuns);
  append_varint(out, distinct.size());
  encode_integer_column(lengths, out);
  for (const TraceId* id : distinct) out.append(id->view());
}

void put_lengths(const std::vector<std::string_view>& texts, std::string& out) {
  std::vector<int64_t> lengths(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) lengths[i] = static_cast<int64_t>(texts[i].size());
  encode_integer_column(lengths, out);
}

size_t dictionary_entries_max(size_t values) {
  return std::min(kDictionaryEntriesMax, std::max<size_t>(values / 4, 1));
}

void put_dictionary(const std::vector<std::string_view>& entries, const std::vector<int64_t>& ids,
                    bool with_filter, std::string& out, ChunkStats& stats) {
  put_u8(out, kDictionary);
  append_varint(out, entries.size());
  put_lengths(entries, out);
  std::string text;
  for (std::string_view entry : entries) text.append(entry);
  put_packed_text(text, out);
  encode_dense_integers(ids, out);
  if (with_filter && entries.size() >= kValueFilterEntriesMin) stats.range = make_value_filter(entries);
}

bool put_dictionary(const ColumnValues& column, std::string& out, ChunkStats& stats) {
  size_t entries_max = dictionary_entries_max(column.value_count());
  if (column.coded) {
    if (column.entries.size() > entries_max) return false;
    put_dictionary(column.entries, column.codes, column.with_filter, out, stats);
    return true;
  }
  const std::vector<std::string_view>& values = column.strings;
  StringNumbers numbers;
  std::vector<int64_t> ids;
  ids.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    ids.push_back(numbers.number_of(values[i]));
    // Gives up early where nearly every value is new: at once where all are, later where only most are.
    bool all_new = i >= 128 && numbers.size() * 32 > i * 31;
    bool mostly_new = i >= 1024 && numbers.size() * 2 > i;
    if (numbers.size() > entries_max || all_new || mostly_new) return false;
  }
  put_dictionary(numbers.entries(), ids, column.with_filter, out, stats);
  return true;
}

// Every value's text, where the column has them as entries and numbers.
const std::vector<std::string_view>& texts_of(const ColumnValues& values,
                                              std::vector<std::string_view>& buffer) {
  if (!values.coded) return values.strings;
  buffer.reserve(values.codes.size());
  for (int64_t code : values.codes) buffer.push_back(values.entries[static_cast<size_t>(code)]);
  return buffer;
}

// Templates and variables, where texts have them.
bool put_message(const ColumnValues& values, const std::vector<std::string_view>& texts, std::string& out) {
  size_t start = out.size();
  put_u8(out, kMessage);
  const int64_t* times = values.present.empty() ? values.times : nullptr;
  bool coded = values.messages != nullptr ? values.messages->encode(texts, times, out)
                                          : message::encode_message(texts, times, out);
  if (coded) return true;
  out.resize(start);
  return false;
}

void put_text(const std::vector<std::string_view>& values, std::string& out) {
  put_u8(out, kText);
  put_lengths(values, out);
  std::string pages, text;
  uint64_t page_count = 0, in_page = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    text.append(values[i]);
    ++in_page;
    if (text.size() < kTextPageBytes && i + 1 < values.size()) continue;
    append_varint(pages, in_page);
    put_packed_text(text, pages);
    ++page_count;
    in_page = 0;
    text.clear();
  }
  append_varint(out, page_count);
  out.append(pages);
}

void put_parents(const ColumnValues& values, std::string& out) {
  std::vector<uint32_t> rows;
  rows.reserve(values.ints.size());
  for (uint32_t row = 0; row < values.spans->size(); ++row) {
    if (values.present.empty() || values.present[row] != 0) rows.push_back(row);
  }
  put_u8(out, kParentRows);
  encode_parent_rows(*values.spans, rows, values.ints, out);
}

template <typename T>
std::pair<T, T> range_of(const std::vector<T>& values) {
  std::pair<T, T> range{values[0], values[0]};
  for (const T& value : values) {
    range.first = std::min(range.first, value);
    range.second = std::max(range.second, value);
  }
  return range;
}

// Ids come in runs.
std::pair<TraceId, TraceId> range_of_ids(const std::vector<TraceId>& ids) {
  std::pair<TraceId, TraceId> range{ids[0], ids[0]};
  for (size_t i = 1; i < ids.size(); ++i) {
    if (same_trace(ids[i], ids[i - 1])) continue;
    if (trace_before(ids[i], range.first)) range.first = ids[i];
    if (trace_before(range.second, ids[i])) range.second = ids[i];
  }
  return range;
}

void put_strings(const ColumnValues& values, std::string& out, ChunkStats& stats) {
  if (put_dictionary(values, out, stats)) return;
  std::vector<std::string_view> buffer;
  const std::vector<std::string_view>& texts = texts_of(values, buffer);
  if (values.type == ColumnType::string && put_message(values, texts, out)) return;
  put_text(texts, out);
}

void put_values(const ColumnValues& values, std::string& out, ChunkStats& stats) {
  switch (values.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      stats.range = range_of(values.ints);
      if (values.spans != nullptr) return put_parents(values, out);
      put_u8(out, kIntegers);
      return encode_integer_column(values.ints, out);
    case ColumnType::float64: {
      if (std::none_of(values.floats.begin(), values.floats.end(), [](double v) { return std::isnan(v); })) {
        stats.range = range_of(values.floats);
      }
      std::vector<int64_t> bits(values.floats.size());
      std::memcpy(bits.data(), values.floats.data(), bits.size() * 8);
      put_u8(out, kIntegers);
      return encode_integer_column(bits, out);
    }
    case ColumnType::trace_id:
      stats.range = range_of_ids(values.trace_ids);
      return put_trace_ids(values.trace_ids, out);
    case ColumnType::string:
      if (values.are_trace_ids) {
        stats.range = IdText();
        return put_u8(out, kIdText);
      }
      return put_strings(values, out, stats);
    case ColumnType::bytes:
    case ColumnType::any:
      return put_strings(values, out, stats);
  }
}

}  // namespace

size_t ColumnValues::value_count() const {
  switch (type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      return ints.size();
    case ColumnType::float64:
      return floats.size();
    case ColumnType::trace_id:
      return trace_ids.size();
    default:
      return coded ? codes.size() : strings.size();
  }
}

void ColumnValues::clear() {
  present.clear();
  times = nullptr;
  are_trace_ids = false;
  spans = nullptr;
  with_filter = false;
  ints.clear();
  floats.clear();
  strings.clear();
  coded = false;
  entries.clear();
  codes.clear();
  trace_ids.clear();
}

void encode_chunk(const ColumnValues& values, size_t row_count, std::string& out, ChunkStats& stats) {
  size_t start = out.size();
  stats = ChunkStats();
  stats.present_count = values.value_count();
  OBELISK_ASSERT(stats.present_count > 0 && (values.present.empty() ? stats.present_count == row_count
                                                                    : values.present.size() == row_count));
  put_presence(values.present, stats.present_count, out);
  put_values(values, out, stats);
  append_fixed(out, checksum64(std::string_view(out).substr(start)));
}

}  // namespace obelisk
