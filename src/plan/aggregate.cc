#include "plan/aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace obelisk {
namespace {

// Doubles by their bits, so that NaN and -0 are values like others.
uint64_t bits_of(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

void add_counts(std::vector<uint64_t>& to, const std::vector<uint64_t>& from) {
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

}  // namespace

void Aggregate::collect_columns(std::vector<ColumnId>& out) const {
  auto add = [&](const ColumnId& id) {
    if (id.scope != Scope::label) out.push_back(id);
  };
  for (const std::vector<ColumnId>& part : by) {
    for (const ColumnId& id : part) add(id);
  }
  if (by_pattern) add(*by_pattern);
  for (const ColumnId& id : value) add(id);
  if (exemplar_slots > 0 || distinct_spans) out.push_back(fixed_column(column::kTraceId));
  if (distinct_spans) out.push_back(fixed_column(column::kSpanId));
}

std::strong_ordering AggregateKeyPart::operator<=>(const AggregateKeyPart& other) const {
  if (auto order = value.index() <=> other.value.index(); order != 0) return order;
  if (auto order = type <=> other.type; order != 0) return order;
  if (auto* number = std::get_if<double>(&value)) {
    double right = std::get<double>(other.value);
    if (*number < right) return std::strong_ordering::less;
    if (*number > right) return std::strong_ordering::greater;
    return bits_of(*number) <=> bits_of(right);
  }
  if (auto* flag = std::get_if<bool>(&value)) return *flag <=> std::get<bool>(other.value);
  if (auto* integer = std::get_if<int64_t>(&value)) return *integer <=> std::get<int64_t>(other.value);
  if (auto* text = std::get_if<std::string>(&value)) return *text <=> std::get<std::string>(other.value);
  if (auto* labels = std::get_if<Labels>(&value)) return *labels <=> std::get<Labels>(other.value);
  return std::strong_ordering::equal;
}

std::optional<int> histogram_exponent(double value) {
  if (!(value >= 0)) return std::nullopt;
  if (value == 0) return AggregateStates::kExponentMin;
  if (std::isinf(value)) return AggregateStates::kExponentMax;
  int raw = 0;
  double fraction = std::frexp(value, &raw);  // value = fraction * 2^raw, fraction in [0.5, 1)
  return std::clamp(fraction == 0.5 ? raw - 1 : raw, AggregateStates::kExponentMin,
                    AggregateStates::kExponentMax);
}

Result<uint32_t> AggregateStates::group_of(const AggregateKey& key) {
  auto found = by_key_.find(key);
  if (found != by_key_.end()) return found->second;
  bool is_excess = key.empty() && aggregate_.fold_excess;
  if (groups_.size() >= aggregate_.groups_max && !is_excess) {
    if (aggregate_.fold_excess) return group_of({});
    return make_error(ErrorCode::too_large,
                      fmt::format("more than {} groups: group by something with fewer values, or narrow the "
                                  "selection",
                                  aggregate_.groups_max));
  }
  Group group;
  group.key = key;
  group.counts.resize(aggregate_.step_count);
  if (aggregate_.times) {
    group.first_times.resize(aggregate_.step_count, std::numeric_limits<int64_t>::max());
    group.last_times.resize(aggregate_.step_count, std::numeric_limits<int64_t>::min());
  }
  if (aggregate_.sum) group.sums.resize(aggregate_.step_count);
  if (aggregate_.minimum) group.minima.resize(aggregate_.step_count, std::numeric_limits<double>::infinity());
  if (aggregate_.maximum)
    group.maxima.resize(aggregate_.step_count, -std::numeric_limits<double>::infinity());
  group.exemplars.resize(aggregate_.exemplar_slots);
  auto number = static_cast<uint32_t>(groups_.size());
  groups_.push_back(std::move(group));
  by_key_.emplace(key, number);
  return number;
}

const AggregateStates::Group* AggregateStates::excess() const {
  if (!aggregate_.fold_excess) return nullptr;
  auto found = by_key_.find({});
  return found == by_key_.end() ? nullptr : &groups_[found->second];
}

std::vector<uint64_t>& AggregateStates::histogram_of(Group& group, int exponent) const {
  std::vector<uint64_t>& counts = group.histogram[exponent];
  counts.resize(aggregate_.step_count);
  return counts;
}

void AggregateStates::add(Group& group, size_t step, double value) const {
  ++group.counts[step];
  if (aggregate_.sum) group.sums[step] += value;
  if (aggregate_.minimum && value < group.minima[step]) group.minima[step] = value;
  if (aggregate_.maximum && value > group.maxima[step]) group.maxima[step] = value;
  if (!aggregate_.histogram) return;
  if (std::optional<int> exponent = histogram_exponent(value)) ++histogram_of(group, *exponent)[step];
}

bool AggregateStates::is_better(const AggregateExemplar& held, double value) const {
  if (!held.found) return true;
  if (aggregate_.exemplar == Aggregate::Exemplar::largest) return value > held.value;
  return aggregate_.exemplar == Aggregate::Exemplar::smallest && value < held.value;
}

Result<void> AggregateStates::merge(const AggregateStates& other) {
  for (const Group& from : other.groups_) {
    OBELISK_TRY(uint32_t number, group_of(from.key));
    Group& to = groups_[number];
    add_counts(to.counts, from.counts);
    for (size_t i = 0; i < from.first_times.size(); ++i) {  // each by itself: a step without rows has neither
      to.first_times[i] = std::min(to.first_times[i], from.first_times[i]);
      to.last_times[i] = std::max(to.last_times[i], from.last_times[i]);
    }
    for (size_t i = 0; i < from.sums.size(); ++i) to.sums[i] += from.sums[i];
    for (size_t i = 0; i < from.minima.size(); ++i) to.minima[i] = std::min(to.minima[i], from.minima[i]);
    for (size_t i = 0; i < from.maxima.size(); ++i) to.maxima[i] = std::max(to.maxima[i], from.maxima[i]);
    for (const auto& [exponent, counts] : from.histogram) add_counts(histogram_of(to, exponent), counts);
    for (size_t slot = 0; slot < from.exemplars.size(); ++slot) {
      const AggregateExemplar& one = from.exemplars[slot];
      if (one.found && is_better(to.exemplars[slot], one.value)) to.exemplars[slot] = one;
    }
  }
  return {};
}

void AggregateStates::sort() {
  std::sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) { return a.key < b.key; });
  for (uint32_t i = 0; i < groups_.size(); ++i) by_key_[groups_[i].key] = i;
}

size_t AggregateStates::memory_bytes() const {
  size_t total = 0;
  for (const Group& group : groups_) {
    total += 512 +
             (group.counts.size() + 2 * group.first_times.size() + group.sums.size() + group.minima.size() +
              group.maxima.size()) *
                 8 +
             group.histogram.size() * (64 + group.counts.size() * 8) +
             group.exemplars.size() * sizeof(AggregateExemplar);
  }
  return total;
}

}  // namespace obelisk
