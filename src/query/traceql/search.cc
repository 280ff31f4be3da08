// Searches: the most recent, or the slowest, traces in which a pipeline finds something.
#include <algorithm>

#include "query/traceql/trace_scan.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

// Intrinsics that a result shows elsewhere, or that say the same of every span.
bool is_shown_elsewhere(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::name:
    case Intrinsic::duration:
    case Intrinsic::span_id:
    case Intrinsic::trace_id:
    case Intrinsic::trace_duration:
    case Intrinsic::root_name:
    case Intrinsic::root_service:
      return true;
    default:
      return false;
  }
}

// As Tempo names an attribute in a result: without its scope.
std::string result_name(const Attribute& attribute) {
  if (attribute.of_parent) return "parent." + attribute.name;
  if (attribute.intrinsic == Intrinsic::none) return attribute.name;
  for (const IntrinsicInfo& info : intrinsics()) {
    if (info.intrinsic == attribute.intrinsic) return std::string(info.word);
  }
  return attribute.name;
}

class SearchRun {
 public:
  SearchRun(const QueryContext& context, const Query& query, const SearchOptions& options)
      : context_(context),
        query_(query),
        options_(options),
        comes_first_(options.order == SearchOrder::slowest ? is_slower : is_more_recent) {}

  Result<SearchResult> run() {
    std::vector<ColumnId> columns = {
        fixed_column(column::kName), fixed_column(column::kStatusCode), {Scope::resource, "service.name"}};
    TraceScan scan{context_,           query_,
                   *query_.pipeline,   options_.range,
                   std::move(columns), [this](const TraceTree& tree) { return could_be_shown(tree); }};
    if (options_.order == SearchOrder::most_recent && options_.limit > 0) {
      scan.newest_first = true;
      scan.enough = [this](int64_t latest_begin) {
        return traces_.size() >= options_.limit && traces_.front().start.value > latest_begin;
      };
    }
    SearchResult result;
    OBELISK_TRY(result.statistics,
                scan_traces(scan, [this](const TraceTree& tree, AttributeReader& reader,
                                         std::vector<Spanset> found) { return add(tree, reader, found); }));
    std::sort(traces_.begin(), traces_.end(), comes_first_);
    result.traces = std::move(traces_);
    return result;
  }

 private:
  static bool is_more_recent(const FoundTrace& a, const FoundTrace& b) {
    return a.start != b.start ? a.start > b.start : a.id < b.id;
  }
  static bool is_slower(const FoundTrace& a, const FoundTrace& b) {
    return a.duration != b.duration ? a.duration > b.duration : is_more_recent(a, b);
  }

  static FoundTrace outline_of(const TraceTree& tree) {
    FoundTrace trace;
    trace.id = tree.trace_id();
    trace.start = {tree.start()};
    trace.duration = tree.duration();
    return trace;
  }

  // traces_ is a heap with the last of the order in front.
  bool could_be_shown(const TraceTree& tree) const {
    return traces_.size() < options_.limit || comes_first_(outline_of(tree), traces_.front());
  }

  Result<void> add(const TraceTree& tree, AttributeReader& reader, const std::vector<Spanset>& found) {
    FoundTrace trace = outline_of(tree);
    describe_trace(tree, trace);
    for (const Spanset& spanset : found) trace.spansets.push_back(describe_spanset(tree, reader, spanset));
    OBELISK_CHECK_OK(context_.budget.charge(size_of(trace)));
    traces_.push_back(std::move(trace));
    std::push_heap(traces_.begin(), traces_.end(), comes_first_);
    if (traces_.size() <= options_.limit) return {};
    std::pop_heap(traces_.begin(), traces_.end(), comes_first_);
    context_.budget.release(size_of(traces_.back()));
    traces_.pop_back();
    return {};
  }

  static void describe_trace(const TraceTree& tree, FoundTrace& trace) {
    const Batch& batch = tree.batch();
    const ColumnData* services = batch.find({Scope::resource, "service.name"}, ColumnType::string);
    const ColumnData* statuses = batch.find_fixed(column::kStatusCode);
    for (uint32_t span = 0; span < tree.span_count(); ++span) {
      uint32_t row = tree.row(span);
      ServiceStats& stats = trace.services[std::string(text_at(services, row))];
      ++stats.span_count;
      if (int_at(statuses, row) == 2) ++stats.error_count;
    }
    if (tree.root() == kNoSpan) {
      trace.root_service = kRootNotReceived;
      return;
    }
    trace.root_service = text_at(services, tree.row(tree.root()));
    trace.root_name = text_at(batch.find_fixed(column::kName), tree.row(tree.root()));
  }

  FoundSpanset describe_spanset(const TraceTree& tree, AttributeReader& reader,
                                const Spanset& spanset) const {
    FoundSpanset result;
    result.matched = spanset.spans.size();
    result.attributes = spanset.attributes;
    const Batch& batch = tree.batch();
    const ColumnData* names = batch.find_fixed(column::kName);
    const ColumnData* durations = batch.find_fixed(column::kDuration);
    for (uint32_t span : spanset.spans) {
      if (result.spans.size() == options_.spans_per_spanset) break;
      uint32_t row = tree.row(span);
      FoundSpan found;
      found.id = {tree.span_id(span)};
      found.name = text_at(names, row);
      found.start = {batch.times()[row]};
      found.duration = int_at(durations, row);
      for (size_t slot = 0; slot < query_.attributes.size(); ++slot) {
        const Attribute& attribute = query_.attributes[slot];
        if (!attribute.of_parent && is_shown_elsewhere(attribute.intrinsic)) continue;
        Value value = reader.read_span(slot, span);
        if (!value.is_nil()) found.attributes.emplace_back(result_name(attribute), StoredValue(value));
      }
      reader.clear_scratch();
      result.spans.push_back(std::move(found));
    }
    return result;
  }

  // What a found trace holds, and as much again for the answer that is written of it, in which the first
  // spanset stands twice.
  static uint64_t size_of(const FoundTrace& trace) {
    uint64_t bytes = 2 * (sizeof(FoundTrace) + trace.services.size() * 96);
    for (const FoundSpanset& spanset : trace.spansets) {
      uint64_t held = sizeof(FoundSpanset) + attributes_size(spanset.attributes);
      for (const FoundSpan& span : spanset.spans)
        held += sizeof(FoundSpan) + span.name.size() + attributes_size(span.attributes);
      bytes += held * (&spanset == &trace.spansets.front() ? 3 : 2);
    }
    return bytes;
  }

  static uint64_t attributes_size(const std::vector<NamedValue>& attributes) {
    uint64_t bytes = 0;
    for (const auto& [name, value] : attributes)
      bytes += sizeof(NamedValue) + name.size() + value.text.size();
    return bytes;
  }

  const QueryContext& context_;
  const Query& query_;
  const SearchOptions& options_;
  bool (*const comes_first_)(const FoundTrace&, const FoundTrace&);
  std::vector<FoundTrace> traces_;
};

}  // namespace

Result<SearchResult> search(const QueryContext& context, std::string_view text,
                            const SearchOptions& options) {
  OBELISK_TRY(Query query, prepare(text));
  if (!query.pipeline) {
    return make_error(ErrorCode::invalid_argument,
                      "a metrics query cannot be searched for: ask /api/metrics/query_range");
  }
  if (options.limit == 0) return make_error(ErrorCode::invalid_argument, "limit must be above 0");
  return SearchRun(context, query, options).run();
}

}  // namespace obelisk::traceql
