#include "wire/openmetrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "wire/exposition_bounds.h"
#include "wire/exposition_families.h"
#include "wire/exposition_scanner.h"
#include "wire/openmetrics_rules.h"

namespace obelisk {
namespace {

std::optional<MetricType> type_of(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(MetricType::stateset); ++i) {
    if (metric_type_name(static_cast<MetricType>(i)) == word) return static_cast<MetricType>(i);
  }
  return std::nullopt;
}

// Numbers as the specification writes them: no hexadecimal.
std::optional<double> parse_number(std::string_view text) {
  if (text.find_first_of("xX") != std::string_view::npos) return std::nullopt;
  return parse_float(text);
}

int64_t saturated_nanos(double seconds) {
  constexpr double kMax = 9.2e9;
  return std::llround(std::clamp(seconds, -kMax, kMax) * 1e3) * kNanosPerMilli;
}

class OpenMetricsParser {
 public:
  OpenMetricsParser(std::string_view page, OpenMetricsMode mode, const ExpositionOptions& options)
      : strict_(mode == OpenMetricsMode::strict),
        drop_created_(!strict_ && options.created_as_start_time),
        scanner_(page, {.blanks_between_tokens = false, .trailing_comma = !strict_, .quoted_names = !strict_},
                 out_),
        families_(out_) {}

  Result<Exposition> parse() {
    while (!ended_) {
      if (scanner_.at_end()) {
        scanner_.fail("the page does not end with # EOF");
        return scanner_.take_error("OpenMetrics");
      }
      line_at_ = scanner_.position();
      if (!(scanner_.peek() == '#' ? read_metadata() : read_sample()))
        return scanner_.take_error("OpenMetrics");
    }
    if (!scanner_.at_end()) {
      scanner_.fail("text after # EOF");
      return scanner_.take_error("OpenMetrics");
    }
    set_start_times();
    if (drop_created_) drop_created();
    return std::move(out_);
  }

 private:
  bool refuse_if(std::string problem) {
    return problem.empty() || scanner_.fail_at(line_at_, std::move(problem));
  }

  bool end_line() {
    if (scanner_.at_end()) return scanner_.fail("the line does not end");
    if (scanner_.peek() != '\n') return scanner_.fail("unexpected text at the end of the line");
    scanner_.advance(1);
    return true;
  }

  bool read_metadata() {
    if (scanner_.starts_with("# EOF")) return read_eof();
    using Metadata = OpenMetricsRules::Metadata;
    Metadata kind;
    if (scanner_.starts_with("# TYPE ")) {
      kind = Metadata::type;
    } else if (scanner_.starts_with("# HELP ")) {
      kind = Metadata::help;
    } else if (scanner_.starts_with("# UNIT ")) {
      kind = Metadata::unit;
    } else {
      return scanner_.fail("expected # TYPE, # HELP, # UNIT or # EOF");
    }
    scanner_.advance(7);
    std::string_view name;
    if (!scanner_.read_metric_name(name)) return false;
    if (scanner_.peek() != ' ') return scanner_.fail("expected one blank after the metric name");
    scanner_.advance(1);
    const char* text_at = scanner_.position();
    std::string_view text = scanner_.take_line();
    if (!is_valid_utf8(text)) return scanner_.fail_at(text_at, "the text is not valid UTF-8");
    return apply_metadata(kind, name, text, text_at);
  }

  bool apply_metadata(OpenMetricsRules::Metadata kind, std::string_view name, std::string_view text,
                      const char* text_at) {
    MetricType type = MetricType::unknown;
    if (kind == OpenMetricsRules::Metadata::type) {
      std::optional<MetricType> found = type_of(text);
      if (!found)
        return scanner_.fail_at(text_at, fmt::format("invalid metric type \"{}\"", text.substr(0, 64)));
      type = *found;
    }
    if (strict_ && !refuse_if(rules_.metadata(kind, name, type, text))) return false;
    ExpositionFamily& family = out_.families[families_.find_or_add(name)];
    family.has_metadata = true;
    if (kind == OpenMetricsRules::Metadata::type) family.type = type;
    if (kind == OpenMetricsRules::Metadata::unit) family.unit = text;
    if (kind == OpenMetricsRules::Metadata::help) family.help = unescape_exposition(text, true, out_.arena);
    return true;
  }

  bool read_eof() {
    scanner_.advance(5);
    if (!scanner_.at_line_end()) return scanner_.fail("unexpected text after # EOF");
    scanner_.take_line();
    ended_ = true;
    return !strict_ || refuse_if(rules_.finish());
  }

  bool read_sample() {
    ExpositionSample sample;
    ExpositionExemplar exemplar;
    bool has_exemplar = false;
    std::string_view name;
    if (!scanner_.read_series(sample, name) || !read_blank()) return false;
    if (!read_number(sample.value, "expected a value")) return false;
    if (scanner_.starts_with(" ") && !scanner_.starts_with(" # ")) {
      scanner_.advance(1);
      if (!read_time(sample.time)) return false;
    }
    if (scanner_.starts_with(" # ")) {
      scanner_.advance(3);
      has_exemplar = true;
      if (!read_exemplar(exemplar)) return false;
    }
    if (!end_line()) return false;
    if (strict_ && !refuse_if(rules_.sample(sample, name, has_exemplar ? &exemplar : nullptr))) return false;
    if (has_exemplar) {
      sample.exemplar = static_cast<int32_t>(out_.exemplars.size());
      sample.exemplar_count = 1;
      out_.exemplars.push_back(exemplar);
    }
    sample.family = families_.family_of_sample(name);
    if (!strict_) normalize_bound_label(sample, out_.families[sample.family].type, out_.arena);
    note_created(sample, name);
    out_.samples.push_back(sample);
    return true;
  }

  bool read_blank() {
    if (scanner_.peek() != ' ') return scanner_.fail("expected one blank");
    scanner_.advance(1);
    return true;
  }

  bool read_number(double& value, const char* otherwise) {
    const char* number_at = scanner_.position();
    std::optional<double> number = parse_number(scanner_.take_token());
    if (!number) return scanner_.fail_at(number_at, otherwise);
    value = *number;
    return true;
  }

  bool read_time(std::optional<UnixNanos>& time) {
    const char* time_at = scanner_.position();
    time = parse_openmetrics_time(scanner_.take_token());
    return time.has_value() || scanner_.fail_at(time_at, "expected a timestamp in seconds");
  }

  bool read_exemplar(ExpositionExemplar& exemplar) {
    if (!scanner_.read_label_set(exemplar.labels) || !read_blank()) return false;
    if (!read_number(exemplar.value, "expected the value of an exemplar")) return false;
    if (scanner_.peek() != ' ') return true;
    scanner_.advance(1);
    return read_time(exemplar.time);
  }

  void note_created(const ExpositionSample& sample, std::string_view name) {
    const ExpositionFamily& family = out_.families[sample.family];
    if (name.size() > family.name.size() && name.substr(family.name.size()) == "_created") {
      created_.push_back(static_cast<uint32_t>(out_.samples.size()));
    }
  }

  // The samples around a _created sample that belong to the same metric get its value as their start time.
  void set_start_times() {
    for (uint32_t created : created_) {
      if (!std::isfinite(out_.samples[created].value)) continue;
      UnixNanos start{saturated_nanos(out_.samples[created].value)};
      auto apply = [&](size_t index) {
        if (!same_metric(out_.samples[created], out_.samples[index])) return false;
        out_.samples[index].start_time = start;
        return true;
      };
      // A metric has as many samples as buckets; the bound keeps repeated _created lines from costing their
      // square.
      constexpr size_t kReach = 1024;
      size_t first = created > kReach ? created - kReach : 0;
      size_t last = std::min<size_t>(out_.samples.size(), created + kReach);
      for (size_t i = created; i > first && apply(i - 1);) --i;
      for (size_t i = created; i + 1 < last && apply(i + 1);) ++i;
    }
  }

  void drop_created() {
    size_t next = 0;
    size_t kept = 0;
    for (size_t i = 0; i < out_.samples.size(); ++i) {
      if (next < created_.size() && created_[next] == i) {
        ++next;
      } else {
        out_.samples[kept++] = out_.samples[i];
      }
    }
    out_.samples.resize(kept);
  }

  static bool same_metric(const ExpositionSample& a, const ExpositionSample& b) {
    if (a.family != b.family) return false;
    auto skip = [](LabelsView labels, size_t& i) {
      while (i < labels.size() &&
             (labels[i].name == kMetricNameLabel || labels[i].name == "le" || labels[i].name == "quantile")) {
        ++i;
      }
      return i < labels.size();
    };
    size_t i = 0;
    size_t j = 0;
    while (true) {
      bool more_a = skip(a.labels, i);
      bool more_b = skip(b.labels, j);
      if (!more_a || !more_b) return more_a == more_b;
      if (a.labels[i++] != b.labels[j++]) return false;
    }
  }

  const bool strict_;
  const bool drop_created_;
  Exposition out_;
  ExpositionScanner scanner_;
  ExpositionFamilies families_;
  OpenMetricsRules rules_;
  std::vector<uint32_t> created_;  // indices of samples
  const char* line_at_ = nullptr;
  bool ended_ = false;
};

}  // namespace

std::optional<UnixNanos> parse_openmetrics_time(std::string_view text) {
  std::optional<double> approximate = parse_number(text);
  if (!approximate || !std::isfinite(*approximate)) return std::nullopt;
  size_t point = text.find('.');
  std::optional<int64_t> whole = parse_int64(text.substr(0, point));
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  bool decimal = whole && fraction.find_first_not_of("0123456789") == std::string_view::npos;
  if (!decimal || std::fabs(*approximate) > 9.2e9) return UnixNanos{saturated_nanos(*approximate)};
  int64_t nanos = 0;
  int64_t unit = kNanosPerSecond / 10;
  for (size_t i = 0; i < fraction.size() && unit > 0; ++i, unit /= 10) nanos += (fraction[i] - '0') * unit;
  bool negative = text.starts_with('-');
  return UnixNanos{*whole * kNanosPerSecond + (negative ? -nanos : nanos)};
}

Result<Exposition> parse_openmetrics(std::string_view page, OpenMetricsMode mode,
                                     const ExpositionOptions& options) {
  return OpenMetricsParser(page, mode, options).parse();
}

}  // namespace obelisk
