#include "storage/embedded/events/parent_rows.h"

#include <algorithm>

#include "codec/integer_column.h"
#include "model/trace_id_order.h"
#include "storage/embedded/events/span_id_table.h"

namespace obelisk {

void encode_parent_rows(std::span<const SpanRow> spans, std::span<const uint32_t> rows,
                        std::span<const int64_t> parents, std::string& out) {
  std::vector<int64_t> distances(rows.size()), elsewhere;
  SpanIdTable trace;  // the rows of one trace
  uint32_t end = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= end) {
      uint32_t begin = rows[i];
      while (begin > 0 && same_trace(spans[begin - 1].trace_id, spans[rows[i]].trace_id)) --begin;
      end = rows[i] + 1;
      while (end < spans.size() && same_trace(spans[end].trace_id, spans[rows[i]].trace_id)) ++end;
      trace.begin(end - begin);
      for (uint32_t row = begin; row < end; ++row) trace.add(static_cast<uint64_t>(spans[row].span_id), row);
    }
    uint32_t parent = 0;
    if (parents[i] != 0 && trace.find(static_cast<uint64_t>(parents[i]), parent) && parent != rows[i]) {
      distances[i] = static_cast<int64_t>(rows[i]) - static_cast<int64_t>(parent);
    } else {
      elsewhere.push_back(parents[i]);
    }
  }
  encode_integer_column(distances, out);
  append_varint(out, elsewhere.size());
  if (!elsewhere.empty()) encode_integer_column(elsewhere, out);
}

bool decode_parent_rows(ByteReader& reader, size_t count, ParentRows& out) {
  out.distances.resize(count);
  if (!decode_integer_column(reader, count, out.distances.data())) return false;
  size_t zeros = static_cast<size_t>(std::count(out.distances.begin(), out.distances.end(), 0));
  if (reader.varint_up_to(count) != zeros || reader.failed()) return false;
  out.elsewhere.resize(zeros);
  return zeros == 0 || decode_integer_column(reader, zeros, out.elsewhere.data());
}

bool ParentRows::resolve(std::span<const uint32_t> rows, size_t first, std::span<const int64_t> span_ids,
                         std::vector<int64_t>& parents) const {
  auto begin = distances.begin() + static_cast<ptrdiff_t>(first);
  auto next = static_cast<size_t>(std::count(distances.begin(), begin, 0));
  parents.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    int64_t distance = distances[first + i];
    if (distance == 0) {
      parents[i] = elsewhere[next++];
      continue;
    }
    uint64_t parent = rows[i] - static_cast<uint64_t>(distance);
    if (parent >= span_ids.size()) return false;
    parents[i] = span_ids[parent];
  }
  return true;
}

}  // namespace obelisk
