#pragma once
// The labels of one log row while it passes a pipeline: the stream's labels (borrowed), what structured
// metadata and parsers added, and the row's error. Reused from row to row, so that a row costs no allocation
// once it has grown.
//
// Rules (logs inventory, A1): a name belongs to the stream before structured metadata before parsers; the
// loser takes
// `<name>_extracted`, where a parser's value replaces metadata's. A value may be empty and is then still a
// label. Views given to set() must live until the next row: use text() to keep what is not part of the batch.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace obelisk::logql {

inline constexpr std::string_view kErrorLabel = "__error__";
inline constexpr std::string_view kErrorDetailsLabel = "__error_details__";

enum class LabelSource : uint8_t { stream, metadata, parsed };

// Bytes that live until reset(): a bump allocator that keeps its blocks.
class RowText {
 public:
  std::string_view keep(std::string_view bytes);
  void reset();

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<size_t> sizes_;
  size_t block_ = 0;
  size_t used_ = 0;
};

class RowLabels {
 public:
  struct Entry {
    std::string_view name;
    std::string_view value;
    LabelSource source = LabelSource::parsed;
  };

  // A new row of a stream.
  void begin(LabelsView stream);

  // The value and whether there is one. __error__ is not found here.
  bool get(std::string_view name, std::string_view& value) const;
  // As string filters and templates see it: absent is empty, __error__ and __error_details__ are the row's
  // error.
  std::string_view text_of(std::string_view name) const;

  // Adds one structured metadata value under its own name, or the suffixed one.
  void add_metadata(std::string_view name, std::string_view value);
  // The name a parser's field takes: suffixed when the stream or metadata has it.
  std::string_view parsed_name(std::string_view name);
  bool has_parsed(std::string_view name) const;
  // Sets a parser's value under a name of parsed_name(), replacing what is there.
  void set_parsed(std::string_view name, std::string_view value) { set(LabelSource::parsed, name, value); }
  // Adds or replaces, hiding the stream's label of that name.
  void set(LabelSource source, std::string_view name, std::string_view value);
  void remove(std::string_view name);
  // Where a label comes from; only for one that get() finds.
  LabelSource source_of(std::string_view name) const;
  // Removes every label for which `keep(name, value)` is false.
  template <typename Keep>
  void filter(Keep keep) {
    for (size_t i = 0; i < stream_.size(); ++i) {
      if (!hidden_[i] && !keep(stream_[i].name, stream_[i].value)) hide(i);
    }
    std::erase_if(added_, [&](const Entry& entry) { return !keep(entry.name, entry.value); });
  }

  bool has_error() const { return has_error_; }
  std::string_view error() const { return error_; }
  std::string_view error_details() const { return error_details_; }
  // A later error takes the place of an earlier one; without details it leaves those there are.
  void set_error(std::string_view error, std::string_view details);
  void reset_error();
  void reset_error_details() { error_details_ = {}; }

  RowText& text() { return text_; }
  LabelsView stream() const { return stream_; }

  // Whether the result is exactly the stream's labels.
  bool unchanged() const { return added_.empty() && hidden_count_ == 0 && !has_error_; }
  // Everything, sorted by name, error labels included. Valid until the next change.
  LabelsView sorted();
  // One source only, sorted; errors count as parsed.
  void collect(LabelSource source, std::vector<LabelRef>& out) const;

 private:
  size_t stream_index(std::string_view name) const;  // stream_.size(): absent or hidden
  bool stream_has(std::string_view name) const;      // whether hidden or not
  Entry* find(std::string_view name);
  const Entry* find(std::string_view name) const;
  void hide(size_t index);

  LabelsView stream_;
  std::vector<uint8_t> hidden_;
  size_t hidden_count_ = 0;
  std::vector<Entry> added_;
  bool has_error_ = false;
  std::string_view error_;
  std::string_view error_details_;
  RowText text_;
  std::vector<LabelRef> sorted_;
};

// What may stand in a label's name: other characters become `_`, a leading digit gets one in front. Unchanged
// names come back as the same view. Empty when nothing is left.
std::string_view sanitize_label_name(std::string_view name, bool may_lead, RowText& text);

}  // namespace obelisk::logql
