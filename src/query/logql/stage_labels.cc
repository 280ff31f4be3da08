#include "query/logql/stage_labels.h"

#include <algorithm>

#include "plan/regex.h"
#include "query/logql/lexer.h"
#include "query/logql/regex_error.h"

namespace obelisk::logql {
namespace {

struct Choice {
  LabelSelector selector;
  std::shared_ptr<const Regex> regex;

  bool accepts(std::string_view value) const {
    if (!selector.has_value) return true;
    switch (selector.matcher.op) {
      case MatchOp::equal:
        return value == selector.matcher.value;
      case MatchOp::not_equal:
        return value != selector.matcher.value;
      case MatchOp::regex:
        return regex->matches(value);
      case MatchOp::not_regex:
        return !regex->matches(value);
    }
    return false;
  }
  const std::string& name() const { return selector.matcher.name; }
};

Result<std::vector<Choice>> compile(const std::vector<LabelSelector>& selectors) {
  std::vector<Choice> choices;
  for (const LabelSelector& selector : selectors) {
    Choice choice{selector, nullptr};
    if (selector.has_value &&
        (selector.matcher.op == MatchOp::regex || selector.matcher.op == MatchOp::not_regex)) {
      Result<std::shared_ptr<const Regex>> compiled =
          Regex::compile(selector.matcher.value, Regex::Mode::anchored);
      if (!compiled.ok()) return parse_error(regex_error_text(selector.matcher.value, compiled.error()));
      choice.regex = *compiled;
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

class DropStage : public RowStage {
 public:
  explicit DropStage(std::vector<Choice> choices) : choices_(std::move(choices)) {}

  bool apply(LogRow& row) override {
    for (const Choice& choice : choices_) {
      if (choice.name() == kErrorLabel) {
        if (choice.accepts(row.labels.error())) row.labels.reset_error();
      } else if (choice.name() == kErrorDetailsLabel) {
        if (choice.accepts(row.labels.error_details())) row.labels.reset_error_details();
      } else if (std::string_view value; row.labels.get(choice.name(), value) && choice.accepts(value)) {
        row.labels.remove(choice.name());
      }
    }
    return true;
  }

 private:
  std::vector<Choice> choices_;
};

class KeepStage : public RowStage {
 public:
  explicit KeepStage(std::vector<Choice> choices) : choices_(std::move(choices)) {}

  bool apply(LogRow& row) override {
    row.labels.filter([&](std::string_view name, std::string_view value) {
      return std::any_of(choices_.begin(), choices_.end(), [&](const Choice& choice) {
        return choice.name() == name && choice.accepts(value);
      });
    });
    return true;
  }

 private:
  std::vector<Choice> choices_;
};

class DecolorizeStage : public RowStage {
 public:
  bool apply(LogRow& row) override {
    size_t escape = row.line.find('\x1b');
    if (escape == std::string_view::npos) return true;
    plain_.assign(row.line.substr(0, escape));
    for (size_t i = escape; i < row.line.size();) {
      size_t length = sequence_length(row.line.substr(i));
      if (length == 0) plain_ += row.line[i];
      i += length == 0 ? 1 : length;
    }
    row.line = row.labels.text().keep(plain_);
    return true;
  }

 private:
  // The length of the escape sequence at the start of the text, 0 when there is none. ECMA-48: CSI with its
  // parameters and final byte, OSC up to BEL or ST, and the two-byte forms.
  static size_t sequence_length(std::string_view text) {
    if (text.size() < 2 || text[0] != '\x1b') return 0;
    if (text[1] == '[') {
      size_t i = 2;
      while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x3F) ++i;
      return i < text.size() && text[i] >= 0x40 && text[i] <= 0x7E ? i + 1 : 0;
    }
    if (text[1] == ']') {
      size_t end = text.find_first_of("\x07\x1b", 2);
      if (end == std::string_view::npos) return 0;
      return text[end] == '\x07' ? end + 1 : end + (end + 1 < text.size() && text[end + 1] == '\\' ? 2 : 0);
    }
    if (text[1] == '(' || text[1] == ')' || text[1] == '#') return text.size() > 2 ? 3 : 0;
    return text[1] >= 0x40 && text[1] <= 0x5F ? 2 : 0;
  }

  std::string plain_;
};

}  // namespace

Result<RowStagePtr> make_drop_stage(const std::vector<LabelSelector>& selectors) {
  OBELISK_TRY(std::vector<Choice> choices, compile(selectors));
  return RowStagePtr(std::make_unique<DropStage>(std::move(choices)));
}

Result<RowStagePtr> make_keep_stage(const std::vector<LabelSelector>& selectors) {
  OBELISK_TRY(std::vector<Choice> choices, compile(selectors));
  return RowStagePtr(std::make_unique<KeepStage>(std::move(choices)));
}

RowStagePtr make_decolorize_stage() {
  return std::make_unique<DecolorizeStage>();
}

}  // namespace obelisk::logql
