#include "query/logql/literals.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "query/core/go_printf.h"

namespace obelisk::logql {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 8> kDurationUnits{{{"ns", 1},
                                              {"us", 1e3},
                                              {"\xC2\xB5s", 1e3},
                                              {"\xCE\xBCs", 1e3},
                                              {"ms", 1e6},
                                              {"s", 1e9},
                                              {"m", 60e9},
                                              {"h", 3600e9}}};

constexpr std::array<Unit, 26> kByteUnits{
    {{"", 1},        {"b", 1},        {"k", 1e3},     {"kb", 1e3},     {"ki", 0x1p10}, {"kib", 0x1p10},
     {"m", 1e6},     {"mb", 1e6},     {"mi", 0x1p20}, {"mib", 0x1p20}, {"g", 1e9},     {"gb", 1e9},
     {"gi", 0x1p30}, {"gib", 0x1p30}, {"t", 1e12},    {"tb", 1e12},    {"ti", 0x1p40}, {"tib", 0x1p40},
     {"p", 1e15},    {"pb", 1e15},    {"pi", 0x1p50}, {"pib", 0x1p50}, {"e", 1e18},    {"eb", 1e18},
     {"ei", 0x1p60}, {"eib", 0x1p60}}};

Error bad_value(std::string message) {
  return make_error(ErrorCode::invalid_argument, std::move(message));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Result<int64_t> parse_duration_value(std::string_view text) {
  auto invalid = [&] { return bad_value(fmt::format("time: invalid duration {}", go_quote(text))); };
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return int64_t{0};
  if (rest.empty()) return invalid();
  double total = 0;
  int64_t exact = 0;
  bool whole = true;  // whole numbers are added exactly
  while (!rest.empty()) {
    size_t length = 0;
    while (length < rest.size() && (is_digit(rest[length]) || rest[length] == '.')) ++length;
    std::string_view digits = rest.substr(0, length);
    std::optional<double> number =
        parse_float(digits.ends_with('.') ? digits.substr(0, digits.size() - 1) : digits);
    if (!number || digits == ".") return invalid();
    rest.remove_prefix(length);
    size_t unit_length = 0;
    while (unit_length < rest.size() && !is_digit(rest[unit_length]) && rest[unit_length] != '.')
      ++unit_length;
    if (unit_length == 0) return bad_value(fmt::format("time: missing unit in duration {}", go_quote(text)));
    std::string_view name = rest.substr(0, unit_length);
    rest.remove_prefix(unit_length);
    const Unit* found = nullptr;
    for (const Unit& unit : kDurationUnits) {
      if (unit.name == name) found = &unit;
    }
    if (found == nullptr) {
      return bad_value(fmt::format("time: unknown unit {} in duration {}", go_quote(name), go_quote(text)));
    }
    total += *number * found->factor;
    std::optional<int64_t> integer = parse_int64(digits);
    int64_t part = 0;
    whole = whole && integer &&
            !__builtin_mul_overflow(*integer, static_cast<int64_t>(found->factor), &part) &&
            !__builtin_add_overflow(exact, part, &exact);
  }
  if (!whole && total > 9.2e18) return invalid();
  int64_t nanos = whole ? exact : static_cast<int64_t>(std::llround(total));
  return negative ? -nanos : nanos;
}

Result<int64_t> parse_duration_literal(std::string_view text) {
  Result<int64_t> go = parse_duration_value(text);
  if (go.ok()) return go;
  Result<int64_t> prometheus = parse_prometheus_duration(text);
  return prometheus.ok() ? prometheus : go;
}

Result<uint64_t> parse_bytes(std::string_view text) {
  size_t length = 0;
  bool comma = false;
  while (length < text.size() && (is_digit(text[length]) || text[length] == '.' || text[length] == ',')) {
    comma = comma || text[length] == ',';
    ++length;
  }
  std::string number(text.substr(0, length));
  if (comma) std::erase(number, ',');
  OBELISK_TRY(double value, parse_number_value(number));
  std::string unit_name = to_lower(trim(text.substr(length)));
  for (const Unit& unit : kByteUnits) {
    if (unit.name != unit_name) continue;
    value *= unit.factor;
    if (value >= 18446744073709551615.0) return bad_value(fmt::format("too large: {}", text));
    return static_cast<uint64_t>(value);
  }
  return bad_value(fmt::format("unhandled size name: {}", unit_name));
}

Result<double> parse_number_value(std::string_view text) {
  // strtod's hexadecimal integers are no floats in Go: a hexadecimal mantissa needs its exponent.
  bool hexadecimal = text.find_first_of("xX") != std::string_view::npos &&
                     text.find_first_of("pP") == std::string_view::npos;
  std::optional<double> value = hexadecimal ? std::nullopt : parse_float(text);
  if (value) return *value;
  return bad_value(fmt::format("strconv.ParseFloat: parsing {}: invalid syntax", go_quote(text)));
}

std::string format_go_duration(int64_t nanos) {
  if (nanos == 0) return "0s";
  std::string sign = nanos < 0 ? "-" : "";
  uint64_t rest = nanos < 0 ? ~static_cast<uint64_t>(nanos) + 1 : static_cast<uint64_t>(nanos);
  auto fraction = [](uint64_t value, uint64_t unit) {
    std::string out = fmt::format("{}", value / unit);
    if (value % unit != 0) {
      std::string digits = fmt::format("{:0{}}", value % unit,
                                       unit == 1'000'000'000 ? 9
                                       : unit == 1'000'000   ? 6
                                                             : 3);
      digits.erase(digits.find_last_not_of('0') + 1);
      out += "." + digits;
    }
    return out;
  };
  if (rest < 1'000) return fmt::format("{}{}ns", sign, rest);
  if (rest < 1'000'000) return sign + fraction(rest, 1'000) + "\xC2\xB5s";
  if (rest < 1'000'000'000) return sign + fraction(rest, 1'000'000) + "ms";
  uint64_t seconds = rest / 1'000'000'000;
  std::string out = sign;
  if (seconds >= 3600) out += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) out += fmt::format("{}m", seconds / 60 % 60);
  return out + fraction(rest - seconds / 60 * 60 * 1'000'000'000, 1'000'000'000) + "s";
}

std::string humanize_bytes(uint64_t bytes) {
  static constexpr std::array<std::string_view, 7> kNames{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 10) return fmt::format("{} B", bytes);
  size_t exponent = static_cast<size_t>(std::floor(std::log(static_cast<double>(bytes)) / std::log(1000.0)));
  exponent = std::min<size_t>(exponent, kNames.size() - 1);
  double value =
      std::floor(static_cast<double>(bytes) / std::pow(1000.0, static_cast<double>(exponent)) * 10 + 0.5) /
      10;
  return value < 10 ? fmt::format("{:.1f} {}", value, kNames[exponent])
                    : fmt::format("{:.0f} {}", value, kNames[exponent]);
}

std::string format_bytes(uint64_t bytes) {
  std::string out = humanize_bytes(bytes);
  std::erase(out, ' ');
  return out;
}

}  // namespace obelisk::logql
