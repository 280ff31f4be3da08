#include "query/traceql/trace_outline.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "query/traceql/attribute_reader.h"

namespace obelisk::traceql {
namespace {

// Numbers texts as they come.
class TextNumbers {
 public:
  explicit TextNumbers(std::vector<std::string>& texts) : texts_(texts) {}
  uint32_t number_of(std::string_view text) {
    auto [it, fresh] = numbers_.try_emplace(std::string(text), static_cast<uint32_t>(texts_.size()));
    if (fresh) texts_.push_back(it->first);
    return it->second;
  }

 private:
  std::vector<std::string>& texts_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

void add_subtrees(std::vector<OutlineSpan>& spans) {
  for (size_t at = spans.size(); at-- > 0;) {
    OutlineSpan& span = spans[at];
    span.errors += span.status == 2 ? 1 : 0;
    if (span.parent == kNoSpan) continue;
    spans[span.parent].size += span.size;
    spans[span.parent].errors += span.errors;
    ++spans[span.parent].child_count;
  }
}

std::shared_ptr<const TraceOutline> make_outline(const Batch& batch, const Group& group) {
  TraceTree tree(batch, group);
  tree.link();
  tree.measure();
  auto outline = std::make_shared<TraceOutline>();
  outline->id = tree.trace_id();
  outline->start = tree.start();
  outline->end = tree.start() + tree.duration();
  TextNumbers names(outline->names), services(outline->services);
  const ColumnData* durations = batch.find_fixed(column::kDuration);
  const ColumnData* kinds = batch.find_fixed(column::kKind);
  const ColumnData* statuses = batch.find_fixed(column::kStatusCode);
  const ColumnData* name_texts = batch.find_fixed(column::kName);
  const ColumnData* service_texts = batch.find({Scope::resource, "service.name"}, ColumnType::string);
  std::vector<uint32_t> position_of(tree.span_count());
  outline->spans.reserve(tree.span_count());
  for (uint32_t number : tree.preorder()) {
    uint32_t row = tree.row(number), parent = tree.parent(number);
    position_of[number] = static_cast<uint32_t>(outline->spans.size());
    OutlineSpan span;
    span.id = tree.span_id(number);
    span.start = batch.times()[row];
    span.duration = int_at(durations, row);
    span.self_time = tree.self_time(number);
    span.parent = parent == kNoSpan ? kNoSpan : position_of[parent];
    span.depth = parent == kNoSpan ? 0 : outline->spans[span.parent].depth + 1;
    span.name = names.number_of(text_at(name_texts, row));
    span.service = services.number_of(text_at(service_texts, row));
    span.kind = static_cast<uint8_t>(int_at(kinds, row));
    span.status = static_cast<uint8_t>(int_at(statuses, row));
    span.critical = tree.on_critical_path(number);
    outline->spans.push_back(span);
  }
  add_subtrees(outline->spans);
  return outline;
}

// Counts matching spans, and keeps those of the page.
class PageBuilder {
 public:
  PageBuilder(size_t offset, size_t limit) : offset_(offset), limit_(limit) {}
  void add(uint32_t position) {
    if (page_.total >= offset_ && page_.spans.size() < limit_) page_.spans.push_back(position);
    ++page_.total;
  }
  OutlinePage take() { return std::move(page_); }

 private:
  const size_t offset_;
  const size_t limit_;
  OutlinePage page_;
};

}  // namespace

size_t TraceOutline::memory_bytes() const {
  size_t total = sizeof(TraceOutline) + spans.capacity() * sizeof(OutlineSpan);
  for (const std::vector<std::string>* texts : {&names, &services}) {
    for (const std::string& text : *texts) total += sizeof(std::string) + text.capacity();
  }
  return total;
}

uint32_t TraceOutline::find(uint64_t span_id) const {
  auto it =
      std::find_if(spans.begin(), spans.end(), [&](const OutlineSpan& span) { return span.id == span_id; });
  return it == spans.end() ? kNoSpan : static_cast<uint32_t>(it - spans.begin());
}

Result<std::shared_ptr<const TraceOutline>> outline_of_trace(const QueryContext& context, const TraceId& id) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  scan.unit = Unit::trace;
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(id);
  scan.marks.push_back(Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids)));
  scan.require_marks = {0};
  scan.columns = {fixed_column(column::kDuration),   fixed_column(column::kKind),
                  fixed_column(column::kName),       fixed_column(column::kParentSpanId),
                  fixed_column(column::kStatusCode), {Scope::resource, "service.name"}};
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  OBELISK_TRY(BatchPtr batch, cursor->next());
  if (!batch || batch->groups.empty()) return std::shared_ptr<const TraceOutline>();
  OBELISK_CHECK_OK(context.cancel.check());
  // The tree and the outline, roughly.
  OBELISK_CHECK_OK(context.budget.charge(batch->row_count * 200));
  return make_outline(*batch, batch->groups[0]);
}

AggregatedTrace aggregate_outline(const TraceOutline& outline, size_t nodes_max) {
  AggregatedTrace result;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, uint32_t> nodes;  // parent node, service, name
  std::vector<uint32_t> node_of(outline.spans.size(), kNoSpan);
  for (size_t at = 0; at < outline.spans.size(); ++at) {
    const OutlineSpan& span = outline.spans[at];
    uint32_t parent = span.parent == kNoSpan ? kNoSpan : node_of[span.parent];
    bool parent_left_out = span.parent != kNoSpan && parent == kNoSpan;
    auto found = nodes.find({parent, span.service, span.name});
    if (parent_left_out || (found == nodes.end() && result.nodes.size() == nodes_max)) {
      ++result.left_out;
      continue;
    }
    if (found == nodes.end()) {
      found = nodes
                  .emplace(std::tuple(parent, span.service, span.name),
                           static_cast<uint32_t>(result.nodes.size()))
                  .first;
      AggregatedSpan node;
      node.parent = parent;
      node.depth = span.depth;
      node.name = span.name;
      node.service = span.service;
      result.nodes.push_back(node);
    }
    node_of[at] = found->second;
    AggregatedSpan& node = result.nodes[found->second];
    ++node.count;
    node.errors += span.status == 2 ? 1 : 0;
    node.duration += span.duration;
    node.self_time += span.self_time;
    node.longest = std::max(node.longest, span.duration);
  }
  return result;
}

OutlinePage page_of_outline(const TraceOutline& outline, uint32_t top, uint32_t depth, size_t offset,
                            size_t limit) {
  PageBuilder page(offset, limit);
  size_t begin = top == kNoSpan ? 0 : top + 1;
  size_t end = top == kNoSpan ? outline.spans.size() : top + outline.spans[top].size;
  uint64_t deepest = top == kNoSpan ? uint64_t{depth} - 1 : uint64_t{outline.spans[top].depth} + depth;
  if (depth == 0) return page.take();
  for (size_t at = begin; at < end;) {
    page.add(static_cast<uint32_t>(at));
    // What is deeper is skipped as a whole.
    at += outline.spans[at].depth == deepest ? outline.spans[at].size : 1;
  }
  return page.take();
}

OutlinePage find_in_outline(const TraceOutline& outline, std::string_view text, size_t offset, size_t limit) {
  auto matching = [&](const std::vector<std::string>& texts) {
    std::vector<uint8_t> found;
    for (const std::string& one : texts) found.push_back(one.find(text) != std::string::npos ? 1 : 0);
    return found;
  };
  std::vector<uint8_t> names = matching(outline.names), services = matching(outline.services);
  PageBuilder page(offset, limit);
  for (uint32_t at = 0; at < outline.spans.size(); ++at) {
    const OutlineSpan& span = outline.spans[at];
    if (names[span.name] != 0 || services[span.service] != 0) page.add(at);
  }
  return page.take();
}

OutlinePage critical_path_of(const TraceOutline& outline, size_t offset, size_t limit) {
  PageBuilder page(offset, limit);
  for (uint32_t at = 0; at < outline.spans.size(); ++at) {
    if (outline.spans[at].critical) page.add(at);
  }
  return page.take();
}

}  // namespace obelisk::traceql
