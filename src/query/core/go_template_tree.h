#pragma once
// The parsed form of a template. Internal to go_template*.cc.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "query/core/go_template.h"

namespace obelisk::template_tree {

struct Pipeline;

// One operand of a command: a constant, a field chain, a variable, a function name, or a parenthesised
// pipeline, each with the fields that follow it.
struct Operand {
  enum class Kind { constant, dot, variable, function, pipeline };
  Kind kind = Kind::dot;
  TemplateValue constant;
  std::string name;  // variable (with its $) or function
  const TemplateFunctionEntry* function = nullptr;
  std::shared_ptr<const Pipeline> pipeline;
  std::vector<std::string> fields;  // .a.b
  size_t line = 1;
  // Of a function that begins a command: where the command begins in its line, and the command as it is
  // written. For errors, which are told as Go tells them.
  size_t column = 0;
  std::string source;
};

struct Command {
  std::vector<Operand> operands;  // the first may be a function, or a method chain that takes the others
};

struct Pipeline {
  std::vector<std::string> variables;  // declared or assigned; two only in range
  bool assigns = false;                // `=` instead of `:=`
  std::vector<Command> commands;
  size_t line = 1;
};

struct Node {
  enum class Kind { text, action, if_node, with_node, range_node, template_call, break_node, continue_node };
  Kind kind = Kind::text;
  std::string text;   // text; the name of template_call
  Pipeline pipeline;  // empty commands: none
  std::vector<Node> body;
  std::vector<Node> otherwise;
  size_t line = 1;
};

struct Tree {
  std::string name;
  std::vector<Node> nodes;
  std::map<std::string, std::vector<Node>, std::less<>> definitions;
};

Result<std::shared_ptr<const Tree>> parse_tree(std::string_view name, std::string_view text,
                                               const TemplateFunctions& functions);

}  // namespace obelisk::template_tree
