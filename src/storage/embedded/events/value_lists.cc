#include "storage/embedded/events/value_lists.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <tuple>

namespace obelisk {
namespace {

std::atomic<size_t> kept_bytes = 0;
// So many columns are remembered; looking one up compares it with each.
constexpr size_t kKnownMax = 64;

bool same_parts(const std::vector<std::weak_ptr<const EventPart>>& known,
                const std::vector<EventPartPtr>& parts) {
  return std::equal(known.begin(), known.end(), parts.begin(), parts.end(),
                    [](const auto& a, const EventPartPtr& b) { return a.lock() == b; });
}

// Positions by count, the largest first, else as they are: byte by byte, since a million of them is usual.
std::vector<uint32_t> order_by_count(const std::vector<ValueCount>& values) {
  std::vector<uint32_t> order(values.size()), sorted(values.size());
  std::iota(order.begin(), order.end(), 0u);
  uint64_t largest = 0;
  for (const ValueCount& value : values) largest = std::max(largest, value.count);
  for (unsigned shift = 0; shift < 64 && largest >> shift != 0; shift += 8) {
    auto digit = [&](uint32_t at) { return 255 - (values[at].count >> shift & 255); };
    std::array<uint32_t, 257> begins{};
    for (uint32_t at : order) ++begins[digit(at) + 1];
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    for (uint32_t at : order) sorted[begins[digit(at)]++] = at;
    order.swap(sorted);
  }
  return order;
}

}  // namespace

size_t ValueList::memory_bytes() const {
  size_t total = sizeof(ValueList) + values.capacity() * sizeof(ValueCount) + by_count.capacity() * 4;
  for (const ValueCount& value : values) {
    if (value.value.capacity() > std::string().capacity()) total += value.value.capacity() + 1;
  }
  return total;
}

ValueListPtr make_value_list(std::vector<ValueCount> values) {
  auto list = std::make_shared<ValueList>();
  list->values = std::move(values);
  list->by_count = order_by_count(list->values);
  return list;
}

std::vector<ValueCount> most_frequent_of(const ValueList& list, uint64_t limit) {
  size_t count = limit == 0 ? list.by_count.size() : std::min<size_t>(limit, list.by_count.size());
  std::vector<ValueCount> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i) values.push_back(list.values[list.by_count[i]]);
  return values;
}

std::vector<ValueCount> merge_values(const std::vector<ValueCount>& a, const std::vector<ValueCount>& b) {
  std::vector<ValueCount> merged;
  merged.reserve(a.size() + b.size());
  auto left = a.begin(), right = b.begin();
  auto key = [](const ValueCount& value) { return std::tie(value.value, value.type); };
  while (left != a.end() && right != b.end()) {
    if (key(*left) < key(*right)) {
      merged.push_back(*left++);
    } else if (key(*right) < key(*left)) {
      merged.push_back(*right++);
    } else {
      merged.push_back(*left++);
      merged.back().count += (right++)->count;
    }
  }
  merged.insert(merged.end(), left, a.end());
  merged.insert(merged.end(), right, b.end());
  return merged;
}

ValueListCache::~ValueListCache() {
  MutexLock lock(mutex_);
  for (const Known& known : known_) kept_bytes -= known.list->memory_bytes();
}

// Lists of which a part is gone, as after a merge.
void ValueListCache::drop_old() {
  std::erase_if(known_, [](const Known& known) {
    bool gone =
        std::any_of(known.parts.begin(), known.parts.end(), [](const auto& part) { return part.expired(); });
    if (gone) kept_bytes -= known.list->memory_bytes();
    return gone;
  });
}

ValueListPtr ValueListCache::of(const std::vector<EventPartPtr>& parts, const ColumnId& column) {
  MutexLock lock(mutex_);
  drop_old();
  for (auto it = known_.begin(); it != known_.end(); ++it) {
    if (it->column != column || !same_parts(it->parts, parts)) continue;
    std::rotate(it, it + 1, known_.end());
    return known_.back().list;
  }
  return nullptr;
}

void ValueListCache::keep(const std::vector<EventPartPtr>& parts, const ColumnId& column, ValueListPtr list) {
  size_t bytes = list->memory_bytes();
  MutexLock lock(mutex_);
  drop_old();
  std::erase_if(known_, [&](const Known& known) {  // two may have counted at the same time
    if (known.column != column || !same_parts(known.parts, parts)) return false;
    kept_bytes -= known.list->memory_bytes();
    return true;
  });
  while (!known_.empty() && (known_.size() >= kKnownMax || kept_bytes + bytes > kValueListBytesMax)) {
    kept_bytes -= known_.front().list->memory_bytes();
    known_.erase(known_.begin());
  }
  if (kept_bytes + bytes > kValueListBytesMax) return;  // what other tenants have
  kept_bytes += bytes;
  known_.push_back({{parts.begin(), parts.end()}, column, std::move(list)});
}

}  // namespace obelisk
