#include "wire/exposition_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace obelisk {
namespace {

enum CharClass : uint8_t { kNameStart = 1, kNameRest = 2, kColon = 4 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[static_cast<size_t>(c)] = kNameStart | kNameRest;
  for (int c = 'A'; c <= 'Z'; ++c) classes[static_cast<size_t>(c)] = kNameStart | kNameRest;
  for (int c = '0'; c <= '9'; ++c) classes[static_cast<size_t>(c)] = kNameRest;
  classes['_'] = kNameStart | kNameRest;
  classes[':'] = kColon;
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = make_classes();

// The end of an unquoted name that starts at `at`; `at` itself when there is none.
const char* name_end(const char* at, const char* end, uint8_t extra) {
  if (at == end || (kClasses[static_cast<unsigned char>(*at)] & (kNameStart | extra)) == 0) return at;
  while (at != end && (kClasses[static_cast<unsigned char>(*at)] & (kNameRest | extra)) != 0) ++at;
  return at;
}

}  // namespace

std::string_view unescape_exposition(std::string_view raw, bool quotes, Arena& arena) {
  if (raw.find('\\') == std::string_view::npos) return raw;
  char* target = arena.allocate(raw.size());
  size_t length = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    char next = raw[i] == '\\' && i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (next == '\\' || next == 'n' || (quotes && next == '"')) {
      target[length++] = next == 'n' ? '\n' : next;
      ++i;
    } else {
      target[length++] = raw[i];
    }
  }
  return {target, length};
}

std::string_view ExpositionScanner::take_line() {
  std::string_view line = rest();
  size_t length = line.find('\n');
  if (length == std::string_view::npos) {
    at_ = end_;
    return line;
  }
  at_ += length + 1;
  return line.substr(0, length);
}

std::string_view ExpositionScanner::take_token() {
  const char* start = at_;
  while (at_ != end_ && *at_ != ' ' && *at_ != '\t' && *at_ != '\n') ++at_;
  return {start, static_cast<size_t>(at_ - start)};
}

void ExpositionScanner::skip_blanks() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
}

bool ExpositionScanner::read_metric_name(std::string_view& name) {
  if (syntax_.quoted_names && peek() == '"')
    return read_quoted(name) && (!name.empty() || fail("empty metric name"));
  const char* stop = name_end(at_, end_, kColon);
  if (stop == at_) return fail("expected a metric name");
  name = {at_, static_cast<size_t>(stop - at_)};
  at_ = stop;
  return true;
}

bool ExpositionScanner::read_quoted(std::string_view& value) {
  ++at_;  // the opening quote
  const char* start = at_;
  bool escaped = false;
  while (at_ != end_ && *at_ != '"' && *at_ != '\n') {
    if (*at_ == '\\') {
      escaped = true;
      ++at_;
      if (at_ == end_ || *at_ == '\n') break;
    }
    ++at_;
  }
  if (at_ == end_ || *at_ != '"') return fail_at(start - 1, "a quoted string does not end on its line");
  std::string_view raw(start, static_cast<size_t>(at_ - start));
  if (!is_valid_utf8(raw)) return fail_at(start - 1, "a quoted string is not valid UTF-8");
  ++at_;
  value = escaped ? unescape_exposition(raw, true, out_.arena) : raw;
  return true;
}

bool ExpositionScanner::read_label(std::string_view* name) {
  std::string_view label;
  const char* start = at_;
  bool quoted = syntax_.quoted_names && peek() == '"';
  if (quoted) {
    if (!read_quoted(label)) return false;
  } else {
    const char* stop = name_end(at_, end_, 0);
    if (stop == at_) return fail("expected a label name");
    label = {at_, static_cast<size_t>(stop - at_)};
    at_ = stop;
  }
  if (syntax_.blanks_between_tokens) skip_blanks();
  if (quoted && name != nullptr && (peek() == ',' || peek() == '}')) {
    if (!name->empty()) return fail_at(start, "the metric name is given twice");
    if (label.empty()) return fail_at(start, "empty metric name");
    *name = label;
    return true;
  }
  if (label.empty()) return fail_at(start, "empty label name");
  if (peek() != '=') return fail("expected '=' after the label name");
  ++at_;
  if (syntax_.blanks_between_tokens) skip_blanks();
  if (peek() != '"') return fail("expected a label value in double quotes");
  std::string_view value;
  if (!read_quoted(value)) return false;
  scratch_.push_back({label, value});
  return true;
}

bool ExpositionScanner::read_labels(std::string_view* name) {
  ++at_;  // '{'
  if (syntax_.blanks_between_tokens) skip_blanks();
  while (peek() != '}') {
    if (!read_label(name)) return false;
    if (syntax_.blanks_between_tokens) skip_blanks();
    if (peek() == '}') break;
    if (peek() != ',') return fail("expected ',' or '}' after a label");
    ++at_;
    if (syntax_.blanks_between_tokens) skip_blanks();
    if (peek() == '}' && !syntax_.trailing_comma) return fail("a comma before '}'");
  }
  ++at_;  // '}'
  return true;
}

bool ExpositionScanner::finish_labels(LabelsView& labels) {
  // Label sets are short and mostly sorted already: insertion sort.
  for (size_t i = 1; i < scratch_.size(); ++i) {
    LabelRef label = scratch_[i];
    size_t j = i;
    for (; j > 0 && label.name < scratch_[j - 1].name; --j) scratch_[j] = scratch_[j - 1];
    scratch_[j] = label;
  }
  for (size_t i = 1; i < scratch_.size(); ++i) {
    if (scratch_[i].name == scratch_[i - 1].name)
      return fail(fmt::format("label \"{}\" twice", scratch_[i].name));
  }
  std::erase_if(scratch_, [](const LabelRef& label) { return label.value.empty(); });
  LabelRef* copies = out_.arena.allocate_array<LabelRef>(scratch_.size());
  std::uninitialized_copy(scratch_.begin(), scratch_.end(), copies);
  labels = LabelsView(copies, scratch_.size());
  return true;
}

bool ExpositionScanner::read_series(ExpositionSample& sample, std::string_view& name) {
  const char* start = at_;
  scratch_.clear();
  name = {};
  if (peek() != '{') {
    const char* stop = name_end(at_, end_, kColon);
    if (stop == at_) return fail("expected a metric name");
    name = {at_, static_cast<size_t>(stop - at_)};
    at_ = stop;
    const char* after_name = at_;
    if (syntax_.blanks_between_tokens) skip_blanks();
    if (peek() != '{') at_ = after_name;
  } else if (!syntax_.quoted_names) {
    return fail("expected a metric name");
  }
  if (peek() == '{') {
    std::string_view quoted_name = name;
    if (!read_labels(syntax_.quoted_names ? &quoted_name : nullptr)) return false;
    name = quoted_name;
  }
  if (name.empty()) return fail_at(start, "the metric has no name");
  sample.series_text = {start, static_cast<size_t>(at_ - start)};
  scratch_.push_back({kMetricNameLabel, name});
  return finish_labels(sample.labels);
}

bool ExpositionScanner::read_label_set(LabelsView& labels) {
  scratch_.clear();
  if (peek() != '{') return fail("expected '{'");
  return read_labels(nullptr) && finish_labels(labels);
}

bool ExpositionScanner::fail_at(const char* where, std::string message) {
  if (failed_at_ == nullptr) {
    failed_at_ = where;
    message_ = std::move(message);
  }
  return false;
}

Error ExpositionScanner::take_error(std::string_view format) {
  OBELISK_ASSERT(failed_at_ != nullptr);
  Error error = make_error(ErrorCode::parse_error, fmt::format("{}: {}", format, message_));
  error.position = position_of(page_, static_cast<uint64_t>(failed_at_ - page_.data()));
  return error;
}

}  // namespace obelisk
