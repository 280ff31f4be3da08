#pragma once
// The texts of one column chunk coded by message_encode.h, read: template numbers, and texts put together
// again for the rows that are asked for. Columns are unpacked value by value where they allow it, so that a
// few rows of a large block cost little. Views the bytes it was parsed from, and the eight that follow them
// (a chunk's checksum). One thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "storage/embedded/events/message/message_head.h"
#include "storage/embedded/events/message/packed_text.h"
#include "storage/embedded/events/message/template_numbers.h"

namespace obelisk::message {

class KnownTexts;
struct SlotTest;

class MessageBlock {
 public:
  // `head`: of these bytes, when it is already known; null: read from them.
  static Result<MessageBlock> parse(std::string_view bytes, size_t value_count,
                                    std::shared_ptr<const MessageHead> head);

  const std::shared_ptr<const MessageHead>& head() const { return head_; }
  // Clock variables are kept relative to the time of their row: these must outlive the block. Without them
  // such a template cannot be rebuilt.
  void set_times(const int64_t* times) { times_ = times; }
  // The same for those who read them only when they are wanted.
  void set_times_source(std::function<Result<const int64_t*>()> source) { times_source_ = std::move(source); }
  bool needs_times() const { return head_->clocks_relative; }

  // What is kept of this block in memory, whose template numbers are then used; null: nothing is.
  void set_known(std::shared_ptr<const KnownTexts> known) { known_ = std::move(known); }
  const std::shared_ptr<const KnownTexts>& known() const { return known_; }
  // The template of every text.
  Result<const TemplateNumbers*> template_numbers();
  const TemplatePlanes& template_planes() const { return planes_; }
  // The number of every text among those of its template.
  Result<const std::vector<uint32_t>*> ordinals();
  // Raises marks[ordinal] to `mark` for the texts of template `number` whose variable passes the test; of a
  // clock, for all. message_block_search.cc.
  Result<void> mark_slot(size_t number, const SlotTest& test, uint8_t mark, std::vector<uint8_t>& marks);
  uint64_t raw_count() const { return raw_offsets_.empty() ? 0 : raw_offsets_.size() - 1; }
  // The texts of `values` (numbers of values, ascending) into out[0...]; bytes that are not views of the
  // block go to `arena`.
  Result<void> rebuild(std::span<const uint32_t> values, std::string_view* out, Arena& arena);
  const std::vector<std::shared_ptr<const void>>& owners() const { return owners_; }
  // What was unpacked or decompressed so far, without the head.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  struct RawPage {
    uint64_t first = 0;
    uint64_t count = 0;
    PackedText packed;
    const char* text = nullptr;  // once opened
  };
  struct TextSlot {
    uint64_t begin = 0;  // in the text stream
    std::vector<uint32_t> offsets;
  };

  Result<void> parse_raw(class ByteReader& reader);
  Result<void> parse_body(class ByteReader& reader);
  uint64_t rows_of(size_t number) const;
  Result<void> load_ordinals();
  Result<std::vector<uint32_t>> count_ordinals(std::span<const uint32_t> values);
  Result<void> load_streams_of(std::span<const uint32_t> values);
  Result<void> load_digits();
  Result<void> load_ids();
  Result<void> load_text_slots();
  Result<std::string_view> raw_text(uint64_t index);
  const std::vector<uint64_t>& deltas_of(size_t slot, uint32_t rows);
  const std::vector<uint64_t>& numbers_of(const Slot& slot, size_t slot_index);
  const std::vector<std::string_view>& entries_of(const Slot& slot, size_t slot_index);
  size_t entry_at(const Slot& slot, uint32_t ordinal) const;
  const char* digits_of(const Slot& slot) const {
    return digits_.data() + (slot.place - (head_->body_bytes - head_->digit_bytes));
  }
  uint64_t number_of(const Slot& slot, size_t slot_index, uint32_t rows, uint32_t ordinal);
  void mark_numbers(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks);
  void mark_bytes(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks) const;
  void mark_entries(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks);
  void mark_texts(const TemplateHead& one, const SlotTest& test, uint8_t mark, uint8_t* marks) const;
  char* put_slot(size_t slot_index, const TemplateHead& one, uint32_t value, uint32_t ordinal, char* out);
  char* put_text(const TemplateHead& one, uint32_t value, uint32_t ordinal, char* out);

  std::shared_ptr<const MessageHead> head_;
  size_t value_count_ = 0;
  const int64_t* times_ = nullptr;
  std::function<Result<const int64_t*>()> times_source_;
  TemplatePlanes planes_;
  PackedText packed_ids_;
  PackedText packed_text_;
  std::vector<uint64_t> raw_offsets_;  // of each raw line over all pages; one more than lines
  std::vector<RawPage> raw_pages_;
  std::string_view body_;  // the packed numbers, and the digits where they are not compressed
  std::string_view packed_digits_;

  std::shared_ptr<const KnownTexts> known_;
  std::shared_ptr<const TemplateNumbers> numbers_;
  std::vector<uint32_t> ordinals_;  // of each value among those of its template
  std::string_view digits_;
  bool digits_loaded_ = false;
  bool ids_loaded_ = false;
  std::string_view ids_;
  std::string_view text_;
  // By slot, where used: the values of a delta, or the entries of a dictionary of numbers.
  std::vector<std::unique_ptr<std::vector<uint64_t>>> deltas_;
  std::vector<std::unique_ptr<std::vector<std::string_view>>> entries_;  // by slot: dictionaries of texts
  std::vector<std::unique_ptr<TextSlot>> text_slots_;                    // by slot, where of kind text
  std::vector<std::shared_ptr<const void>> owners_;
  size_t memory_bytes_ = 0;
};

}  // namespace obelisk::message
