#include "query/traceql/trace_outline.h"

#include <algorithm>
#include <map>

namespace obelisk::traceql {
namespace {

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

OutlinePage failures_of(const TraceOutline& outline, size_t offset, size_t limit) {
  PageBuilder page(offset, limit);
  for (uint32_t at = 0; at < outline.spans.size(); ++at) {
    if (outline.spans[at].status == 2) page.add(at);
  }
  return page.take();
}

std::vector<OutlineStep> way_to(const TraceOutline& outline, uint32_t position) {
  std::vector<OutlineStep> way;
  for (uint32_t at = position; at != kNoSpan; at = outline.spans[at].parent) {
    OutlineStep step{at, 0};
    uint32_t parent = outline.spans[at].parent;
    uint32_t sibling = parent == kNoSpan ? 0 : parent + 1;
    for (; sibling < at; sibling += outline.spans[sibling].size) ++step.place;
    way.push_back(step);
  }
  std::reverse(way.begin(), way.end());
  return way;
}

OutlinePage critical_path_of(const TraceOutline& outline, size_t offset, size_t limit) {
  PageBuilder page(offset, limit);
  for (uint32_t at = 0; at < outline.spans.size(); ++at) {
    if (outline.spans[at].critical) page.add(at);
  }
  return page.take();
}

}  // namespace obelisk::traceql
