#include "storage/embedded/events/repeated_spans.h"

#include <algorithm>

#include "storage/embedded/events/row_group_columns.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {

RepeatedSpans::RepeatedSpans(const EventTableView& table, Budget& budget)
    : table_(table), budget_(budget), met_(std::make_unique<SpanIdentities>(budget)) {}

void RepeatedSpans::forget_met() {
  met_ = std::make_unique<SpanIdentities>(budget_);
}

Result<void> RepeatedSpans::find(const std::vector<ScanUnit>& units, const std::vector<EventPartPtr>& parts) {
  for (const ScanUnit& unit : units) {
    if (unit.context) continue;
    const std::vector<ColumnId> wanted = {fixed_column(column::kTraceId)};
    BatchPtr batch = unit.head->batch(&wanted);
    const ColumnData* traces = batch->find(wanted[0], ColumnType::trace_id);
    if (traces == nullptr) continue;
    const TraceId* last = nullptr;
    for (const TraceId& id : traces->trace_ids) {
      if (last == nullptr || *last != id) head_keys_.push_back(trace_key(id));
      last = &id;
    }
  }
  std::sort(head_keys_.begin(), head_keys_.end());
  head_keys_.erase(std::unique(head_keys_.begin(), head_keys_.end()), head_keys_.end());
  if (parts.empty()) {  // a store to which nothing was written has no cache either
    overlap_ = std::make_shared<const TraceOverlap>();
    return {};
  }
  OBELISK_TRY(overlap_, table_.overlaps->of(parts));
  for (size_t i = 0; i < parts.size(); ++i) {
    std::vector<uint8_t>& watched = watched_[parts[i].get()];
    watched = overlap_->row_groups[i];
    OBELISK_TRY(std::vector<uint32_t> with_head, parts[i]->row_groups_of_traces(head_keys_));
    for (uint32_t row_group : with_head) watched[row_group] = 1;
  }
  return {};
}

bool RepeatedSpans::may_repeat(const ScanUnit& unit) const {
  const EventPart* part = unit.context->part.get();
  if (part->directory().row_groups[unit.row_group].has_repeated_spans) return true;
  return watched_.at(part)[unit.row_group] != 0;
}

bool RepeatedSpans::is_watched(uint64_t key) const {
  return overlap_->contains(key) || std::binary_search(head_keys_.begin(), head_keys_.end(), key);
}

Result<void> RepeatedSpans::drop(const ScanUnit& unit, RowGroupReader& reader, RowMask& mask) {
  if (!may_repeat(unit)) return {};
  OBELISK_TRY(const std::vector<TraceId>* traces, reader.trace_ids());
  if (traces == nullptr) return {};
  if (mask.empty()) mask.assign(reader.info().row_count, 1);
  OBELISK_TRY(IntColumn ids, read_int_column(reader, fixed_column(column::kSpanId)));
  const bool all = reader.info().has_repeated_spans;
  bool watched = false;
  for (size_t row = 0; row < mask.size(); ++row) {
    if (row == 0 || (*traces)[row] != (*traces)[row - 1])
      watched = all || is_watched(trace_key((*traces)[row]));
    if (!watched || mask[row] == 0) continue;
    OBELISK_TRY(bool fresh, met_->insert((*traces)[row], ids.at(row)));
    mask[row] = fresh ? 1 : 0;
  }
  return {};
}

std::vector<EventPartPtr> parts_of(const std::vector<ScanUnit>& units) {
  std::vector<EventPartPtr> parts;
  for (const ScanUnit& unit : units) {
    if (unit.context && (parts.empty() || parts.back() != unit.context->part))
      parts.push_back(unit.context->part);
  }
  return parts;
}

}  // namespace obelisk
