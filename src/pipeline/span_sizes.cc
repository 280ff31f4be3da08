#include "pipeline/span_sizes.h"

namespace obelisk {
namespace {

template <typename T, typename Size>
void add_sizes(const ColumnData& data, const std::vector<T>& values, uint64_t name_bytes, Size&& size,
               std::vector<uint64_t>& sizes) {
  // Which rows have a value cannot be guessed: a row without one adds nothing times its size.
  if (data.present.empty()) {
    for (size_t row = 0; row < values.size(); ++row) sizes[row] += name_bytes + size(values[row]);
    return;
  }
  for (size_t row = 0; row < values.size(); ++row)
    sizes[row] += data.present[row] * (name_bytes + size(values[row]));
}

}  // namespace

std::vector<uint64_t> span_sizes(const Batch& spans) {
  std::vector<uint64_t> sizes(spans.row_count, 0);
  for (const ColumnData& data : spans.columns) {
    if (data.id.scope == Scope::resource || data.id.scope == Scope::instrumentation) continue;
    uint64_t name_bytes = data.id.scope == Scope::attribute ? data.id.name.size() : 0;
    add_sizes(
        data, data.strings, name_bytes, [](std::string_view text) { return text.size(); }, sizes);
    add_sizes(
        data, data.trace_ids, name_bytes, [](const TraceId&) { return uint64_t{16}; }, sizes);
    add_sizes(
        data, data.ints, name_bytes, [](int64_t) { return uint64_t{8}; }, sizes);
    add_sizes(
        data, data.floats, name_bytes, [](double) { return uint64_t{8}; }, sizes);
  }
  return sizes;
}

}  // namespace obelisk
