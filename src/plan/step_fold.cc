#include "plan/step_fold.h"

#include <cstring>
#include <limits>

#include "base/assert.h"

namespace obelisk {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The place of histogram_exponent(value) among the buckets, by the bits of the number for those that are
// neither tiny nor odd; the last place for those in none.
size_t bucket_of(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, 8);
  int raw = static_cast<int>(bits >> 52) - 1022;  // negative numbers come out far above
  int above = (bits & ((uint64_t{1} << 52) - 1)) == 0 ? 1 : 0;
  if (raw > -60 && raw < 64) return static_cast<size_t>(raw - above - AggregateStates::kExponentMin);
  std::optional<int> exponent = histogram_exponent(value);
  return static_cast<size_t>(exponent.value_or(AggregateStates::kExponentMax + 1) -
                             AggregateStates::kExponentMin);
}

}  // namespace

void offer_exemplar(AggregateStates& states, uint32_t group, size_t slot, double value, uint32_t row,
                    std::vector<ExemplarRow>& exemplars) {
  AggregateExemplar& held = states.group(group).exemplars[slot];
  if (!states.is_better(held, value)) return;
  held.found = true;
  held.value = value;
  exemplars.push_back({group, static_cast<uint32_t>(slot), row});
}

bool StepFold::suits(const AggregateRows& rows, const Aggregate& aggregate) {
  return rows.step && !aggregate.times && !aggregate.sum && !aggregate.minimum && !aggregate.maximum;
}

StepFold::StepFold(const AggregateRows& rows, const uint32_t* numbers, size_t combinations,
                   std::function<Result<uint32_t>(size_t)> find_group, AggregateStates& states)
    : rows_(rows),
      numbers_(numbers),
      find_group_(std::move(find_group)),
      states_(states),
      cells_(states.aggregate().histogram ? kBuckets : 1),
      sign_(states.aggregate().exemplar == Aggregate::Exemplar::smallest ? -1 : 1),
      limits_(combinations, std::numeric_limits<double>::quiet_NaN()),
      places_(combinations, kNone) {}

Result<void> StepFold::run(std::vector<ExemplarRow>& exemplars) {
  OBELISK_CHECK_OK(states_.aggregate().histogram ? add_rows<true>(exemplars) : add_rows<false>(exemplars));
  finish();
  return {};
}

template <bool kHistogram>
Result<void> StepFold::add_rows(std::vector<ExemplarRow>& exemplars) {
  const uint8_t* mask = rows_.mask;
  for (uint32_t row = 0; row < rows_.row_count; ++row) {
    if (mask != nullptr && mask[row] == 0) continue;
    uint32_t combination = numbers_ == nullptr ? 0 : numbers_[row];
    double value = value_of(row);
    if (!(value * sign_ <= limits_[combination])) [[unlikely]]
      OBELISK_CHECK_OK(look_at(row, combination, value, exemplars));
    ++counts_[places_[combination] * cells_ + (kHistogram ? bucket_of(value) : 0)];
  }
  return {};
}

// Of a combination that is new, or of a row that may be an exemplar.
Result<void> StepFold::look_at(uint32_t row, uint32_t combination, double value,
                               std::vector<ExemplarRow>& exemplars) {
  if (places_[combination] == kNone) {
    OBELISK_TRY(uint32_t group, find_group_(row));
    places_[combination] = static_cast<uint32_t>(groups_.size());
    groups_.push_back(group);
    counts_.resize(groups_.size() * cells_);
    limits_[combination] = kInfinity;
  }
  const Aggregate& aggregate = states_.aggregate();
  if (aggregate.exemplar_slots == 0) return {};
  uint32_t group = groups_[places_[combination]];
  size_t slot = states_.slot_of(*rows_.step);
  offer_exemplar(states_, group, slot, value, row, exemplars);
  bool by_value = aggregate.exemplar != Aggregate::Exemplar::first;
  if (by_value) limits_[combination] = states_.group(group).exemplars[slot].value * sign_;
  return {};
}

void StepFold::finish() {
  for (size_t place = 0; place < groups_.size(); ++place) {
    AggregateStates::Group& group = states_.group(groups_[place]);
    const uint32_t* cells = counts_.data() + place * cells_;
    for (size_t cell = 0; cell < cells_; ++cell) {
      if (cells[cell] == 0) continue;
      group.counts[*rows_.step] += cells[cell];
      if (cells_ == 1 || cell == kBuckets - 1) continue;
      states_.histogram_of(group, static_cast<int>(cell) + AggregateStates::kExponentMin)[*rows_.step] +=
          cells[cell];
    }
  }
}

}  // namespace obelisk
