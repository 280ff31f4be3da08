#include "storage/embedded/events/message/message_encode.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "base/self_metrics.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/integer_column.h"
#include "codec/varint.h"
#include "storage/embedded/events/message/message_block.h"
#include "storage/embedded/events/message/message_format.h"
#include "storage/embedded/events/message/packed_text.h"
#include "storage/embedded/events/message/slot_encode.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

// Fewer texts do not pay the head.
constexpr size_t kTextsMin = 16;
// A template of fewer rows costs more than its lines in a compressed page, unless there are few such
// templates.
constexpr uint32_t kTemplateRowsMin = 4;
constexpr size_t kRareTemplatesMax = 256;
// Fewer bytes of digits are left as they are.
constexpr size_t kPackedBytesMin = 256;
constexpr size_t kTextsAhead = 16;

constexpr int64_t kNanosPerDay = 86'400'000'000'000;

uint64_t second_of_day(int64_t unix_nanos) {
  int64_t nanos = unix_nanos % kNanosPerDay;
  if (nanos < 0) nanos += kNanosPerDay;
  return static_cast<uint64_t>(nanos / 1'000'000'000);
}

struct Template {
  std::string skeleton;
  uint64_t hash = 0;
  uint32_t slots = 0;
  uint32_t rows = 0;
  uint32_t number = 0;     // in the coding
  uint32_t first_row = 0;  // of its rows in rows_by_template_
};

// Numbers that are written once and read once: vectors would clear them first.
template <typename T>
class Buffer {
 public:
  T* data() { return values_.get(); }
  size_t size() const { return size_; }
  void clear() { size_ = 0; }
  // Room for `more` behind what there is.
  T* extend(size_t more) {
    if (size_ + more > capacity_) grow(size_ + more);
    return values_.get() + size_;
  }
  void added(size_t count) { size_ += count; }
  T* resize(size_t size) {
    size_ = 0;
    extend(size);
    size_ = size;
    return values_.get();
  }

 private:
  void grow(size_t least) {
    size_t capacity = std::max(least, capacity_ * 2);
    auto larger = std::make_unique_for_overwrite<T[]>(capacity);
    std::copy_n(values_.get(), size_, larger.get());
    values_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> values_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace

class MessageEncoder::Impl {
 public:
  bool run(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out) {
    texts_ = &texts;
    times_ = times;
    clear();
    split();
    if (!number_templates()) return false;
    order_rows();
    put_templates();
    std::string& bytes = bytes_;
    append_varint(bytes, streams_.head.size());
    put_packed_text(streams_.head, bytes);
    put_template_ids(bytes);
    append_varint(bytes, streams_.ids.size());
    put_packed_text(streams_.ids, bytes);
    append_varint(bytes, streams_.text.size());
    put_packed_text(streams_.text, bytes);
    put_raw_lines(bytes);
    put_body(bytes);
    if (!comes_back(bytes)) return false;
    out.append(bytes);
    return true;
  }

 private:
  static constexpr uint32_t kUnsplit = UINT32_MAX;

  void clear() {
    bytes_.clear();
    streams_.clear();
    templates_.clear();
    slot_count_ = 0;
    tokens_.clear();
    raw_rows_.clear();
  }

  void split() {
    template_of_.resize(texts_->size());
    token_starts_.resize(texts_->size());
    table_.assign(kTemplatesMax * 4, 0);
    for (size_t row = 0; row < texts_->size(); ++row) {
      // Texts lie where their batches are: each is asked for while those before it are split.
      if (row + kTextsAhead < texts_->size()) __builtin_prefetch((*texts_)[row + kTextsAhead].data());
      template_of_[row] = kUnsplit;
      token_starts_.data()[row] = static_cast<uint32_t>(tokens_.size());
      if (!split_line((*texts_)[row], line_)) continue;
      uint32_t index = find_template({line_.skeleton, line_.skeleton_length});
      if (index == kUnsplit) continue;
      template_of_[row] = index;
      ++templates_[index].rows;
      TokenValue* target = tokens_.extend(kTemplateTokensMax);
      for (size_t i = 0; i < line_.token_count; ++i) target[i] = line_.tokens[i];
      tokens_.added(line_.token_count);
    }
  }

  uint32_t find_template(std::string_view skeleton) {
    uint64_t hash = checksum64(skeleton);
    size_t at = hash & (table_.size() - 1);
    while (table_[at] != 0) {
      const Template& known = templates_[table_[at] - 1];
      if (known.hash == hash && known.skeleton == skeleton) return table_[at] - 1;
      at = (at + 1) & (table_.size() - 1);
    }
    // Templates that most rows need a new one of are no templates.
    if (templates_.size() == kTemplatesMax * 2 || slot_count_ + line_.token_count > kSlotsMax)
      return kUnsplit;
    Template& fresh = templates_.emplace_back();
    fresh.skeleton = skeleton;
    fresh.hash = hash;
    fresh.slots = static_cast<uint32_t>(line_.token_count);
    slot_count_ += line_.token_count;
    table_[at] = static_cast<uint32_t>(templates_.size());
    return static_cast<uint32_t>(templates_.size() - 1);
  }

  // Frequent templates first; rare ones become raw lines. False when too little is left.
  bool number_templates() {
    order_.resize(templates_.size());
    std::iota(order_.begin(), order_.end(), 0u);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](uint32_t a, uint32_t b) { return templates_[a].rows > templates_[b].rows; });
    size_t frequent = 0;
    while (frequent < order_.size() && templates_[order_[frequent]].rows >= kTemplateRowsMin) ++frequent;
    size_t kept = order_.size() - frequent <= kRareTemplatesMax ? order_.size() : frequent;
    kept = std::min(kept, kTemplatesMax - 1);
    order_.resize(kept);
    for (size_t i = 0; i < kept; ++i) templates_[order_[i]].number = static_cast<uint32_t>(i + 1);
    uint64_t all_bytes = 0, raw_bytes = 0;
    for (size_t row = 0; row < texts_->size(); ++row) {
      uint32_t index = template_of_[row];
      uint32_t number = index == kUnsplit ? kRawTemplate : templates_[index].number;
      all_bytes += (*texts_)[row].size();
      if (number == kRawTemplate) {
        raw_bytes += (*texts_)[row].size();
        raw_rows_.push_back(static_cast<uint32_t>(row));
      }
      template_of_[row] = number;
    }
    return kept > 0 && raw_bytes * 2 <= all_bytes && kept * 4 <= texts_->size();
  }

  // The rows of each template one after the other.
  void order_rows() {
    std::vector<uint32_t> next(order_.size() + 1);
    uint32_t first = 0;
    for (size_t i = 0; i < order_.size(); ++i) {
      templates_[order_[i]].first_row = next[i + 1] = first;
      first += templates_[order_[i]].rows;
    }
    uint32_t* rows = rows_by_template_.resize(first);
    for (uint32_t row = 0; row < texts_->size(); ++row) {
      if (template_of_[row] != kRawTemplate) rows[next[template_of_[row]]++] = row;
    }
  }

  void put_templates() {
    streams_.head.push_back(times_ != nullptr ? 1 : 0);
    append_varint(streams_.head, order_.size() + 1);
    for (uint32_t index : order_) {
      const Template& one = templates_[index];
      append_text(streams_.head, one.skeleton);
      append_varint(streams_.head, one.rows);
      std::span<const uint32_t> rows(rows_by_template_.data() + one.first_row, one.rows);
      turn(one, rows);
      const TokenValue* column = columns_.data();
      for (char c : one.skeleton) {
        if (!is_marker(c)) continue;
        std::span<const TokenValue> values(column, one.rows);
        if (c == kWordMarker) encode_word_slot(values, streams_);
        if (c == kUuidMarker) encode_uuid_slot(values, streams_);
        if (c == kClockMarker) put_clock(rows, values);
        column += one.rows;
      }
    }
  }

  // The tokens of a template's rows as columns.
  void turn(const Template& one, std::span<const uint32_t> rows) {
    TokenValue* columns = columns_.resize(size_t{one.rows} * one.slots);
    for (size_t i = 0; i < rows.size(); ++i) {
      const TokenValue* tokens = tokens_.data() + token_starts_.data()[rows[i]];
      for (size_t slot = 0; slot < one.slots; ++slot) columns[slot * one.rows + i] = tokens[slot];
    }
  }

  void put_clock(std::span<const uint32_t> rows, std::span<const TokenValue> values) {
    clocks_.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      uint64_t base = times_ != nullptr ? second_of_day(times_[rows[i]]) : 0;
      clocks_[i] = (token_number(values[i]) + 86'400 - base) % 86'400;
    }
    encode_clock_slot(clocks_, streams_);
  }

  // One byte plane, or two when there are more than 256 templates.
  void put_template_ids(std::string& out) {
    std::string plane(texts_->size(), '\0');
    size_t planes = order_.size() + 1 > 256 ? 2 : 1;
    for (size_t number = 0; number < planes; ++number) {
      for (size_t row = 0; row < plane.size(); ++row)
        plane[row] = static_cast<char>(template_of_[row] >> (number * 8));
      put_packed_text(plane, out);
    }
  }

  void put_raw_lines(std::string& out) {
    append_varint(out, raw_rows_.size());
    if (raw_rows_.empty()) return;
    std::vector<int64_t> lengths;
    std::string pages, text;
    uint64_t page_count = 0, in_page = 0;
    for (size_t i = 0; i < raw_rows_.size(); ++i) {
      std::string_view line = (*texts_)[raw_rows_[i]];
      lengths.push_back(static_cast<int64_t>(line.size()));
      text.append(line);
      ++in_page;
      if (text.size() < kRawPageBytes && i + 1 < raw_rows_.size()) continue;
      append_varint(pages, in_page);
      put_packed_text(text, pages);
      ++page_count;
      in_page = 0;
      text.clear();
    }
    encode_integer_column(lengths, out);
    append_varint(out, page_count);
    out.append(pages);
  }

  // Random digits stay as they are behind the packed numbers, where they are read one by one.
  void put_body(std::string& out) {
    std::string packed;
    if (streams_.bytes.size() >= kPackedBytesMin) zstd_compress(streams_.bytes, packed);
    if (!packed.empty() && packed.size() < streams_.bytes.size() / 4 * 3) {
      append_varint(out, streams_.bytes.size());
      append_text(out, packed);
      out.append(streams_.body);
    } else {
      append_varint(out, 0);
      out.append(streams_.body);
      out.append(streams_.bytes);
    }
  }

  // Decodes some of what will be stored and compares it.
  bool comes_back(std::string& bytes) {
    // The decoder may read eight bytes beyond packed numbers: in a chunk, its checksum.
    size_t length = bytes.size();
    bytes.append(8, '\0');
    bool same = compare_some(std::string_view(bytes).substr(0, length));
    bytes.resize(length);
    if (same) return true;
    counter("obelisk_storage_message_mismatches_total",
            "Row groups whose lines did not come back from their templates and were stored as text.")
        .add();
    log_error("events", "lines did not come back from their templates; stored as text");
    return false;
  }

  bool compare_some(std::string_view bytes) {
    Result<MessageBlock> block = MessageBlock::parse(bytes, texts_->size(), nullptr);
    if (!block.ok()) return false;
    block->set_times(times_);
    std::vector<uint32_t> rows;
    constexpr size_t kStride = 16;
    // From each sixteen another row, so that no period of the lines hides one of them.
    uint64_t state = checksum64(bytes.substr(0, 4096));
    for (size_t first = 0; first < texts_->size(); first += kStride) {
      state = state * 0x5851f42d4c957f2dull + 0x14057b7ef767814full;
      size_t row = first + (state >> 60);
      if (row < texts_->size()) rows.push_back(static_cast<uint32_t>(row));
    }
    std::vector<std::string_view> out(rows.size());
    Arena arena;
    if (!block->rebuild(rows, out.data(), arena).ok()) return false;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (out[i] != (*texts_)[rows[i]]) return false;
    }
    return true;
  }

  const std::vector<std::string_view>* texts_ = nullptr;
  const int64_t* times_ = nullptr;
  SplitLine line_;
  std::vector<Template> templates_;
  std::vector<uint32_t> table_;  // index into templates_ + 1
  size_t slot_count_ = 0;
  std::vector<uint32_t> template_of_;  // first an index into templates_, then its number
  Buffer<TokenValue> tokens_;          // of all rows, row by row
  Buffer<uint32_t> token_starts_;      // of each row
  Buffer<uint32_t> rows_by_template_;
  Buffer<TokenValue> columns_;  // of one template
  std::vector<uint32_t> order_;
  std::vector<uint32_t> raw_rows_;
  std::vector<uint64_t> clocks_;
  SlotStreams streams_;
  std::string bytes_;
};

MessageEncoder::MessageEncoder() : impl_(std::make_unique<Impl>()) {}
MessageEncoder::~MessageEncoder() = default;

bool MessageEncoder::encode(const std::vector<std::string_view>& texts, const int64_t* times,
                            std::string& out) {
  return texts.size() >= kTextsMin && impl_->run(texts, times, out);
}

bool encode_message(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out) {
  return MessageEncoder().encode(texts, times, out);
}

}  // namespace obelisk::message
