#include "api/loki/delete_query.h"

#include <fmt/format.h>

#include "query/logql/metadata_columns.h"
#include "query/logql/pipeline.h"
#include "query/logql/selector_scan.h"

namespace obelisk::loki {
namespace {

Error undeletable(std::string_view what) {
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("cannot delete by {}: a delete query is a stream selector with line filters "
                                "(|= != |~ !~) and label filters that compare text",
                                what));
}

bool is_negative(logql::MatchOp op) {
  return op == logql::MatchOp::not_equal || op == logql::MatchOp::not_regex;
}

// That the row has a value there, and that it passes.
Result<Expr> passes(const ColumnId& column, const logql::Matcher& matcher) {
  bool regex = matcher.op == logql::MatchOp::regex || matcher.op == logql::MatchOp::not_regex;
  Expr equal;
  if (regex) {
    OBELISK_TRY(std::shared_ptr<const Regex> compiled, Regex::compile(matcher.value, Regex::Mode::anchored));
    equal = Expr::matches(column, std::move(compiled));
  } else {
    equal = Expr::compare(column, CompareOp::equal, matcher.value);
  }
  return is_negative(matcher.op) ? Expr::not_of(std::move(equal)) : equal;
}

class FilterLowering {
 public:
  explicit FilterLowering(const std::vector<ColumnInfo>& columns) : columns_(columns) {}

  Result<Expr> lower(const logql::LabelFilter& filter) const {
    using Kind = logql::LabelFilter::Kind;
    if (filter.kind == Kind::all_of || filter.kind == Kind::any_of) {
      OBELISK_TRY(Expr left, lower(filter.children[0]));
      OBELISK_TRY(Expr right, lower(filter.children[1]));
      std::vector<Expr> both{std::move(left), std::move(right)};
      return filter.kind == Kind::all_of ? Expr::all_of(std::move(both)) : Expr::any_of(std::move(both));
    }
    if (filter.kind != Kind::text) return undeletable("a filter that compares numbers or addresses");
    if (filter.matcher.name.starts_with("__")) return undeletable(filter.matcher.name);
    return lower_text(filter.matcher);
  }

 private:
  // The stream's label hides metadata of the same name; of several attributes that give one name the first
  // counts.
  Result<Expr> lower_text(const logql::Matcher& matcher) const {
    ColumnId label = label_column(matcher.name);
    Expr no_label = Expr::compare(label, CompareOp::equal, std::string());
    OBELISK_TRY(Expr on_label, passes(label, matcher));
    std::vector<Expr> ways{Expr::all_of({Expr::not_of(no_label), std::move(on_label)})};
    std::vector<Expr> before{std::move(no_label)};  // that nothing earlier gives the name
    for (const ColumnInfo& info : columns_) {
      if (logql::metadata_name_of(info.id) != matcher.name) continue;
      if (info.id.scope != Scope::attribute || info.type != ColumnType::string)
        return undeletable(fmt::format("{}, which is not only text of structured metadata", matcher.name));
      OBELISK_TRY(Expr on_metadata, passes(info.id, matcher));
      std::vector<Expr> way = before;
      way.push_back(Expr::exists(info.id));
      way.push_back(std::move(on_metadata));
      ways.push_back(Expr::all_of(std::move(way)));
      before.push_back(Expr::not_of(Expr::exists(info.id)));
    }
    return Expr::any_of(std::move(ways));
  }

  const std::vector<ColumnInfo>& columns_;
};

}  // namespace

Result<void> check_deletion(std::string_view query) {
  OBELISK_TRY(Scan checked, deletion_of(kDefaultTenant, query, {}, {}));
  (void)checked;
  return {};
}

Result<Scan> deletion_of(const Tenant& tenant, std::string_view query, const TimeRange& range,
                         const std::vector<ColumnInfo>& columns) {
  OBELISK_TRY(logql::Query parsed, logql::parse_and_check(query));
  if (!parsed.is_log()) return undeletable("a metric query");
  OBELISK_TRY(logql::LoweredSelector lowered, logql::lower_selector(parsed.selector));
  std::vector<Expr> parts{std::move(lowered.where)};
  for (size_t i = 0; i < parsed.selector.stages.size(); ++i) {
    const logql::Stage& stage = parsed.selector.stages[i];
    if (stage.kind == logql::Stage::Kind::label_filter) {
      OBELISK_TRY(Expr filter, FilterLowering(columns).lower(stage.label_filter));
      parts.push_back(std::move(filter));
    } else if (stage.kind != logql::Stage::Kind::line_filter) {
      return undeletable("a parser or formatter");
    } else if (!lowered.applied[i]) {
      return undeletable("ip(), pattern and empty filters");
    }
  }
  Scan scan;
  scan.tenant = tenant;
  scan.table = Table::logs;
  scan.range = range;
  scan.where = Expr::all_of(std::move(parts));
  return scan;
}

}  // namespace obelisk::loki
