#include "storage/embedded/events/entry_counts.h"

namespace obelisk {
namespace {

// The column that every row of the row group takes this part of its key from; null when that is not one.
const ColumnId* single_column(const RowGroupReader& reader, const std::vector<ColumnId>& columns) {
  for (const ColumnId& id : columns) {
    if (id.scope == Scope::label) return nullptr;
    auto infos = reader.infos_of(id);
    if (infos.empty()) continue;
    bool whole = infos.size() == 1 && infos[0].first->stats.present_count == reader.info().row_count;
    return whole ? &id : nullptr;
  }
  return nullptr;
}

}  // namespace

bool EntryCounter::suits(const Aggregate& aggregate) {
  bool more = aggregate.needs_value() || aggregate.sum || aggregate.minimum || aggregate.maximum ||
              aggregate.histogram || aggregate.by_pattern.has_value() || aggregate.by_all_labels ||
              aggregate.times;
  return !more && aggregate.by.size() == 1;
}

Result<bool> EntryCounter::add(RowGroupReader& reader, size_t step) {
  const ColumnId* column = single_column(reader, states_.aggregate().by[0]);
  if (column == nullptr) return false;
  OBELISK_TRY(std::optional<ColumnChunk> chunk, reader.dictionary_of(*column));
  if (!chunk) return false;
  std::vector<uint64_t> counts;
  OBELISK_CHECK_OK(chunk->count_entries(counts));
  std::vector<uint32_t> groups(counts.size());
  size_t slot = states_.aggregate().exemplar_slots > 0 ? states_.slot_of(step) : 0;
  for (size_t entry = 0; entry < counts.size(); ++entry) {
    if (counts[entry] == 0) continue;
    OBELISK_TRY(groups[entry], group_of(chunk->entries()[entry], chunk->type()));
    const AggregateStates::Group& group = states_.group(groups[entry]);
    if (!group.exemplars.empty() && !group.exemplars[slot].found) return false;
  }
  for (size_t entry = 0; entry < counts.size(); ++entry) {
    if (counts[entry] != 0) states_.group(groups[entry]).counts[step] += counts[entry];
  }
  return true;
}

Result<uint32_t> EntryCounter::group_of(std::string_view entry, ColumnType type) {
  scratch_.assign(1, static_cast<char>(type));
  scratch_.append(entry);
  auto found = numbers_.find(scratch_);
  if (found != numbers_.end()) return found->second;
  OBELISK_TRY(uint32_t number, states_.group_of({{std::string(entry), type}}));
  numbers_.emplace(scratch_, number);
  return number;
}

}  // namespace obelisk
