#include "wire/prometheus_names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace obelisk {
namespace {

using Spelling = std::pair<std::string_view, std::string_view>;

constexpr Spelling kUnits[] = {{"d", "days"},
                               {"h", "hours"},
                               {"min", "minutes"},
                               {"s", "seconds"},
                               {"ms", "milliseconds"},
                               {"us", "microseconds"},
                               {"ns", "nanoseconds"},
                               {"By", "bytes"},
                               {"KiBy", "kibibytes"},
                               {"MiBy", "mebibytes"},
                               {"GiBy", "gibibytes"},
                               {"TiBy", "tibibytes"},
                               {"KBy", "kilobytes"},
                               {"MBy", "megabytes"},
                               {"GBy", "gigabytes"},
                               {"TBy", "terabytes"},
                               {"m", "meters"},
                               {"V", "volts"},
                               {"A", "amperes"},
                               {"J", "joules"},
                               {"W", "watts"},
                               {"g", "grams"},
                               {"Cel", "celsius"},
                               {"Hz", "hertz"},
                               {"1", ""},
                               {"%", "percent"}};
constexpr Spelling kPerUnits[] = {{"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
                                  {"w", "week"},   {"mo", "month"}, {"y", "year"}};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <size_t kCount>
std::string spelled_out(const Spelling (&spellings)[kCount], std::string_view unit) {
  for (const Spelling& spelling : spellings) {
    if (spelling.first == unit) return std::string(spelling.second);
  }
  // An unknown unit keeps its letters and digits.
  std::string out;
  for (char c : unit) {
    if (is_name_char(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

struct UnitSuffixes {
  std::string main;
  std::string per;  // without "per_"
};

UnitSuffixes suffixes_of(std::string_view unit) {
  UnitSuffixes suffixes;
  size_t slash = unit.find('/');
  std::string_view main = trim(unit.substr(0, slash));
  if (main.find_first_of("{}") == std::string_view::npos) suffixes.main = spelled_out(kUnits, main);
  if (slash != std::string_view::npos) {
    std::string_view per = trim(unit.substr(slash + 1));
    if (per.find_first_of("{}") == std::string_view::npos) suffixes.per = spelled_out(kPerUnits, per);
  }
  return suffixes;
}

std::vector<std::string> tokens_of(std::string_view name) {
  std::vector<std::string> tokens;
  bool in_token = false;
  for (char c : name) {
    bool keep = is_name_char(c) || c == ':';
    if (keep && !in_token) tokens.emplace_back();
    if (keep) tokens.back() += c;
    in_token = keep;
  }
  return tokens;
}

bool contains(const std::vector<std::string>& tokens, const std::string& token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

void move_to_end(std::vector<std::string>& tokens, const char* token) {
  std::erase(tokens, token);
  tokens.emplace_back(token);
}

// Bytes of one UTF-8 character, so that "é" becomes one '_', not two.
size_t character_bytes(unsigned char lead) {
  return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

}  // namespace

std::string prometheus_metric_name(std::string_view name, std::string_view unit, OtlpMetricKind kind) {
  std::vector<std::string> tokens = tokens_of(name);
  UnitSuffixes suffixes = suffixes_of(unit);
  if (!suffixes.main.empty() && !contains(tokens, suffixes.main)) tokens.push_back(suffixes.main);
  if (!suffixes.per.empty() && !contains(tokens, suffixes.per)) tokens.push_back("per_" + suffixes.per);
  if (kind == OtlpMetricKind::monotonic_sum) move_to_end(tokens, "total");
  if (kind == OtlpMetricKind::gauge && unit == "1") move_to_end(tokens, "ratio");
  std::string out;
  for (const std::string& token : tokens) {
    if (!out.empty()) out += '_';
    out += token;
  }
  if (!out.empty() && out[0] >= '0' && out[0] <= '9') out.insert(0, 1, '_');
  return out;
}

std::string prometheus_unit(std::string_view unit) {
  UnitSuffixes suffixes = suffixes_of(unit);
  if (suffixes.per.empty()) return suffixes.main;
  return suffixes.main + (suffixes.main.empty() ? "per_" : "_per_") + suffixes.per;
}

std::string_view prometheus_label_name(std::string_view key, Arena& arena) {
  auto is_label_char = [](char c) { return is_name_char(c) || c == '_'; };
  if (key.empty()) return key;
  bool digit_first = key[0] >= '0' && key[0] <= '9';
  // Counted after escaping: ".x" becomes "_x" and then "key_x".
  bool underscore_first = !is_name_char(key[0]);
  bool two_underscores = underscore_first &&
                         key.size() > character_bytes(static_cast<unsigned char>(key[0])) &&
                         !is_name_char(key[character_bytes(static_cast<unsigned char>(key[0]))]);
  bool prefixed = digit_first || (underscore_first && !two_underscores);
  if (!prefixed && std::all_of(key.begin(), key.end(), is_label_char)) return key;
  char* out = arena.allocate(key.size() + 4);
  size_t length = 0;
  if (prefixed) {
    for (char c : digit_first ? std::string_view("key_") : std::string_view("key")) out[length++] = c;
  }
  for (size_t i = 0; i < key.size();) {
    bool keep = is_label_char(key[i]);
    out[length++] = keep ? key[i] : '_';
    i += keep ? 1 : character_bytes(static_cast<unsigned char>(key[i]));
  }
  return {out, length};
}

}  // namespace obelisk
