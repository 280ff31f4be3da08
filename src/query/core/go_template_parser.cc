#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "query/core/go_template_tree.h"
#include "query/core/utf8_runes.h"

namespace obelisk::template_tree {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_word(char c) {
  return is_word_start(c) || (c >= '0' && c <= '9');
}

// What closed a list of nodes.
enum class Closing { end_of_text, end, otherwise };

class Parser {
 public:
  Parser(std::string_view name, std::string_view text, const TemplateFunctions& functions)
      : name_(name), text_(text), functions_(functions) {}

  Result<std::shared_ptr<const Tree>> parse() {
    if (text_.size() > GoTemplate::kTextBytesMax) {
      return make_error(ErrorCode::too_large,
                        fmt::format("template: {}: longer than {} bytes", name_, GoTemplate::kTextBytesMax));
    }
    auto tree = std::make_shared<Tree>();
    tree->name = name_;
    tree_ = tree.get();
    variables_ = {"$"};
    Closing closing = Closing::end_of_text;
    OBELISK_CHECK_OK(list(tree->nodes, closing));
    if (closing == Closing::end) return failure("unexpected {{end}}");
    if (closing == Closing::otherwise) return failure("unexpected {{else}}");
    return std::shared_ptr<const Tree>(std::move(tree));
  }

 private:
  Error failure(std::string_view message) const {
    Position position = position_of(text_, std::min(at_, text_.size()));
    return Error{ErrorCode::parse_error, fmt::format("template: {}:{}: {}", name_, position.line, message),
                 position};
  }

  size_t line() const { return position_of_line_; }

  // Text up to the next action, with the blanks removed that trim markers ask for.
  void take_text(std::vector<Node>& nodes) {
    size_t open = text_.find("{{", at_);
    size_t end = open == std::string_view::npos ? text_.size() : open;
    std::string_view piece = text_.substr(at_, end - at_);
    if (trim_next_) {
      while (!piece.empty() && is_space(piece.front())) piece.remove_prefix(1);
    }
    trim_next_ = false;
    bool trims = open != std::string_view::npos && open + 3 < text_.size() && text_[open + 2] == '-' &&
                 is_space(text_[open + 3]);
    if (trims) {
      while (!piece.empty() && is_space(piece.back())) piece.remove_suffix(1);
    }
    if (!piece.empty()) {
      Node node;
      node.kind = Node::Kind::text;
      node.text = piece;
      nodes.push_back(std::move(node));
    }
    count_lines(end);
    at_ = end;
    if (open != std::string_view::npos) at_ += trims ? 3 : 2;
  }

  void count_lines(size_t until) {
    position_of_line_ += static_cast<size_t>(
        std::count(text_.begin() + static_cast<long>(at_), text_.begin() + static_cast<long>(until), '\n'));
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) {
      if (text_[at_] == '\n') ++position_of_line_;
      ++at_;
    }
  }

  bool at_action_end() {
    skip_space();
    if (text_.substr(at_).starts_with("}}")) return true;
    return at_ > 0 && is_space(text_[at_ - 1]) && text_.substr(at_).starts_with("-}}");
  }

  Result<void> close_action() {
    if (!at_action_end()) {
      if (at_ >= text_.size()) return failure("unclosed action");
      return failure(fmt::format("unexpected {} in command", quoted_next()));
    }
    if (text_[at_] == '-') {
      trim_next_ = true;
      ++at_;
    }
    at_ += 2;
    return {};
  }

  std::string quoted_next() const {
    size_t length = at_ < text_.size() ? decode_rune(text_.substr(at_)).length : 0;
    return fmt::format("\"{}\"", text_.substr(at_, length));
  }

  std::string_view peek_word() {
    skip_space();
    if (at_ >= text_.size() || !is_word_start(text_[at_])) return {};
    size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  bool take_word(std::string_view word) {
    if (peek_word() != word) return false;
    at_ += word.size();
    return true;
  }

  Result<void> list(std::vector<Node>& nodes, Closing& closing) {
    if (++depth_ > GoTemplate::kDepthMax) return failure("nested too deeply");
    for (;;) {
      size_t before = at_;
      take_text(nodes);
      if (at_ >= text_.size() && (at_ < 2 || text_.substr(before).find("{{") == std::string_view::npos)) {
        closing = Closing::end_of_text;
        break;
      }
      OBELISK_TRY(bool done, action(nodes, closing));
      if (done) break;
    }
    --depth_;
    return {};
  }

  // One action after its "{{". True when it closes the list.
  Result<bool> action(std::vector<Node>& nodes, Closing& closing) {
    if (text_.substr(at_).starts_with("/*") || (skip_space(), text_.substr(at_).starts_with("/*"))) {
      size_t end = text_.find("*/", at_);
      if (end == std::string_view::npos) return failure("unclosed comment");
      count_lines(end);
      at_ = end + 2;
      OBELISK_CHECK_OK(close_action());
      return false;
    }
    std::string_view word = peek_word();
    Node node;
    node.line = line();
    if (word == "end" || word == "else") {
      at_ += word.size();
      closing = word == "end" ? Closing::end : Closing::otherwise;
      if (word == "end") OBELISK_CHECK_OK(close_action());
      return true;  // after "else" the caller looks for "if" and "with", and closes the action
    }
    if (word == "if" || word == "with" || word == "range") {
      at_ += word.size();
      node.kind = word == "if"     ? Node::Kind::if_node
                  : word == "with" ? Node::Kind::with_node
                                   : Node::Kind::range_node;
      OBELISK_CHECK_OK(control(node));
    } else if (word == "define") {
      at_ += word.size();
      OBELISK_CHECK_OK(define());
      return false;
    } else if (word == "template" || word == "block") {
      at_ += word.size();
      bool block = word == "block";
      node.kind = Node::Kind::template_call;
      skip_space();
      OBELISK_TRY(node.text, string_literal());
      if (!at_action_end()) OBELISK_CHECK_OK(pipeline(node.pipeline, false));
      OBELISK_CHECK_OK(close_action());
      if (block) OBELISK_CHECK_OK(definition_body(node.text));
    } else if (word == "break" || word == "continue") {
      if (range_depth_ == 0) return failure(fmt::format("{{{{{}}}}} outside {{{{range}}}}", word));
      at_ += word.size();
      node.kind = word == "break" ? Node::Kind::break_node : Node::Kind::continue_node;
      OBELISK_CHECK_OK(close_action());
    } else {
      node.kind = Node::Kind::action;
      OBELISK_CHECK_OK(pipeline(node.pipeline, false));
      OBELISK_CHECK_OK(close_action());
    }
    nodes.push_back(std::move(node));
    return false;
  }

  Result<void> control(Node& node) {
    size_t scope = variables_.size();
    bool is_range = node.kind == Node::Kind::range_node;
    OBELISK_CHECK_OK(pipeline(node.pipeline, is_range));
    OBELISK_CHECK_OK(close_action());
    range_depth_ += is_range ? 1 : 0;
    Closing closing = Closing::end_of_text;
    OBELISK_CHECK_OK(list(node.body, closing));
    range_depth_ -= is_range ? 1 : 0;
    if (closing == Closing::otherwise) {
      bool chained_if = node.kind == Node::Kind::if_node && take_word("if");
      bool chained_with = node.kind == Node::Kind::with_node && take_word("with");
      if (chained_if || chained_with) {
        // {{else if}} is an {{if}} inside the else, with one {{end}} for both.
        if (++depth_ > GoTemplate::kDepthMax) return failure("nested too deeply");
        Node inner;
        inner.kind = node.kind;
        inner.line = line();
        OBELISK_CHECK_OK(control(inner));
        --depth_;
        node.otherwise.push_back(std::move(inner));
        variables_.resize(scope);
        return {};
      }
      OBELISK_CHECK_OK(close_action());
      OBELISK_CHECK_OK(list(node.otherwise, closing));
      if (closing == Closing::otherwise) return failure("expected end; found {{else}}");
    }
    if (closing == Closing::end_of_text) return failure("unexpected EOF");
    variables_.resize(scope);
    return {};
  }

  Result<void> define() {
    if (depth_ > 1) return failure("unexpected {{define}}");
    skip_space();
    OBELISK_TRY(std::string name, string_literal());
    OBELISK_CHECK_OK(close_action());
    return definition_body(name);
  }

  Result<void> definition_body(const std::string& name) {
    std::vector<std::string> outer = std::move(variables_);
    variables_ = {"$"};
    Closing closing = Closing::end_of_text;
    std::vector<Node> body;
    OBELISK_CHECK_OK(list(body, closing));
    if (closing == Closing::end_of_text) return failure("unexpected EOF");
    if (closing == Closing::otherwise) return failure("unexpected {{else}}");
    variables_ = std::move(outer);
    tree_->definitions[name] = std::move(body);
    return {};
  }

  // `$x :=`, `$i, $x :=` (in range), `$x =`; nothing taken when there is none.
  Result<void> declarations(Pipeline& into, bool is_range) {
    size_t start = at_;
    std::vector<std::string> names;
    for (;;) {
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '$') break;
      size_t end = at_ + 1;
      while (end < text_.size() && is_word(text_[end])) ++end;
      names.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
      skip_space();
      if (names.size() == 1 && is_range && at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      break;
    }
    skip_space();
    if (!names.empty() && text_.substr(at_).starts_with(":=")) {
      at_ += 2;
      into.variables = names;
      return {};
    }
    if (!names.empty() && text_.substr(at_).starts_with("=") && !text_.substr(at_).starts_with("==")) {
      for (const std::string& name : names) OBELISK_CHECK_OK(check_variable(name));
      ++at_;
      into.variables = std::move(names);
      into.assigns = true;
      return {};
    }
    if (names.size() > 1) return failure("range can only initialize variables");
    at_ = start;
    return {};
  }

  Result<void> check_variable(const std::string& name) const {
    if (std::find(variables_.begin(), variables_.end(), name) != variables_.end()) return {};
    return failure(fmt::format("undefined variable \"{}\"", name));
  }

  Result<void> pipeline(Pipeline& into, bool is_range) {
    if (++depth_ > GoTemplate::kDepthMax) return failure("nested too deeply");
    skip_space();
    into.line = line();
    OBELISK_CHECK_OK(declarations(into, is_range));
    for (;;) {
      Command command;
      skip_space();
      size_t begin = at_;
      OBELISK_CHECK_OK(operands(command));
      if (!command.operands.empty() && command.operands[0].kind == Operand::Kind::function) {
        command.operands[0].column = begin - (text_.substr(0, begin).rfind('\n') + 1);
        command.operands[0].source = spaced_once(text_.substr(begin, at_ - begin));
      }
      if (command.operands.empty()) {
        if (at_ >= text_.size()) return failure("unclosed action");
        return failure(at_action_end() || text_[at_] == ')' || text_[at_] == '|'
                           ? "missing value for command"
                           : fmt::format("unexpected {} in operand", quoted_next()));
      }
      into.commands.push_back(std::move(command));
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '|') break;
      ++at_;
    }
    if (!into.assigns) variables_.insert(variables_.end(), into.variables.begin(), into.variables.end());
    --depth_;
    return {};
  }

  // With one blank where there are several outside strings, none at the end.
  static std::string spaced_once(std::string_view text) {
    std::string out;
    char quote = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      char c = text[i];
      if (quote == 0 && is_space(c)) {
        if (!out.empty() && out.back() != ' ') out += ' ';
        continue;
      }
      out += c;
      if (quote == '"' && c == '\\' && i + 1 < text.size())
        out += text[++i];
      else if (quote != 0 ? c == quote : c == '"' || c == '`')
        quote = quote == 0 ? c : 0;
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

  Result<void> operands(Command& command) {
    for (;;) {
      if (at_action_end() || at_ >= text_.size()) return {};
      char c = text_[at_];
      if (c == '|' || c == ')') return {};
      if (!command.operands.empty() && !is_space(text_[at_ - 1]) && text_[at_ - 1] != ')' && c != '(') {
        return failure(fmt::format("unexpected {} in operand", quoted_next()));
      }
      Operand operand;
      operand.line = line();
      OBELISK_CHECK_OK(one_operand(operand));
      command.operands.push_back(std::move(operand));
    }
  }

  Result<void> one_operand(Operand& operand) {
    char c = text_[at_];
    if (c == '(') {
      ++at_;
      size_t scope = variables_.size();
      auto inner = std::make_shared<Pipeline>();
      OBELISK_CHECK_OK(pipeline(*inner, false));
      variables_.resize(scope);
      skip_space();
      if (at_ >= text_.size() || text_[at_] != ')') return failure("unclosed left paren");
      ++at_;
      operand.kind = Operand::Kind::pipeline;
      operand.pipeline = std::move(inner);
    } else if (c == '"' || c == '`') {
      OBELISK_TRY(std::string text, string_literal());
      operand.kind = Operand::Kind::constant;
      operand.constant = TemplateValue(std::move(text));
    } else if (c == '\'') {
      OBELISK_CHECK_OK(character(operand));
    } else if (c == '$') {
      size_t end = at_ + 1;
      while (end < text_.size() && is_word(text_[end])) ++end;
      operand.kind = Operand::Kind::variable;
      operand.name = text_.substr(at_, end - at_);
      OBELISK_CHECK_OK(check_variable(operand.name));
      at_ = end;
    } else if (c == '.' && !(at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9')) {
      operand.kind = Operand::Kind::dot;
      if (at_ + 1 >= text_.size() || !is_word_start(text_[at_ + 1])) {
        ++at_;
        return {};
      }
    } else if (is_word_start(c)) {
      OBELISK_CHECK_OK(word_operand(operand));
    } else if ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.') {
      OBELISK_CHECK_OK(number(operand));
    } else {
      return failure(fmt::format("unexpected {} in command", quoted_next()));
    }
    while (at_ + 1 < text_.size() && text_[at_] == '.' && is_word_start(text_[at_ + 1])) {
      size_t end = at_ + 1;
      while (end < text_.size() && is_word(text_[end])) ++end;
      operand.fields.emplace_back(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end;
    }
    return {};
  }

  Result<void> word_operand(Operand& operand) {
    std::string_view word = peek_word();
    if (word == "true" || word == "false" || word == "nil") {
      operand.kind = Operand::Kind::constant;
      if (word != "nil") operand.constant = TemplateValue(word == "true");
      at_ += word.size();
      return {};
    }
    operand.kind = Operand::Kind::function;
    operand.name = word;
    if (auto found = functions_.find(word); found != functions_.end()) {
      operand.function = &found->second;
    } else if (auto builtin = builtin_template_functions().find(word);
               builtin != builtin_template_functions().end()) {
      operand.function = &builtin->second;
    } else {
      return failure(fmt::format("function \"{}\" not defined", word));
    }
    at_ += word.size();
    return {};
  }

  Result<void> number(Operand& operand) {
    size_t end = at_;
    if (text_[end] == '+' || text_[end] == '-') ++end;
    bool hexadecimal = text_.substr(end).starts_with("0x") || text_.substr(end).starts_with("0X");
    while (end < text_.size()) {
      char c = text_[end];
      bool exponent_sign =
          (c == '+' || c == '-') && end > at_ &&
          ((!hexadecimal && (text_[end - 1] == 'e' || text_[end - 1] == 'E')) || text_[end - 1] == 'p');
      if (!is_word(c) && c != '.' && !exponent_sign) break;
      ++end;
    }
    std::string digits(text_.substr(at_, end - at_));
    std::erase(digits, '_');
    operand.kind = Operand::Kind::constant;
    if (std::optional<int64_t> integer = parse_int64(digits)) {
      operand.constant = TemplateValue(*integer);
    } else if (hexadecimal && digits.find('p') == std::string::npos &&
               digits.find('.') == std::string::npos) {
      std::optional<double> real = parse_float(digits);
      if (!real) return failure(fmt::format("bad number syntax: \"{}\"", digits));
      operand.constant = TemplateValue(static_cast<int64_t>(*real));
    } else if (std::optional<double> real = parse_float(digits);
               real && digits.find_first_of("0123456789") != std::string::npos) {
      operand.constant = TemplateValue(*real);
    } else {
      return failure(fmt::format("bad number syntax: \"{}\"", digits));
    }
    at_ = end;
    return {};
  }

  Result<void> character(Operand& operand) {
    ++at_;
    std::string decoded;
    while (at_ < text_.size() && text_[at_] != '\'' && text_[at_] != '\n')
      OBELISK_CHECK_OK(escaped(decoded, '\''));
    if (at_ >= text_.size() || text_[at_] != '\'') return failure("unterminated character constant");
    ++at_;
    if (decoded.empty() || decode_rune(decoded).length != decoded.size())
      return failure("malformed character constant");
    operand.kind = Operand::Kind::constant;
    operand.constant = TemplateValue(static_cast<int64_t>(decode_rune(decoded).value));
    return {};
  }

  // One possibly escaped character of an interpreted literal.
  Result<void> escaped(std::string& out, char quote) {
    char c = text_[at_++];
    if (c != '\\') {
      out += c;
      return {};
    }
    if (at_ >= text_.size()) return failure("unterminated quoted string");
    char kind = text_[at_++];
    static constexpr std::string_view kNames = "abfnrtv\\";
    static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\";
    if (size_t known = kNames.find(kind); known != std::string_view::npos) {
      out += kValues[known];
      return {};
    }
    if (kind == quote) {
      out += quote;
      return {};
    }
    size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    int base = 16;
    if (kind >= '0' && kind <= '7') {
      digits = 3;
      base = 8;
      --at_;
    }
    if (digits == 0 || at_ + digits > text_.size()) return failure("invalid escape in string");
    uint64_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      char d = text_[at_++];
      int digit = d >= '0' && d <= '9'   ? d - '0'
                  : d >= 'a' && d <= 'f' ? d - 'a' + 10
                  : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                         : 99;
      if (digit >= base) return failure("invalid escape in string");
      value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    }
    if (kind == 'u' || kind == 'U') {
      append_rune(out, value > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(value));
    } else {
      out += static_cast<char>(value);
    }
    return {};
  }

  Result<std::string> string_literal() {
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '`')) {
      return failure(at_ >= text_.size() ? std::string("unclosed action")
                                         : fmt::format("unexpected {}", quoted_next()));
    }
    char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\n') {
        if (quote == '"') return failure("unterminated quoted string");
        ++position_of_line_;
      }
      if (quote == '`') {
        out += text_[at_++];
      } else {
        OBELISK_CHECK_OK(escaped(out, '"'));
      }
    }
    if (at_ >= text_.size())
      return failure(quote == '`' ? "unterminated raw quoted string" : "unterminated quoted string");
    ++at_;
    return out;
  }

  std::string_view name_;
  std::string_view text_;
  const TemplateFunctions& functions_;
  Tree* tree_ = nullptr;
  std::vector<std::string> variables_;
  size_t at_ = 0;
  size_t position_of_line_ = 1;
  int depth_ = 0;
  int range_depth_ = 0;
  bool trim_next_ = false;
};

}  // namespace

Result<std::shared_ptr<const Tree>> parse_tree(std::string_view name, std::string_view text,
                                               const TemplateFunctions& functions) {
  return Parser(name, text, functions).parse();
}

}  // namespace obelisk::template_tree
