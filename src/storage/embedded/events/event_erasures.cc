#include "storage/embedded/events/event_erasures.h"

#include <algorithm>
#include <limits>

namespace obelisk {

void EventErasures::activate(ErasurePtr erasure) {
  erasures_.push_back(std::move(erasure));
}

void EventErasures::forget(const std::vector<uint64_t>& ids) {
  std::erase_if(erasures_, [&](const ErasurePtr& erasure) {
    return std::find(ids.begin(), ids.end(), erasure->record.id) != ids.end();
  });
  if (erasures_.empty()) clean_.clear();
}

uint64_t EventErasures::last_id() const {
  return erasures_.empty() ? 0 : erasures_.back()->record.id;
}

std::vector<ErasurePtr> EventErasures::concerning(const EventPart& part) const {
  std::vector<ErasurePtr> found;
  if (erasures_.empty()) return found;
  auto clean = clean_.find(part.name());
  uint64_t clean_id = clean == clean_.end() ? 0 : clean->second;
  const EventPartDirectory& directory = part.directory();
  for (const ErasurePtr& erasure : erasures_) {
    if (erasure->record.table != directory.table || erasure->record.id <= clean_id) continue;
    if (erasure->concerns(directory.order_key, directory.min_time, directory.max_time))
      found.push_back(erasure);
  }
  return found;
}

void EventErasures::mark_clean(const std::string& part_name, uint64_t id) {
  uint64_t& known = clean_[part_name];
  known = std::max(known, id);
}

bool EventErasures::may_merge(const EventPart& part) const {
  return std::none_of(erasures_.begin(), erasures_.end(), [&](const ErasurePtr& erasure) {
    return erasure->record.table == part.directory().table &&
           part.directory().order_key <= erasure->record.through_sequence;
  });
}

std::vector<uint64_t> EventErasures::finished(const std::array<Parts, 3>& parts) const {
  std::set<uint64_t> open;
  for (const Parts& of_table : parts) {
    for (const auto& part : of_table) {
      for (const ErasurePtr& erasure : concerning(*part)) open.insert(erasure->record.id);
    }
  }
  std::vector<uint64_t> ids;
  for (const ErasurePtr& erasure : erasures_) {
    if (!open.contains(erasure->record.id)) ids.push_back(erasure->record.id);
  }
  return ids;
}

std::shared_ptr<const VisibleRows> EventErasures::visible(const Parts& parts) const {
  if (erasures_.empty()) return nullptr;
  auto rows = std::make_shared<VisibleRows>();
  for (const auto& part : parts) {
    std::vector<ErasurePtr> concerning = this->concerning(*part);
    if (concerning.empty()) continue;
    (*rows)[part.get()] = std::make_shared<const Expr>(Expr::not_of(erased_rows(concerning)));
  }
  if (rows->empty()) return nullptr;
  return rows;
}

Expr erased_rows(const std::vector<ErasurePtr>& erasures) {
  const ColumnId time = fixed_column(column::kTime);
  std::vector<Expr> any;
  for (const ErasurePtr& erasure : erasures) {
    const TimeRange& range = erasure->record.range;
    std::vector<Expr> all;
    if (range.begin.value != std::numeric_limits<int64_t>::min())
      all.push_back(Expr::compare(time, CompareOp::greater_equal, range.begin.value));
    if (range.end.value != std::numeric_limits<int64_t>::max())
      all.push_back(Expr::compare(time, CompareOp::less, range.end.value));
    all.push_back(erasure->where);
    any.push_back(Expr::all_of(std::move(all)));
  }
  return Expr::any_of(std::move(any));
}

}  // namespace obelisk
