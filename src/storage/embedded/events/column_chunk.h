#pragma once
// A column chunk: the values of one column in one row group of an event part, as bytes and back.
// Which rows have a value (all, bitmap or positions), then the values of those rows in the coding that suits
// them: integers, booleans and the bits of doubles as an integer column (codec/integer_column.h); trace ids
// raw or as runs; strings as a dictionary with bit-packed entry numbers, as templates and variables
// (message/message_encode.h), as the digits of the row's trace id, or as text in pages that are compressed
// one by one, so that a few rows cost a few pages. The last eight bytes are a checksum, verified before
// anything is believed. Format: docs/formats/event_part.md, "Column chunk".
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "plan/batch.h"
#include "storage/embedded/events/message/message_block.h"
#include "storage/embedded/events/message/message_encode.h"
#include "storage/embedded/events/parent_rows.h"

namespace obelisk {

// The chunk's texts are the digits of the trace_id column in the same rows.
struct IdText {
  bool operator==(const IdText&) const = default;
};

// What the directory keeps of a chunk, so that it need not be read: the smallest and largest value, for
// integers, booleans, doubles (when none is NaN) and trace ids; or that it repeats the trace ids.
struct ChunkStats {
  uint64_t present_count = 0;
  std::variant<std::monostate, std::pair<int64_t, int64_t>, std::pair<double, double>,
               std::pair<TraceId, TraceId>, IdText, std::string>
      range;  // std::string: a filter of the texts (value_filter.h)
};

// The values of the present rows of one column, for encoding. Only the vector of the type is used.
struct ColumnValues {
  ColumnType type = ColumnType::string;
  std::vector<uint8_t> present;  // empty: every row has a value
  bool with_filter = false;      // texts with a large dictionary get a filter in the directory
  // Of the column of parent span ids: the spans of all rows, which the ids are coded relative to.
  const std::vector<SpanRow>* spans = nullptr;
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<std::string_view> strings;
  // Texts whose writer has told them apart already: instead of `strings` the distinct ones, in the order they
  // come, and the number of each value.
  bool coded = false;
  std::vector<std::string_view> entries;
  std::vector<int64_t> codes;
  std::vector<TraceId> trace_ids;
  // Of all rows, ns; null when unknown. Texts that have a value in every row may keep clock times relative to
  // them.
  const int64_t* times = nullptr;
  // Kept from chunk to chunk by who writes many; null: one is made where it is needed.
  message::MessageEncoder* messages = nullptr;
  // The strings are the lower-case digits of what the trace_id column has in the same rows: only that is
  // stored.
  bool are_trace_ids = false;

  size_t value_count() const;
  std::string_view text(size_t value) const {
    return coded ? entries[static_cast<size_t>(codes[value])] : strings[value];
  }
  void clear();
};

// Text is cut into pages of at least this many bytes: smaller ones compress worse, larger ones cost more to
// open.
inline constexpr size_t kTextPageBytes = 256 << 10;
// Of one chunk, decoded; row groups are cut well below (part_writer.h).
inline constexpr uint64_t kChunkTextBytesMax = 1ull << 30;

// Appends the chunk with its checksum. `row_count` rows; at least one value.
void encode_chunk(const ColumnValues& values, size_t row_count, std::string& out, ChunkStats& stats);

// Whether the chunk ends with the checksum of what is before it.
bool has_checksum(std::string_view chunk);

// The integer column in a chunk's bytes (without their checksum), when every row has a value in that coding.
std::optional<std::string_view> integers_of_chunk(std::string_view bytes);

// Rows of a row group, half open.
struct RowSpan {
  size_t first = 0;
  size_t last = SIZE_MAX;
};

// Consecutive rows with one trace id.
struct TraceRun {
  TraceId id;
  uint32_t first_row = 0;
  uint32_t row_count = 0;
};

// A chunk that was read. Numbers are decoded when it is parsed, text page by page when it is asked for.
// Copies nothing it can point to; what it points to is kept by owners().
class ColumnChunk {
 public:
  // `bytes` are the whole chunk; they are viewed, `owner` keeps them. corrupt when anything is wrong with
  // them. `head`: what was kept of this chunk from an earlier time (message_head()), or null. `wanted`: the
  // rows whose values will be asked for; of others nothing is decoded that need not be, and nothing kept:
  // only gather(), is_present() and count_entries() may then be called, for these rows.
  static Result<ColumnChunk> parse(std::string_view bytes, std::shared_ptr<const void> owner, ColumnType type,
                                   size_t row_count,
                                   std::shared_ptr<const message::MessageHead> head = nullptr,
                                   RowSpan wanted = {});

  // Text as templates and variables; null in other codings.
  message::MessageBlock* message() { return message_.get(); }
  // Of the row group's time column, which must outlive this: wanted before such texts are asked for.
  bool needs_times() const { return message_ != nullptr && message_->needs_times(); }
  void set_times(const std::vector<int64_t>& times) { message_->set_times(times.data()); }
  void set_times_source(std::function<Result<const int64_t*>()> source) {
    message_->set_times_source(std::move(source));
  }
  // Text that is the digits of the trace_id column of the same row group: wanted before anything is asked
  // for.
  bool needs_trace_ids() const { return coding_is_ids_ && id_source_ == nullptr; }
  Result<void> set_trace_ids(const ColumnChunk& ids);
  bool is_trace_id_text() const { return coding_is_ids_; }
  // Sets the rows of which `values`, one for each row that has one, says so.
  void spread_marks(const std::vector<uint8_t>& of_values, std::vector<uint8_t>& of_rows) const;
  // The other way: what rows say, for each row that has a value.
  std::vector<uint8_t> marks_of_values(const std::vector<uint8_t>& of_rows) const;

  ColumnType type() const { return type_; }
  bool is_text() const;
  // For inspection: "integers", "raw ids", "id runs", "dictionary", "text", "message", "id text".
  std::string_view coding_name() const;
  // Text with a dictionary: entries() and, for every row that has a value, the number of its entry.
  bool has_dictionary() const { return has_dictionary_; }
  // Of the message coding, whose texts may be known from an earlier reading.
  static bool may_be_message(std::string_view bytes, ColumnType type, size_t row_count);
  const std::vector<std::string_view>& entries() const { return entries_; }
  // Adds to counts[entry] how many rows have it, of all rows whether wanted or not.
  Result<void> count_entries(std::vector<uint64_t>& counts) const;
  uint32_t entry_of(size_t row) const { return ids_[row]; }
  const std::vector<uint32_t>& entry_numbers() const { return ids_; }  // one a row; 0 where absent
  bool is_present(size_t row) const { return !has_absent_ || present_[row - held_first_] != 0; }
  bool all_present() const { return !has_absent_; }
  const std::vector<int64_t>& ints() const { return ints_; }  // one a row
  // Parent span ids are known once the span ids of the rows are; until then ints() is empty.
  bool needs_span_ids() const { return parents_ != nullptr && !parents_resolved_; }
  Result<void> set_span_ids(const ColumnChunk& span_ids);
  // How many rows before each row its parent lies (0: it has none, or not here). Null for other chunks.
  const std::vector<int64_t>* parent_distances() const { return parents_ ? &parent_distances_ : nullptr; }
  const std::vector<double>& floats() const { return floats_; }  // one a row
  // One a row; of text that is digits of ids too. Put together at the first call.
  const std::vector<TraceId>& trace_ids() const;
  // Sets the candidates that have this trace id, nearly always none.
  void mark_trace_id(const TraceId& wanted, const std::vector<uint8_t>& candidates,
                     std::vector<uint8_t>& out) const;

  // The same as runs, when they are stored so and every row has one; empty otherwise.
  const std::vector<TraceRun>& trace_runs() const { return trace_runs_; }

  // The values of `rows` (ascending) as a column of a batch; absent values are zero. Strings point to
  // owners().
  Result<ColumnData> gather(const ColumnId& id, const std::vector<uint32_t>& rows);
  const std::vector<std::shared_ptr<const void>>& owners() const { return owners_; }
  size_t memory_bytes() const;

 private:
  struct TextPage {
    uint64_t first_value = 0;
    uint64_t value_count = 0;
    PackedText packed;
    const char* text = nullptr;  // once loaded
  };

  Result<void> parse_values(class ByteReader& reader);
  bool parse_presence(class ByteReader& reader);
  bool parse_bitmap(std::string_view bits);
  bool parse_positions(class ByteReader& reader);
  bool parse_trace_ids(class ByteReader& reader);
  bool read_integers(class ByteReader& reader, std::vector<int64_t>& values) const;
  void set_wanted(RowSpan rows);
  bool holds_all() const { return wanted_rows_.first == 0 && wanted_rows_.last == row_count_; }
  bool parse_parents(class ByteReader& reader);
  Result<void> parse_dictionary(class ByteReader& reader);
  Result<void> parse_text(class ByteReader& reader);
  Result<void> load_page(TextPage& page);
  Result<void> gather_text(const std::vector<uint32_t>& rows, std::vector<std::string_view>& out);
  Result<void> gather_message(const std::vector<uint32_t>& rows, std::vector<std::string_view>& out);
  void gather_trace_ids(const std::vector<uint32_t>& rows, std::vector<TraceId>& out) const;
  size_t row_of_value(size_t value) const;
  void gather_id_text(const std::vector<uint32_t>& rows, std::vector<std::string_view>& out);
  template <typename T>
  void spread(std::vector<T>& values) const;

  ColumnType type_ = ColumnType::string;
  uint8_t coding_ = 0;
  size_t row_count_ = 0;
  size_t value_count_ = 0;
  // What is kept: one element a row (present_, ints_, floats_, ids_, parent_distances_, value_of_row_) or
  // value of these, from row held_first_ on.
  RowSpan wanted_rows_;
  RowSpan wanted_values_;  // the same, counted in values
  size_t held_first_ = 0;
  bool has_absent_ = false;  // else every row has a value, and present_ is empty
  std::vector<uint8_t> present_;
  std::vector<int64_t> ints_;
  std::shared_ptr<const ParentRows> parents_;
  std::vector<int64_t> parent_distances_;  // one a row
  bool parents_resolved_ = false;
  std::vector<double> floats_;
  std::string_view raw_ids_;                // 16 bytes a value
  mutable std::vector<TraceId> trace_ids_;  // put together from these or from runs when they are asked for
  std::vector<TraceRun> trace_runs_;
  bool has_dictionary_ = false;
  std::vector<std::string_view> entries_;
  std::string_view encoded_ids_;
  std::vector<uint32_t> ids_;
  std::vector<uint64_t> text_offsets_;  // of each value, over all pages; one more than values
  std::vector<uint32_t> value_of_row_;  // plain text with absent rows: number of the row's value
  std::vector<TextPage> pages_;
  std::unique_ptr<message::MessageBlock> message_;
  std::shared_ptr<const message::MessageHead> known_head_;  // while parsing
  bool coding_is_ids_ = false;
  const ColumnChunk* id_source_ = nullptr;
  size_t built_bytes_ = 0;  // text put together by gather
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace obelisk
