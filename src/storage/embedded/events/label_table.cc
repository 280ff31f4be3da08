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

LabelsView copy_labels(Arena& arena, LabelsView labels) {
  LabelRef* copies = arena.allocate_array<LabelRef>(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    new (copies + i) LabelRef{arena.copy(labels[i].name), arena.copy(labels[i].value)};
  }
  return {copies, labels.size()};
}

}  // namespace

uint32_t LabelTableBuilder::add(LabelsView labels, uint64_t hash) {
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (labels_equal(table_.groups_[it->second].labels, labels)) return it->second;
  }
  uint32_t group = static_cast<uint32_t>(table_.groups_.size());
  table_.groups_.push_back({copy_labels(table_.arena_, labels), hash});
  by_hash_.emplace(hash, group);
  return group;
}

std::string LabelTableBuilder::encode() const {
  std::unordered_map<std::string_view, uint64_t> numbers;
  std::string texts, sets;
  auto number_of = [&](std::string_view text) {
    auto [it, fresh] = numbers.try_emplace(text, numbers.size());
    if (fresh) append_text(texts, text);
    return it->second;
  };
  for (const LabelTable::Entry& entry : table_.groups_) {
    append_varint(sets, entry.labels.size());
    for (const LabelRef& label : entry.labels) {
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
  for (uint64_t i = 0; i < group_count && !reader.failed(); ++i) {
    uint64_t count = reader.varint_up_to(reader.left() / 2);
    LabelRef* labels = table->arena_.allocate_array<LabelRef>(count);
    for (uint64_t j = 0; j < count; ++j) {
      uint64_t name = reader.varint(), value = reader.varint();
      if (reader.failed() || name >= texts.size() || value >= texts.size()) return wrong("text number");
      new (labels + j) LabelRef{texts[name], texts[value]};
      if (j > 0 && labels[j - 1].name >= labels[j].name) return wrong("not sorted");
    }
    LabelsView view(labels, count);
    table->groups_.push_back({view, hash_labels(view)});
  }
  if (!reader.at_end()) return wrong("bytes missing or left over");
  return std::shared_ptr<const LabelTable>(std::move(table));
}

}  // namespace obelisk
