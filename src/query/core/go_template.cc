#include "query/core/go_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "query/core/go_template_tree.h"
#include "query/core/go_time.h"

namespace obelisk {
namespace {

using namespace template_tree;
using Kind = TemplateValue::Kind;

class Execution {
 public:
  Execution(const Tree& tree, const TemplateScope& scope, std::string& out)
      : tree_(tree), scope_(scope), out_(out), begin_(out.size()) {
    variables_.emplace_back("$", scope.root);
  }

  Result<void> run() { return nodes(tree_.nodes, scope_.root); }

 private:
  enum class Flow { normal, break_loop, continue_loop };

  Error failure(size_t line, std::string_view message) const {
    return make_error(ErrorCode::execution, fmt::format("template: {}:{}: {}", tree_.name, line, message));
  }

  // Of a call, with the piece of the template that failed, as Go says it.
  Error failure_at(const Operand& operand, std::string_view source, std::string_view message) const {
    return make_error(ErrorCode::execution,
                      fmt::format("template: {0}:{1}:{2}: executing \"{0}\" at <{3}>: {4}", tree_.name,
                                  operand.line, operand.column, source, message));
  }

  Result<void> nodes(const std::vector<Node>& list, const TemplateValue& dot) {
    for (const Node& node : list) {
      OBELISK_CHECK_OK(one(node, dot));
      if (flow_ != Flow::normal) break;
    }
    return {};
  }

  Result<void> step(size_t line) {
    if (++steps_ > GoTemplate::kStepsMax) return failure(line, "runs for too long");
    if (out_.size() - begin_ > GoTemplate::kOutputBytesMax)
      return failure(line, "output is longer than 1 MiB");
    return {};
  }

  Result<void> one(const Node& node, const TemplateValue& dot) {
    OBELISK_CHECK_OK(step(node.line));
    switch (node.kind) {
      case Node::Kind::text:
        out_ += node.text;
        return {};
      case Node::Kind::action: {
        OBELISK_TRY(TemplateValue value, evaluate(node.pipeline, dot));
        if (node.pipeline.variables.empty()) value.append_to(out_);
        return {};
      }
      case Node::Kind::if_node:
      case Node::Kind::with_node: {
        size_t mark = variables_.size();
        OBELISK_TRY(TemplateValue value, evaluate(node.pipeline, dot));
        const TemplateValue& inner = node.kind == Node::Kind::with_node && value.is_true() ? value : dot;
        Result<void> done = nodes(value.is_true() ? node.body : node.otherwise, inner);
        variables_.resize(mark);
        return done;
      }
      case Node::Kind::range_node:
        return range(node, dot);
      case Node::Kind::template_call:
        return call_template(node, dot);
      case Node::Kind::break_node:
        flow_ = Flow::break_loop;
        return {};
      case Node::Kind::continue_node:
        flow_ = Flow::continue_loop;
        return {};
    }
    return {};
  }

  Result<void> call_template(const Node& node, const TemplateValue& dot) {
    auto found = tree_.definitions.find(node.text);
    if (found == tree_.definitions.end())
      return failure(node.line, fmt::format("template \"{}\" not defined", node.text));
    if (++call_depth_ > GoTemplate::kDepthMax) return failure(node.line, "exceeded maximum template depth");
    TemplateValue argument;
    if (!node.pipeline.commands.empty()) {
      OBELISK_TRY(argument, evaluate(node.pipeline, dot));
    }
    std::vector<std::pair<std::string, TemplateValue>> outer = std::move(variables_);
    variables_ = {{"$", argument}};
    Result<void> done = nodes(found->second, argument);
    variables_ = std::move(outer);
    --call_depth_;
    return done;
  }

  // One round of a range. False: leave the loop.
  Result<bool> round(const Node& node, const TemplateValue& key, const TemplateValue& element) {
    size_t mark = variables_.size();
    const std::vector<std::string>& names = node.pipeline.variables;
    if (node.pipeline.assigns) {
      if (names.size() == 1) assign(names[0], element);
      if (names.size() == 2) {
        assign(names[0], key);
        assign(names[1], element);
      }
    } else {
      if (names.size() == 1) variables_.emplace_back(names[0], element);
      if (names.size() == 2) {
        variables_.emplace_back(names[0], key);
        variables_.emplace_back(names[1], element);
      }
    }
    Result<void> done = nodes(node.body, element);
    variables_.resize(mark);
    if (!done.ok()) return done.error();
    OBELISK_CHECK_OK(step(node.line));
    bool leave = flow_ == Flow::break_loop;
    flow_ = Flow::normal;
    return !leave;
  }

  Result<void> range(const Node& node, const TemplateValue& dot) {
    OBELISK_TRY(TemplateValue value, evaluate_value(node.pipeline, dot));
    bool any = false;
    if (value.kind() == Kind::list) {
      int64_t index = 0;
      for (const TemplateValue& element : value.list()) {
        any = true;
        OBELISK_TRY(bool go_on, round(node, TemplateValue(index++), element));
        if (!go_on) break;
      }
    } else if (value.kind() == Kind::map || value.kind() == Kind::object) {
      TemplateMap copied;
      if (value.kind() == Kind::object) copied = value.object().all();
      for (const auto& [name, element] : value.kind() == Kind::object ? copied : value.map()) {
        any = true;
        OBELISK_TRY(bool go_on, round(node, TemplateValue(name), element));
        if (!go_on) break;
      }
    } else if (value.kind() == Kind::integer) {
      for (int64_t i = 0; i < value.integer(); ++i) {
        any = true;
        OBELISK_TRY(bool go_on, round(node, TemplateValue(i), TemplateValue(i)));
        if (!go_on) break;
      }
    } else if (!value.is_nil()) {
      return failure(node.line, fmt::format("range can't iterate over {}", value.to_text().substr(0, 64)));
    }
    if (!any) return nodes(node.otherwise, dot);
    return {};
  }

  void assign(const std::string& name, TemplateValue value) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first != name) continue;
      it->second = std::move(value);
      return;
    }
  }

  // The pipeline's value, with its variables set.
  Result<TemplateValue> evaluate(const Pipeline& pipeline, const TemplateValue& dot) {
    OBELISK_TRY(TemplateValue value, evaluate_value(pipeline, dot));
    for (const std::string& name : pipeline.variables) {
      if (pipeline.assigns) {
        assign(name, value);
      } else {
        variables_.emplace_back(name, value);
      }
    }
    return value;
  }

  Result<TemplateValue> evaluate_value(const Pipeline& pipeline, const TemplateValue& dot) {
    TemplateValue value;
    bool first = true;
    for (const Command& command : pipeline.commands) {
      OBELISK_TRY(value, evaluate_command(command, dot, first ? nullptr : &value));
      first = false;
    }
    return value;
  }

  Result<TemplateValue> evaluate_command(const Command& command, const TemplateValue& dot,
                                         const TemplateValue* piped) {
    const Operand& head = command.operands[0];
    OBELISK_CHECK_OK(step(head.line));
    if (head.kind == Operand::Kind::function && (head.name == "and" || head.name == "or")) {
      return lazily(command, dot, piped);
    }
    bool has_arguments = command.operands.size() > 1 || piped != nullptr;
    bool callable = head.kind == Operand::Kind::function ? head.fields.empty() : !head.fields.empty();
    if (has_arguments && !callable) {
      return failure(head.line, "can't give argument to non-function");
    }
    std::vector<TemplateValue> arguments;
    for (size_t i = 1; i < command.operands.size(); ++i) {
      OBELISK_TRY(TemplateValue argument, evaluate_operand(command.operands[i], dot, {}));
      arguments.push_back(std::move(argument));
    }
    if (piped != nullptr) arguments.push_back(*piped);
    return evaluate_operand(head, dot, arguments);
  }

  // and, or: the first argument that decides, or the last.
  Result<TemplateValue> lazily(const Command& command, const TemplateValue& dot, const TemplateValue* piped) {
    bool is_and = command.operands[0].name == "and";
    if (command.operands.size() == 1 && piped == nullptr) {
      return failure(
          command.operands[0].line,
          fmt::format("wrong number of args for {}: want at least 1 got 0", command.operands[0].name));
    }
    TemplateValue value;
    for (size_t i = 1; i < command.operands.size(); ++i) {
      OBELISK_TRY(value, evaluate_operand(command.operands[i], dot, {}));
      if (value.is_true() != is_and) return value;
    }
    return piped != nullptr ? *piped : value;
  }

  Result<TemplateValue> evaluate_operand(const Operand& operand, const TemplateValue& dot,
                                         std::span<const TemplateValue> arguments) {
    TemplateValue value;
    switch (operand.kind) {
      case Operand::Kind::constant:
        value = operand.constant;
        break;
      case Operand::Kind::dot:
        value = dot;
        break;
      case Operand::Kind::variable:
        value = variable(operand.name);
        break;
      case Operand::Kind::pipeline: {
        size_t mark = variables_.size();
        OBELISK_TRY(value, evaluate(*operand.pipeline, dot));
        variables_.resize(mark);
        break;
      }
      case Operand::Kind::function: {
        OBELISK_TRY(value,
                    call(operand, operand.fields.empty() ? arguments : std::span<const TemplateValue>{}));
        if (operand.fields.empty()) return value;
        break;
      }
    }
    for (size_t i = 0; i < operand.fields.size(); ++i) {
      bool last = i + 1 == operand.fields.size();
      OBELISK_TRY(value, field(operand, value, operand.fields[i],
                               last ? arguments : std::span<const TemplateValue>{}));
    }
    return value;
  }

  const TemplateValue& variable(std::string_view name) const {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first == name) return it->second;
    }
    return variables_.front().second;
  }

  Result<TemplateValue> call(const Operand& operand, std::span<const TemplateValue> arguments) {
    const TemplateFunctionEntry& entry = *operand.function;
    int count = static_cast<int>(arguments.size());
    if (count < entry.arguments_min || (entry.arguments_max >= 0 && count > entry.arguments_max)) {
      std::string wanted =
          entry.arguments_max == entry.arguments_min ? fmt::format("want {}", entry.arguments_min)
          : entry.arguments_max < 0                  ? fmt::format("want at least {}", entry.arguments_min)
                                    : fmt::format("want {} to {}", entry.arguments_min, entry.arguments_max);
      return failure_at(operand, operand.name,
                        fmt::format("wrong number of args for {}: {} got {}", operand.name, wanted, count));
    }
    Result<TemplateValue> result = entry.call(arguments, scope_);
    if (!result.ok()) {
      return failure_at(operand, operand.source.empty() ? operand.name : operand.source,
                        fmt::format("error calling {}: {}", operand.name, result.error().message));
    }
    if (result->kind() == Kind::text && result->text().size() > GoTemplate::kOutputBytesMax) {
      return failure(operand.line, fmt::format("the result of {} is longer than 1 MiB", operand.name));
    }
    return result;
  }

  Result<TemplateValue> field(const Operand& operand, const TemplateValue& value, const std::string& name,
                              std::span<const TemplateValue> arguments) {
    if (value.kind() == Kind::time) return time_method(operand, value.time(), name, arguments);
    if (!arguments.empty())
      return failure(operand.line, fmt::format("{} is not a method but has arguments", name));
    if (value.kind() == Kind::object) {
      std::optional<TemplateValue> found = value.object().field(name);
      return found ? std::move(*found) : value.object().missing();
    }
    if (value.kind() == Kind::map) {
      auto found = value.map().find(name);
      return found == value.map().end() ? TemplateValue() : found->second;
    }
    if (value.is_nil())
      return failure(operand.line, fmt::format("nil pointer evaluating interface {{}}.{}", name));
    return failure(operand.line, fmt::format("can't evaluate field {} in type {}", name, value.type_name()));
  }

  Result<TemplateValue> time_method(const Operand& operand, UnixNanos time, const std::string& name,
                                    std::span<const TemplateValue> arguments) {
    if (name == "Format" && arguments.size() == 1 && arguments[0].kind() == Kind::text) {
      return TemplateValue(format_go_time(time, arguments[0].text()));
    }
    if (!arguments.empty()) return failure(operand.line, fmt::format("wrong arguments for {}", name));
    auto floor_div = [](int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); };
    if (name == "Unix") return TemplateValue(floor_div(time.value, kNanosPerSecond));
    if (name == "UnixMilli") return TemplateValue(floor_div(time.value, kNanosPerMilli));
    if (name == "UnixMicro") return TemplateValue(floor_div(time.value, 1000));
    if (name == "UnixNano") return TemplateValue(time.value);
    if (name == "UTC" || name == "Local") return TemplateValue(time);
    if (name == "String") return TemplateValue(TemplateValue(time).to_text());
    auto part = [&](std::string_view layout) {
      return TemplateValue(parse_int64(format_go_time(time, layout)).value_or(0));
    };
    if (name == "Year") return part("2006");
    if (name == "Day") return part("2");
    if (name == "Hour") return part("15");
    if (name == "Minute") return part("4");
    if (name == "Second") return part("5");
    if (name == "YearDay") return part("002");
    if (name == "Month") return TemplateValue(format_go_time(time, "January"));
    if (name == "Weekday") return TemplateValue(format_go_time(time, "Monday"));
    return failure(operand.line, fmt::format("can't evaluate field {} in type time.Time", name));
  }

  const Tree& tree_;
  const TemplateScope& scope_;
  std::string& out_;
  const size_t begin_;
  std::vector<std::pair<std::string, TemplateValue>> variables_;
  Flow flow_ = Flow::normal;
  size_t steps_ = 0;
  int call_depth_ = 0;
};

// Walks the tree for what it reads of the root.
struct FieldWalk {
  std::vector<std::string>* names;
  bool* whole;

  void pipeline(const Pipeline& pipeline, bool dot_is_root) const {
    for (const Command& command : pipeline.commands) {
      for (const Operand& operand : command.operands) {
        if (operand.pipeline) this->pipeline(*operand.pipeline, dot_is_root);
        bool root = (operand.kind == Operand::Kind::dot && dot_is_root) ||
                    (operand.kind == Operand::Kind::variable && operand.name == "$");
        if (!root) continue;
        if (operand.fields.empty())
          *whole = true;
        else
          names->push_back(operand.fields[0]);
      }
    }
  }
  void nodes(const std::vector<Node>& list, bool dot_is_root) const {
    for (const Node& node : list) {
      pipeline(node.pipeline, dot_is_root);
      bool moves = node.kind == Node::Kind::with_node || node.kind == Node::Kind::range_node;
      nodes(node.body, dot_is_root && !moves);
      nodes(node.otherwise, dot_is_root);
      if (node.kind == Node::Kind::template_call) *whole = true;
    }
  }
};

bool pipeline_uses(const Pipeline& pipeline, std::string_view name) {
  return std::any_of(pipeline.commands.begin(), pipeline.commands.end(), [&](const Command& command) {
    return std::any_of(command.operands.begin(), command.operands.end(), [&](const Operand& operand) {
      return (operand.kind == Operand::Kind::function && operand.name == name) ||
             (operand.pipeline && pipeline_uses(*operand.pipeline, name));
    });
  });
}

bool nodes_use(const std::vector<Node>& nodes, std::string_view name) {
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) {
    return pipeline_uses(node.pipeline, name) || nodes_use(node.body, name) ||
           nodes_use(node.otherwise, name);
  });
}

}  // namespace

Result<GoTemplate> GoTemplate::parse(std::string_view name, std::string_view text,
                                     const TemplateFunctions& functions) {
  GoTemplate parsed;
  OBELISK_TRY(parsed.tree_, template_tree::parse_tree(name, text, functions));
  return parsed;
}

Result<void> GoTemplate::execute(const TemplateScope& scope, std::string& out) const {
  return Execution(*tree_, scope, out).run();
}

void GoTemplate::collect_root_fields(std::vector<std::string>& names, bool& whole) const {
  FieldWalk{&names, &whole}.nodes(tree_->nodes, true);
}

bool GoTemplate::uses_function(std::string_view name) const {
  if (nodes_use(tree_->nodes, name)) return true;
  return std::any_of(tree_->definitions.begin(), tree_->definitions.end(),
                     [&](const auto& definition) { return nodes_use(definition.second, name); });
}

}  // namespace obelisk
