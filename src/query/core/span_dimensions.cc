#include "query/core/span_dimensions.h"

#include <algorithm>

#include "wire/prometheus_names.h"

namespace obelisk {

std::string dimension_label(std::string_view attribute, const std::vector<std::string_view>& taken) {
  Arena arena;
  std::string label(prometheus_label_name(attribute, arena));
  bool collides = std::find(taken.begin(), taken.end(), label) != taken.end();
  return collides ? "__" + label : label;
}

SpanDimensions::SpanDimensions(const std::vector<std::string>& dimensions,
                               const std::vector<DimensionMapping>& mappings, const Batch& spans) {
  constexpr auto kWhere = AttributeColumns::Where::resource_then_span;
  for (const std::string& dimension : dimensions)
    values_.push_back({{AttributeColumns(spans, dimension, kWhere)}, {}});
  for (const DimensionMapping& mapping : mappings) {
    Value value{{}, mapping.join};
    for (const std::string& source : mapping.source_labels) value.sources.emplace_back(spans, source, kWhere);
    values_.push_back(std::move(value));
  }
}

void SpanDimensions::append_value(const Value& value, size_t row, std::string& out) {
  size_t begin = out.size();
  for (const AttributeColumns& source : value.sources) {
    size_t before = out.size();
    if (before > begin) out += value.join;
    if (!source.append_first_of(row, out)) out.resize(before);
  }
}

void SpanDimensions::append(size_t row, std::string& out) const {
  for (const Value& value : values_) {
    append_value(value, row, out);
    out += '\0';
  }
}

std::vector<std::string> SpanDimensions::values(size_t row) const {
  std::vector<std::string> texts(values_.size());
  for (size_t i = 0; i < values_.size(); ++i) append_value(values_[i], row, texts[i]);
  return texts;
}

}  // namespace obelisk
