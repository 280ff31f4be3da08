#include "storage/embedded/events/row_group_reader.h"

#include <algorithm>
#include <cstring>

#include "codec/integer_column.h"
#include "plan/read_progress.h"
#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/message/text_predicate.h"
#include "storage/embedded/events/scan_read_ahead.h"

namespace obelisk {
namespace {

// Cheap predicates first: labels cost nothing, numbers little, text most.
int cost_rank(const Expr& expr) {
  switch (expr.kind()) {
    case Expr::Kind::always:
      return 0;
    case Expr::Kind::compare:
      if (expr.column().scope == Scope::label) return 0;
      return std::holds_alternative<std::string>(expr.literal()) ? 3 : 1;
    case Expr::Kind::exists:
    case Expr::Kind::in_trace_ids:
      return expr.column().scope == Scope::label ? 0 : 2;
    case Expr::Kind::contains:
      return expr.column().scope == Scope::label ? 0 : 4;
    case Expr::Kind::matches:
      return expr.column().scope == Scope::label ? 0 : 5;
    case Expr::Kind::all_of:
    case Expr::Kind::any_of:
    case Expr::Kind::not_of: {
      int rank = 0;
      for (const Expr& child : expr.children()) rank = std::max(rank, cost_rank(child));
      return rank;
    }
  }
  return 5;
}

// What is marked in `part` is found, and no longer open. Marks are 0 or 1; eight at a time.
void move_marks(const RowMask& part, RowMask& open, RowMask& found) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  size_t row = 0;
  for (; row + 8 <= part.size(); row += 8) {
    uint64_t marks = 0, left = 0, out = 0;
    std::memcpy(&marks, part.data() + row, 8);
    if (marks == 0) continue;
    std::memcpy(&left, open.data() + row, 8);
    std::memcpy(&out, found.data() + row, 8);
    left &= marks ^ kOnes;
    out |= marks;
    std::memcpy(open.data() + row, &left, 8);
    std::memcpy(found.data() + row, &out, 8);
  }
  for (; row < part.size(); ++row) {
    found[row] |= part[row];
    open[row] &= static_cast<uint8_t>(part[row] ^ 1);
  }
}

// Conditions that templates can decide.
bool is_of_text(const Expr& expr) {
  return expr.kind() == Expr::Kind::compare || expr.kind() == Expr::Kind::contains ||
         expr.kind() == Expr::Kind::matches;
}

std::vector<const Expr*> cheapest_first(const std::vector<Expr>& children) {
  std::vector<const Expr*> ordered;
  for (const Expr& child : children) ordered.push_back(&child);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](auto* a, auto* b) { return cost_rank(*a) < cost_rank(*b); });
  return ordered;
}

}  // namespace

namespace {

// Calls `take` with the position of each byte that is 1, from `row` on; it says where to go on. Eight bytes
// at a time: marks may be few or many.
template <typename Take>
void each_marked(const RowMask& mask, size_t row, Take&& take) {
  const uint8_t* bytes = mask.data();
  const size_t count = mask.size();
  while (row < count) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + row, std::min<size_t>(8, count - row));
    if (word == 0) {
      row += 8;
      continue;
    }
    row = take(row + static_cast<size_t>(__builtin_ctzll(word)) / 8);
  }
}

}  // namespace

std::vector<uint32_t> rows_of(const RowMask& mask) {
  std::vector<uint32_t> rows;
  size_t row = 0;
  for (; row + 8 <= mask.size(); row += 8) {
    uint64_t word = 0;
    std::memcpy(&word, mask.data() + row, 8);
    for (; word != 0; word &= word - 1)
      rows.push_back(static_cast<uint32_t>(row + static_cast<size_t>(__builtin_ctzll(word)) / 8));
  }
  for (; row < mask.size(); ++row) {
    if (mask[row] != 0) rows.push_back(static_cast<uint32_t>(row));
  }
  return rows;
}

void each_marked_run(const RowMask& mask, const std::vector<TraceRun>& runs,
                     const std::function<void(const TraceRun&)>& take) {
  auto run = runs.begin();
  each_marked(mask, 0, [&](size_t row) {
    while (run != runs.end() && run->first_row + size_t{run->row_count} <= row) ++run;
    if (run == runs.end()) return mask.size();
    if (row < run->first_row) return size_t{run->first_row};
    take(*run);
    return run->first_row + size_t{run->row_count};
  });
}

bool any_row(const RowMask& mask) {
  return !mask.empty() && std::memchr(mask.data(), 1, mask.size()) != nullptr;
}

RowGroupReader::RowGroupReader(EventPartPtr part, uint32_t row_group,
                               std::shared_ptr<const LabelTable> labels, Budget& budget, ReadCounts& counts)
    : part_(std::move(part)),
      row_group_(row_group),
      info_(part_->directory().row_groups[row_group]),
      labels_(std::move(labels)),
      counts_(counts),
      charge_(budget),
      fetched_(info_.chunks.size()),
      loaded_(info_.chunks.size()) {
  counts_.rows += info_.row_count;
  note_read({info_.row_count, 0});
}

Result<void> RowGroupReader::fetch_chunks(const std::vector<size_t>& indexes, bool alone) {
  std::vector<size_t> missing;
  for (size_t index : indexes) {
    if (loaded_[index] || fetched_[index].owner) continue;
    missing.push_back(index);
    counts_.bytes += info_.chunks[index].length;
    note_read({0, info_.chunks[index].length});
    OBELISK_CHECK_OK(charge_.add(info_.chunks[index].length));
  }
  if (missing.empty()) return {};
  OBELISK_TRY(EventPart::FetchedChunks fetched, part_->fetch_chunks(row_group_, missing, alone));
  for (size_t i = 0; i < missing.size(); ++i) {
    fetched_[missing[i]] = std::move(fetched.chunks[i]);
    if (ahead_ != nullptr) ahead_->note(*part_, info_.chunks[missing[i]].column, fetched.waited);
  }
  return {};
}

Result<void> RowGroupReader::load_chunks(const std::vector<size_t>& indexes, bool with_parents) {
  OBELISK_CHECK_OK(fetch_chunks(indexes, false));
  std::vector<size_t> missing;
  for (size_t index : indexes) {
    if (loaded_[index]) continue;
    missing.push_back(index);
    OBELISK_TRY(ColumnChunk chunk, part_->parse_chunk(row_group_, index, fetched_[index],
                                                      is_asked_by_row(index) ? RowSpan{} : wanted_rows_));
    fetched_[index] = {};
    OBELISK_CHECK_OK(charge_.add(chunk.memory_bytes()));
    loaded_[index] = std::move(chunk);
  }
  for (size_t index : missing) OBELISK_CHECK_OK(give_what_it_needs(*loaded_[index]));
  for (size_t index : indexes) {
    if (with_parents && loaded_[index]->needs_span_ids()) OBELISK_CHECK_OK(resolve_parents(*loaded_[index]));
  }
  return {};
}

// Whether values of the column may be asked for that are not among the wanted rows: parents of these have
// span ids, and times are handed out whole.
bool RowGroupReader::is_asked_by_row(size_t index) const {
  const ColumnId& id = part_->directory().columns[info_.chunks[index].column].id;
  return id.scope == Scope::fixed && (id.name == column::kTime || id.name == column::kSpanId);
}

// Chunks whose values are kept relative to another column of the same rows.
Result<void> RowGroupReader::give_what_it_needs(ColumnChunk& chunk) {
  if (chunk.needs_times()) {
    chunk.set_times_source([this]() -> Result<const int64_t*> {
      OBELISK_TRY(const std::vector<int64_t>* row_times, times());
      return row_times->data();
    });
  }
  if (!chunk.needs_trace_ids()) return {};
  OBELISK_TRY(auto chunks, chunks_of(fixed_column(column::kTraceId)));
  for (auto& [number, ids] : chunks) {
    if (ids->type() == ColumnType::trace_id) return chunk.set_trace_ids(*ids);
  }
  return make_error(ErrorCode::corrupt, part_->name() + ": digits of trace ids without trace ids");
}

// Parent ids are kept relative to the span ids of the same rows.
Result<void> RowGroupReader::resolve_parents(ColumnChunk& parents) {
  OBELISK_TRY(auto chunks, chunks_of(fixed_column(column::kSpanId)));
  for (auto& [number, ids] : chunks) {
    if (ids->type() == ColumnType::int64) return parents.set_span_ids(*ids);
  }
  return make_error(ErrorCode::corrupt, part_->name() + ": parents of spans without span ids");
}

Result<const ColumnChunk*> RowGroupReader::parents() {
  const ColumnId id = fixed_column(column::kParentSpanId);
  for (size_t i = 0; i < info_.chunks.size(); ++i) {
    const PartColumn& column = part_->directory().columns[info_.chunks[i].column];
    if (column.id != id || column.type != ColumnType::int64) continue;
    OBELISK_CHECK_OK(load_chunks({i}, false));
    return &*loaded_[i];
  }
  return static_cast<const ColumnChunk*>(nullptr);
}

std::vector<size_t> RowGroupReader::indexes_of(const std::vector<ColumnId>* wanted) const {
  std::vector<size_t> indexes;
  for (size_t i = 0; i < info_.chunks.size(); ++i) {
    const ColumnId& id = part_->directory().columns[info_.chunks[i].column].id;
    bool is_time = id.scope == Scope::fixed && id.name == column::kTime;
    if (wanted == nullptr || is_time || std::find(wanted->begin(), wanted->end(), id) != wanted->end())
      indexes.push_back(i);
  }
  return indexes;
}

Result<void> RowGroupReader::load(const std::vector<ColumnId>* wanted) {
  return load_chunks(indexes_of(wanted));
}

Result<void> RowGroupReader::fetch(const std::vector<ColumnId>* wanted) {
  return fetch_chunks(indexes_of(wanted), true);
}

Result<std::vector<std::pair<uint32_t, ColumnChunk*>>> RowGroupReader::chunks_of(const ColumnId& id) {
  std::vector<size_t> indexes;
  for (size_t i = 0; i < info_.chunks.size(); ++i) {
    if (part_->directory().columns[info_.chunks[i].column].id == id) indexes.push_back(i);
  }
  OBELISK_CHECK_OK(load_chunks(indexes));
  std::vector<std::pair<uint32_t, ColumnChunk*>> chunks;
  for (size_t index : indexes) chunks.push_back({info_.chunks[index].column, &*loaded_[index]});
  std::sort(chunks.begin(), chunks.end(),
            [](const auto& a, const auto& b) { return a.second->type() < b.second->type(); });
  return chunks;
}

Result<std::optional<ColumnChunk>> RowGroupReader::dictionary_of(const ColumnId& id) {
  auto infos = infos_of(id);
  if (infos.size() != 1) return std::optional<ColumnChunk>();
  size_t index = static_cast<size_t>(infos[0].first - info_.chunks.data());
  if (loaded_[index]) return std::optional<ColumnChunk>();
  OBELISK_CHECK_OK(fetch_chunks({index}, false));
  // What was fetched stays, for those who want the rows then.
  OBELISK_TRY(ColumnChunk chunk, part_->parse_chunk(row_group_, index, fetched_[index], {0, 0}));
  if (!chunk.has_dictionary()) return std::optional<ColumnChunk>();
  OBELISK_CHECK_OK(charge_.add(chunk.memory_bytes()));
  return std::optional<ColumnChunk>(std::move(chunk));
}

std::vector<std::pair<const ChunkInfo*, ColumnType>> RowGroupReader::infos_of(const ColumnId& id) const {
  std::vector<std::pair<const ChunkInfo*, ColumnType>> infos;
  for (uint32_t column : part_->directory().columns_named(id)) {
    if (const ChunkInfo* chunk = info_.find(column))
      infos.push_back({chunk, part_->directory().columns[column].type});
  }
  return infos;
}

Result<const std::vector<int64_t>*> RowGroupReader::times() {
  OBELISK_TRY(auto chunks, chunks_of(fixed_column(column::kTime)));
  if (chunks.size() != 1 || chunks[0].second->type() != ColumnType::int64 ||
      !chunks[0].second->all_present()) {
    return make_error(ErrorCode::corrupt, part_->name() + ": a row group without its time column");
  }
  return &chunks[0].second->ints();
}

Result<RowTimes> RowGroupReader::row_times() {
  const ColumnId id = fixed_column(column::kTime);
  for (size_t i = 0; i < info_.chunks.size(); ++i) {
    const PartColumn& column = part_->directory().columns[info_.chunks[i].column];
    if (column.id != id || column.type != ColumnType::int64 || loaded_[i] || fetched_[i].owner) continue;
    OBELISK_TRY(std::optional<RowTimes> pieces, open_times(i));
    if (pieces) return std::move(*pieces);
  }
  OBELISK_TRY(const std::vector<int64_t>* row_times, times());
  return RowTimes(row_times, runs_ascend(info_.runs, *row_times));
}

// The time column as pieces; nullopt when they are not known, and cannot be.
Result<std::optional<RowTimes>> RowGroupReader::open_times(size_t index) {
  counts_.bytes += info_.chunks[index].length;
  note_read({0, info_.chunks[index].length});
  OBELISK_CHECK_OK(charge_.add(info_.chunks[index].length));
  OBELISK_TRY(EventPart::ChunkBytes chunk, part_->read_chunk_bytes(row_group_, index));
  if (ahead_ != nullptr) ahead_->note(*part_, info_.chunks[index].column, chunk.waited);
  std::optional<std::string_view> column = integers_of_chunk(chunk.bytes);
  if (!column) return std::optional<RowTimes>();
  std::shared_ptr<const IntegerSkips> skips = part_->time_skips(row_group_);
  if (skips == nullptr) {
    std::vector<int64_t> values(info_.row_count);
    ByteReader reader(*column);
    if (!decode_integer_column(reader, values.size(), values.data()) || !runs_ascend(info_.runs, values))
      return std::optional<RowTimes>();
    std::optional<IntegerSkips> made = IntegerSkips::make(*column, values);
    if (!made) return std::optional<RowTimes>();
    skips = std::make_shared<const IntegerSkips>(std::move(*made));
    part_->keep_time_skips(row_group_, skips);
  }
  std::optional<SkippingIntegers> pieces = SkippingIntegers::open(*column, info_.row_count, *skips);
  if (!pieces) return std::optional<RowTimes>();
  return std::optional<RowTimes>(RowTimes(std::move(chunk.owner), std::move(skips), std::move(*pieces)));
}

Result<const std::vector<TraceId>*> RowGroupReader::trace_ids() {
  OBELISK_TRY(auto chunks, chunks_of(fixed_column(column::kTraceId)));
  const std::vector<TraceId>* none = nullptr;
  for (auto& [column, chunk] : chunks) {
    if (chunk->type() != ColumnType::trace_id) continue;
    size_t held = chunk->memory_bytes();
    const std::vector<TraceId>& ids = chunk->trace_ids();
    OBELISK_CHECK_OK(charge_.add(chunk->memory_bytes() - held));
    return &ids;
  }
  return none;
}

Result<std::vector<TraceRun>> RowGroupReader::trace_runs() {
  OBELISK_TRY(auto chunks, chunks_of(fixed_column(column::kTraceId)));
  for (auto& [column, chunk] : chunks) {
    if (chunk->type() == ColumnType::trace_id && !chunk->trace_runs().empty()) return chunk->trace_runs();
  }
  std::vector<TraceRun> runs;
  OBELISK_TRY(const std::vector<TraceId>* ids, trace_ids());
  if (ids == nullptr) return runs;
  for (uint32_t row = 0; row < ids->size(); ++row) {
    if (runs.empty() || runs.back().id != (*ids)[row]) runs.push_back({(*ids)[row], row, 0});
    ++runs.back().row_count;
  }
  return runs;
}

Result<RowMask> RowGroupReader::candidates(const TimeRange& range, const std::vector<Decision>& decisions) {
  RowMask mask(info_.row_count, 1);
  if (!decisions.empty()) {
    size_t row = 0;
    for (const GroupRun& run : info_.runs) {
      if (decisions[run.group] == Decision::no)
        std::fill_n(mask.begin() + static_cast<ptrdiff_t>(row), run.row_count, 0);
      row += run.row_count;
    }
  }
  if (range.contains({info_.min_time}) && range.contains({info_.max_time})) return mask;
  OBELISK_CHECK_OK(mark_times(range, mask));
  return mask;
}

// Clears the rows outside the range.
Result<void> RowGroupReader::mark_times(const TimeRange& range, RowMask& mask) {
  OBELISK_TRY(RowTimes times, row_times());
  if (!times.ascending()) {
    for (size_t row = 0; row < mask.size(); ++row) mask[row] &= range.contains({times.at(row)}) ? 1 : 0;
    return {};
  }
  auto begin = mask.begin();
  for (const GroupRun& run : info_.runs) {
    size_t row = static_cast<size_t>(begin - mask.begin()), end = row + run.row_count;
    size_t first = times.first_not_before(row, end, range.begin.value);
    size_t last = times.first_not_before(first, end, range.end.value);
    std::fill(begin, begin + static_cast<ptrdiff_t>(first - row), 0);
    std::fill(begin + static_cast<ptrdiff_t>(last - row), begin + run.row_count, 0);
    begin += run.row_count;
  }
  return {};
}

Result<RowMask> RowGroupReader::evaluate(const Expr& expr, const RowMask& candidates) {
  switch (expr.kind()) {
    case Expr::Kind::always:
      return candidates;
    case Expr::Kind::all_of: {
      RowMask left = candidates;
      for (const Expr* child : cheapest_first(expr.children())) {
        if (!any_row(left)) break;
        OBELISK_TRY(left, evaluate(*child, left));
      }
      return left;
    }
    case Expr::Kind::any_of: {
      RowMask open = candidates;
      RowMask found(candidates.size(), 0);
      for (const Expr* child : cheapest_first(expr.children())) {
        if (!any_row(open)) break;
        OBELISK_TRY(RowMask part, evaluate(*child, open));
        move_marks(part, open, found);
      }
      return found;
    }
    case Expr::Kind::not_of: {
      OBELISK_TRY(RowMask part, evaluate(expr.children()[0], candidates));
      for (size_t row = 0; row < part.size(); ++row) part[row] = candidates[row] & (part[row] ^ 1);
      return part;
    }
    default:
      return evaluate_leaf(expr, candidates);
  }
}

Result<RowMask> RowGroupReader::evaluate_leaf(const Expr& expr, const RowMask& candidates) {
  RowMask out(candidates.size(), 0);
  if (expr.column().scope == Scope::label) {
    OBELISK_CHECK_OK(mark_labels(expr, candidates, out));
    return out;
  }
  OBELISK_TRY(bool done, mark_known_texts(expr, candidates, out));
  if (done) return out;
  OBELISK_TRY(auto chunks, chunks_of(expr.column()));
  for (auto& [column, chunk] : chunks) OBELISK_CHECK_OK(mark_chunk(expr, *chunk, candidates, out));
  return out;
}

// By what is kept of the texts in memory, when that is enough. False: nothing was set.
Result<bool> RowGroupReader::mark_known_texts(const Expr& expr, const RowMask& candidates, RowMask& out) {
  if (!is_of_text(expr)) return false;
  auto infos = infos_of(expr.column());
  if (infos.size() != 1 || infos[0].second != ColumnType::string ||
      infos[0].first->stats.present_count != info_.row_count)
    return false;
  size_t index = static_cast<size_t>(infos[0].first - info_.chunks.data());
  if (loaded_[index]) return false;
  std::shared_ptr<const message::KnownTexts> known = part_->known_texts(row_group_, index);
  if (known == nullptr) return false;
  return message::mark_by_templates(message::predicate_for(expr), *known, candidates, out);
}

Result<void> RowGroupReader::mark_labels(const Expr& expr, const RowMask& candidates, RowMask& out) const {
  size_t row = 0;
  for (const GroupRun& run : info_.runs) {
    // A row group may have as many runs as rows, and most of them no candidate.
    bool any = std::memchr(candidates.data() + row, 1, run.row_count) != nullptr;
    if (any && decide_by_labels(expr, labels_->labels(run.group)) == Decision::yes) {
      std::copy_n(candidates.begin() + static_cast<ptrdiff_t>(row), run.row_count,
                  out.begin() + static_cast<ptrdiff_t>(row));
    }
    row += run.row_count;
  }
  return {};
}

namespace {

// Sets the candidates whose dictionary entry holds. Bytes may alias anything, so the loops are over pointers
// that are known not to.
void mark_entries(const ColumnChunk& chunk, const std::vector<uint8_t>& holds, const RowMask& candidates,
                  RowMask& out) {
  const uint32_t* __restrict numbers = chunk.entry_numbers().data();
  const uint8_t* __restrict of_entry = holds.data();
  const uint8_t* __restrict open = candidates.data();
  uint8_t* __restrict marks = out.data();
  const size_t count = out.size();
  if (chunk.all_present()) {
    for (size_t row = 0; row < count; ++row)
      marks[row] = static_cast<uint8_t>(marks[row] | (open[row] & of_entry[numbers[row]]));
    return;
  }
  for (size_t row = 0; row < count; ++row) {
    uint8_t here = chunk.is_present(row) ? 1 : 0;
    marks[row] = static_cast<uint8_t>(marks[row] | (open[row] & of_entry[numbers[row]] & here));
  }
}

}  // namespace

// Applies the predicate to the entries of a dictionary, or to the values of the candidates.
Result<void> RowGroupReader::mark_chunk(const Expr& expr, ColumnChunk& chunk, const RowMask& candidates,
                                        RowMask& out) {
  if (!expr.counts_type(chunk.type())) return {};
  Batch values(part_->directory().table);
  if (chunk.is_text() && chunk.has_dictionary()) {
    ColumnData entries;
    entries.id = expr.column();
    entries.type = chunk.type();
    entries.strings = chunk.entries();
    values.row_count = entries.strings.size();
    values.columns.push_back(std::move(entries));
    std::vector<uint8_t> holds = obelisk::evaluate(expr, values);
    if (std::find(holds.begin(), holds.end(), 1) == holds.end()) return {};
    mark_entries(chunk, holds, candidates, out);
    return {};
  }
  if (expr.kind() == Expr::Kind::in_trace_ids && !chunk.trace_runs().empty()) {
    for (const TraceRun& run : chunk.trace_runs()) {
      if (!expr.trace_ids()->contains(run.id)) continue;
      for (size_t row = run.first_row; row < run.first_row + run.row_count; ++row)
        out[row] |= candidates[row];
    }
    return {};
  }
  if (chunk.type() == ColumnType::trace_id && expr.kind() == Expr::Kind::in_trace_ids &&
      expr.trace_ids()->size() == 1) {
    chunk.mark_trace_id(*expr.trace_ids()->begin(), candidates, out);
    return {};
  }
  if (chunk.is_trace_id_text() && mark_id_text(expr, chunk, candidates, out)) return {};
  if (chunk.message() != nullptr && is_of_text(expr)) {
    size_t held = chunk.memory_bytes();
    if (chunk.all_present()) {
      OBELISK_CHECK_OK(message::mark_texts(*chunk.message(), message::predicate_for(expr), candidates, out));
      return charge_.add(chunk.memory_bytes() - held);
    }
    std::vector<uint8_t> open = chunk.marks_of_values(candidates);
    std::vector<uint8_t> found(open.size());
    OBELISK_CHECK_OK(message::mark_texts(*chunk.message(), message::predicate_for(expr), open, found));
    chunk.spread_marks(found, out);
    return charge_.add(chunk.memory_bytes() - held);
  }
  std::vector<uint32_t> rows = rows_of(candidates);
  size_t before = chunk.memory_bytes();
  OBELISK_TRY(ColumnData data, chunk.gather(expr.column(), rows));
  OBELISK_CHECK_OK(charge_.add(chunk.memory_bytes() - before));
  values.row_count = rows.size();
  values.columns.push_back(std::move(data));
  std::vector<uint8_t> holds = obelisk::evaluate(expr, values);
  for (size_t i = 0; i < rows.size(); ++i) out[rows[i]] |= holds[i];
  return {};
}

// Equality with the digits of a trace id needs no text. False: not such a comparison.
bool RowGroupReader::mark_id_text(const Expr& expr, const ColumnChunk& chunk, const RowMask& candidates,
                                  RowMask& out) {
  const std::string* text = std::get_if<std::string>(&expr.literal());
  if (expr.kind() != Expr::Kind::compare || expr.op() != CompareOp::equal || text == nullptr) return false;
  std::optional<TraceId> id = text->size() == 32 ? TraceId::from_hex(*text) : std::nullopt;
  if (!id || id->to_hex() != *text) return true;  // no row has such digits
  chunk.mark_trace_id(*id, candidates, out);
  return true;
}

Result<Batch> RowGroupReader::materialise(const std::vector<uint32_t>& rows,
                                          const std::vector<ColumnId>* wanted) {
  OBELISK_CHECK_OK(load(wanted));
  Batch batch(part_->directory().table);
  batch.row_count = rows.size();
  for (size_t i = 0; i < info_.chunks.size(); ++i) {
    const PartColumn& column = part_->directory().columns[info_.chunks[i].column];
    bool is_time = column.id.scope == Scope::fixed && column.id.name == column::kTime;
    if (!is_time && wanted != nullptr &&
        std::find(wanted->begin(), wanted->end(), column.id) == wanted->end())
      continue;
    ColumnChunk& chunk = *loaded_[i];
    size_t before = chunk.memory_bytes();
    OBELISK_TRY(ColumnData data, chunk.gather(column.id, rows));
    OBELISK_CHECK_OK(charge_.add(chunk.memory_bytes() - before + rows.size() * 17));
    bool any =
        data.present.empty() || std::find(data.present.begin(), data.present.end(), 1) != data.present.end();
    if (!any) continue;
    if (chunk.is_text())
      batch.owners.insert(batch.owners.end(), chunk.owners().begin(), chunk.owners().end());
    batch.columns.push_back(std::move(data));
  }
  batch.owners.push_back(labels_);
  size_t next = 0, end = 0;
  for (const GroupRun& run : info_.runs) {
    end += run.row_count;
    size_t first = next;
    while (next < rows.size() && rows[next] < end) ++next;
    if (next == first) continue;
    batch.groups.push_back({labels_->labels(run.group), labels_->hash(run.group),
                            static_cast<uint32_t>(first), static_cast<uint32_t>(next - first)});
  }
  return batch;
}

}  // namespace obelisk
