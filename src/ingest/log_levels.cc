#include "ingest/log_levels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <optional>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/text.h"

namespace obelisk {
namespace {

constexpr std::string_view kUnknown = "unknown";

struct LevelWord {
  std::string_view word;
  std::string_view level;
};
// What stands for a level as a value. Lower case; the first letter decides how far a search has to look.
constexpr std::array<LevelWord, 24> kValues{{
    {"trace", "trace"},    {"trc", "trace"},   {"debug", "debug"},       {"dbg", "debug"},
    {"info", "info"},      {"inf", "info"},    {"information", "info"},  {"informational", "info"},
    {"notice", "info"},    {"warn", "warn"},   {"wrn", "warn"},          {"warning", "warn"},
    {"error", "error"},    {"err", "error"},   {"critical", "critical"}, {"crit", "critical"},
    {"fatal", "fatal"},    {"panic", "fatal"}, {"emerg", "fatal"},       {"emergency", "fatal"},
    {"alert", "critical"}, {"ftl", "fatal"},   {"dpanic", "fatal"},      {"severe", "error"},
}};
constexpr std::array<std::string_view, 5> kNames{"level", "lvl", "severity", "severity_text", "log_level"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

bool is_word_character(char c) {
  return is_letter(c) || c == '_' || (c >= '0' && c <= '9');
}

bool names_level(std::string_view name) {
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return equals_ignoring_case(name, known); });
}

// The value behind a field's name: `="x"`, `=x`, `":"x"`, `": 30`.
std::string_view field_value(std::string_view rest) {
  size_t at = 0;
  bool separated = false;
  while (at < rest.size() && (rest[at] == '"' || rest[at] == ' ' || rest[at] == ':' || rest[at] == '=')) {
    separated = separated || rest[at] == ':' || rest[at] == '=';
    ++at;
    if (at > 6) return {};
  }
  if (!separated) return {};
  size_t end = at;
  while (end < rest.size() && is_word_character(rest[end])) ++end;
  return rest.substr(at, end - at);
}

// The first eight bytes of a word in lower case, zero where the line ends.
uint64_t head_of(std::string_view line, size_t at) {
  uint64_t head = 0;
  std::memcpy(&head, line.data() + at, std::min<size_t>(8, line.size() - at));
  return head | 0x2020202020202020u;
}

// Whether the word at `at` is `word`, with an `s` or without.
bool is_word(std::string_view line, size_t at, uint64_t head, std::string_view word) {
  uint64_t expected = 0;
  std::memcpy(&expected, word.data(), word.size());
  uint64_t mask = word.size() == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * word.size())) - 1;
  if ((head & mask) != expected) return false;
  size_t end = at + word.size();
  if (end < line.size() && lower(line[end]) == 's') ++end;
  return end >= line.size() || !is_letter(line[end]);
}

// The level that the word at `at` names in free text; shorter forms would be found in ordinary words.
std::string_view level_of_word(std::string_view line, size_t at) {
  auto one_of = [&](std::initializer_list<std::string_view> words, std::string_view level) {
    uint64_t head = head_of(line, at);
    bool found = std::any_of(words.begin(), words.end(),
                             [&](std::string_view word) { return is_word(line, at, head, word); });
    return found ? level : std::string_view();
  };
  switch (lower(line[at])) {
    case 'i':
      return one_of({"info"}, "info");
    case 'e':
      return one_of({"error", "err"}, "error");
    case 'w':
      return one_of({"warn", "warning"}, "warn");
    case 'd':
      return one_of({"debug"}, "debug");
    case 't':
      return one_of({"trace"}, "trace");
    case 'c':
      return one_of({"critical", "crit"}, "critical");
    case 'f':
      return one_of({"fatal"}, "fatal");
    case 'p':
      return one_of({"panic"}, "fatal");
    default:
      return {};
  }
}

// The level that a field beginning at `at` gives, when it is named like one.
std::string_view level_of_field(std::string_view line, size_t at) {
  if (at > 0 && is_word_character(line[at - 1])) return {};
  size_t end = at;
  while (end < line.size() && is_word_character(line[end])) ++end;
  if (!names_level(line.substr(at, end - at))) return {};
  return level_of_value(field_value(line.substr(end)));
}

// Calls `visit` with the place of every letter behind what is no letter, until it returns true. Most lines
// have no field and their level in the third word: this loop is what detection costs.
template <typename Visit>
void for_each_word(std::string_view line, Visit visit) {
  size_t at = 0;
  uint32_t before = 0;  // 1: the byte before is a letter
#if defined(__SSE2__)
  const __m128i fold = _mm_set1_epi8(0x20), first = _mm_set1_epi8('a' - 1);
  const __m128i above = _mm_set1_epi8('z' + 1);
  for (; at + 16 <= line.size(); at += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(line.data() + at));
    bytes = _mm_or_si128(bytes, fold);
    // Bytes of 128 and more are negative, and so below 'a'.
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(bytes, first), _mm_cmplt_epi8(bytes, above));
    uint32_t mask = static_cast<uint32_t>(_mm_movemask_epi8(letters));
    uint32_t starts = mask & ~((mask << 1) | before);
    before = mask >> 15;
    for (; starts != 0; starts &= starts - 1) {
      if (visit(at + static_cast<size_t>(__builtin_ctz(starts)))) return;
    }
  }
#endif
  for (; at < line.size(); ++at) {
    bool letter = is_letter(line[at]);
    if (letter && before == 0 && visit(at)) return;
    before = letter;
  }
}

// OTLP's ranges of four.
std::string_view level_of_number(int64_t number) {
  static constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info",
                                                           "warn",  "error", "fatal"};
  return number >= 1 && number <= 24 ? kLevels[static_cast<size_t>((number - 1) / 4)] : std::string_view();
}

// Columns of strings whose name is one of a level's.
std::vector<const ColumnData*> level_columns(const Batch& batch) {
  std::vector<const ColumnData*> columns;
  for (const ColumnData& data : batch.columns) {
    if (data.id.scope == Scope::attribute && data.type == ColumnType::string && names_level(data.id.name))
      columns.push_back(&data);
  }
  return columns;
}

std::string_view level_of_labels(LabelsView labels) {
  for (const LabelRef& label : labels) {
    if (!names_level(label.name)) continue;
    if (std::string_view level = level_of_value(label.value); !level.empty()) return level;
  }
  return {};
}

}  // namespace

std::string_view level_of_value(std::string_view value) {
  for (const LevelWord& known : kValues) {
    if (equals_ignoring_case(value, known.word)) return known.level;
  }
  // Numbers of bunyan and pino.
  if (value.size() == 2 && value[1] == '0' && value[0] >= '1' && value[0] <= '6') {
    static constexpr std::array<std::string_view, 6> kTens{"trace", "debug", "info",
                                                           "warn",  "error", "fatal"};
    return kTens[static_cast<size_t>(value[0] - '1')];
  }
  return {};
}

std::string_view level_of_line(std::string_view line) {
  line = line.substr(0, kLevelLineBytesMax);
  // Only JSON and logfmt have fields.
  bool has_fields = line.starts_with('{') || line.find('=') != std::string_view::npos;
  std::string_view by_word, by_field;
  for_each_word(line, [&](size_t at) {
    char c = lower(line[at]);
    if (has_fields && (c == 'l' || c == 's')) {
      by_field = level_of_field(line, at);
      return !by_field.empty();
    }
    if (by_word.empty()) by_word = level_of_word(line, at);
    return !has_fields && !by_word.empty();
  });
  if (!by_field.empty()) return by_field;
  return by_word.empty() ? kUnknown : by_word;
}

void detect_levels(Batch& batch) {
  if (batch.table != Table::logs || batch.row_count == 0) return;
  const ColumnId id{Scope::attribute, std::string(kDetectedLevel)};
  const ColumnData* given = batch.find(id, ColumnType::string);
  if (given != nullptr && given->present.empty()) return;
  const ColumnData* numbers = batch.find(fixed_column(column::kSeverityNumber), ColumnType::int64);
  const ColumnData* texts = batch.find(fixed_column(column::kSeverityText), ColumnType::string);
  const ColumnData* lines = batch.find(fixed_column(column::kLine), ColumnType::string);
  std::vector<const ColumnData*> named = level_columns(batch);
  std::vector<std::string_view> levels(batch.row_count);
  for (const Group& group : batch.groups) {
    std::string_view of_stream = level_of_labels(group.labels);
    for (size_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
      std::string_view& level = levels[row];
      if (numbers != nullptr && numbers->is_present(row)) level = level_of_number(numbers->ints[row]);
      if (level.empty() && texts != nullptr && texts->is_present(row))
        level = level_of_value(texts->strings[row]);
      if (level.empty()) level = of_stream;
      for (const ColumnData* column : named) {
        if (level.empty() && column->is_present(row)) level = level_of_value(column->strings[row]);
      }
      if (level.empty() && lines != nullptr && lines->is_present(row))
        level = level_of_line(lines->strings[row]);
      if (level.empty()) level = kUnknown;
    }
  }
  if (given == nullptr) {
    ColumnData& data = batch.columns.emplace_back();
    data.id = id;
    data.type = ColumnType::string;
    data.strings = std::move(levels);  // of static storage
    return;
  }
  for (ColumnData& data : batch.columns) {
    if (data.id != id || data.type != ColumnType::string) continue;
    for (size_t row = 0; row < batch.row_count; ++row) {
      if (!data.present[row]) data.strings[row] = levels[row];
    }
    data.present.clear();
  }
}

}  // namespace obelisk
