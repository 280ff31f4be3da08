#include "plan/aggregate_fold.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

#include "plan/step_fold.h"

namespace obelisk {
namespace {

constexpr uint32_t kNoGroup = std::numeric_limits<uint32_t>::max();
// Combinations of key parts that are looked up in a plain table instead of a hash map.
constexpr uint64_t kTableEntriesMax = 1 << 16;

// The group of a combination of key numbers, found once a call.
class GroupFinder {
 public:
  GroupFinder(const AggregateRows& rows, AggregateStates& states) : rows_(rows), states_(states) {
    for (const AggregateRows::KeyColumn& key : rows.keys) {
      if (key.numbers.empty()) continue;
      varying_.push_back(&key);
      combinations_ = combinations_ > kTableEntriesMax ? combinations_ : combinations_ * key.entries.size();
    }
    if (combinations_ <= kTableEntriesMax) table_.assign(combinations_, kNoGroup);
  }

  // The group, when it was found before and a table holds it; else kNoGroup.
  uint32_t known(size_t row) const {
    if (table_.empty()) return kNoGroup;
    size_t combination = 0;
    for (const auto* key : varying_) combination = combination * key->entries.size() + key->numbers[row];
    return table_[combination];
  }

  // 0 when there are more than a table holds.
  size_t table_size() const { return table_.size(); }
  // Of every row its place in such a table; null when all have the same. `made` is where they are put when no
  // key has them as they are.
  const uint32_t* combinations(std::vector<uint32_t>& made) const {
    if (varying_.empty()) return nullptr;
    if (varying_.size() == 1) return varying_[0]->numbers.data();
    made.assign(rows_.row_count, 0);
    for (const AggregateRows::KeyColumn* key : varying_) {
      auto radix = static_cast<uint32_t>(key->entries.size());
      for (size_t row = 0; row < made.size(); ++row) made[row] = made[row] * radix + key->numbers[row];
    }
    return made.data();
  }

  Result<uint32_t> find(size_t row) {
    if (!table_.empty()) {
      size_t combination = 0;
      for (const auto* key : varying_) combination = combination * key->entries.size() + key->numbers[row];
      uint32_t& group = table_[combination];
      if (group == kNoGroup) {
        OBELISK_TRY(group, make(row));
      }
      return group;
    }
    // Mixed radix would overflow with many wide parts: the numbers themselves are the key.
    scratch_.clear();
    for (const auto* key : varying_) scratch_.append(reinterpret_cast<const char*>(&key->numbers[row]), 4);
    auto found = map_.find(scratch_);
    if (found != map_.end()) return found->second;
    OBELISK_TRY(uint32_t group, make(row));
    map_.emplace(scratch_, group);
    return group;
  }

 private:
  Result<uint32_t> make(size_t row) {
    key_.clear();
    for (const AggregateRows::KeyColumn& key : rows_.keys)
      key_.push_back(key.entries[key.numbers.empty() ? 0 : key.numbers[row]]);
    return states_.group_of(key_);
  }

  const AggregateRows& rows_;
  AggregateStates& states_;
  std::vector<const AggregateRows::KeyColumn*> varying_;
  uint64_t combinations_ = 1;
  std::vector<uint32_t> table_;
  absl::flat_hash_map<std::string, uint32_t> map_;
  std::string scratch_;
  AggregateKey key_;
};

// Counts of rows by one dictionary, all in one step: no more than an addition a row.
Result<bool> fold_counts(const AggregateRows& rows, AggregateStates& states,
                         std::vector<ExemplarRow>& exemplars) {
  const Aggregate& aggregate = states.aggregate();
  if (rows.mask != nullptr || !rows.step || aggregate.needs_value() || aggregate.times) return false;
  const AggregateRows::KeyColumn* varying = nullptr;
  for (const AggregateRows::KeyColumn& key : rows.keys) {
    if (key.numbers.empty()) continue;
    if (varying != nullptr) return false;
    varying = &key;
  }
  size_t entry_count = varying == nullptr ? 1 : varying->entries.size();
  std::vector<uint32_t> counts(entry_count);
  std::vector<uint32_t> some_row(entry_count);
  if (varying == nullptr) {
    counts[0] = static_cast<uint32_t>(rows.row_count);
  } else {
    for (uint32_t row = 0; row < rows.row_count; ++row) {
      ++counts[varying->numbers[row]];
      some_row[varying->numbers[row]] = row;
    }
  }
  GroupFinder groups(rows, states);
  for (size_t entry = 0; entry < entry_count; ++entry) {
    if (counts[entry] == 0) continue;
    OBELISK_TRY(uint32_t group, groups.find(some_row[entry]));
    states.group(group).counts[*rows.step] += counts[entry];
    if (aggregate.exemplar_slots > 0)
      offer_exemplar(states, group, states.slot_of(*rows.step), 0, some_row[entry], exemplars);
  }
  return true;
}

AggregateKeyPart part_of(const ColumnData& data, size_t row) {
  AggregateKeyPart part;
  part.type = data.type;
  switch (data.type) {
    case ColumnType::boolean:
      part.value = data.ints[row] != 0;
      break;
    case ColumnType::int64:
      part.value = data.ints[row];
      break;
    case ColumnType::float64:
      part.value = data.floats[row];
      break;
    case ColumnType::trace_id:
      part.value = std::string(data.trace_ids[row].view());
      break;
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      part.value = std::string(data.strings[row]);
  }
  return part;
}

// The columns of a batch with this id, by type: a row that has several (no sender's should) has the first.
std::vector<const ColumnData*> columns_of(const Batch& batch, const ColumnId& id) {
  std::vector<const ColumnData*> found;
  for (const ColumnData& data : batch.columns) {
    if (data.id == id) found.push_back(&data);
  }
  std::sort(found.begin(), found.end(), [](auto* a, auto* b) { return a->type < b->type; });
  return found;
}

// Numbers the values of one part of the key over the counting rows of a batch.
class BatchKey {
 public:
  BatchKey(const Batch& batch, const std::vector<ColumnId>& columns) : batch_(batch) {
    for (const ColumnId& id : columns) {
      if (id.scope == Scope::label) {
        sources_.push_back({nullptr, &id});
        continue;
      }
      for (const ColumnData* data : columns_of(batch, id)) sources_.push_back({data, nullptr});
    }
    texts_.resize(sources_.size());
    numbers_.resize(sources_.size());
  }

  AggregateRows::KeyColumn read(const std::vector<uint8_t>& mask) {
    AggregateRows::KeyColumn key;
    key.numbers.resize(batch_.row_count);
    size_t group = 0;
    for (uint32_t row = 0; row < batch_.row_count; ++row) {
      while (row >= batch_.groups[group].first_row + batch_.groups[group].row_count) ++group;
      if (mask[row] != 0) key.numbers[row] = number_of(row, batch_.groups[group], key);
    }
    if (key.entries.empty()) key.entries.push_back({});
    if (key.entries.size() == 1) key.numbers.clear();
    return key;
  }

 private:
  struct Source {
    const ColumnData* data;
    const ColumnId* label;
  };

  static uint32_t add(AggregateKeyPart part, AggregateRows::KeyColumn& key) {
    key.entries.push_back(std::move(part));
    return static_cast<uint32_t>(key.entries.size() - 1);
  }

  uint32_t number_of(uint32_t row, const Group& group, AggregateRows::KeyColumn& key) {
    for (size_t i = 0; i < sources_.size(); ++i) {
      const auto& [data, label] = sources_[i];
      if (label != nullptr) {
        std::string_view text = label_value(group.labels, label->name);
        if (text.empty()) continue;
        auto [it, fresh] = texts_[i].try_emplace(text, 0);
        if (fresh) it->second = add({std::string(text), ColumnType::string}, key);
        return it->second;
      }
      if (!data->is_present(row)) continue;
      switch (data->type) {
        case ColumnType::boolean:
        case ColumnType::int64:
          return of_number(i, static_cast<uint64_t>(data->ints[row]), *data, row, key);
        case ColumnType::float64: {
          uint64_t bits = 0;
          std::memcpy(&bits, &data->floats[row], 8);
          return of_number(i, bits, *data, row, key);
        }
        default:
          break;
      }
      std::string_view text =
          data->type == ColumnType::trace_id ? data->trace_ids[row].view() : data->strings[row];
      auto [it, fresh] = texts_[i].try_emplace(text, 0);
      if (fresh) it->second = add(part_of(*data, row), key);
      return it->second;
    }
    if (absent_ == kNoGroup) absent_ = add({}, key);
    return absent_;
  }

  uint32_t of_number(size_t source, uint64_t bits, const ColumnData& data, uint32_t row,
                     AggregateRows::KeyColumn& key) {
    auto [it, fresh] = numbers_[source].try_emplace(bits, 0);
    if (fresh) it->second = add(part_of(data, row), key);
    return it->second;
  }

  const Batch& batch_;
  std::vector<Source> sources_;
  // Values of several columns may be equal (a text of a label and of an attribute): they then get several
  // entries, which lead to one group.
  std::vector<absl::flat_hash_map<std::string_view, uint32_t>> texts_;
  std::vector<absl::flat_hash_map<uint64_t, uint32_t>> numbers_;
  uint32_t absent_ = kNoGroup;
};

// The patterns of a column of strings.
AggregateRows::KeyColumn pattern_key(const Batch& batch, const ColumnId& id,
                                     const std::vector<uint8_t>& mask) {
  AggregateRows::KeyColumn key;
  key.numbers.resize(batch.row_count);
  PatternNumbers numbers(key);
  const ColumnData* data = batch.find(id, ColumnType::string);
  for (uint32_t row = 0; row < batch.row_count; ++row) {
    if (mask[row] == 0) continue;
    bool present = data != nullptr && data->is_present(row);
    key.numbers[row] = present ? numbers.of_text(data->strings[row]) : numbers.absent();
  }
  if (key.entries.empty()) key.entries.push_back({});
  if (key.entries.size() == 1) key.numbers.clear();
  return key;
}

AggregateRows::KeyColumn all_labels_key(const Batch& batch) {
  AggregateRows::KeyColumn key;
  key.numbers.resize(batch.row_count);
  for (const Group& group : batch.groups) {
    std::fill_n(key.numbers.begin() + group.first_row, group.row_count,
                static_cast<uint32_t>(key.entries.size()));
    key.entries.push_back({Labels(group.labels), ColumnType::string});
  }
  if (key.entries.size() == 1) key.numbers.clear();
  return key;
}

}  // namespace

struct PatternNumbers::Known {
  absl::flat_hash_map<std::string_view, uint32_t> numbers;
  std::deque<std::string> texts;  // what the keys point to
};

PatternNumbers::PatternNumbers(AggregateRows::KeyColumn& key)
    : key_(key), known_(std::make_unique<Known>()) {}
PatternNumbers::~PatternNumbers() = default;

uint32_t PatternNumbers::of_text(std::string_view text) {
  return number_of(pattern_.of_text(text));
}

uint32_t PatternNumbers::of_skeleton(std::string_view skeleton) {
  return number_of(pattern_.of_skeleton(skeleton));
}

uint32_t PatternNumbers::absent() {
  if (!absent_) {
    absent_ = static_cast<uint32_t>(key_.entries.size());
    key_.entries.push_back({});
  }
  return *absent_;
}

uint32_t PatternNumbers::number_of(std::string_view pattern) {
  auto known = known_->numbers.find(pattern);
  if (known != known_->numbers.end()) return known->second;
  auto number = static_cast<uint32_t>(key_.entries.size());
  key_.entries.push_back({std::string(pattern), ColumnType::string});
  known_->numbers.emplace(known_->texts.emplace_back(pattern), number);
  return number;
}

Result<void> fold_rows(const AggregateRows& rows, AggregateStates& states,
                       std::vector<ExemplarRow>& exemplars) {
  if (rows.row_count == 0) return {};
  OBELISK_TRY(bool done, fold_counts(rows, states, exemplars));
  if (done) return {};
  const Aggregate& aggregate = states.aggregate();
  GroupFinder groups(rows, states);
  if (StepFold::suits(rows, aggregate) && groups.table_size() > 0) {
    std::vector<uint32_t> made;
    auto find = [&](size_t row) { return groups.find(row); };
    return StepFold(rows, groups.combinations(made), groups.table_size(), find, states).run(exemplars);
  }
  bool counts_only = !aggregate.sum && !aggregate.minimum && !aggregate.maximum && !aggregate.histogram;
  size_t slot_step = aggregate.step_count, slot = 0;
  for (uint32_t row = 0; row < rows.row_count; ++row) {
    if (rows.mask != nullptr && rows.mask[row] == 0) continue;
    size_t step = rows.step ? *rows.step : aggregate.step_of(rows.times[row]);
    if (step == aggregate.step_count) continue;
    uint32_t number = groups.known(row);
    if (number == kNoGroup) {
      OBELISK_TRY(number, groups.find(row));
    }
    AggregateStates::Group& group = states.group(number);
    double value = rows.values == nullptr ? 0 : rows.values[row];
    if (counts_only) {
      ++group.counts[step];
    } else {
      states.add(group, step, value);
    }
    if (aggregate.times) AggregateStates::note_time(group, step, rows.times[row]);
    if (aggregate.exemplar_slots == 0) continue;
    if (step != slot_step) {  // a division a row would be what counting costs most
      slot_step = step;
      slot = states.slot_of(step);
    }
    offer_exemplar(states, number, slot, value, row, exemplars);
  }
  return {};
}

void name_exemplar(const ExemplarRow& exemplar, int64_t time, const TraceId& trace_id,
                   AggregateStates& states) {
  AggregateExemplar& held = states.group(exemplar.group).exemplars[exemplar.slot];
  held.time = time;
  held.trace_id = trace_id;
}

namespace {

struct Identity {
  TraceId trace;
  int64_t span = 0;
  bool operator==(const Identity&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Identity& identity) {
    return H::combine(std::move(state), std::hash<TraceId>()(identity.trace), identity.span);
  }
};

}  // namespace

struct SpanIdentities::Seen {
  absl::flat_hash_set<Identity> spans;
};

SpanIdentities::SpanIdentities(Budget& budget) : budget_(budget), seen_(std::make_unique<Seen>()) {}

SpanIdentities::~SpanIdentities() {
  budget_.release(charged_);
}

Result<bool> SpanIdentities::insert(const TraceId& trace, int64_t span) {
  bool fresh = seen_->spans.insert({trace, span}).second;
  uint64_t bytes = seen_->spans.capacity() * (sizeof(Identity) + 1);
  if (bytes > charged_) {
    OBELISK_CHECK_OK(budget_.charge(bytes - charged_));
    charged_ = bytes;
  }
  return fresh;
}

Result<void> BatchAggregator::drop_repeated(const Batch& batch, std::vector<uint8_t>& mask) {
  const ColumnData* traces = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  const ColumnData* ids = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
  if (traces == nullptr) return {};
  for (size_t row = 0; row < batch.row_count; ++row) {
    if (mask[row] == 0) continue;
    int64_t id = ids == nullptr || !ids->is_present(row) ? 0 : ids->ints[row];
    OBELISK_TRY(bool fresh, spans_->insert(traces->trace_ids[row], id));
    mask[row] = fresh ? 1 : 0;
  }
  return {};
}

void BatchAggregator::read_values(const Batch& batch, std::vector<uint8_t>& mask) {
  const Aggregate& aggregate = states_.aggregate();
  values_.assign(batch.row_count, 0);
  std::vector<uint8_t> open = mask;  // rows whose value is not found yet
  std::fill(mask.begin(), mask.end(), 0);
  for (const ColumnId& id : aggregate.value) {
    for (const ColumnData* column : columns_of(batch, id)) {
      const ColumnData& data = *column;
      bool is_text =
          data.type == ColumnType::string || data.type == ColumnType::bytes || data.type == ColumnType::any;
      for (size_t row = 0; row < batch.row_count; ++row) {
        if (open[row] == 0 || !data.is_present(row)) continue;
        open[row] = 0;
        if (aggregate.value_length) {
          if (!is_text) continue;
          values_[row] = static_cast<double>(data.strings[row].size());
        } else if (data.type == ColumnType::int64) {
          values_[row] = static_cast<double>(data.ints[row]);
        } else if (data.type == ColumnType::float64) {
          values_[row] = data.floats[row];
        } else {
          continue;
        }
        mask[row] = 1;
      }
    }
  }
}

Result<void> BatchAggregator::add(const Batch& batch, std::vector<uint8_t>& mask) {
  OBELISK_ASSERT(mask.size() == batch.row_count);
  const Aggregate& aggregate = states_.aggregate();
  if (batch.row_count == 0) return {};
  if (aggregate.needs_value()) read_values(batch, mask);
  if (aggregate.distinct_spans && spans_ != nullptr) OBELISK_CHECK_OK(drop_repeated(batch, mask));
  AggregateRows rows;
  rows.row_count = batch.row_count;
  rows.mask = mask.data();
  rows.times = batch.times().data();
  for (const std::vector<ColumnId>& part : aggregate.by)
    rows.keys.push_back(BatchKey(batch, part).read(mask));
  if (aggregate.by_all_labels) rows.keys.push_back(all_labels_key(batch));
  if (aggregate.by_pattern) rows.keys.push_back(pattern_key(batch, *aggregate.by_pattern, mask));
  if (aggregate.needs_value()) rows.values = values_.data();
  exemplars_.clear();
  OBELISK_CHECK_OK(fold_rows(rows, states_, exemplars_));
  const ColumnData* traces = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  for (const ExemplarRow& exemplar : exemplars_) {
    TraceId id = traces == nullptr ? TraceId{} : traces->trace_ids[exemplar.row];
    name_exemplar(exemplar, batch.times()[exemplar.row], id, states_);
  }
  return {};
}

}  // namespace obelisk
