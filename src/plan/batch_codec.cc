#include "plan/batch_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "base/hash.h"
#include "codec/byte_reader.h"
#include "codec/compression.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kFlagZstd = 1;
constexpr size_t kCompressBytesMin = 512;  // below that a zstd frame rarely pays
constexpr uint64_t kGroupsMax = 1 << 24;
constexpr uint64_t kColumnsMax = 1 << 16;

enum Coding : uint8_t {
  kRaw = 0,         // 8 or 16 bytes a value; booleans as bits; strings: lengths, then the bytes
  kVarint = 1,      // zigzag varints
  kDelta = 2,       // zigzag varints of the differences to the value before
  kConstant = 3,    // one value
  kDictionary = 4,  // strings: entries, then one byte a value
  kRuns = 5,        // trace ids: (value, count) pairs
};

// ---- encoding ----

void put_bits(const std::vector<uint8_t>& flags, std::string& out) {
  size_t start = out.size();
  out.resize(start + (flags.size() + 7) / 8);
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) out[start + i / 8] = static_cast<char>(out[start + i / 8] | (1 << (i % 8)));
  }
}

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

void put_ints(const std::vector<int64_t>& values, std::string& out) {
  size_t plain = 0, delta = 0;
  int64_t before = 0;
  bool constant = true;
  for (int64_t value : values) {
    plain += varint_bytes(zigzag_encode(value));
    delta += varint_bytes(zigzag_encode(difference(value, before)));
    constant &= value == values[0];
    before = value;
  }
  if (constant && !values.empty()) {
    put_u8(out, kConstant);
    append_signed_varint(out, values[0]);
  } else if (delta < plain && delta < values.size() * 8) {
    put_u8(out, kDelta);
    before = 0;
    for (int64_t value : values) {
      append_signed_varint(out, difference(value, before));
      before = value;
    }
  } else if (plain < values.size() * 8) {
    put_u8(out, kVarint);
    for (int64_t value : values) append_signed_varint(out, value);
  } else {
    put_u8(out, kRaw);
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * 8);
  }
}

void put_bools(const std::vector<int64_t>& values, std::string& out) {
  put_u8(out, kRaw);
  put_bits(std::vector<uint8_t>(values.begin(), values.end()), out);
}

void put_floats(const std::vector<double>& values, std::string& out) {
  auto same_bits = [&](double value) {
    return std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(values[0]);
  };
  bool constant = !values.empty() && std::all_of(values.begin(), values.end(), same_bits);
  put_u8(out, constant ? kConstant : kRaw);
  out.append(reinterpret_cast<const char*>(values.data()), (constant ? 1 : values.size()) * 8);
}

void put_trace_ids(const std::vector<TraceId>& values, std::string& out) {
  std::vector<std::pair<const TraceId*, uint64_t>> runs;
  for (const TraceId& id : values) {
    if (runs.empty() || *runs.back().first != id) runs.push_back({&id, 0});
    ++runs.back().second;
  }
  if (runs.size() * 5 < values.size() * 4) {
    put_u8(out, kRuns);
    append_varint(out, runs.size());
    for (const auto& [id, count] : runs) {
      out.append(id->view());
      append_varint(out, count);
    }
    return;
  }
  put_u8(out, kRaw);
  for (const TraceId& id : values) out.append(id.view());
}

// At most 256 distinct strings, found in one pass; gives up as soon as the column does not look repetitive.
class StringDictionary {
 public:
  bool build(const std::vector<std::string_view>& values) {
    slots_.assign(kSlots, kEmpty);
    ids_.reserve(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (!add(values[i])) return false;
      if (i >= 32 && entries_.size() * 2 > i) return false;
    }
    return entries_.size() * 2 <= values.size() || entries_.size() == 1;
  }
  const std::vector<std::string_view>& entries() const { return entries_; }
  const std::vector<uint8_t>& ids() const { return ids_; }

 private:
  static constexpr size_t kSlots = 1024;
  static constexpr uint16_t kEmpty = 0xffff;

  bool add(std::string_view value) {
    if (!ids_.empty()) {  // the same text as in the row before, often the same bytes
      std::string_view last = entries_[ids_.back()];
      if (last.size() == value.size() && (last.data() == value.data() || last == value)) {
        ids_.push_back(ids_.back());
        return true;
      }
    }
    size_t slot = hash64(value) % kSlots;
    while (slots_[slot] != kEmpty && entries_[slots_[slot]] != value) slot = (slot + 1) % kSlots;
    if (slots_[slot] == kEmpty) {
      if (entries_.size() == 256) return false;
      slots_[slot] = static_cast<uint16_t>(entries_.size());
      entries_.push_back(value);
    }
    ids_.push_back(static_cast<uint8_t>(slots_[slot]));
    return true;
  }

  std::vector<uint16_t> slots_;
  std::vector<std::string_view> entries_;
  std::vector<uint8_t> ids_;
};

void put_texts(const std::vector<std::string_view>& values, std::string& out) {
  for (std::string_view value : values) append_varint(out, value.size());
  for (std::string_view value : values) out.append(value);
}

void put_strings(const std::vector<std::string_view>& values, std::string& out) {
  StringDictionary dictionary;
  if (!values.empty() && dictionary.build(values)) {
    put_u8(out, kDictionary);
    append_varint(out, dictionary.entries().size());
    put_texts(dictionary.entries(), out);
    if (dictionary.entries().size() > 1) {
      out.append(reinterpret_cast<const char*>(dictionary.ids().data()), dictionary.ids().size());
    }
    return;
  }
  put_u8(out, kRaw);
  put_texts(values, out);
}

// The values of present rows; `values` itself when all are.
template <typename T>
std::vector<T> present_values(const ColumnData& data, const std::vector<T>& values) {
  if (data.present.empty()) return values;
  std::vector<T> kept;
  for (size_t row = 0; row < values.size(); ++row) {
    if (data.present[row] != 0) kept.push_back(values[row]);
  }
  return kept;
}

void put_column(const ColumnData& data, std::string& out) {
  put_u8(out, static_cast<uint8_t>(data.id.scope));
  put_u8(out, static_cast<uint8_t>(data.type));
  append_text(out, data.id.name);
  put_u8(out, data.present.empty() ? 0 : 1);
  if (!data.present.empty()) put_bits(data.present, out);
  switch (data.type) {
    case ColumnType::boolean:
      return put_bools(present_values(data, data.ints), out);
    case ColumnType::int64:
      return put_ints(present_values(data, data.ints), out);
    case ColumnType::float64:
      return put_floats(present_values(data, data.floats), out);
    case ColumnType::trace_id:
      return put_trace_ids(present_values(data, data.trace_ids), out);
    case ColumnType::string:
    case ColumnType::bytes:
    case ColumnType::any:
      return put_strings(present_values(data, data.strings), out);
  }
}

// Numbers label texts as they come. Neighbouring series share most of their labels, so the label at the same
// place of the group before is tried first: a comparison of some bytes in cache instead of a hash look-up.
class LabelTexts {
 public:
  explicit LabelTexts(size_t groups) {
    slots_.assign(std::bit_ceil(std::clamp<size_t>(groups, 64, 1 << 16)), kEmpty);
  }

  // Appends name and value numbers of each label.
  void add(LabelsView labels, std::string& out) {
    if (last_.size() < labels.size()) last_.resize(labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      Last& last = last_[i];
      if (!is_same(labels[i].name, last.name)) last = {labels[i].name, index_of(labels[i].name), {}, kEmpty};
      if (last.value_index == kEmpty || !is_same(labels[i].value, last.value)) {
        last.value = labels[i].value;
        last.value_index = index_of(labels[i].value);
      }
      append_varint(out, last.name_index);
      append_varint(out, last.value_index);
    }
  }
  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  static constexpr uint32_t kEmpty = UINT32_MAX;
  struct Last {
    std::string_view name;
    uint32_t name_index = kEmpty;
    std::string_view value;
    uint32_t value_index = kEmpty;
  };

  static bool is_same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && a.data() != nullptr && b.data() != nullptr &&
           (a.data() == b.data() || std::memcmp(a.data(), b.data(), a.size()) == 0);
  }

  uint32_t index_of(std::string_view text) {
    if ((texts_.size() + 1) * 2 > slots_.size()) grow();
    uint64_t hash = hash64(text);
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] != kEmpty; at = (at + 1) & (slots_.size() - 1)) {
      uint32_t index = slots_[at];
      if (hashes_[index] == hash && texts_[index] == text) return index;
    }
    slots_[at] = static_cast<uint32_t>(texts_.size());
    texts_.push_back(text);
    hashes_.push_back(hash);
    return slots_[at];
  }

  void grow() {
    std::vector<uint32_t> larger(slots_.size() * 2, kEmpty);
    for (uint32_t index = 0; index < texts_.size(); ++index) {
      size_t at = hashes_[index] & (larger.size() - 1);
      while (larger[at] != kEmpty) at = (at + 1) & (larger.size() - 1);
      larger[at] = index;
    }
    slots_ = std::move(larger);
  }

  std::vector<Last> last_;  // by place in the group
  std::vector<uint32_t> slots_;
  std::vector<std::string_view> texts_;
  std::vector<uint64_t> hashes_;
};

void put_groups(const Batch& batch, std::string& out) {
  LabelTexts texts(batch.groups.size());
  std::string groups;
  groups.reserve(batch.groups.size() * 14);
  for (const Group& group : batch.groups) {
    append_varint(groups, group.row_count);
    append_varint(groups, group.labels.size());
    texts.add(group.labels, groups);
  }
  append_varint(out, texts.texts().size());
  put_texts(texts.texts(), out);
  append_varint(out, batch.groups.size());
  out.append(groups);
}

void put_body(const Batch& batch, std::string& out) {
  put_u8(out, static_cast<uint8_t>(batch.table));
  append_varint(out, batch.row_count);
  put_groups(batch, out);
  append_varint(out, batch.columns.size());
  for (const ColumnData& data : batch.columns) put_column(data, out);
}

// ---- decoding ----

class Decoder {
 public:
  Decoder(std::string_view body, const BatchDecodeLimits& limits) : reader_(body), limits_(limits) {}

  Result<Batch> decode() {
    uint8_t table = reader_.u8();
    if (table >= kTableCount) return wrong("unknown table");
    batch_.table = static_cast<Table>(table);
    batch_.row_count = reader_.varint_up_to(limits_.rows_max);
    OBELISK_CHECK_OK(groups());
    uint64_t columns = reader_.varint_up_to(std::min<uint64_t>(kColumnsMax, reader_.left()));
    for (uint64_t i = 0; i < columns && !reader_.failed(); ++i) OBELISK_CHECK_OK(column());
    if (!reader_.at_end()) return wrong("columns end early or late");
    if (batch_.row_count > 0 && batch_.find_fixed(column::kTime) == nullptr) return wrong("no time column");
    return std::move(batch_);
  }

 private:
  Error wrong(std::string_view what) const {
    return make_error(ErrorCode::corrupt, fmt::format("batch: {} before byte {}", what, reader_.offset()));
  }

  Result<void> take_memory(uint64_t bytes) {
    memory_ += bytes;
    if (memory_ <= limits_.memory_bytes_max) return {};
    return make_error(ErrorCode::too_large,
                      fmt::format("batch: needs more than {} bytes decoded", limits_.memory_bytes_max));
  }

  // `count` texts: their lengths, then their bytes. A text takes at least the byte of its length.
  bool texts(uint64_t count, std::vector<std::string_view>& out) {
    if (count > reader_.left()) return false;
    std::vector<uint64_t> lengths(count);
    for (uint64_t& length : lengths) length = reader_.varint_up_to(reader_.left());
    out.reserve(out.size() + count);
    for (uint64_t length : lengths) out.push_back(reader_.bytes(length));
    return !reader_.failed();
  }

  Result<void> groups() {
    uint64_t text_count = reader_.varint_up_to(reader_.left());
    std::vector<std::string_view> label_texts;
    OBELISK_CHECK_OK(take_memory(text_count * (sizeof(std::string_view) + 8)));
    if (!texts(text_count, label_texts)) return wrong("label texts");
    uint64_t count = reader_.varint_up_to(std::min<uint64_t>(kGroupsMax, reader_.left()));
    OBELISK_CHECK_OK(take_memory(count * sizeof(Group)));
    uint64_t covered = 0;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t rows = reader_.varint_up_to(batch_.row_count - covered);
      uint64_t label_count = reader_.varint_up_to(reader_.left() / 2);
      OBELISK_CHECK_OK(take_memory(label_count * sizeof(LabelRef)));
      LabelRef* labels = batch_.arena.allocate_array<LabelRef>(label_count);
      for (uint64_t j = 0; j < label_count; ++j) {
        uint64_t name = reader_.varint(), value = reader_.varint();
        if (reader_.failed() || name >= text_count || value >= text_count) return wrong("label");
        new (labels + j) LabelRef{label_texts[name], label_texts[value]};
        if (j > 0 && labels[j - 1].name >= labels[j].name) return wrong("labels are not sorted");
      }
      LabelsView view(labels, label_count);
      Hash128 hash = hash_labels_wide(view);
      batch_.groups.push_back(
          {view, hash.low, static_cast<uint32_t>(covered), static_cast<uint32_t>(rows), hash.high});
      covered += rows;
    }
    if (reader_.failed() || covered != batch_.row_count) return wrong("groups do not cover the rows");
    return {};
  }

  bool presence(ColumnData& data, size_t& present_count) {
    size_t rows = batch_.row_count;
    present_count = rows;
    uint8_t kind = reader_.u8();
    if (kind == 0) return true;
    if (kind != 1) return false;
    std::string_view bits = reader_.bytes((rows + 7) / 8);
    if (reader_.failed()) return false;
    data.present.resize(rows);
    present_count = 0;
    for (size_t i = 0; i < rows; ++i) {
      data.present[i] = (static_cast<uint8_t>(bits[i / 8]) >> (i % 8)) & 1;
      present_count += data.present[i];
    }
    return true;
  }

  bool ints(uint8_t coding, size_t count, std::vector<int64_t>& out) {
    if (coding == kConstant) {
      out.assign(count, reader_.signed_varint());
      return !reader_.failed();
    }
    if (count > reader_.left()) return false;  // every other coding takes at least a byte a value
    if (coding == kRaw) {
      std::string_view raw = reader_.bytes(count * 8);
      if (reader_.failed()) return false;
      out.resize(count);
      if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      return true;
    }
    if (coding != kVarint && coding != kDelta) return false;
    out.resize(count);
    uint64_t before = 0;
    for (int64_t& value : out) {
      value = reader_.signed_varint();
      if (coding == kDelta) value = static_cast<int64_t>(before += static_cast<uint64_t>(value));
    }
    return !reader_.failed();
  }

  bool bools(uint8_t coding, size_t count, std::vector<int64_t>& out) {
    if (coding != kRaw) return false;
    std::string_view bits = reader_.bytes((count + 7) / 8);
    if (reader_.failed()) return false;
    out.resize(count);
    for (size_t i = 0; i < count; ++i) out[i] = (static_cast<uint8_t>(bits[i / 8]) >> (i % 8)) & 1;
    return true;
  }

  bool floats(uint8_t coding, size_t count, std::vector<double>& out) {
    if (coding == kConstant) {
      out.assign(count, reader_.fixed<double>());
      return !reader_.failed();
    }
    if (coding != kRaw || count > reader_.left() / 8) return false;
    std::string_view raw = reader_.bytes(count * 8);
    out.resize(count);
    if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
    return true;
  }

  bool trace_ids(uint8_t coding, size_t count, std::vector<TraceId>& out) {
    if (coding == kRaw) {
      if (count > reader_.left() / 16) return false;
      std::string_view raw = reader_.bytes(count * 16);
      out.resize(count);
      if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      return true;
    }
    if (coding != kRuns) return false;
    uint64_t runs = reader_.varint_up_to(reader_.left() / 16);
    for (uint64_t i = 0; i < runs; ++i) {
      auto id = TraceId::from_bytes(reader_.bytes(16));
      uint64_t length = reader_.varint_up_to(count - out.size());
      if (!id) return false;
      out.insert(out.end(), length, *id);
    }
    return !reader_.failed() && out.size() == count;
  }

  bool strings(uint8_t coding, size_t count, std::vector<std::string_view>& out) {
    if (coding == kRaw) return texts(count, out);
    if (coding != kDictionary) return false;
    std::vector<std::string_view> entries;
    uint64_t entry_count = reader_.varint_up_to(256);
    if (entry_count == 0 || !texts(entry_count, entries)) return false;
    if (entry_count == 1) {
      out.assign(count, entries[0]);
      return true;
    }
    std::string_view ids = reader_.bytes(count);
    if (reader_.failed()) return false;
    out.reserve(count);
    for (char id : ids) {
      if (static_cast<uint8_t>(id) >= entry_count) return false;
      out.push_back(entries[static_cast<uint8_t>(id)]);
    }
    return true;
  }

  // Moves the values of present rows to their rows.
  template <typename T>
  void spread(const ColumnData& data, std::vector<T>& values) {
    if (data.present.empty()) return;
    std::vector<T> all(batch_.row_count);
    size_t next = 0;
    for (size_t row = 0; row < all.size(); ++row) {
      if (data.present[row] != 0) all[row] = values[next++];
    }
    values = std::move(all);
  }

  Result<void> column() {
    ColumnData data;
    uint8_t scope = reader_.u8(), type = reader_.u8();
    if (scope > static_cast<uint8_t>(Scope::attribute) || type > static_cast<uint8_t>(ColumnType::any)) {
      return wrong("unknown scope or type of a column");
    }
    data.id = ColumnId{static_cast<Scope>(scope), std::string(reader_.text())};
    data.type = static_cast<ColumnType>(type);
    OBELISK_CHECK_OK(take_memory(sizeof(ColumnData) + batch_.row_count * 17));
    if (!seen_.insert(fmt::format("{}{}{}", scope, type, data.id.name)).second) return wrong("column twice");
    size_t count = 0;
    if (!presence(data, count)) return wrong("presence of column " + data.id.name);
    if (!values(data, count)) return wrong("values of column " + data.id.name);
    batch_.columns.push_back(std::move(data));
    return {};
  }

  bool values(ColumnData& data, size_t count) {
    uint8_t coding = reader_.u8();
    bool good = false;
    switch (data.type) {
      case ColumnType::boolean:
        good = bools(coding, count, data.ints);
        break;
      case ColumnType::int64:
        good = ints(coding, count, data.ints);
        break;
      case ColumnType::float64:
        good = floats(coding, count, data.floats);
        break;
      case ColumnType::trace_id:
        good = trace_ids(coding, count, data.trace_ids);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        good = strings(coding, count, data.strings);
        break;
    }
    if (!good) return false;
    switch (data.type) {
      case ColumnType::boolean:
      case ColumnType::int64:
        spread(data, data.ints);
        break;
      case ColumnType::float64:
        spread(data, data.floats);
        break;
      case ColumnType::trace_id:
        spread(data, data.trace_ids);
        break;
      case ColumnType::string:
      case ColumnType::bytes:
      case ColumnType::any:
        spread(data, data.strings);
        break;
    }
    return true;
  }

  ByteReader reader_;
  const BatchDecodeLimits& limits_;
  Batch batch_;
  uint64_t memory_ = 0;
  std::unordered_set<std::string> seen_;
};

}  // namespace

void encode_batch(const Batch& batch, BatchCompression compression, std::string& out) {
  put_u8(out, kVersion);
  size_t flags_at = out.size();
  put_u8(out, 0);
  put_body(batch, out);
  size_t body_bytes = out.size() - flags_at - 1;
  if (compression == BatchCompression::none || body_bytes < kCompressBytesMin) return;
  std::string packed;
  zstd_compress(std::string_view(out).substr(flags_at + 1), packed);
  if (packed.size() > body_bytes / 8 * 7) return;
  out.resize(flags_at);
  put_u8(out, kFlagZstd);
  append_varint(out, body_bytes);
  out.append(packed);
}

Result<Batch> decode_batch(std::string_view bytes, std::shared_ptr<const void> owner,
                           const BatchDecodeLimits& limits) {
  ByteReader reader(bytes);
  uint8_t version = reader.u8(), flags = reader.u8();
  if (reader.failed()) return make_error(ErrorCode::corrupt, "batch: empty");
  if (version != kVersion) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("batch: format version {}, this server reads {}", version, kVersion));
  }
  if ((flags & ~kFlagZstd) != 0)
    return make_error(ErrorCode::unsupported, fmt::format("batch: unknown flags {}", flags));
  std::string_view body = reader.rest();
  if ((flags & kFlagZstd) != 0) {
    uint64_t size = reader.varint_up_to(limits.memory_bytes_max);
    if (reader.failed()) return make_error(ErrorCode::corrupt, "batch: length of the compressed body");
    auto unpacked = std::make_shared<std::string>(size, '\0');
    OBELISK_CHECK_OK(zstd_decompress(reader.rest(), size, unpacked->data()));
    body = *unpacked;
    owner = std::move(unpacked);
  }
  OBELISK_TRY(Batch batch, Decoder(body, limits).decode());
  if (owner) batch.owners.push_back(std::move(owner));
  return batch;
}

}  // namespace obelisk
