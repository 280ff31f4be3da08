#include "storage/embedded/events/label_table.h"

#include <cstring>

#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr uint64_t kLabelBytesMax = 1ull << 30;

Error wrong(const char* what) {
  return make_error(ErrorCode::corrupt, std::string("labels of a part: ") + what);
}

// Of all sets together, so that there is room for them at once: a part may have millions. Where they are
// damaged, of those before.
size_t count_labels(ByteReader sets, uint64_t group_count) {
  size_t total = 0;
  for (uint64_t i = 0; i < group_count && !sets.failed(); ++i) {
    uint64_t count = sets.varint_up_to(sets.left() / 2);
    for (uint64_t j = 0; j < 2 * count && !sets.failed(); ++j) sets.varint();
    if (!sets.failed()) total += count;
  }
  return total;
}

LabelsView copy_labels(Arena& arena, LabelsView labels) {
  LabelRef* copies = arena.allocate_array<LabelRef>(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    new (copies + i) LabelRef{arena.copy(labels[i].name), arena.copy(labels[i].value)};
  }
  return {copies, labels.size()};
}

}  // namespace

uint32_t LabelTableBuilder::add(LabelsView labels, uint64_t hash) {
  for (;; ++hash) {
    auto [it, fresh] = by_hash_.try_emplace(hash, static_cast<uint32_t>(groups_.size()));
    if (!fresh && !labels_equal(groups_[it->second], labels)) continue;
    if (fresh) groups_.push_back(copy_labels(arena_, labels));
    return it->second;
  }
}

std::string LabelTableBuilder::encode() const {
  absl::flat_hash_map<std::string_view, uint64_t> numbers;
  std::string texts, sets;
  auto number_of = [&](std::string_view text) {
    auto [it, fresh] = numbers.try_emplace(text, numbers.size());
    if (fresh) append_text(texts, text);
    return it->second;
  };
  for (LabelsView labels : groups_) {
    append_varint(sets, labels.size());
    for (const LabelRef& label : labels) {
      append_varint(sets, number_of(label.name));
      append_varint(sets, number_of(label.value));
    }
  }
  std::string raw;
  append_varint(raw, numbers.size());
  raw += texts;
  raw += sets;
  std::string out;
  append_varint(out, raw.size());
  zstd_compress(raw, out);
  append_fixed(out, checksum64(out));
  return out;
}

Result<std::shared_ptr<const LabelTable>> LabelTable::parse(std::string_view stored, uint64_t group_count) {
  if (stored.size() < 8) return wrong("cut off");
  uint64_t checksum = 0;
  std::memcpy(&checksum, stored.data() + stored.size() - 8, 8);
  stored.remove_suffix(8);
  if (checksum64(stored) != checksum) return wrong("checksum mismatch");
  ByteReader outer(stored);
  uint64_t size = outer.varint_up_to(kLabelBytesMax);
  if (outer.failed()) return wrong("length");
  auto table = std::make_shared<LabelTable>();
  char* raw = table->arena_.allocate_array<char>(size);
  OBELISK_CHECK_OK(zstd_decompress(outer.rest(), size, raw));
  ByteReader reader(std::string_view(raw, size));
  std::vector<std::string_view> texts(reader.varint_up_to(reader.left()));
  for (std::string_view& text : texts) text = reader.text();
  // A set takes at least a byte, a label two.
  if (group_count > reader.left()) return wrong("groups");
  table->refs_.reserve(count_labels(reader, group_count));
  table->starts_.reserve(group_count + 1);
  for (uint64_t i = 0; i < group_count && !reader.failed(); ++i) {
    uint64_t count = reader.varint_up_to(reader.left() / 2);
    for (uint64_t j = 0; j < count; ++j) {
      uint64_t name = reader.varint(), value = reader.varint();
      if (reader.failed() || name >= texts.size() || value >= texts.size()) return wrong("text number");
      if (j > 0 && table->refs_.back().name >= texts[name]) return wrong("not sorted");
      table->refs_.push_back({texts[name], texts[value]});
    }
    if (table->refs_.size() > UINT32_MAX) return wrong("too many");
    table->starts_.push_back(static_cast<uint32_t>(table->refs_.size()));
  }
  table->refs_.shrink_to_fit();
  if (!reader.at_end()) return wrong("bytes missing or left over");
  return std::shared_ptr<const LabelTable>(std::move(table));
}

const LabelSetIndex& LabelTable::index() const {
  std::call_once(index_made_, [this] { index_ = LabelSetIndex(*this); });
  return index_;
}

}  // namespace obelisk
