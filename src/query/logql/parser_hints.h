#pragma once
// What parsers of a metric query need not do, as the reference decides it: it shows in answers, since a fault
// of a line that lies behind the last label that anyone asks for is then never met.
// - A query that asks for no label at all (`sum(count_over_time({..} | json [5m]))`) does not parse.
// - One that asks for some (groups of `by`, filters, templates, the unwrapped label) stops parsing a line
// once it has
//   them all.
// - One that asks for __error__ counts lines that parsers failed on instead of failing itself.
// Log queries, `without`, and aggregations without grouping give none of these hints. Immutable.
#include <string>
#include <vector>

#include "query/logql/ast.h"
#include "query/logql/row_labels.h"

namespace obelisk::logql {

class ParserHints {
 public:
  ParserHints() = default;  // no hints
  // Of a range aggregation whose result has only the labels `groups`.
  static ParserHints of(const LogRange& range, const std::vector<std::string>& groups);

  bool parses_nothing() const { return parses_nothing_; }
  bool preserves_errors() const { return preserves_errors_; }
  // Whether a parser is done with this row.
  bool satisfied(const RowLabels& labels) const {
    if (required_.empty()) return parses_nothing_;
    for (const std::string& name : required_) {
      if (!labels.has_parsed(name)) return false;
    }
    return true;
  }

 private:
  bool parses_nothing_ = false;
  bool preserves_errors_ = false;
  std::vector<std::string> required_;  // none: no hint
};

}  // namespace obelisk::logql
