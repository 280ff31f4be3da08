#include "query/traceql/tag_filter.h"

#include <vector>

#include "query/traceql/lexer.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

bool is_single_filter(const Query& query) {
  return query.pipeline && query.pipeline->stages.size() == 1 && query.pipeline->stages[0].spanset &&
         query.pipeline->stages[0].spanset->kind == SpansetExpr::Kind::filter;
}

// The text between the braces, cut at each && outside quotes. More than one filter, or an || that would
// change the meaning of a part, gives nothing.
std::vector<std::string_view> conditions_of(std::string_view text) {
  size_t open = text.find('{');
  if (open == std::string_view::npos) return {};
  std::vector<std::string_view> parts;
  size_t start = open + 1;
  char quote = 0;
  for (size_t i = start; i < text.size(); ++i) {
    char c = text[i];
    if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '`') quote = c;
    if (c == '{' || text.substr(i, 2) == "||") return {};
    if (c == '}') {
      parts.push_back(text.substr(start, i - start));
      return parts;
    }
    if (text.substr(i, 2) == "&&") {
      parts.push_back(text.substr(start, i - start));
      start = i + 2;
      ++i;
    }
  }
  if (start <= text.size()) parts.push_back(text.substr(start));
  return parts;
}

}  // namespace

std::optional<Query> parse_tag_filter(std::string_view text) {
  if (text.empty()) return std::nullopt;
  Result<Query> whole = prepare(text);
  if (whole.ok()) return is_single_filter(*whole) ? std::optional(std::move(*whole)) : std::nullopt;
  std::string kept;
  for (std::string_view part : conditions_of(text)) {
    std::string alone = "{" + std::string(part) + "}";
    Result<Query> query = prepare(alone);
    bool is_condition = query.ok() && is_single_filter(*query) &&
                        query->pipeline->stages[0].spanset->filter->kind == FieldExpr::Kind::operation;
    if (is_condition) kept += (kept.empty() ? "" : " && ") + std::string(part);
  }
  if (kept.empty()) return std::nullopt;
  Result<Query> query = prepare("{" + kept + "}");
  return query.ok() ? std::optional(std::move(*query)) : std::nullopt;
}

}  // namespace obelisk::traceql
