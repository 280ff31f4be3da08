#include "ingest/trace_id_extract.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace obelisk {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

size_t hex_run(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && is_hex(text[length])) ++length;
  return length;
}

// As line.find(stem, from). Nearly every line is looked through and nearly none has it, so that finding
// nothing must be cheap: sixteen places at a time by the first and last byte.
size_t find_text(std::string_view line, size_t from, std::string_view stem) {
  constexpr size_t kPlaces = 16;
  size_t last = stem.size() - 1;
  if (line.size() < kPlaces + last) return line.find(stem, from);
  const __m128i first_byte = _mm_set1_epi8(stem.front()), last_byte = _mm_set1_epi8(stem.back());
  const size_t final_start = line.size() - last - kPlaces;
  for (size_t start = from; start < line.size() - last; start += kPlaces) {
    // The last places are looked at together with some before them.
    size_t at = std::min(start, final_start);
    const char* text = line.data() + at;
    __m128i firsts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    __m128i lasts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + last));
    auto places = static_cast<unsigned>(_mm_movemask_epi8(
        _mm_and_si128(_mm_cmpeq_epi8(firsts, first_byte), _mm_cmpeq_epi8(lasts, last_byte))));
    if (at < start) places &= ~0u << (start - at);
    for (; places != 0; places &= places - 1) {
      size_t place = at + static_cast<size_t>(std::countr_zero(places));
      if (std::memcmp(line.data() + place + 1, stem.data() + 1, last) == 0) return place;
    }
  }
  return std::string_view::npos;
}

// What may stand between a key and its value: quotes (also escaped, for JSON inside JSON), blanks, one ':' or
// '='. Gives the value's start, or npos.
size_t value_start(std::string_view text) {
  size_t i = 0;
  bool separated = false;
  for (; i < text.size(); ++i) {
    char c = text[i];
    if (c == ':' || c == '=') {
      if (separated) return std::string_view::npos;
      separated = true;
    } else if (c != '"' && c != '\'' && c != '\\' && c != ' ' && c != '\t') {
      break;
    }
  }
  return separated ? i : std::string_view::npos;
}

// The value of a key stem + "_id", "Id", "ID" or ".id" that is exactly `digits` hexadecimal digits; empty
// when there is none.
std::string_view find_hex_value(std::string_view line, std::string_view stem, size_t digits) {
  static constexpr std::array<std::string_view, 4> kEndings{"_id", "Id", "ID", ".id"};
  size_t at = 0;
  while (at < line.size()) {
    size_t key = find_text(line, at, stem);
    if (key == std::string_view::npos) return {};
    at = key + stem.size();
    if (key > 0 && is_word(line[key - 1])) continue;
    std::string_view rest = line.substr(at);
    auto ending = std::find_if(kEndings.begin(), kEndings.end(),
                               [&](std::string_view end) { return rest.starts_with(end); });
    if (ending == kEndings.end()) continue;
    rest.remove_prefix(ending->size());
    size_t start = value_start(rest);
    if (start == std::string_view::npos) continue;
    rest.remove_prefix(start);
    if (hex_run(rest) == digits && (rest.size() == digits || !is_word(rest[digits])))
      return rest.substr(0, digits);
  }
  return {};
}

constexpr std::array<std::string_view, 3> kTraceNames{"trace_id", "traceId", "traceID"};
constexpr std::array<std::string_view, 3> kSpanNames{"span_id", "spanId", "spanID"};

std::vector<const ColumnData*> string_attributes(const Batch& batch,
                                                 const std::array<std::string_view, 3>& names) {
  std::vector<const ColumnData*> found;
  for (std::string_view name : names) {
    const ColumnData* data = batch.find({Scope::attribute, std::string(name)}, ColumnType::string);
    if (data != nullptr) found.push_back(data);
  }
  return found;
}

// The index of a fixed column, added (all absent) when the batch lacks it. An index, since adding moves the
// columns.
size_t fixed_index(Batch& batch, std::string_view name, ColumnType type) {
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    const ColumnData& data = batch.columns[i];
    if (data.id.scope == Scope::fixed && data.id.name == name && data.type == type) return i;
  }
  ColumnData& data = batch.columns.emplace_back();
  data.id = fixed_column(name);
  data.type = type;
  data.present.assign(batch.row_count, 0);
  if (type == ColumnType::trace_id) {
    data.trace_ids.resize(batch.row_count);
  } else {
    data.ints.resize(batch.row_count);
  }
  return batch.columns.size() - 1;
}

// As Id::is_none, in registers: asked of every row.
bool is_none(const TraceId& id) {
  uint64_t halves[2];
  std::memcpy(halves, id.bytes.data(), sizeof(halves));
  return (halves[0] | halves[1]) == 0;
}
bool is_none(const SpanId& id) {
  return id.value == 0;
}

// What was found, one a row; the columns of the batch stay where they are meanwhile.
struct FoundIds {
  std::vector<TraceId> traces;  // none: nothing was found
  std::vector<SpanId> spans;
  bool any_trace = false;
  bool any_span = false;

  void set(size_t row, size_t row_count, const TraceId& trace, const std::optional<SpanId>& span) {
    if (!any_trace) traces.resize(row_count);
    any_trace = true;
    traces[row] = trace;
    if (!span) return;
    if (!any_span) spans.resize(row_count);
    any_span = true;
    spans[row] = *span;
  }
};

void set_ids(Batch& batch, const FoundIds& found) {
  size_t trace = fixed_index(batch, column::kTraceId, ColumnType::trace_id);
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (is_none(found.traces[row])) continue;
    batch.columns[trace].trace_ids[row] = found.traces[row];
    batch.columns[trace].present[row] = 1;
  }
  if (!found.any_span) return;
  size_t span = fixed_index(batch, column::kSpanId, ColumnType::int64);
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (found.spans[row].is_none() || batch.columns[span].is_present(row)) continue;
    batch.columns[span].ints[row] = static_cast<int64_t>(found.spans[row].value);
    batch.columns[span].present[row] = 1;
  }
}

void drop_full_presence(Batch& batch) {
  for (ColumnData& data : batch.columns) {
    if (std::find(data.present.begin(), data.present.end(), 0) == data.present.end()) data.present.clear();
  }
}

std::optional<TraceId> trace_id_of(std::string_view hex) {
  if (hex.empty()) return std::nullopt;
  std::optional<TraceId> id = TraceId::from_hex(hex);
  return id && !id->is_none() ? id : std::nullopt;
}

std::optional<SpanId> span_id_of(std::string_view hex) {
  if (hex.empty()) return std::nullopt;
  std::optional<SpanId> id = SpanId::from_hex(hex);
  return id && !id->is_none() ? id : std::nullopt;
}

// The first of the row's attributes that is such an id.
template <typename Id>
std::optional<Id> attribute_id(const std::vector<const ColumnData*>& columns, size_t row, size_t digits) {
  for (const ColumnData* data : columns) {
    if (!data->is_present(row) || data->strings[row].size() != digits) continue;
    std::optional<Id> id = Id::from_hex(data->strings[row]);
    if (id) return is_none(*id) ? std::nullopt : id;
  }
  return std::nullopt;
}

}  // namespace

std::optional<TraceId> find_trace_id(std::string_view line) {
  return trace_id_of(find_hex_value(line, "trace", 32));
}
std::optional<SpanId> find_span_id(std::string_view line) {
  return span_id_of(find_hex_value(line, "span", 16));
}

void extract_trace_ids(Batch& batch) {
  const ColumnData* given = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  if (given != nullptr && given->present.empty()) return;
  const ColumnData* lines = batch.find(fixed_column(column::kLine), ColumnType::string);
  std::vector<const ColumnData*> trace_columns = string_attributes(batch, kTraceNames);
  std::vector<const ColumnData*> span_columns = string_attributes(batch, kSpanNames);
  FoundIds found;
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (given != nullptr && given->is_present(row)) continue;
    std::optional<TraceId> trace_id = attribute_id<TraceId>(trace_columns, row, 32);
    std::optional<SpanId> span_id = attribute_id<SpanId>(span_columns, row, 16);
    if (lines != nullptr && lines->is_present(row)) {
      if (!trace_id) trace_id = find_trace_id(lines->strings[row]);
      if (trace_id && !span_id) span_id = find_span_id(lines->strings[row]);
    }
    if (trace_id) found.set(row, batch.row_count, *trace_id, span_id);
  }
  if (!found.any_trace) return;
  set_ids(batch, found);
  drop_full_presence(batch);
}

}  // namespace obelisk
