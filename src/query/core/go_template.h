#pragma once
// Go's text/template: actions, pipelines, variables, if/else/with/range/break/continue,
// define/template/block, comments and trim markers, and the builtin functions (and or not eq ne lt le gt ge
// len index slice print printf println html js urlquery). Functions of the caller come in a table. Used for
// line_format and label_format of LogQL and for the annotations of alert rules.
//
// A template is parsed once and may then be executed from any number of threads, as far as its functions
// allow. Bounds: text kTextBytesMax, nesting kDepthMax; an execution ends with an error after kStepsMax nodes
// or when its output passes kOutputBytesMax, so that no template can hold a server. Messages follow Go's:
// template: line:1: function "x" not defined.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "query/core/go_template_value.h"

namespace obelisk {

// What functions can see of an execution.
struct TemplateScope {
  TemplateValue root;            // `.` and `$` at the start
  const void* caller = nullptr;  // for the functions of the caller's table
};

using TemplateArguments = std::span<const TemplateValue>;
using TemplateFunction =
    std::function<Result<TemplateValue>(TemplateArguments arguments, const TemplateScope& scope)>;

struct TemplateFunctionEntry {
  int arguments_min = 0;
  int arguments_max = 0;  // -1: any number
  TemplateFunction call;
};
using TemplateFunctions = std::map<std::string, TemplateFunctionEntry, std::less<>>;

// and, or, not, eq, ... (and, or evaluate their arguments lazily; the engine knows them by name).
const TemplateFunctions& builtin_template_functions();

namespace template_tree {
struct Tree;
}

class GoTemplate {
 public:
  static constexpr size_t kTextBytesMax = 256 * 1024;
  static constexpr int kDepthMax = 64;
  static constexpr size_t kStepsMax = 1'000'000;
  static constexpr size_t kOutputBytesMax = 1 << 20;

  // `name` appears in messages. `functions` must outlive the template. Errors: parse_error with the position.
  static Result<GoTemplate> parse(std::string_view name, std::string_view text,
                                  const TemplateFunctions& functions);

  // Appends to `out`, which after an error holds what was written before it.
  Result<void> execute(const TemplateScope& scope, std::string& out) const;

  // Names of the fields read from `.` or `$` where that is the root: {{ .level }} gives "level". `whole` is
  // set when the root is used as a whole, or where what is read cannot be told: then every field may be read.
  void collect_root_fields(std::vector<std::string>& names, bool& whole) const;
  // Whether a function of this name occurs.
  bool uses_function(std::string_view name) const;

 private:
  std::shared_ptr<const template_tree::Tree> tree_;
};

}  // namespace obelisk
