#include "query/logql/template_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "query/core/go_regex.h"
#include "query/core/go_time.h"
#include "query/core/utf8_runes.h"
#include "query/logql/line_regex.h"
#include "query/logql/literals.h"
#include "query/logql/template_json.h"
#include "wire/base64.h"

namespace obelisk::logql {
namespace {

using Kind = TemplateValue::Kind;
using Value = Result<TemplateValue>;
using Arguments = TemplateArguments;
using Scope = TemplateScope;

Error failed(std::string message) {
  return make_error(ErrorCode::execution, std::move(message));
}

// --- arguments ---

Result<std::string_view> text_at(Arguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::text) return std::string_view(arguments[i].text());
  return failed(fmt::format("wrong type for value; expected string; got {}", arguments[i].type_name()));
}

Result<int64_t> integer_at(Arguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::integer) return arguments[i].integer();
  return failed(fmt::format("wrong type for value; expected int; got {}", arguments[i].type_name()));
}

// Conversions that never fail: what is no number is 0.
int64_t to_integer(const TemplateValue& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Kind::integer:
      return value.integer();
    case Kind::real:
      if (!(std::fabs(value.real()) < 9.2e18)) return 0;
      return static_cast<int64_t>(value.real());
    case Kind::text: {
      std::string_view text = value.text();
      if (size_t point = text.find('.'); point != std::string_view::npos &&
                                         text.find_first_not_of('0', point + 1) == std::string_view::npos) {
        text = text.substr(0, point);
      }
      return parse_int64(text).value_or(0);
    }
    default:
      return 0;
  }
}

double to_real(const TemplateValue& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Kind::integer:
      return static_cast<double>(value.integer());
    case Kind::real:
      return value.real();
    case Kind::text:
      return parse_float(value.text()).value_or(0);
    default:
      return 0;
  }
}

// --- text ---

template <typename Change>
TemplateFunctionEntry one_text(Change change) {
  return {1, 1, [change](Arguments arguments, const Scope&) -> Value {
            OBELISK_TRY(std::string_view text, text_at(arguments, 0));
            return TemplateValue(change(text));
          }};
}

template <typename Change>
TemplateFunctionEntry two_texts(Change change) {
  return {2, 2, [change](Arguments arguments, const Scope&) -> Value {
            OBELISK_TRY(std::string_view first, text_at(arguments, 0));
            OBELISK_TRY(std::string_view second, text_at(arguments, 1));
            return TemplateValue(change(first, second));
          }};
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string title(std::string_view text) {
  std::string out(text);
  bool at_start = true;
  for (char& c : out) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    if (at_start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    at_start = !letter && !(c >= '0' && c <= '9') && c != '_' && c != '\'';
  }
  return out;
}

std::string_view trim_set(std::string_view text, std::string_view set, bool left, bool right) {
  size_t begin = left ? text.find_first_not_of(set) : 0;
  if (begin == std::string_view::npos) return {};
  size_t end = right ? text.find_last_not_of(set) : text.size() - 1;
  if (text.empty() || end == std::string_view::npos || end + 1 < begin) return {};
  return text.substr(begin, end + 1 - begin);
}

constexpr std::string_view kBlanks = " \t\n\v\f\r";

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

Result<std::string> replaced(std::string_view text, std::string_view old, std::string_view with,
                             int64_t count) {
  std::string out;
  size_t at = 0;
  for (int64_t done = 0; count < 0 || done < count; ++done) {
    size_t found = 0;
    if (old.empty()) {
      // Go inserts before every rune and at the end.
      if (at > text.size()) break;
      out += with;
      if (at == text.size()) {
        ++at;
        continue;
      }
      size_t length = decode_rune(text.substr(at)).length;
      out += text.substr(at, length);
      at += length;
      if (out.size() > GoTemplate::kOutputBytesMax) return failed("result longer than 1 MiB");
      continue;
    }
    found = text.find(old, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += with;
    at = found + old.size();
    if (out.size() > GoTemplate::kOutputBytesMax) return failed("result longer than 1 MiB");
  }
  if (at < text.size()) out += text.substr(at);
  return out;
}

Value trunc(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  int64_t size = static_cast<int64_t>(rune_count(text));
  if (count >= 0) return TemplateValue(rune_prefix(text, static_cast<size_t>(count)));
  if (-count >= size) return TemplateValue(text);
  return TemplateValue(text.substr(rune_prefix(text, static_cast<size_t>(size + count)).size()));
}

Value substr(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t start, integer_at(arguments, 0));
  OBELISK_TRY(int64_t end, integer_at(arguments, 1));
  OBELISK_TRY(std::string_view text, text_at(arguments, 2));
  int64_t size = static_cast<int64_t>(rune_count(text));
  if (start < 0) start = 0;
  if (end < 0 || end > size) end = size;
  if (start > end) return failed(fmt::format("slice bounds out of range [{}:{}]", start, end));
  size_t from = rune_prefix(text, static_cast<size_t>(start)).size();
  return TemplateValue(rune_prefix(text.substr(from), static_cast<size_t>(end - start)));
}

Value repeat(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0) return failed("strings: negative Repeat count");
  if (!text.empty() && static_cast<uint64_t>(count) > GoTemplate::kOutputBytesMax / text.size()) {
    return failed("result longer than 1 MiB");
  }
  std::string out;
  for (int64_t i = 0; i < count && !text.empty(); ++i) out += text;
  return TemplateValue(std::move(out));
}

// Exactly `count` runes, cut or filled with blanks.
template <bool kLeft>
Value align(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0) return TemplateValue(text);
  if (count > static_cast<int64_t>(GoTemplate::kOutputBytesMax)) return failed("result longer than 1 MiB");
  size_t size = rune_count(text);
  size_t wanted = static_cast<size_t>(count);
  if (size >= wanted) {
    return TemplateValue(kLeft ? rune_prefix(text, wanted)
                               : text.substr(rune_prefix(text, size - wanted).size()));
  }
  std::string padding(wanted - size, ' ');
  return TemplateValue(kLeft ? std::string(text) + padding : padding + std::string(text));
}

Result<std::string> indented(Arguments arguments) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0 || count > 10'000) return failed("indent: count must be between 0 and 10000");
  std::string padding(static_cast<size_t>(count), ' ');
  OBELISK_TRY(std::string out, replaced(text, "\n", "\n" + padding, -1));
  return padding + out;
}

std::string url_encoded(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                 c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else if (c == ' ')
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Value url_decoded(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      std::optional<std::string> byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1)
        return failed(fmt::format("invalid URL escape \"{}\"", text.substr(i, 3)));
      out += *byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return TemplateValue(std::move(out));
}

Value base64_decoded(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::optional<std::string> bytes = base64_decode(text);
  if (!bytes) return failed("illegal base64 data");
  return TemplateValue(std::move(*bytes));
}

// --- regular expressions ---

// Patterns are constants of the template as a rule: the last few stay compiled, per thread.
Result<std::shared_ptr<const Regex>> compiled(std::string_view pattern) {
  constexpr size_t kKept = 64;
  thread_local std::unordered_map<std::string, std::shared_ptr<const Regex>> cache;
  if (auto found = cache.find(std::string(pattern)); found != cache.end()) return found->second;
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compile_line_regex(pattern));
  if (cache.size() >= kKept) cache.clear();
  cache.emplace(pattern, regex);
  return regex;
}

template <bool kLiteral>
Value regex_replace(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view pattern, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(std::string_view replacement, text_at(arguments, 2));
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compiled(pattern));
  return TemplateValue(replace_all_matches(*regex, text, replacement, kLiteral, GoTemplate::kOutputBytesMax));
}

Value count_matches(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view pattern, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compiled(pattern));
  // Each match becomes one NUL; the text's own are left out.
  std::string own(text);
  std::erase(own, '\0');
  std::string marked =
      replace_all_matches(*regex, own, std::string_view("\0", 1), true, std::numeric_limits<size_t>::max());
  return TemplateValue(static_cast<int64_t>(std::count(marked.begin(), marked.end(), '\0')));
}

// --- numbers ---

template <typename Operation>
TemplateFunctionEntry integers(Operation operation, int least = 1) {
  return {least, -1, [operation](Arguments arguments, const Scope&) -> Value {
            int64_t total = to_integer(arguments[0]);
            for (size_t i = 1; i < arguments.size(); ++i) total = operation(total, to_integer(arguments[i]));
            return TemplateValue(total);
          }};
}

int64_t wrapped(uint64_t value) {
  return static_cast<int64_t>(value);
}

template <bool kModulo>
Value divide(Arguments arguments, const Scope&) {
  int64_t left = to_integer(arguments[0]);
  int64_t right = to_integer(arguments[1]);
  if (right == 0) return failed("runtime error: integer divide by zero");
  if (right == -1) return TemplateValue(kModulo ? int64_t{0} : wrapped(~static_cast<uint64_t>(left) + 1));
  return TemplateValue(kModulo ? left % right : left / right);
}

// The reference adds in decimal, so that 0.1 + 0.2 prints as 0.3; fifteen digits are what every double keeps.
double as_decimal(double value) {
  return std::isfinite(value) ? parse_float(fmt::format("{:.15g}", value)).value_or(value) : value;
}

template <typename Operation>
TemplateFunctionEntry reals(Operation operation) {
  return {1, -1, [operation](Arguments arguments, const Scope&) -> Value {
            double total = to_real(arguments[0]);
            for (size_t i = 1; i < arguments.size(); ++i) total = operation(total, to_real(arguments[i]));
            return TemplateValue(as_decimal(total));
          }};
}

Value round_to(Arguments arguments, const Scope&) {
  double power = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(
                                    arguments.size() > 1 ? to_integer(arguments[1]) : 0, -300, 300)));
  double limit = arguments.size() > 2 ? to_real(arguments[2]) : 0.5;
  double scaled = to_real(arguments[0]) * power;
  double whole = 0;
  double rest = std::modf(scaled, &whole);
  return TemplateValue((std::fabs(rest) >= limit ? whole + (rest < 0 ? -1 : 1) : whole) / power);
}

Value bytes_of(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  OBELISK_TRY(uint64_t size, parse_bytes(text));
  return TemplateValue(static_cast<double>(size));
}

Value seconds_of(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  OBELISK_TRY(int64_t nanos, parse_duration_value(text));
  return TemplateValue(static_cast<double>(nanos) / 1e9);
}

// --- time ---

Result<UnixNanos> time_at(Arguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::time) return arguments[i].time();
  if (arguments[i].kind() == Kind::integer) return UnixNanos{arguments[i].integer() * kNanosPerSecond};
  return failed(fmt::format("wrong type for value; expected time.Time; got {}", arguments[i].type_name()));
}

template <int64_t kUnitNanos>
Value epoch(Arguments arguments, const Scope&) {
  OBELISK_TRY(UnixNanos time, time_at(arguments, 0));
  int64_t quotient = time.value / kUnitNanos - (time.value % kUnitNanos < 0 ? 1 : 0);
  return TemplateValue(std::to_string(quotient));
}

// The number of digits says the unit: 5 days, 10 seconds, 13 ms, 16 us, 19 ns.
Value unix_to_time(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::optional<int64_t> number = parse_int64(text);
  if (!number) return failed(fmt::format("unable to parse time '{}'", text));
  switch (text.size()) {
    case 5:
      return TemplateValue(UnixNanos{*number * 86400 * kNanosPerSecond});
    case 10:
      return TemplateValue(UnixNanos{*number * kNanosPerSecond});
    case 13:
      return TemplateValue(UnixNanos{*number * kNanosPerMilli});
    case 16:
      return TemplateValue(UnixNanos{*number * 1000});
    case 19:
      return TemplateValue(UnixNanos{*number});
    default:
      return failed(fmt::format("unable to parse time '{}'", text));
  }
}

Value format_date(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(UnixNanos time, time_at(arguments, 1));
  return TemplateValue(format_go_time(time, layout));
}

Value to_date(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(UnixNanos time, parse_go_time(layout, text, "UTC"));
  return TemplateValue(time);
}

Value to_date_in_zone(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(std::string_view zone, text_at(arguments, 1));
  OBELISK_TRY(std::string_view text, text_at(arguments, 2));
  OBELISK_TRY(UnixNanos time, parse_go_time(layout, text, zone));
  return TemplateValue(time);
}

// --- the row ---

const RowTemplateContext& context_of(const Scope& scope) {
  return *static_cast<const RowTemplateContext*>(scope.caller);
}

Value line_of(Arguments, const Scope& scope) {
  return TemplateValue(context_of(scope).row->line);
}
Value timestamp_of(Arguments, const Scope& scope) {
  return TemplateValue(UnixNanos{context_of(scope).row->time});
}
Value now_of(Arguments, const Scope& scope) {
  return TemplateValue(context_of(scope).now);
}

Value default_of(Arguments arguments, const Scope&) {
  if (arguments.size() < 2) return arguments[0];
  return arguments[1].is_true() ? arguments[1] : arguments[0];
}

void add_text_functions(TemplateFunctions& table) {
  using View = std::string_view;
  table["lower"] = table["ToLower"] = one_text([](View text) { return to_lower(text); });
  table["upper"] = table["ToUpper"] = one_text([](View text) { return upper(text); });
  table["title"] = one_text([](View text) { return title(text); });
  table["trim"] = table["TrimSpace"] =
      one_text([](View text) { return trim_set(text, kBlanks, true, true); });
  table["trimAll"] = two_texts([](View set, View text) { return trim_set(text, set, true, true); });
  table["Trim"] = two_texts([](View text, View set) { return trim_set(text, set, true, true); });
  table["TrimLeft"] = two_texts([](View text, View set) { return trim_set(text, set, true, false); });
  table["TrimRight"] = two_texts([](View text, View set) { return trim_set(text, set, false, true); });
  table["trimPrefix"] = two_texts([](View prefix, View text) { return without_prefix(text, prefix); });
  table["TrimPrefix"] = two_texts([](View text, View prefix) { return without_prefix(text, prefix); });
  table["trimSuffix"] = two_texts([](View suffix, View text) { return without_suffix(text, suffix); });
  table["TrimSuffix"] = two_texts([](View text, View suffix) { return without_suffix(text, suffix); });
  table["hasPrefix"] = two_texts([](View prefix, View text) { return text.starts_with(prefix); });
  table["hasSuffix"] = two_texts([](View suffix, View text) { return text.ends_with(suffix); });
  table["contains"] = two_texts([](View part, View text) { return text.find(part) != View::npos; });
  table["replace"] = {3, 3, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(View old, text_at(arguments, 0));
                        OBELISK_TRY(View with, text_at(arguments, 1));
                        OBELISK_TRY(View text, text_at(arguments, 2));
                        OBELISK_TRY(std::string out, replaced(text, old, with, -1));
                        return TemplateValue(std::move(out));
                      }};
  table["Replace"] = {4, 4, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(View text, text_at(arguments, 0));
                        OBELISK_TRY(View old, text_at(arguments, 1));
                        OBELISK_TRY(View with, text_at(arguments, 2));
                        OBELISK_TRY(int64_t count, integer_at(arguments, 3));
                        OBELISK_TRY(std::string out, replaced(text, old, with, count));
                        return TemplateValue(std::move(out));
                      }};
  table["trunc"] = {2, 2, trunc};
  table["substr"] = {3, 3, substr};
  table["repeat"] = {2, 2, repeat};
  table["alignLeft"] = {2, 2, align<true>};
  table["alignRight"] = {2, 2, align<false>};
  table["indent"] = {2, 2, [](Arguments arguments, const Scope&) -> Value {
                       OBELISK_TRY(std::string out, indented(arguments));
                       return TemplateValue(std::move(out));
                     }};
  table["nindent"] = {2, 2, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(std::string out, indented(arguments));
                        return TemplateValue("\n" + out);
                      }};
  table["urlencode"] = one_text([](View text) { return url_encoded(text); });
  table["urldecode"] = {1, 1, url_decoded};
  table["b64enc"] = one_text([](View text) { return base64_encode(text); });
  table["b64dec"] = {1, 1, base64_decoded};
  table["regexReplaceAll"] = {3, 3, regex_replace<false>};
  table["regexReplaceAllLiteral"] = {3, 3, regex_replace<true>};
  table["count"] = {2, 2, count_matches};
  table["default"] = {1, 2, default_of};
  table["fromJson"] = {1, 1, [](Arguments arguments, const Scope&) -> Value {
                         OBELISK_TRY(View text, text_at(arguments, 0));
                         return template_value_of_json(text);
                       }};
}

void add_number_functions(TemplateFunctions& table) {
  auto u = [](int64_t value) { return static_cast<uint64_t>(value); };
  table["add"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) + u(b)); });
  table["sub"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) - u(b)); }, 2);
  table["mul"] = integers([u](int64_t a, int64_t b) { return wrapped(u(a) * u(b)); });
  table["max"] = integers([](int64_t a, int64_t b) { return std::max(a, b); });
  table["min"] = integers([](int64_t a, int64_t b) { return std::min(a, b); });
  table["div"] = {2, 2, divide<false>};
  table["mod"] = {2, 2, divide<true>};
  table["addf"] = reals([](double a, double b) { return a + b; });
  table["subf"] = reals([](double a, double b) { return a - b; });
  table["mulf"] = reals([](double a, double b) { return a * b; });
  table["divf"] =
      reals([](double a, double b) { return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b; });
  table["maxf"] = reals([](double a, double b) { return std::max(a, b); });
  table["minf"] = reals([](double a, double b) { return std::min(a, b); });
  table["ceil"] = {
      1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(std::ceil(to_real(a[0]))); }};
  table["floor"] = {
      1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(std::floor(to_real(a[0]))); }};
  table["round"] = {1, 3, round_to};
  table["int"] = {1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(to_integer(a[0])); }};
  table["float64"] = {1, 1, [](Arguments a, const Scope&) -> Value { return TemplateValue(to_real(a[0])); }};
  table["bytes"] = {1, 1, bytes_of};
  table["duration"] = table["duration_seconds"] = {1, 1, seconds_of};
}

TemplateFunctions make_table() {
  TemplateFunctions table;
  add_text_functions(table);
  add_number_functions(table);
  table["date"] = {2, 2, format_date};
  table["toDate"] = {2, 2, to_date};
  table["toDateInZone"] = {3, 3, to_date_in_zone};
  table["unixEpoch"] = {1, 1, epoch<kNanosPerSecond>};
  table["unixEpochMillis"] = {1, 1, epoch<kNanosPerMilli>};
  table["unixEpochNanos"] = {1, 1, epoch<1>};
  table["unixToTime"] = {1, 1, unix_to_time};
  table["now"] = {0, 0, now_of};
  table["__line__"] = {0, 0, line_of};
  table["__timestamp__"] = {0, 0, timestamp_of};
  return table;
}

}  // namespace

const TemplateFunctions& log_template_functions() {
  static const TemplateFunctions table = make_table();
  return table;
}

}  // namespace obelisk::logql
