#include "base/text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace obelisk {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the valid UTF-8 sequence at the start of `text`, 0 when it is invalid. RFC 3629: no surrogates,
// no overlong forms, nothing above U+10FFFF.
size_t utf8_sequence_length(std::string_view text) {
  unsigned char lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  auto continues = [&](size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  auto second = [&] { return static_cast<unsigned char>(text[1]); };
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && second() < 0xA0) return 0;
    if (lead == 0xED && second() > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && second() < 0x90) return 0;
    if (lead == 0xF4 && second() > 0x8F) return 0;
    return 4;
  }
  return 0;
}

template <typename T>
std::optional<T> parse_integer(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date
// algorithms").
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, int64_t& year, int& month, int& day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted_month = (5 * day_of_year + 2) / 153;
  day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  year = year_of_era + era * 400 + (month <= 2);
}

struct DurationUnit {
  std::string_view name;
  int64_t nanos;
};

constexpr int64_t kSecond = 1'000'000'000;
constexpr std::array<DurationUnit, 7> kPrometheusUnits{{{"y", 365 * 86400 * kSecond},
                                                        {"w", 7 * 86400 * kSecond},
                                                        {"d", 86400 * kSecond},
                                                        {"h", 3600 * kSecond},
                                                        {"m", 60 * kSecond},
                                                        {"s", kSecond},
                                                        {"ms", 1'000'000}}};

Error bad_duration(std::string_view text) {
  return make_error(ErrorCode::parse_error, fmt::format("not a valid duration: \"{}\"", text.substr(0, 64)));
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) {
    out += kDigits[c >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = hex_digit(text[i]);
    int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

bool is_valid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    // Telemetry is mostly ASCII: eight bytes at a time.
    uint64_t word = 0;
    if (text.size() - i >= sizeof(word)) {
      std::memcpy(&word, text.data() + i, sizeof(word));
      if ((word & 0x8080808080808080) == 0) {
        i += sizeof(word);
        continue;
      }
    }
    size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
  return out;
}

std::string format_sample_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  double magnitude = std::fabs(value);
  std::array<char, 400> buffer;
  auto format =
      (magnitude < 1e-6 || magnitude >= 1e21) ? std::chars_format::scientific : std::chars_format::fixed;
  auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  OBELISK_ASSERT(code == std::errc());
  return std::string(buffer.data(), end);
}

std::optional<double> parse_float(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  double value = 0;
  if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else if (equals_ignoring_case(text, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  } else {
    auto format = std::chars_format::general;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
      text.remove_prefix(2);
      format = std::chars_format::hex;
    }
    if (text.empty() || text[0] == '-' || text[0] == '+' || text[0] == 'i' || text[0] == 'n' ||
        text[0] == 'I' || text[0] == 'N')
      return std::nullopt;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, format);
    if (end != text.data() + text.size()) {
      // Hexadecimal exponents are written `p`, which from_chars reads; anything else left over is an error.
      return std::nullopt;
    }
    if (code == std::errc::result_out_of_range) {
      // from_chars does not say which way: strtod gives 0 or HUGE_VAL.
      std::string copy(text);
      value = std::strtod((format == std::chars_format::hex ? "0x" + copy : copy).c_str(), nullptr);
      if (std::isinf(value)) return std::nullopt;
    } else if (code != std::errc()) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

std::optional<int64_t> parse_int64(std::string_view text) {
  return parse_integer<int64_t>(text);
}
std::optional<uint64_t> parse_uint64(std::string_view text) {
  return parse_integer<uint64_t>(text);
}

Result<int64_t> parse_prometheus_duration(std::string_view text) {
  if (text == "0") return int64_t{0};
  std::string_view rest = text;
  int64_t total = 0;
  size_t next_unit = 0;
  if (rest.empty()) return bad_duration(text);
  while (!rest.empty()) {
    uint64_t number = 0;
    auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (code != std::errc()) return bad_duration(text);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    size_t unit = next_unit;
    for (; unit < kPrometheusUnits.size(); ++unit) {
      std::string_view name = kPrometheusUnits[unit].name;
      if (!rest.starts_with(name)) continue;
      if (name == "m" && rest.starts_with("ms")) continue;
      break;
    }
    if (unit == kPrometheusUnits.size()) return bad_duration(text);
    rest.remove_prefix(kPrometheusUnits[unit].name.size());
    next_unit = unit + 1;
    int64_t part = 0;
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
        __builtin_mul_overflow(static_cast<int64_t>(number), kPrometheusUnits[unit].nanos, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return make_error(ErrorCode::parse_error,
                        fmt::format("duration out of range: \"{}\"", text.substr(0, 64)));
    }
  }
  return total;
}

std::string format_prometheus_duration(int64_t nanos) {
  int64_t millis = nanos / 1'000'000;
  if (millis == 0) return "0s";
  std::string out = millis < 0 ? "-" : "";
  if (millis < 0) millis = -millis;
  auto append = [&](std::string_view unit, int64_t unit_millis, bool exact_only) {
    if (exact_only && millis % unit_millis != 0) return;
    if (int64_t count = millis / unit_millis; count > 0) {
      out += fmt::format("{}{}", count, unit);
      millis -= count * unit_millis;
    }
  };
  // Years and weeks only when nothing is left over, as Prometheus prints them.
  append("y", 365LL * 86400000, true);
  append("w", 7LL * 86400000, true);
  append("d", 86400000, false);
  append("h", 3600000, false);
  append("m", 60000, false);
  append("s", 1000, false);
  append("ms", 1, false);
  return out;
}

Result<int64_t> parse_go_duration(std::string_view text) {
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return int64_t{0};
  if (rest.empty()) return bad_duration(text);
  static constexpr std::array<DurationUnit, 8> kUnits{{{"ns", 1},
                                                       {"us", 1000},
                                                       {"\xC2\xB5s", 1000},
                                                       {"\xCE\xBCs", 1000},
                                                       {"ms", 1'000'000},
                                                       {"s", kSecond},
                                                       {"m", 60 * kSecond},
                                                       {"h", 3600 * kSecond}}};
  double total = 0;
  while (!rest.empty()) {
    size_t length = rest.find_first_not_of("0123456789.");
    if (length == 0 || length == std::string_view::npos) return bad_duration(text);
    std::optional<double> number = parse_float(rest.substr(0, length));
    if (!number) return bad_duration(text);
    rest.remove_prefix(length);
    const DurationUnit* found = nullptr;
    for (const DurationUnit& unit : kUnits) {
      if (rest.starts_with(unit.name) && (found == nullptr || unit.name.size() > found->name.size()))
        found = &unit;
    }
    if (found == nullptr) return bad_duration(text);
    rest.remove_prefix(found->name.size());
    total += *number * static_cast<double>(found->nanos);
  }
  if (total > 9.2e18) return bad_duration(text);
  int64_t nanos = static_cast<int64_t>(std::llround(total));
  return negative ? -nanos : nanos;
}

std::string format_rfc3339(int64_t unix_nanos) {
  int64_t seconds = unix_nanos / kSecond;
  int64_t fraction = unix_nanos % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  int64_t days = seconds / 86400;
  int64_t second_of_day = seconds % 86400;
  if (second_of_day < 0) {
    second_of_day += 86400;
    --days;
  }
  int64_t year = 0;
  int month = 0;
  int day = 0;
  civil_from_days(days, year, month, day);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year, month, day, second_of_day / 3600,
                                second_of_day / 60 % 60, second_of_day % 60);
  if (fraction != 0) {
    std::string digits = fmt::format("{:09}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    out += '.' + digits;
  }
  return out + 'Z';
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  auto number = [&](size_t at, size_t length) -> int {
    if (at + length > text.size()) return -1;
    int value = 0;
    for (size_t i = at; i < at + length; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;  // the years that nanoseconds in 64 bits can hold
  }
  size_t at = 19;
  int64_t fraction = 0;
  if (text[at] == '.') {
    ++at;
    int64_t scale = kSecond / 10;
    size_t first = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      fraction += (text[at] - '0') * scale;
    if (at == first) return std::nullopt;
  }
  int64_t offset_seconds = 0;
  if (at >= text.size()) return std::nullopt;
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else if (text[at] == '+' || text[at] == '-') {
    int offset_hour = number(at + 1, 2), offset_minute = number(at + 4, 2);
    if (offset_hour < 0 || offset_minute < 0 || text[at + 3] != ':') return std::nullopt;
    offset_seconds = (offset_hour * 3600 + offset_minute * 60) * (text[at] == '-' ? -1 : 1);
    at += 6;
  } else {
    return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  int64_t seconds =
      days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_seconds;
  return seconds * kSecond + fraction;
}

std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace obelisk
