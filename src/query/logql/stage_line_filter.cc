#include <algorithm>

#include "query/logql/ip_range.h"
#include "query/logql/lexer.h"
#include "query/logql/line_pattern.h"
#include "query/logql/line_regex.h"
#include "query/logql/stage_filter.h"

namespace obelisk::logql {
namespace {

// One operand; `kind` says which member counts.
struct Operand {
  enum class Kind { text, regex, pattern, ip };
  Kind kind = Kind::text;
  std::string text;
  std::shared_ptr<const Regex> regex;
  LinePattern pattern;
  IpRange ip;

  bool matches(std::string_view line) const {
    switch (kind) {
      case Kind::text:
        return line.find(text) != std::string_view::npos;
      case Kind::regex:
        return regex->matches(line);
      case Kind::pattern:
        return pattern.matches(line);
      case Kind::ip:
        return ip.found_in(line);
    }
    return false;
  }
};

class LineFilterStage : public RowStage {
 public:
  LineFilterStage(std::vector<Operand> operands, bool keep_matches)
      : operands_(std::move(operands)), keep_matches_(keep_matches) {}

  bool apply(LogRow& row) override {
    bool any = std::any_of(operands_.begin(), operands_.end(),
                           [&](const Operand& operand) { return operand.matches(row.line); });
    return any == keep_matches_;
  }

 private:
  std::vector<Operand> operands_;
  bool keep_matches_;
};

}  // namespace

Result<RowStagePtr> make_line_filter_stage(const LineFilter& filter) {
  bool keep = filter.op == LineFilterOp::contains || filter.op == LineFilterOp::regex ||
              filter.op == LineFilterOp::pattern;
  std::vector<Operand> operands;
  for (const LineOperand& source : filter.operands) {
    Operand operand;
    if (source.ip) {
      operand.kind = Operand::Kind::ip;
      Result<IpRange> range = IpRange::parse(source.text);
      if (!range.ok()) return parse_error(range.error().message);
      operand.ip = *range;
    } else if (filter.op == LineFilterOp::regex || filter.op == LineFilterOp::not_regex) {
      operand.kind = Operand::Kind::regex;
      OBELISK_TRY(operand.regex, compile_line_regex(source.text));
    } else if (filter.op == LineFilterOp::pattern || filter.op == LineFilterOp::not_pattern) {
      operand.kind = Operand::Kind::pattern;
      OBELISK_TRY(operand.pattern, LinePattern::for_filter(source.text));
    } else {
      operand.text = source.text;
    }
    // Beside others an empty operand is left out, as in the reference; alone it matches every line.
    if (source.text.empty() && keep && filter.operands.size() > 1) continue;
    operands.push_back(std::move(operand));
  }
  if (operands.empty()) operands.emplace_back();  // all of them were empty
  return RowStagePtr(std::make_unique<LineFilterStage>(std::move(operands), keep));
}

}  // namespace obelisk::logql
