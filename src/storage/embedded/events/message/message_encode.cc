#include "storage/embedded/events/message/message_encode.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "base/self_metrics.h"
#include "codec/checksum.h"
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

constexpr int64_t kNanosPerDay = 86'400'000'000'000;

uint64_t second_of_day(int64_t unix_nanos) {
  int64_t nanos = unix_nanos % kNanosPerDay;
  if (nanos < 0) nanos += kNanosPerDay;
  return static_cast<uint64_t>(nanos / 1'000'000'000);
}

struct Template {
  std::string skeleton;
  uint32_t slots = 0;
  uint32_t rows = 0;
  uint32_t number = 0;                // in the coding
  std::vector<uint64_t> values;       // pack_value, row by row
  std::vector<uint32_t> row_numbers;  // only of templates with a clock
};

class Encoder {
 public:
  Encoder(const std::vector<std::string_view>& texts, const int64_t* times) : texts_(texts), times_(times) {}

  bool run(std::string& out) {
    split();
    if (!number_templates()) return false;
    put_templates();
    std::string bytes;
    append_varint(bytes, streams_.head.size());
    put_packed_text(streams_.head, bytes);
    put_template_ids(bytes);
    append_varint(bytes, streams_.ids.size());
    put_packed_text(streams_.ids, bytes);
    append_varint(bytes, streams_.text.size());
    put_packed_text(streams_.text, bytes);
    put_raw_lines(bytes);
    bytes.append(streams_.body);
    if (!comes_back(bytes)) return false;
    out.append(bytes);
    return true;
  }

 private:
  static constexpr uint32_t kUnsplit = UINT32_MAX;

  void split() {
    template_of_.resize(texts_.size());
    table_.assign(kTemplatesMax * 4, 0);
    for (size_t row = 0; row < texts_.size(); ++row) {
      std::string_view text = texts_[row];
      template_of_[row] = kUnsplit;
      if (!split_line(text, line_)) continue;
      uint32_t index = find_template({line_.skeleton, line_.skeleton_length});
      if (index == kUnsplit) continue;
      template_of_[row] = index;
      Template& found = templates_[index];
      if (found.row_numbers.capacity() > 0) found.row_numbers.push_back(static_cast<uint32_t>(row));
      ++found.rows;
      size_t start = found.values.size();
      found.values.resize(start + line_.token_count);
      for (size_t i = 0; i < line_.token_count; ++i) {
        found.values[start + i] = pack_value(text.data() + line_.tokens[i].begin, line_.tokens[i].length);
      }
    }
  }

  uint32_t find_template(std::string_view skeleton) {
    size_t at = checksum64(skeleton) & (table_.size() - 1);
    while (table_[at] != 0) {
      if (templates_[table_[at] - 1].skeleton == skeleton) return table_[at] - 1;
      at = (at + 1) & (table_.size() - 1);
    }
    // Templates that most rows need a new one of are no templates.
    if (templates_.size() == kTemplatesMax * 2 || slot_count_ + line_.token_count > kSlotsMax)
      return kUnsplit;
    Template& fresh = templates_.emplace_back();
    fresh.skeleton = skeleton;
    fresh.slots = static_cast<uint32_t>(line_.token_count);
    if (skeleton.find(kClockMarker) != std::string_view::npos) fresh.row_numbers.reserve(16);
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
    for (size_t row = 0; row < texts_.size(); ++row) {
      uint32_t index = template_of_[row];
      uint32_t number = index == kUnsplit ? kRawTemplate : templates_[index].number;
      all_bytes += texts_[row].size();
      if (number == kRawTemplate) {
        raw_bytes += texts_[row].size();
        raw_rows_.push_back(static_cast<uint32_t>(row));
      }
      template_of_[row] = number;
    }
    return kept > 0 && raw_bytes * 2 <= all_bytes && kept * 4 <= texts_.size();
  }

  void put_templates() {
    streams_.head.push_back(times_ != nullptr ? 1 : 0);
    append_varint(streams_.head, order_.size() + 1);
    for (uint32_t index : order_) {
      Template& one = templates_[index];
      append_text(streams_.head, one.skeleton);
      append_varint(streams_.head, one.rows);
      size_t slot = 0;
      for (char c : one.skeleton) {
        if (!is_marker(c)) continue;
        SlotValues values{one.values.data() + slot, one.slots, one.rows};
        if (c == kWordMarker) encode_word_slot(values, streams_);
        if (c == kUuidMarker) encode_uuid_slot(values, streams_);
        if (c == kClockMarker) put_clock(one, values);
        ++slot;
      }
    }
  }

  void put_clock(const Template& one, const SlotValues& values) {
    clocks_.resize(values.count);
    for (size_t i = 0; i < values.count; ++i) {
      uint64_t base = times_ != nullptr ? second_of_day(times_[one.row_numbers[i]]) : 0;
      uint64_t seconds = static_cast<uint64_t>(clock_seconds(values[i].data()));
      clocks_[i] = (seconds + 86'400 - base) % 86'400;
    }
    encode_clock_slot(clocks_, streams_);
  }

  // One byte plane, or two when there are more than 256 templates.
  void put_template_ids(std::string& out) {
    std::string plane(texts_.size(), '\0');
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
      std::string_view line = texts_[raw_rows_[i]];
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

  // Decodes what will be stored and compares it.
  bool comes_back(const std::string& bytes) {
    // The decoder may read eight bytes beyond packed numbers: in a chunk, its checksum.
    std::string padded = bytes + std::string(8, '\0');
    Result<MessageBlock> block =
        MessageBlock::parse(std::string_view(padded).substr(0, bytes.size()), texts_.size(), nullptr);
    bool same = block.ok();
    if (same) {
      block->set_times(times_);
      std::vector<uint32_t> rows;
      std::vector<std::string_view> out;
      constexpr size_t kRowsAtOnce = 4096;
      for (size_t first = 0; same && first < texts_.size(); first += kRowsAtOnce) {
        rows.resize(std::min(kRowsAtOnce, texts_.size() - first));
        std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(first));
        out.assign(rows.size(), {});
        Arena arena;
        same = block->rebuild(rows, out.data(), arena).ok() &&
               std::equal(out.begin(), out.end(), texts_.begin() + static_cast<ptrdiff_t>(first));
      }
    }
    if (same) return true;
    counter("obelisk_storage_message_mismatches_total",
            "Row groups whose lines did not come back from their templates and were stored as text.")
        .add();
    log_error("events", "lines did not come back from their templates; stored as text");
    return false;
  }

  const std::vector<std::string_view>& texts_;
  const int64_t* times_;
  SplitLine line_;
  std::vector<Template> templates_;
  std::vector<uint32_t> table_;  // index into templates_ + 1
  size_t slot_count_ = 0;
  std::vector<uint32_t> template_of_;  // first an index into templates_, then its number
  std::vector<uint32_t> order_;
  std::vector<uint32_t> raw_rows_;
  std::vector<uint64_t> clocks_;
  SlotStreams streams_;
};

}  // namespace

bool encode_message(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out) {
  if (texts.size() < kTextsMin) return false;
  return std::make_unique<Encoder>(texts, times)->run(out);
}

}  // namespace obelisk::message
