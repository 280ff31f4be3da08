// Names and values of tags: what a query editor completes with.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "query/traceql/span_scan.h"
#include "query/traceql/tag_filter.h"
#include "query/traceql/tag_type.h"
#include "query/traceql/validate.h"
#include "storage/reader.h"

namespace obelisk::traceql {
namespace {

constexpr std::string_view kIntrinsicTags[] = {"duration",
                                               "event:name",
                                               "event:timeSinceStart",
                                               "instrumentation:name",
                                               "instrumentation:version",
                                               "kind",
                                               "name",
                                               "rootName",
                                               "rootServiceName",
                                               "span:duration",
                                               "span:kind",
                                               "span:name",
                                               "span:status",
                                               "span:statusMessage",
                                               "status",
                                               "statusMessage",
                                               "trace:duration",
                                               "trace:rootName",
                                               "trace:rootService",
                                               "traceDuration"};
constexpr std::string_view kScopes[] = {"event", "instrumentation", "intrinsic", "link", "resource", "span"};

Scan tag_scan(const QueryContext& context, TimeRange range) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  scan.range = range;
  return scan;
}

std::string_view scope_of(Scope scope) {
  switch (scope) {
    case Scope::resource:
      return "resource";
    case Scope::attribute:
      return "span";
    case Scope::instrumentation:
      return "instrumentation";
    case Scope::event:
      return "event";
    case Scope::link:
      return "link";
    default:
      return "";
  }
}

using TagSets = std::map<std::string, std::set<std::string>, std::less<>>;

bool is_wanted(std::string_view wanted, std::string_view scope) {
  return wanted.empty() || wanted == "none" || wanted == scope;
}

Result<void> collect_filtered_names(const QueryContext& context, const Query& filter, TimeRange range,
                                    TagSets& tags, ScanStatistics& statistics) {
  SpanScan scan{context, filter, *filter.pipeline, range, true};
  OBELISK_TRY(statistics, scan_spans(scan, [&](SpanView& span) -> Result<void> {
                for (const ColumnData& data : span.batch().columns) {
                  std::string_view scope = scope_of(data.id.scope);
                  if (!scope.empty() && data.is_present(span.row()))
                    tags[std::string(scope)].insert(data.id.name);
                }
                return {};
              }));
  return {};
}

// "resource.service.name" as an attribute, with a slot.
Result<Query> tag_query(std::string_view tag) {
  Result<Query> query = prepare("{} | select(" + std::string(tag) + ")");
  if (query.ok() && query->attributes.size() == 1 && query->pipeline->stages.size() == 2) return query;
  // A name with blanks or brackets that a client sends without quotes: what stands behind the scope; without
  // a scope, as the old API has it, any.
  auto of_name = [](std::string_view scope, std::string_view name) {
    Attribute attribute{Intrinsic::none, AttributeScope::any, false, std::string(name)};
    return prepare(fmt::format("{{}} | select({}{})", scope, attribute.to_string()));
  };
  for (std::string_view scope : {"span", "resource", "event", "link", "instrumentation", ""}) {
    size_t dot = scope.size();
    if (tag.starts_with(scope) && tag.size() > dot + 1 && tag[dot] == '.')
      return of_name(scope, tag.substr(dot + 1));
  }
  return of_name("", tag);
}

std::string_view type_of(const StoredValue& value) {
  switch (value.type) {
    case ValueType::integer:
      return "int";
    case ValueType::floating:
      return "float";
    case ValueType::boolean:
      return "bool";
    case ValueType::duration:
      return "duration";
    case ValueType::status:
    case ValueType::kind:
      return "keyword";
    default:
      return "string";
  }
}

// Values of a tag that the store can list by itself.
struct CountedValues {
  std::map<std::pair<std::string_view, std::string>, uint64_t> counts;  // (type, value)

  // True when the value is new.
  bool add(std::string_view type, std::string value, uint64_t count) {
    uint64_t& held = counts[{type, std::move(value)}];
    held += count;
    return held == count;
  }

  std::vector<TagValue> ranked(uint64_t limit) const {
    std::vector<std::pair<uint64_t, TagValue>> all;
    for (const auto& [key, count] : counts) all.push_back({count, {key.first, key.second, count}});
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.first > b.first; });
    if (limit != 0 && all.size() > limit) all.resize(limit);
    std::vector<TagValue> values;
    for (auto& [count, value] : all) values.push_back(std::move(value));
    return values;
  }
};

// Already ranked, each once.
std::vector<TagValue> values_of_store(std::vector<ValueCount> counted) {
  std::vector<TagValue> values;
  values.reserve(counted.size());
  for (ValueCount& value : counted)
    values.push_back({tag_type_of(value.type), std::move(value.value), value.count});
  return values;
}

std::vector<TagValue> keywords(Intrinsic intrinsic) {
  std::vector<TagValue> values;
  if (intrinsic == Intrinsic::status) {
    for (int64_t code : {2, 1, 0}) values.push_back({"keyword", std::string(status_text(code)), 0});
  }
  if (intrinsic == Intrinsic::kind) {
    for (int64_t code = 0; code < 6; ++code) values.push_back({"keyword", std::string(kind_text(code)), 0});
  }
  return values;
}

// Measures and positions: too many values to complete with, as in Tempo.
bool has_no_list(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::duration:
    case Intrinsic::self_time:
    case Intrinsic::trace_duration:
    case Intrinsic::event_time_since_start:
    case Intrinsic::nested_set_left:
    case Intrinsic::nested_set_right:
    case Intrinsic::nested_set_parent:
    case Intrinsic::span_id:
    case Intrinsic::parent_id:
    case Intrinsic::child_count:
    case Intrinsic::trace_id:
    case Intrinsic::link_trace_id:
    case Intrinsic::link_span_id:
      return true;
    default:
      return false;
  }
}

// The columns that hold all values of the attribute; empty when they are not in columns of their own.
std::vector<ColumnId> own_columns(const Attribute& attribute) {
  std::vector<ColumnId> columns;
  if (!is_trace_level(attribute)) add_columns(attribute, columns);
  return columns;
}

Result<bool> holds_arrays(const QueryContext& context, const Scan& scan,
                          const std::vector<ColumnId>& columns) {
  OBELISK_TRY(std::vector<ColumnInfo> infos, context.reader.columns(context.at, scan));
  ArrayColumns arrays(infos);
  return std::any_of(columns.begin(), columns.end(), [&](const ColumnId& id) { return arrays.contains(id); });
}

// Reads the spans that fit the filter (or all), and the attribute of each.
Result<void> collect_by_scan(const QueryContext& context, const Attribute& attribute,
                             std::optional<Query> filter, TimeRange range, CountedValues& found,
                             ScanStatistics& statistics) {
  if (!filter) {
    OBELISK_TRY(filter, prepare("{}"));
  }
  size_t slot = filter->attributes.size();  // the filter's own slots stay as they are
  filter->attributes.push_back(attribute);
  SpanScan scan{context, *filter, *filter->pipeline, range, false};
  OBELISK_TRY(statistics, scan_spans(scan, [&](SpanView& span) -> Result<void> {
                Value value = span.read(slot);
                if (value.is_nil()) return {};
                std::vector<Value> elements =
                    value.type == ValueType::list ? *value.list : std::vector<Value>{value};
                for (const Value& element : elements) {
                  if (found.add(type_of(StoredValue(element)), value_text(element), 1)) {
                    OBELISK_CHECK_OK(context.budget.charge(128 + element.text.size()));
                  }
                }
                return {};
              }));
  return {};
}

}  // namespace

Result<std::vector<TagScope>> tag_names(const QueryContext& context, std::string_view scope,
                                        std::string_view filter, TimeRange range,
                                        ScanStatistics& statistics) {
  if (!is_wanted(scope, "") &&
      std::find(std::begin(kScopes), std::end(kScopes), scope) == std::end(kScopes)) {
    return make_error(ErrorCode::invalid_argument,
                      "unknown scope: use resource, span, event, link, instrumentation or intrinsic");
  }
  TagSets tags;
  std::optional<Query> conditions = parse_tag_filter(filter);
  if (scope == "intrinsic") {
    // A fixed list; nothing is read.
  } else if (conditions) {
    OBELISK_CHECK_OK(collect_filtered_names(context, *conditions, range, tags, statistics));
  } else {
    OBELISK_TRY(std::vector<ColumnInfo> columns,
                context.reader.columns(context.at, tag_scan(context, range)));
    for (const ColumnInfo& info : columns) {
      std::string_view of = scope_of(info.id.scope);
      if (!of.empty()) tags[std::string(of)].insert(info.id.name);
    }
  }
  for (std::string_view tag : kIntrinsicTags) tags["intrinsic"].insert(std::string(tag));
  std::vector<TagScope> scopes;
  for (const auto& [name, names] : tags) {
    if (is_wanted(scope, name)) scopes.push_back({name, {names.begin(), names.end()}});
  }
  return scopes;
}

Result<std::vector<TagValue>> tag_values(const QueryContext& context, std::string_view tag,
                                         std::string_view filter, TimeRange range, uint64_t limit,
                                         ScanStatistics& statistics) {
  OBELISK_TRY(Query query, tag_query(tag));
  const Attribute& attribute = query.attributes[0];
  if (std::vector<TagValue> values = keywords(attribute.intrinsic); !values.empty()) return values;
  if (has_no_list(attribute.intrinsic)) return std::vector<TagValue>();
  CountedValues found;
  std::optional<Query> conditions = parse_tag_filter(filter);
  std::vector<ColumnId> columns = own_columns(attribute);
  Scan scan = tag_scan(context, range);
  bool by_store = !columns.empty();
  if (by_store) {
    OBELISK_TRY(bool arrays, holds_arrays(context, scan, columns));
    by_store = !arrays;
  }
  if (by_store && conditions) {
    OBELISK_TRY(std::vector<Lowered> leaves,
                lower_leaves(context, *conditions, *conditions->pipeline, range));
    by_store = leaves[0].exact;
    scan.where = leaves[0].expr;
  }
  if (!by_store) {
    OBELISK_CHECK_OK(collect_by_scan(context, attribute, std::move(conditions), range, found, statistics));
    return found.ranked(limit);
  }
  for (const ColumnId& column : columns) {
    // What is frequent in one column may be rare in another, and counts are to be exact.
    uint64_t of_column = columns.size() == 1 ? limit : 0;
    OBELISK_TRY(std::vector<ValueCount> values,
                context.reader.values(context.at, scan, column, of_column, context.cancel));
    bool one_type = std::all_of(values.begin(), values.end(),
                                [&](const ValueCount& value) { return value.type == values[0].type; });
    if (columns.size() == 1 && one_type) return values_of_store(std::move(values));
    for (ValueCount& value : values) found.add(tag_type_of(value.type), std::move(value.value), value.count);
  }
  return found.ranked(limit);
}

}  // namespace obelisk::traceql
