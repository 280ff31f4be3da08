#include "wire/exposition_bounds.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.h"
#include "base/text.h"

namespace obelisk {
namespace {

std::string_view bound_label(MetricType type) {
  switch (type) {
    case MetricType::histogram:
    case MetricType::gaugehistogram:
      return "le";
    case MetricType::summary:
      return "quantile";
    default:
      return {};
  }
}

// Already as bound_text would write it, as far as a glance tells: digits with one point among them, no
// needless zero.
bool is_plainly_canonical(std::string_view text) {
  if (text == "+Inf") return true;
  size_t point = text.find('.');
  if (point == std::string_view::npos || point == 0 || point + 1 == text.size() || text.size() > 8)
    return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != point && (text[i] < '0' || text[i] > '9')) return false;
  }
  if (text[0] == '0' && point > 1) return false;
  bool small = text[0] == '0';  // 0.0001 may be spelled with an exponent
  if (small && point + 2 < text.size() && text[point + 1] == '0') return false;
  return text.back() != '0' || point + 2 == text.size();
}

}  // namespace

std::string exposition_value_text(double value) {
  if (!std::isfinite(value) || value == 0) return format_sample_value(value);
  std::array<char, 64> buffer;  // the shortest digits, a sign, a point, an exponent
  auto write = [&](std::chars_format format) {
    auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
    OBELISK_ASSERT(code == std::errc());
    return std::string_view(buffer.data(), static_cast<size_t>(end - buffer.data()));
  };
  std::string_view scientific = write(std::chars_format::scientific);
  int exponent = 0;
  size_t mark = scientific.find('e');
  bool negative = scientific[mark + 1] == '-';
  for (char digit : scientific.substr(mark + 2)) exponent = exponent * 10 + (digit - '0');
  // Go's 'g' with the shortest precision.
  if (exponent > (negative ? 4 : 5)) return std::string(scientific);
  return std::string(write(std::chars_format::fixed));
}

std::string bound_text(double value) {
  std::string text = exposition_value_text(value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void normalize_bound_label(ExpositionSample& sample, MetricType type, Arena& arena) {
  std::string_view name = bound_label(type);
  if (name.empty()) return;
  for (size_t i = 0; i < sample.labels.size(); ++i) {
    if (sample.labels[i].name != name) continue;
    std::string_view text = sample.labels[i].value;
    if (is_plainly_canonical(text)) return;
    std::optional<double> value = parse_float(text);
    if (!value) return;
    std::string spelled = bound_text(*value);
    if (spelled == text) return;
    LabelRef* copies = arena.allocate_array<LabelRef>(sample.labels.size());
    std::uninitialized_copy(sample.labels.begin(), sample.labels.end(), copies);
    copies[i].value = arena.copy(spelled);
    sample.labels = LabelsView(copies, sample.labels.size());
    return;
  }
}

}  // namespace obelisk
