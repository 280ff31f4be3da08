#include "rules/alert_template_functions.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "net/url.h"
#include "plan/regex.h"

#include "rules/alert_template.h"

namespace obelisk::rules {
namespace {

Error bad(std::string message) {
  return make_error(ErrorCode::execution, std::move(message));
}

// Go's %.4g: four significant digits, no trailing zeros, an exponent of at least two digits from 1e+04 on.
std::string four_digits(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:.4g}", value);
}

const AlertTemplateData& data_of(const TemplateScope& scope) {
  return *static_cast<const AlertTemplateData*>(scope.caller);
}

Result<double> number_of(const TemplateValue& value) {
  switch (value.kind()) {
    case TemplateValue::Kind::integer:
      return static_cast<double>(value.integer());
    case TemplateValue::Kind::real:
      return value.real();
    case TemplateValue::Kind::text:
      if (std::optional<double> parsed = parse_float(value.text())) return *parsed;
      return bad(fmt::format("strconv.ParseFloat: parsing \"{}\": invalid syntax", value.text()));
    default:
      return bad(fmt::format("can't convert {} to float", value.type_name()));
  }
}

Result<std::string> text_of(const TemplateValue& value) {
  if (value.kind() != TemplateValue::Kind::text)
    return bad(fmt::format("expected string; got {}", value.type_name()));
  return value.text();
}

using NumberToText = std::string (*)(double);
TemplateFunctionEntry number_function(NumberToText function) {
  return {1, 1, [function](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
            OBELISK_TRY(double number, number_of(arguments[0]));
            return TemplateValue(function(number));
          }};
}

using TextToText = std::function<std::string(const std::string&)>;
TemplateFunctionEntry text_function(TextToText function) {
  return {1, 1, [function](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
            OBELISK_TRY(std::string text, text_of(arguments[0]));
            return TemplateValue(function(text));
          }};
}

std::string map_ascii(std::string text, int (*convert)(int)) {
  for (char& c : text) c = static_cast<char>(static_cast<unsigned char>(c) < 0x80 ? convert(c) : c);
  return text;
}

// The first letter of each word up, the rest untouched.
std::string title(const std::string& text) {
  std::string out = text;
  bool at_start = true;
  for (char& c : out) {
    if (at_start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    at_start =
        !std::isalnum(static_cast<unsigned char>(c)) && c != '\'' && static_cast<unsigned char>(c) < 0x80;
  }
  return out;
}

std::string strip_port(const std::string& text) {
  size_t colon = text.rfind(':');
  if (colon == std::string::npos) return text;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host.find(':') == std::string::npos ? host : text;
}

bool is_ip_address(std::string_view host) {
  return host.find(':') != std::string_view::npos ||
         (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

std::string strip_domain(const std::string& text) {
  size_t colon = text.rfind(':');
  bool has_port = colon != std::string::npos && text.find(':') == colon;
  std::string host = has_port ? text.substr(0, colon) : text;
  if (is_ip_address(host)) return text;
  return host.substr(0, host.find('.')) + (has_port ? text.substr(colon) : "");
}

TemplateValue sample_value(const VectorSample& sample) {
  TemplateMap labels;
  for (const Label& label : sample.labels) labels[label.name] = TemplateValue(label.value);
  TemplateMap map;
  map["Labels"] = TemplateValue(std::move(labels));
  map["Value"] = TemplateValue(sample.value);
  return TemplateValue(std::move(map));
}

Result<TemplateValue> run_query(TemplateArguments arguments, const TemplateScope& scope) {
  OBELISK_TRY(std::string query, text_of(arguments[0]));
  OBELISK_TRY(SampleVector samples, data_of(scope).query(query));
  TemplateList list;
  for (const VectorSample& sample : samples) list.push_back(sample_value(sample));
  return TemplateValue(std::move(list));
}

Result<TemplateValue> field_of_sample(const TemplateValue& sample, std::string_view field) {
  if (sample.kind() == TemplateValue::Kind::map) {
    auto it = sample.map().find(field);
    if (it != sample.map().end()) return it->second;
  }
  return bad(fmt::format("expected a sample of a query; got {}", sample.type_name()));
}

Result<std::string> label_of(const TemplateValue& sample, const std::string& name) {
  OBELISK_TRY(TemplateValue labels, field_of_sample(sample, "Labels"));
  auto it = labels.map().find(name);
  return it == labels.map().end() ? std::string() : it->second.to_text();
}

Result<TemplateValue> first_of(TemplateArguments arguments, const TemplateScope&) {
  if (arguments[0].kind() != TemplateValue::Kind::list || arguments[0].list().empty()) {
    return bad("first() called on vector with no elements");
  }
  return arguments[0].list()[0];
}

Result<TemplateValue> label_function(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(std::string name, text_of(arguments[0]));
  OBELISK_TRY(std::string value, label_of(arguments[1], name));
  return TemplateValue(std::move(value));
}

Result<TemplateValue> sort_by_label(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(std::string name, text_of(arguments[0]));
  if (arguments[1].kind() != TemplateValue::Kind::list)
    return bad("sortByLabel: expected the result of a query");
  std::vector<std::pair<std::string, TemplateValue>> keyed;
  for (const TemplateValue& sample : arguments[1].list()) {
    OBELISK_TRY(std::string key, label_of(sample, name));
    keyed.emplace_back(std::move(key), sample);
  }
  std::stable_sort(keyed.begin(), keyed.end(), [](auto& a, auto& b) { return a.first < b.first; });
  TemplateList sorted;
  for (auto& [key, sample] : keyed) sorted.push_back(std::move(sample));
  return TemplateValue(std::move(sorted));
}

Result<TemplateValue> match_function(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(std::string pattern, text_of(arguments[0]));
  OBELISK_TRY(std::string text, text_of(arguments[1]));
  OBELISK_TRY(auto regex, Regex::compile(pattern, Regex::Mode::searching));
  return TemplateValue(regex->matches(text));
}

// Go's replacement text ($1, ${name}, $$) in RE2's (\1).
std::string go_replacement(std::string_view go, const RE2& regex) {
  std::string out;
  for (size_t i = 0; i < go.size(); ++i) {
    if (go[i] == '\\') {
      out += "\\\\";
    } else if (go[i] != '$') {
      out += go[i];
    } else if (i + 1 < go.size() && go[i + 1] == '$') {
      out += '$';
      ++i;
    } else {
      bool braces = i + 1 < go.size() && go[i + 1] == '{';
      size_t start = i + (braces ? 2 : 1);
      size_t end = start;
      while (end < go.size() && (std::isalnum(static_cast<unsigned char>(go[end])) || go[end] == '_')) ++end;
      std::string name(go.substr(start, end - start));
      i = end - 1 + (braces && end < go.size() && go[end] == '}' ? 1 : 0);
      std::optional<int64_t> index = parse_int64(name);
      if (!index) {
        auto named = regex.NamedCapturingGroups().find(name);
        if (named != regex.NamedCapturingGroups().end()) index = named->second;
      }
      // A group that is not there is the empty text. RE2 knows groups up to 9.
      if (index && *index <= regex.NumberOfCapturingGroups() && *index <= 9)
        out += fmt::format("\\{}", *index);
    }
  }
  return out;
}

Result<TemplateValue> replace_all(TemplateArguments arguments, const TemplateScope&) {
  OBELISK_TRY(std::string pattern, text_of(arguments[0]));
  OBELISK_TRY(std::string replacement, text_of(arguments[1]));
  OBELISK_TRY(std::string text, text_of(arguments[2]));
  RE2 regex(pattern, RE2::Quiet);
  if (!regex.ok()) return bad(fmt::format("regular expression \"{}\": {}", pattern, regex.error()));
  RE2::GlobalReplace(&text, regex, go_replacement(replacement, regex));
  return TemplateValue(std::move(text));
}

TemplateFunctionEntry link_function(int tab) {
  return text_function([tab](const std::string& expression) {
    return fmt::format("/graph?g0.expr={}&g0.tab={}", percent_encode(expression), tab);
  });
}

TemplateFunctions build() {
  TemplateFunctions table;
  table["humanize"] = number_function(humanize);
  table["humanize1024"] = number_function(humanize_1024);
  table["humanizeDuration"] = number_function(humanize_duration);
  table["humanizePercentage"] = number_function(humanize_percentage);
  table["humanizeTimestamp"] = number_function(humanize_timestamp);
  table["toUpper"] = text_function([](const std::string& text) { return map_ascii(text, std::toupper); });
  table["toLower"] = text_function([](const std::string& text) { return map_ascii(text, std::tolower); });
  table["title"] = text_function(title);
  table["stripPort"] = text_function(strip_port);
  table["stripDomain"] = text_function(strip_domain);
  table["urlQueryEscape"] = text_function([](const std::string& text) { return percent_encode(text); });
  table["safeHtml"] = text_function([](const std::string& text) { return text; });
  table["graphLink"] = link_function(0);
  table["tableLink"] = link_function(1);
  table["match"] = {2, 2, match_function};
  table["reReplaceAll"] = {3, 3, replace_all};
  table["query"] = {1, 1, run_query};
  table["first"] = {1, 1, first_of};
  table["label"] = {2, 2, label_function};
  table["sortByLabel"] = {2, 2, sort_by_label};
  table["value"] = {1, 1, [](TemplateArguments arguments, const TemplateScope&) {
                      return field_of_sample(arguments[0], "Value");
                    }};
  table["strvalue"] = {1, 1, [](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
                         OBELISK_TRY(std::string value, label_of(arguments[0], "__value__"));
                         return TemplateValue(std::move(value));
                       }};
  table["now"] = {0, 0, [](TemplateArguments, const TemplateScope& scope) -> Result<TemplateValue> {
                    return TemplateValue(static_cast<double>(data_of(scope).time.value) / 1e9);
                  }};
  table["toTime"] = {1, 1, [](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
                       OBELISK_TRY(double seconds, number_of(arguments[0]));
                       if (!(std::fabs(seconds) < 9.2e9)) return bad("toTime: not a time of this era");
                       return TemplateValue(UnixNanos{static_cast<int64_t>(seconds * 1e9)});
                     }};
  table["parseDuration"] = {
      1, 1, [](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
        OBELISK_TRY(std::string text, text_of(arguments[0]));
        bool negative = text.starts_with('-');
        OBELISK_TRY(int64_t nanos,
                    parse_prometheus_duration(std::string_view(text).substr(negative ? 1 : 0)));
        return TemplateValue(static_cast<double>(negative ? -nanos : nanos) / 1e9);
      }};
  table["externalURL"] = {0, 0, [](TemplateArguments, const TemplateScope& scope) -> Result<TemplateValue> {
                            return TemplateValue(data_of(scope).external_url);
                          }};
  table["pathPrefix"] = {0, 0, [](TemplateArguments, const TemplateScope&) -> Result<TemplateValue> {
                           return TemplateValue("");
                         }};
  return table;
}

}  // namespace

std::string humanize(double value) {
  if (value == 0 || std::isnan(value) || std::isinf(value)) return four_digits(value);
  std::string_view prefix;
  if (std::fabs(value) >= 1) {
    for (std::string_view next : {"k", "M", "G", "T", "P", "E", "Z", "Y"}) {
      if (std::fabs(value) < 1000) break;
      prefix = next;
      value /= 1000;
    }
  } else {
    for (std::string_view next : {"m", "u", "n", "p", "f", "a", "z", "y"}) {
      if (std::fabs(value) >= 1) break;
      prefix = next;
      value *= 1000;
    }
  }
  return four_digits(value) + std::string(prefix);
}

std::string humanize_1024(double value) {
  std::string_view prefix;
  if (std::fabs(value) > 1 && !std::isinf(value)) {
    for (std::string_view next : {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"}) {
      if (std::fabs(value) < 1024) break;
      prefix = next;
      value /= 1024;
    }
  }
  return four_digits(value) + std::string(prefix);
}

std::string humanize_duration(double seconds) {
  if (std::isnan(seconds) || std::isinf(seconds)) return four_digits(seconds);
  if (seconds == 0) return "0s";
  if (std::fabs(seconds) >= 1) {
    std::string_view sign = seconds < 0 ? "-" : "";
    double magnitude = std::fabs(seconds);
    if (magnitude < 60) return fmt::format("{}{}s", sign, four_digits(magnitude));
    int64_t whole = static_cast<int64_t>(magnitude);
    int64_t days = whole / 86400, hours = whole / 3600 % 24, minutes = whole / 60 % 60, rest = whole % 60;
    if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, rest);
    if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, rest);
    return fmt::format("{}{}m {}s", sign, minutes, rest);
  }
  std::string_view prefix;
  for (std::string_view next : {"m", "u", "n", "p", "f", "a", "z", "y"}) {
    if (std::fabs(seconds) >= 1) break;
    prefix = next;
    seconds *= 1000;
  }
  return fmt::format("{}{}s", four_digits(seconds), prefix);
}

std::string humanize_percentage(double ratio) {
  return four_digits(ratio * 100) + "%";
}

std::string humanize_timestamp(double unix_seconds) {
  if (std::isnan(unix_seconds) || std::isinf(unix_seconds) || std::fabs(unix_seconds) > 9.2e9)
    return four_digits(unix_seconds);
  // Go's time.Time.String: "2026-05-03 06:37:57.625 +0000 UTC".
  std::string text = format_rfc3339(std::llround(unix_seconds * 1e3) * 1'000'000);
  text.pop_back();
  text[10] = ' ';
  return text + " +0000 UTC";
}

const TemplateFunctions& alert_template_functions() {
  static const TemplateFunctions table = build();
  return table;
}

}  // namespace obelisk::rules
