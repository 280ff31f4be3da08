#include "storage/embedded/events/row_group_columns.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace obelisk {
namespace {

using KeyColumn = AggregateRows::KeyColumn;
constexpr uint32_t kUnset = std::numeric_limits<uint32_t>::max();

AggregateKeyPart text_part(std::string_view text, ColumnType type) {
  return {std::string(text), type};
}

uint32_t add_entry(KeyColumn& key, AggregateKeyPart part) {
  key.entries.push_back(std::move(part));
  return static_cast<uint32_t>(key.entries.size() - 1);
}

// Whether the directory alone says that every row has this one number.
std::optional<AggregateKeyPart> constant_of(const RowGroupInfo& info, const ChunkInfo& chunk,
                                            ColumnType type) {
  auto* range = std::get_if<1>(&chunk.stats.range);
  if (range == nullptr || range->first != range->second || chunk.stats.present_count != info.row_count)
    return std::nullopt;
  if (type == ColumnType::boolean) return AggregateKeyPart{range->first != 0, type};
  return AggregateKeyPart{range->first, type};
}

bool counts(const RowMask& mask, size_t row) {
  return mask.empty() || mask[row] != 0;
}

// Fills the rows that have no number yet from one source after the other.
class KeyReader {
 public:
  KeyReader(RowGroupReader& reader, const RowMask& mask) : reader_(reader), mask_(mask) {
    key_.numbers.assign(reader.info().row_count, kUnset);
  }

  void add_label(const std::string& name) {
    size_t row = 0;
    for (const GroupRun& run : reader_.info().runs) {
      std::string_view text = label_value(reader_.labels_of(run), name);
      if (!text.empty()) {
        uint32_t number = add_entry(key_, text_part(text, ColumnType::string));
        for (size_t i = row; i < row + run.row_count; ++i) {
          if (key_.numbers[i] == kUnset) key_.numbers[i] = number;
        }
      }
      row += run.row_count;
    }
  }

  Result<void> add_chunk(const ColumnId& id, ColumnChunk& chunk) {
    if (chunk.is_text() && chunk.has_dictionary()) {
      auto first = static_cast<uint32_t>(key_.entries.size());
      for (std::string_view entry : chunk.entries()) key_.entries.push_back(text_part(entry, chunk.type()));
      fill(chunk, [&](size_t row) { return first + chunk.entry_of(row); });
      return {};
    }
    if (chunk.is_text() || chunk.type() == ColumnType::trace_id) return add_texts(id, chunk);
    std::unordered_map<uint64_t, uint32_t> numbers;
    bool is_float = chunk.type() == ColumnType::float64;
    fill(chunk, [&](size_t row) {
      uint64_t bits = is_float ? 0 : static_cast<uint64_t>(chunk.ints()[row]);
      if (is_float) std::memcpy(&bits, &chunk.floats()[row], 8);
      auto [it, fresh] = numbers.try_emplace(bits, 0);
      if (fresh) it->second = add_entry(key_, number_part(chunk, row));
      return it->second;
    });
    return {};
  }

  KeyColumn finish() {
    uint32_t absent = kUnset;
    for (size_t row = 0; row < key_.numbers.size(); ++row) {
      if (key_.numbers[row] != kUnset) continue;
      if (absent == kUnset) absent = add_entry(key_, {});
      key_.numbers[row] = absent;
    }
    if (key_.entries.size() == 1) key_.numbers.clear();
    return std::move(key_);
  }

 private:
  template <typename NumberOf>
  void fill(const ColumnChunk& chunk, NumberOf&& number_of) {
    for (size_t row = 0; row < key_.numbers.size(); ++row) {
      if (key_.numbers[row] == kUnset && chunk.is_present(row) && counts(mask_, row))
        key_.numbers[row] = number_of(row);
    }
  }

  static AggregateKeyPart number_part(const ColumnChunk& chunk, size_t row) {
    if (chunk.type() == ColumnType::float64) return {chunk.floats()[row], chunk.type()};
    if (chunk.type() == ColumnType::boolean) return {chunk.ints()[row] != 0, chunk.type()};
    return {chunk.ints()[row], chunk.type()};
  }

  Result<void> add_texts(const ColumnId& id, ColumnChunk& chunk) {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < key_.numbers.size(); ++row) {
      if (key_.numbers[row] == kUnset && chunk.is_present(row) && counts(mask_, row)) rows.push_back(row);
    }
    OBELISK_TRY(ColumnData data, chunk.gather(id, rows));
    std::unordered_map<std::string_view, uint32_t> numbers;
    for (size_t i = 0; i < rows.size(); ++i) {
      bool is_id = chunk.type() == ColumnType::trace_id;
      std::string_view text = is_id ? data.trace_ids[i].view() : data.strings[i];
      auto [it, fresh] = numbers.try_emplace(text, 0);
      if (fresh) it->second = add_entry(key_, text_part(text, chunk.type()));
      key_.numbers[rows[i]] = it->second;
    }
    return {};
  }

  RowGroupReader& reader_;
  const RowMask& mask_;
  KeyColumn key_;
};

// A dictionary that every row uses is the key as it is.
bool is_whole_dictionary(const ColumnChunk& chunk) {
  return chunk.is_text() && chunk.has_dictionary() && chunk.all_present();
}

KeyColumn key_of_dictionary(const ColumnChunk& chunk) {
  KeyColumn key;
  for (std::string_view entry : chunk.entries()) key.entries.push_back(text_part(entry, chunk.type()));
  if (key.entries.size() > 1) key.numbers = chunk.entry_numbers();
  return key;
}

}  // namespace

Result<KeyColumn> read_key_column(RowGroupReader& reader, const std::vector<ColumnId>& columns,
                                  const RowMask& mask) {
  KeyReader key(reader, mask);
  bool first = true;
  for (const ColumnId& id : columns) {
    if (id.scope == Scope::label) {
      key.add_label(id.name);
      first = false;
      continue;
    }
    std::vector<std::pair<const ChunkInfo*, ColumnType>> infos = reader.infos_of(id);
    if (first && infos.size() == 1) {
      if (auto part = constant_of(reader.info(), *infos[0].first, infos[0].second))
        return KeyColumn{{}, {*part}};
    }
    OBELISK_TRY(auto chunks, reader.chunks_of(id));
    if (first && chunks.size() == 1 && is_whole_dictionary(*chunks[0].second))
      return key_of_dictionary(*chunks[0].second);
    for (auto& [number, chunk] : chunks) OBELISK_CHECK_OK(key.add_chunk(id, *chunk));
    first = first && chunks.empty();
  }
  return key.finish();
}

KeyColumn read_labels_key(RowGroupReader& reader) {
  KeyColumn key;
  key.numbers.reserve(reader.info().row_count);
  for (const GroupRun& run : reader.info().runs) {
    key.numbers.insert(key.numbers.end(), run.row_count, static_cast<uint32_t>(key.entries.size()));
    key.entries.push_back({Labels(reader.labels_of(run)), ColumnType::string});
  }
  if (key.entries.size() == 1) key.numbers.clear();
  return key;
}

namespace {

// The patterns of one chunk's texts, where they are no more than a number a row.
class PatternReader {
 public:
  PatternReader(const ColumnId& id, ColumnChunk& chunk, const RowMask& mask, KeyColumn& key)
      : id_(id), chunk_(chunk), mask_(mask), key_(key), numbers_(key) {}

  Result<void> read() {
    rows_without();
    if (chunk_.message() != nullptr) return read_templates(*chunk_.message());
    if (chunk_.has_dictionary()) {
      std::vector<uint32_t> of_entry(chunk_.entries().size(), kUnset);
      for_each_row([&](uint32_t row) {
        uint32_t& number = of_entry[chunk_.entry_of(row)];
        if (number == kUnset) number = numbers_.of_text(chunk_.entries()[chunk_.entry_of(row)]);
        key_.numbers[row] = number;
      });
      return {};
    }
    std::vector<uint32_t> rows;
    for_each_row([&](uint32_t row) { rows.push_back(row); });
    return read_texts(rows);
  }

 private:
  template <typename Take>
  void for_each_row(Take&& take) {
    for (uint32_t row = 0; row < key_.numbers.size(); ++row) {
      if (chunk_.is_present(row) && counts(mask_, row)) take(row);
    }
  }

  void rows_without() {
    if (chunk_.all_present()) return;
    for (uint32_t row = 0; row < key_.numbers.size(); ++row) {
      if (!chunk_.is_present(row)) key_.numbers[row] = numbers_.absent();
    }
  }

  Result<void> read_templates(message::MessageBlock& block) {
    OBELISK_TRY(const message::TemplateNumbers* templates, block.template_numbers());
    const std::vector<message::TemplateHead>& heads = block.head()->templates;
    std::vector<uint32_t> of_template(heads.size(), kUnset);
    std::vector<uint32_t> raw;
    size_t value = 0;
    bool known = true;
    for (uint32_t row = 0; row < key_.numbers.size(); ++row) {
      if (!chunk_.is_present(row)) continue;
      size_t number = templates->at(value++);
      if (!counts(mask_, row)) continue;
      known = known && number < heads.size();
      if (!known) break;
      if (number == message::kRawTemplate) {
        raw.push_back(row);
        continue;
      }
      if (of_template[number] == kUnset) of_template[number] = numbers_.of_skeleton(heads[number].skeleton);
      key_.numbers[row] = of_template[number];
    }
    if (!known) return make_error(ErrorCode::corrupt, "a text names a template that there is not");
    return read_texts(raw);
  }

  Result<void> read_texts(const std::vector<uint32_t>& rows) {
    if (rows.empty()) return {};
    OBELISK_TRY(ColumnData data, chunk_.gather(id_, rows));
    for (size_t i = 0; i < rows.size(); ++i) key_.numbers[rows[i]] = numbers_.of_text(data.strings[i]);
    return {};
  }

  const ColumnId& id_;
  ColumnChunk& chunk_;
  const RowMask& mask_;
  KeyColumn& key_;
  PatternNumbers numbers_;
};

}  // namespace

Result<KeyColumn> read_pattern_key(RowGroupReader& reader, const ColumnId& column, const RowMask& mask) {
  OBELISK_TRY(auto chunks, reader.chunks_of(column));
  KeyColumn key;
  key.numbers.assign(reader.info().row_count, 0);
  for (auto& [number, chunk] : chunks) {
    if (chunk->type() != ColumnType::string) continue;
    OBELISK_CHECK_OK(PatternReader(column, *chunk, mask, key).read());
    break;  // a column has one chunk a type
  }
  if (key.entries.empty()) key.entries.push_back({});
  if (key.entries.size() == 1) key.numbers.clear();
  return key;
}

namespace {

// Numbers that every row has, of a column that is the first or only one. False: not such a column.
Result<bool> read_whole_column(RowGroupReader& reader, const std::vector<ColumnId>& columns,
                               std::vector<double>& values) {
  for (const ColumnId& id : columns) {
    auto infos = reader.infos_of(id);
    if (infos.empty()) continue;
    if (infos.size() != 1 || infos[0].first->stats.present_count != reader.info().row_count) return false;
    if (infos[0].second != ColumnType::int64 && infos[0].second != ColumnType::float64) return false;
    OBELISK_TRY(auto chunks, reader.chunks_of(id));
    const ColumnChunk& chunk = *chunks[0].second;
    if (chunk.type() == ColumnType::float64) {
      values = chunk.floats();
    } else {
      values.assign(chunk.ints().begin(), chunk.ints().end());
    }
    return true;
  }
  return false;
}

}  // namespace

Result<void> read_value_column(RowGroupReader& reader, const std::vector<ColumnId>& columns, bool length,
                               RowMask& mask, std::vector<double>& values) {
  size_t row_count = reader.info().row_count;
  if (!length) {
    OBELISK_TRY(bool done, read_whole_column(reader, columns, values));
    if (done) return {};
  }
  values.assign(row_count, 0);
  RowMask open = mask.empty() ? RowMask(row_count, 1) : mask;
  mask.assign(row_count, 0);
  size_t found = 0;
  for (const ColumnId& id : columns) {
    OBELISK_TRY(auto chunks, reader.chunks_of(id));
    for (auto& [number, chunk] : chunks) {
      bool is_int = chunk->type() == ColumnType::int64, is_float = chunk->type() == ColumnType::float64;
      bool has_number = length ? chunk->is_text() : is_int || is_float;
      ColumnData texts;
      if (length && chunk->is_text() && !chunk->has_dictionary()) {
        std::vector<uint32_t> all(row_count);
        for (uint32_t row = 0; row < row_count; ++row) all[row] = row;
        OBELISK_TRY(texts, chunk->gather(id, all));
      }
      for (size_t row = 0; row < row_count; ++row) {
        if (open[row] == 0 || !chunk->is_present(row)) continue;
        open[row] = 0;
        if (!has_number) continue;
        mask[row] = 1;
        ++found;
        if (length) {
          values[row] =
              static_cast<double>(chunk->has_dictionary() ? chunk->entries()[chunk->entry_of(row)].size()
                                                          : texts.strings[row].size());
        } else {
          values[row] = is_int ? static_cast<double>(chunk->ints()[row]) : chunk->floats()[row];
        }
      }
    }
  }
  if (found == row_count) mask.clear();
  return {};
}

Result<IntColumn> read_int_column(RowGroupReader& reader, const ColumnId& id) {
  OBELISK_TRY(auto chunks, reader.chunks_of(id));
  for (auto& [number, chunk] : chunks) {
    if (chunk->type() == ColumnType::int64) return IntColumn{&chunk->ints()};
  }
  return IntColumn{};
}

}  // namespace obelisk
