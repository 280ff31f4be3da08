#include "api/obelisk/trace_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>

#include "api/obelisk/own_answer.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/thread_annotations.h"
#include "query/traceql/trace_outline.h"

namespace obelisk {
namespace {

using traceql::AggregatedSpan;
using traceql::kNoSpan;
using traceql::OutlinePage;
using traceql::OutlineSpan;
using traceql::TraceOutline;

constexpr int64_t kLimitDefault = 200;
constexpr int64_t kLimitMax = 10'000;  // an answer stays readable by a browser
constexpr int64_t kDepthMax = 1'000'000;
constexpr int64_t kOutlineNanos = 10 * kNanosPerSecond;

// Outlines by tenant and trace, the last used first.
class OutlineCache {
 public:
  using OutlinePtr = std::shared_ptr<const TraceOutline>;

  OutlinePtr find(const Tenant& tenant, const TraceId& id, int64_t now) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    drop_old(now);
    auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.tenant == tenant && entry.outline->id == id;
    });
    if (it == entries_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it);
    return it->outline;
  }

  void put(const Tenant& tenant, OutlinePtr outline, int64_t now) EXCLUDES(mutex_) {
    size_t bytes = outline->memory_bytes();
    if (bytes > kOutlineCacheBytesMax) return;
    MutexLock lock(mutex_);
    drop_old(now);
    while (!entries_.empty() && bytes_ + bytes > kOutlineCacheBytesMax) drop(std::prev(entries_.end()));
    entries_.push_front({tenant, std::move(outline), now, bytes});
    bytes_ += bytes;
  }

 private:
  struct Entry {
    Tenant tenant;
    OutlinePtr outline;
    int64_t made = 0;
    size_t bytes = 0;
  };

  void drop(std::list<Entry>::iterator entry) REQUIRES(mutex_) {
    bytes_ -= entry->bytes;
    entries_.erase(entry);
  }
  void drop_old(int64_t now) REQUIRES(mutex_) {
    for (auto it = entries_.begin(); it != entries_.end();) {
      auto entry = it++;
      if (now - entry->made > kOutlineNanos || now < entry->made) drop(entry);
    }
  }

  Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
};

struct Call {
  std::shared_ptr<const TraceOutline> outline;
  Parameters parameters;
};

Result<int64_t> number_of(const Parameters& parameters, std::string_view name, int64_t fallback, int64_t low,
                          int64_t high) {
  std::optional<std::string_view> text = parameters.get(name);
  if (!text || text->empty()) return fallback;
  std::optional<int64_t> value = parse_int64(*text);
  if (!value || *value < low || *value > high) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid {}: a number from {} to {} is one", name, low, high));
  }
  return *value;
}

struct PageRequest {
  size_t offset = 0;
  size_t limit = 0;
};

Result<PageRequest> page_of(const Parameters& parameters) {
  OBELISK_TRY(int64_t offset, number_of(parameters, "offset", 0, 0, INT64_MAX));
  OBELISK_TRY(int64_t limit, number_of(parameters, "limit", kLimitDefault, 1, kLimitMax));
  return PageRequest{static_cast<size_t>(offset), static_cast<size_t>(limit)};
}

void write_span(JsonWriter& out, const TraceOutline& outline, const OutlineSpan& span) {
  out.begin_object();
  out.field("spanId", SpanId{span.id}.to_hex());
  if (span.parent != kNoSpan) out.field("parentSpanId", SpanId{outline.spans[span.parent].id}.to_hex());
  out.field("name", outline.names[span.name]).field("service", outline.services[span.service]);
  out.field("startUnixNano", fmt::format("{}", span.start))
      .field("durationNanos", fmt::format("{}", span.duration));
  out.field("selfTimeNanos", fmt::format("{}", span.self_time));
  out.field("kind", static_cast<int64_t>(span.kind)).field("status", static_cast<int64_t>(span.status));
  out.field("depth", static_cast<int64_t>(span.depth))
      .field("children", static_cast<int64_t>(span.child_count));
  out.field("subtreeSpans", static_cast<int64_t>(span.size));
  out.field("subtreeErrors", static_cast<int64_t>(span.errors)).field("critical", span.critical);
  out.end_object();
}

void write_page(JsonWriter& out, const TraceOutline& outline, const OutlinePage& page) {
  out.field("total", static_cast<int64_t>(page.total)).key("spans").begin_array();
  for (uint32_t position : page.spans) write_span(out, outline, outline.spans[position]);
  out.end_array();
}

Result<void> write_overview(const Call& call, JsonWriter& out) {
  const TraceOutline& outline = *call.outline;
  struct Sums {
    int64_t spans = 0, errors = 0, self_time = 0;
  };
  std::vector<Sums> services(outline.services.size());
  int64_t errors = 0, deepest = 0, tops = 0;
  for (const OutlineSpan& span : outline.spans) {
    Sums& sums = services[span.service];
    ++sums.spans;
    sums.self_time += span.self_time;
    if (span.status == 2) ++sums.errors;
    deepest = std::max<int64_t>(deepest, span.depth + 1);
    if (span.parent == kNoSpan) ++tops;
  }
  for (const Sums& sums : services) errors += sums.errors;
  out.field("startUnixNano", fmt::format("{}", outline.start));
  out.field("durationNanos", fmt::format("{}", outline.end - outline.start));
  out.field("spans", static_cast<int64_t>(outline.spans.size())).field("errors", errors);
  out.field("levels", deepest).field("tops", tops);
  out.key("services").begin_array();
  for (size_t i = 0; i < services.size(); ++i) {
    out.begin_object().field("name", outline.services[i]).field("spans", services[i].spans);
    out.field("errors", services[i].errors).field("selfTimeNanos", fmt::format("{}", services[i].self_time));
    out.end_object();
  }
  out.end_array();
  return {};
}

Result<void> write_tree(const Call& call, JsonWriter& out) {
  OBELISK_TRY(PageRequest page, page_of(call.parameters));
  OBELISK_TRY(int64_t depth, number_of(call.parameters, "depth", 2, 1, kDepthMax));
  uint32_t top = kNoSpan;
  std::optional<std::string_view> span = call.parameters.get("span");
  if (span && !span->empty()) {
    std::optional<SpanId> id = span->size() == 16 ? SpanId::from_hex(*span) : std::nullopt;
    if (!id) return make_error(ErrorCode::invalid_argument, "invalid span: 16 hexadecimal digits are one");
    top = call.outline->find(id->value);
    if (top == kNoSpan) return make_error(ErrorCode::not_found, "the trace has no such span");
  }
  std::optional<std::string_view> text = call.parameters.get("find");
  OutlinePage found = text && !text->empty()
                          ? traceql::find_in_outline(*call.outline, *text, page.offset, page.limit)
                          : traceql::page_of_outline(*call.outline, top, static_cast<uint32_t>(depth),
                                                     page.offset, page.limit);
  write_page(out, *call.outline, found);
  return {};
}

Result<void> write_critical_path(const Call& call, JsonWriter& out) {
  OBELISK_TRY(PageRequest page, page_of(call.parameters));
  write_page(out, *call.outline, traceql::critical_path_of(*call.outline, page.offset, page.limit));
  return {};
}

Result<void> write_aggregate(const Call& call, JsonWriter& out) {
  OBELISK_TRY(int64_t limit, number_of(call.parameters, "limit", 1'000, 1, kLimitMax));
  traceql::AggregatedTrace tree = traceql::aggregate_outline(*call.outline, static_cast<size_t>(limit));
  out.field("leftOutSpans", static_cast<int64_t>(tree.left_out)).key("nodes").begin_array();
  for (const AggregatedSpan& node : tree.nodes) {
    out.begin_object().field("parent",
                             node.parent == kNoSpan ? int64_t{-1} : static_cast<int64_t>(node.parent));
    out.field("depth", static_cast<int64_t>(node.depth)).field("name", call.outline->names[node.name]);
    out.field("service", call.outline->services[node.service])
        .field("count", static_cast<int64_t>(node.count));
    out.field("errors", static_cast<int64_t>(node.errors))
        .field("durationNanos", fmt::format("{}", node.duration));
    out.field("selfTimeNanos", fmt::format("{}", node.self_time));
    out.field("longestNanos", fmt::format("{}", node.longest)).end_object();
  }
  out.end_array();
  return {};
}

Result<Call> begin(const ApiContext& context, const HttpExchangePtr& exchange, const PathParameters& path,
                   OutlineCache& cache) {
  std::optional<TraceId> id = TraceId::from_hex(path.get("id"));
  if (!id || id->is_none()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one");
  }
  Call call;
  OBELISK_TRY(call.parameters, parameters_of(exchange->request()));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  int64_t now = context.clock.now().value;
  call.outline = cache.find(run->tenant, *id, now);
  if (call.outline) return call;
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  OBELISK_TRY(call.outline, traceql::outline_of_trace(query, *id));
  if (!call.outline) return make_error(ErrorCode::not_found, "trace not found");
  cache.put(run->tenant, call.outline, now);
  return call;
}

using PartWriter = Result<void> (*)(const Call&, JsonWriter&);

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange,
                           const PathParameters& path, OutlineCache& cache, PartWriter write) {
  OBELISK_TRY(Call call, begin(context, exchange, path, cache));
  JsonWriter out;
  out.begin_object().field("traceId", call.outline->id.to_hex());
  OBELISK_CHECK_OK(write(call, out));
  out.end_object();
  return out.take();
}

}  // namespace

void register_trace_parts(Router& router, ApiContext& context) {
  auto cache = std::make_shared<OutlineCache>();
  auto add = [&](std::string_view part, PartWriter write) {
    router.add("GET", fmt::format("/obelisk/api/v1/traces/{{id}}/{}", part),
               [&context, cache, write](HttpExchangePtr exchange, const PathParameters& path) {
                 respond_own(exchange, answer(context, exchange, path, *cache, write));
               });
  };
  add("overview", write_overview);
  add("tree", write_tree);
  add("critical-path", write_critical_path);
  add("aggregate", write_aggregate);
}

}  // namespace obelisk
