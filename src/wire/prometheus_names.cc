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

// The same where names need no escaping: an unknown unit stays as it is.
UnitSuffixes raw_suffixes_of(std::string_view unit) {
  auto spelled = [](const auto& spellings, std::string_view text) -> std::string {
    if (text.find_first_of("{}") != std::string_view::npos) return {};
    for (const Spelling& spelling : spellings) {
      if (spelling.first == text) return std::string(spelling.second);
    }
    return std::string(text);
  };
  size_t slash = unit.find('/');
  UnitSuffixes suffixes;
  suffixes.main = spelled(kUnits, trim(unit.substr(0, slash)));
  if (slash != std::string_view::npos) suffixes.per = spelled(kPerUnits, trim(unit.substr(slash + 1)));
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

std::string escaped_name_with_suffixes(std::string_view name, std::string_view unit, OtlpMetricKind kind) {
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

// Runs of '_' become one, but for those around a reserved name: "__x__".
void collapse_underscores(std::string& name) {
  bool reserved = name.size() > 4 && name.starts_with("__") && name.ends_with("__");
  std::string_view inner = name;
  if (reserved) inner = inner.substr(2, inner.size() - 4);
  std::string out;
  for (char c : inner) {
    if (c != '_' || out.empty() || out.back() != '_') out += c;
  }
  name = reserved ? "__" + out + "__" : out;
}

// Runs of characters that no name may have become one '_', at the ends nothing.
std::string escaped_name(std::string_view name) {
  std::string out;
  bool gap = false;
  for (char c : name) {
    if (!is_name_char(c) && c != ':' && c != '_') {
      gap = true;
      continue;
    }
    if (gap && !out.empty()) out += '_';
    gap = false;
    out += c;
  }
  if (!out.empty() && out[0] >= '0' && out[0] <= '9') out.insert(0, 1, '_');
  return out;
}

// Without `suffix` at the end of `name` and the one character before it.
void trim_suffix(std::string& name, std::string_view suffix) {
  if (name.ends_with(suffix) && name.size() > suffix.size() + 1) name.resize(name.size() - suffix.size() - 1);
}

// Suffixes that are there already are moved to their place.
std::string name_with_suffixes(std::string_view name, std::string_view unit, OtlpMetricKind kind) {
  std::string out(name);
  UnitSuffixes suffixes = raw_suffixes_of(unit);
  std::string per = suffixes.per.empty() ? "" : "per_" + suffixes.per;
  std::string_view ending;
  if (kind == OtlpMetricKind::gauge && unit == "1") ending = "ratio";
  if (kind == OtlpMetricKind::monotonic_sum) ending = "total";
  if (!ending.empty()) trim_suffix(out, ending);
  if (!per.empty()) trim_suffix(out, per);
  if (!suffixes.main.empty() && !out.ends_with(suffixes.main)) out += "_" + suffixes.main;
  if (!per.empty()) out += "_" + per;
  if (!ending.empty()) out += "_" + std::string(ending);
  return out;
}

}  // namespace

std::string prometheus_metric_name(std::string_view name, std::string_view unit, OtlpMetricKind kind,
                                   const OtlpTranslation& translation) {
  if (!translation.escapes()) {
    if (name.empty()) return {};
    return translation.adds_suffixes() ? name_with_suffixes(name, unit, kind) : std::string(name);
  }
  std::string out =
      translation.adds_suffixes() ? escaped_name_with_suffixes(name, unit, kind) : escaped_name(name);
  bool usable = out == name || out.find_first_not_of('_') != std::string::npos;
  return usable ? out : std::string();
}

std::string prometheus_unit(std::string_view unit) {
  UnitSuffixes suffixes = suffixes_of(unit);
  if (suffixes.per.empty()) return suffixes.main;
  return suffixes.main + (suffixes.main.empty() ? "per_" : "_per_") + suffixes.per;
}

std::string_view prometheus_label_name(std::string_view key, Arena& arena,
                                       const OtlpTranslation& translation) {
  if (key.empty() || !translation.escapes()) return key;
  auto is_label_char = [](char c) { return is_name_char(c) || c == '_'; };
  bool letter_first = is_name_char(key[0]) && !(key[0] >= '0' && key[0] <= '9');
  if (letter_first && std::all_of(key.begin(), key.end(), is_label_char) &&
      (translation.label_name_preserve_multiple_underscores || key.find("__") == std::string_view::npos)) {
    return key;
  }
  std::string out;
  for (size_t i = 0; i < key.size();) {
    bool keep = is_label_char(key[i]);
    char c = keep ? key[i] : '_';
    i += keep ? 1 : character_bytes(static_cast<unsigned char>(key[i]));
    out += c;
  }
  if (!translation.label_name_preserve_multiple_underscores) collapse_underscores(out);
  bool digit_first = out[0] >= '0' && out[0] <= '9';
  bool one_underscore_first = out[0] == '_' && !out.starts_with("__");
  if (digit_first) {
    out.insert(0, "key_");
  } else if (one_underscore_first && translation.label_name_underscore_sanitization) {
    out.insert(0, "key");
  }
  return out == key ? key : arena.copy(out);
}

}  // namespace obelisk
