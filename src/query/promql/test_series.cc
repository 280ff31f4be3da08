#include "query/promql/test_series.h"

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "model/histogram_arithmetic.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"

namespace obelisk::promql {
namespace {

Error bad(std::string_view what, std::string_view text) {
  return make_error(ErrorCode::parse_error,
                    std::string(what) + ": \"" + std::string(text.substr(0, 80)) + "\"");
}

// Where the labels of a series line end.
size_t end_of_labels(std::string_view line) {
  bool braces = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quote != 0) {
      if (c == '\\' && quote != '`') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{') {
      braces = true;
    } else if (c == '}') {
      braces = false;
    } else if (!braces && (c == ' ' || c == '\t')) {
      return i;
    }
  }
  return line.size();
}

Result<Labels> parse_labels(std::string_view text) {
  std::vector<Label> labels;
  if (text == "{}") return Labels();
  OBELISK_TRY(std::vector<Token> tokens, tokenize(text));
  size_t at = 0;
  if (tokens[at].kind == TokenKind::identifier)
    labels.push_back({std::string(kMetricNameLabel), tokens[at++].text});
  if (tokens[at].kind == TokenKind::left_brace) {
    ++at;
    while (tokens[at].kind != TokenKind::right_brace) {
      const Token& name = tokens[at];
      if (name.kind == TokenKind::string && tokens[at + 1].kind != TokenKind::assign) {
        labels.push_back({std::string(kMetricNameLabel), name.text});
        ++at;
      } else {
        if (at + 2 >= tokens.size() || tokens[at + 1].kind != TokenKind::assign ||
            tokens[at + 2].kind != TokenKind::string) {
          return bad("bad label", text);
        }
        labels.push_back({name.text, tokens[at + 2].text});
        at += 3;
      }
      if (tokens[at].kind == TokenKind::comma) ++at;
      if (tokens[at].kind == TokenKind::end) return bad("unclosed labels", text);
    }
    ++at;
  }
  if (tokens[at].kind != TokenKind::end) return bad("text after the labels", text);
  return Labels(std::move(labels));
}

std::vector<double> number_list(std::string_view text, bool* ok) {
  std::vector<double> numbers;
  while (true) {
    text = trim(text);
    if (text.empty()) return numbers;
    size_t end = text.find(' ');
    std::optional<double> number = parse_script_number(text.substr(0, end));
    if (!number) {
      *ok = false;
      return numbers;
    }
    numbers.push_back(*number);
    if (end == std::string_view::npos) return numbers;
    text.remove_prefix(end);
  }
}

// Reads `key:value key:[list] ...` between the double braces.
class HistogramReader {
 public:
  explicit HistogramReader(std::string_view inside) : rest_(inside) {}

  Result<ScriptPoint> read() {
    auto histogram = std::make_shared<Histogram>();
    ScriptPoint point;
    int32_t offset = 0;
    int32_t negative_offset = 0;
    for (;;) {
      rest_ = trim(rest_);
      if (rest_.empty()) break;
      size_t colon = rest_.find(':');
      if (colon == std::string_view::npos) return bad("bad histogram", rest_);
      std::string_view key = rest_.substr(0, colon);
      rest_.remove_prefix(colon + 1);
      bool list = !rest_.empty() && rest_[0] == '[';
      size_t end = list ? rest_.find(']') : std::min(rest_.find(' '), rest_.size());
      if (end == std::string_view::npos) return bad("bad histogram", rest_);
      std::string_view text = list ? rest_.substr(1, end - 1) : rest_.substr(0, end);
      rest_.remove_prefix(std::min(rest_.size(), end + 1));
      bool ok = true;
      if (key == "counter_reset_hint") {
        point.hint_given = true;
        ok = set_hint(*histogram, text);
      } else if (list) {
        std::vector<double> numbers = number_list(text, &ok);
        if (key == "buckets") {
          histogram->positive_counts = std::move(numbers);
        } else if (key == "n_buckets") {
          histogram->negative_counts = std::move(numbers);
        } else if (key == "custom_values") {
          histogram->custom_bounds = std::move(numbers);
        } else {
          ok = false;
        }
      } else {
        std::optional<double> number = parse_script_number(text);
        ok = number.has_value() && set_number(*histogram, key, *number, offset, negative_offset);
      }
      if (!ok) return bad("bad histogram field", key);
    }
    set_spans(histogram->positive_counts, offset, histogram->positive_spans);
    set_spans(histogram->negative_counts, negative_offset, histogram->negative_spans);
    point.histogram = std::move(histogram);
    return point;
  }

 private:
  static bool set_hint(Histogram& histogram, std::string_view text) {
    if (text == "unknown") {
      histogram.reset_hint = CounterResetHint::unknown;
    } else if (text == "reset") {
      histogram.reset_hint = CounterResetHint::yes;
    } else if (text == "not_reset") {
      histogram.reset_hint = CounterResetHint::no;
    } else if (text == "gauge") {
      histogram.reset_hint = CounterResetHint::gauge;
    } else {
      return false;
    }
    return true;
  }

  static bool set_number(Histogram& histogram, std::string_view key, double number, int32_t& offset,
                         int32_t& negative_offset) {
    if (key == "schema") {
      histogram.schema = static_cast<int32_t>(number);
    } else if (key == "sum") {
      histogram.sum = number;
    } else if (key == "count") {
      histogram.count = number;
    } else if (key == "z_bucket") {
      histogram.zero_count = number;
    } else if (key == "z_bucket_w") {
      histogram.zero_threshold = number;
    } else if (key == "offset") {
      offset = static_cast<int32_t>(number);
    } else if (key == "n_offset") {
      negative_offset = static_cast<int32_t>(number);
    } else {
      return false;
    }
    return true;
  }

  static void set_spans(const std::vector<double>& counts, int32_t offset, std::vector<BucketSpan>& spans) {
    if (!counts.empty()) spans = {{offset, static_cast<uint32_t>(counts.size())}};
  }

  std::string_view rest_;
};

constexpr uint64_t kPointsMax = 1'000'000;  // of one run, so that a typing error cannot fill the memory

class PointsReader {
 public:
  // `durations`: numbers are durations, read as milliseconds.
  PointsReader(std::string_view text, bool durations) : rest_(text), durations_(durations) {}

  Result<std::vector<ScriptPoint>> read() {
    for (;;) {
      while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
      if (rest_.empty()) return std::move(points_);
      if (rest_.starts_with("{{")) {
        OBELISK_CHECK_OK(histograms());
      } else {
        size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
        OBELISK_CHECK_OK(number_or_gap(rest_.substr(0, end)));
        rest_.remove_prefix(end);
      }
    }
  }

 private:
  Result<uint64_t> times(std::string_view text) {
    std::optional<uint64_t> count = parse_uint64(text);
    if (!count || *count > kPointsMax) return bad("bad repetition", text);
    return *count;
  }

  Result<void> number_or_gap(std::string_view text) {
    if (text == "_") {
      points_.push_back({true, 0, nullptr, false});
      return {};
    }
    if (text.starts_with("_x")) {
      OBELISK_TRY(uint64_t count, times(text.substr(2)));
      points_.insert(points_.end(), count, ScriptPoint{true, 0, nullptr, false});
      return {};
    }
    if (text == "stale") {
      points_.push_back({false, stale_marker(), nullptr, false});
      return {};
    }
    if (std::optional<double> plain = number(text)) {
      points_.push_back({false, *plain, nullptr, false});
      return {};
    }
    return run(text);
  }

  // a+bxN, a-bxN, axN
  Result<void> run(std::string_view text) {
    size_t cross = text.rfind('x');
    if (cross == std::string_view::npos) return bad("bad value", text);
    OBELISK_TRY(uint64_t count, times(text.substr(cross + 1)));
    std::string_view formula = text.substr(0, cross);
    double step = 0;
    std::optional<double> start = number(formula);
    for (size_t i = formula.size(); !start && i-- > 1;) {
      if (formula[i] != '+' && formula[i] != '-') continue;
      std::optional<double> begin = number(formula.substr(0, i));
      std::optional<double> by = number(formula.substr(i + 1));
      if (!begin || !by) continue;
      start = begin;
      step = formula[i] == '-' ? -*by : *by;
    }
    if (!start) return bad("bad value", text);
    double value = *start;
    for (uint64_t i = 0; i <= count; ++i) {
      points_.push_back({false, value, nullptr, false});
      value += step;
    }
    return {};
  }

  Result<ScriptPoint> one_histogram() {
    size_t end = rest_.find("}}");
    if (end == std::string_view::npos) return bad("unclosed histogram", rest_);
    std::string_view inside = rest_.substr(2, end - 2);
    rest_.remove_prefix(end + 2);
    return HistogramReader(inside).read();
  }

  Result<void> histograms() {
    OBELISK_TRY(ScriptPoint first, one_histogram());
    double sign = rest_.starts_with("+") ? 1 : rest_.starts_with("-") ? -1 : 0;
    ScriptPoint by;
    if (sign != 0) {
      rest_.remove_prefix(1);
      OBELISK_TRY(by, one_histogram());
    }
    uint64_t count = 0;
    if (rest_.starts_with("x")) {
      size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
      OBELISK_TRY(count, times(rest_.substr(1, end - 1)));
      rest_.remove_prefix(end);
    } else if (sign != 0) {
      return bad("a histogram series needs xN", rest_);
    }
    points_.push_back(first);
    Histogram value = *first.histogram;
    for (uint64_t i = 0; i < count; ++i) {
      if (sign != 0) {
        CounterResetHint hint = value.reset_hint;
        if (add_histograms(value, *by.histogram, sign).incompatible)
          return bad("histograms of different kinds", rest_);
        value.reset_hint = by.hint_given ? by.histogram->reset_hint : hint;
      }
      points_.push_back({false, 0, std::make_shared<const Histogram>(value), first.hint_given});
    }
    return {};
  }

  std::optional<double> number(std::string_view text) const {
    if (!durations_) return parse_script_number(text);
    double sign = text.starts_with('-') ? -1 : 1;
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return 0.0;
    Result<int64_t> nanos = parse_prometheus_duration(text);
    if (!nanos.ok()) return std::nullopt;
    return sign * static_cast<double>(*nanos / kNanosPerMilli);
  }

  std::string_view rest_;
  const bool durations_;
  std::vector<ScriptPoint> points_;
};

}  // namespace

std::optional<double> parse_script_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // `0x5` is a zero repeated, not a hexadecimal number.
  if (text.find_first_of("xX") != std::string_view::npos) return std::nullopt;
  bool negative = text.starts_with('-');
  std::optional<double> number = parse_float(negative ? text.substr(1) : text);
  if (!number) return std::nullopt;
  return negative ? -*number : *number;
}

Result<ScriptSeries> parse_script_series(std::string_view line) {
  line = trim(line);
  size_t end = end_of_labels(line);
  ScriptSeries series;
  std::string_view labels = line.substr(0, end);
  constexpr std::string_view kStarts = "@st";
  series.is_starts = labels.ends_with(kStarts);
  if (series.is_starts) labels.remove_suffix(kStarts.size());
  OBELISK_TRY(series.labels, parse_labels(labels));
  OBELISK_TRY(series.points, PointsReader(line.substr(end), series.is_starts).read());
  return series;
}

}  // namespace obelisk::promql
