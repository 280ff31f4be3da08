#include "wire/exposition_text.h"

#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "wire/exposition_bounds.h"
#include "wire/exposition_families.h"
#include "wire/exposition_scanner.h"

namespace obelisk {
namespace {

constexpr int64_t kMillisMax = std::numeric_limits<int64_t>::max() / kNanosPerMilli;

std::optional<MetricType> type_of(std::string_view word) {
  if (word == "counter") return MetricType::counter;
  if (word == "gauge") return MetricType::gauge;
  if (word == "histogram") return MetricType::histogram;
  if (word == "summary") return MetricType::summary;
  if (word == "untyped") return MetricType::unknown;
  return std::nullopt;
}

class TextParser {
 public:
  explicit TextParser(std::string_view page) : scanner_(page, {}, out_), families_(out_) {}

  Result<Exposition> parse() {
    while (!scanner_.at_end()) {
      scanner_.skip_blanks();
      if (scanner_.at_line_end()) {
        scanner_.take_line();
      } else if (!(scanner_.peek() == '#' ? read_comment() : read_sample())) {
        return scanner_.take_error("Prometheus text");
      }
    }
    return std::move(out_);
  }

 private:
  bool read_comment() {
    scanner_.advance(1);
    scanner_.skip_blanks();
    const char* keyword_at = scanner_.position();
    std::string_view keyword = scanner_.take_token();
    if (keyword != "HELP" && keyword != "TYPE") {
      scanner_.take_line();
      return true;
    }
    scanner_.skip_blanks();
    std::string_view name;
    // "# HELP" followed by nothing that is a name is a comment like any other; after TYPE it is a mistake.
    if (scanner_.at_line_end()) {
      if (keyword == "TYPE") return scanner_.fail_at(keyword_at, "TYPE without a metric name");
      scanner_.take_line();
      return true;
    }
    if (!scanner_.read_metric_name(name)) return false;
    if (!scanner_.at_line_end() && scanner_.peek() != ' ' && scanner_.peek() != '\t') {
      return scanner_.fail("expected a blank after the metric name");
    }
    scanner_.skip_blanks();
    ExpositionFamily& family = out_.families[families_.find_or_add(name)];
    family.has_metadata = true;
    return keyword == "HELP" ? read_help(family) : read_type(family);
  }

  bool read_help(ExpositionFamily& family) {
    family.help = unescape_exposition(scanner_.take_line(), false, out_.arena);
    return is_valid_utf8(family.help) || scanner_.fail("help text is not valid UTF-8");
  }

  bool read_type(ExpositionFamily& family) {
    const char* word_at = scanner_.position();
    std::string_view word = trim(scanner_.take_line());
    std::optional<MetricType> type = type_of(word);
    if (!type)
      return scanner_.fail_at(word_at, fmt::format("invalid metric type \"{}\"", word.substr(0, 64)));
    family.type = *type;
    return true;
  }

  bool read_sample() {
    ExpositionSample sample;
    std::string_view name;
    if (!scanner_.read_series(sample, name)) return false;
    scanner_.skip_blanks();
    const char* value_at = scanner_.position();
    std::optional<double> value = parse_float(scanner_.take_token());
    if (!value) return scanner_.fail_at(value_at, "expected a value");
    sample.value = *value;
    scanner_.skip_blanks();
    if (!scanner_.at_line_end() && !read_time(sample)) return false;
    scanner_.take_line();
    sample.family = families_.family_of_sample(name);
    normalize_bound_label(sample, out_.families[sample.family].type, out_.arena);
    out_.samples.push_back(sample);
    return true;
  }

  bool read_time(ExpositionSample& sample) {
    const char* time_at = scanner_.position();
    std::optional<int64_t> millis = parse_int64(scanner_.take_token());
    if (!millis || *millis > kMillisMax || *millis < -kMillisMax) {
      return scanner_.fail_at(time_at, "expected a timestamp in milliseconds");
    }
    sample.time = UnixNanos::from_millis(*millis);
    scanner_.skip_blanks();
    return scanner_.at_line_end() || scanner_.fail("unexpected text after the timestamp");
  }

  Exposition out_;
  ExpositionScanner scanner_;
  ExpositionFamilies families_;
};

}  // namespace

Result<Exposition> parse_prometheus_text(std::string_view page) {
  return TextParser(page).parse();
}

}  // namespace obelisk
