#include "ingest/log_levels.h"

#include <algorithm>
#include <array>
#include <optional>

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
// What names a level inside free text: shorter forms would be found in ordinary words.
constexpr std::array<LevelWord, 10> kWords{{
    {"trace", "trace"},
    {"debug", "debug"},
    {"info", "info"},
    {"warn", "warn"},
    {"error", "error"},
    {"err", "error"},
    {"critical", "critical"},
    {"crit", "critical"},
    {"fatal", "fatal"},
    {"panic", "fatal"},
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

bool starts_with_word(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
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

// A field named like a level. `l` and `s` begin the names: every other place is passed over.
std::string_view level_of_fields(std::string_view line) {
  for (size_t at = 0; at < line.size(); ++at) {
    char c = lower(line[at]);
    if (c != 'l' && c != 's') continue;
    if (at > 0 && is_word_character(line[at - 1])) continue;
    size_t end = at;
    while (end < line.size() && is_word_character(line[end])) ++end;
    if (names_level(line.substr(at, end - at))) {
      if (std::string_view level = level_of_value(field_value(line.substr(end))); !level.empty())
        return level;
    }
    at = end;
  }
  return {};
}

std::string_view level_of_words(std::string_view line) {
  for (size_t at = 0; at < line.size(); ++at) {
    if (!is_letter(line[at])) continue;
    size_t end = at;
    while (end < line.size() && is_letter(line[end])) ++end;
    std::string_view word = line.substr(at, end - at);
    for (const LevelWord& known : kWords) {
      // "warning", "errors", "ERR:"; but not "information" as a word of its own, nor "errand".
      bool plural = word.size() == known.word.size() + 1 && lower(word.back()) == 's';
      bool warning = known.word == "warn" && word.size() == 7 && starts_with_word(word, "warning");
      bool whole = word.size() == known.word.size();
      if (starts_with_word(word, known.word) && (whole || plural || warning)) return known.level;
    }
    at = end;
  }
  return {};
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
  std::string_view level = level_of_fields(line);
  if (level.empty()) level = level_of_words(line);
  return level.empty() ? kUnknown : level;
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
