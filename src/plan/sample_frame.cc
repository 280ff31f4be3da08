#include "plan/sample_frame.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "codec/byte_reader.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr uint8_t kVersion = 1;

enum Presence : uint8_t { kAll = 0, kSome = 1, kNone = 2 };
enum IntCoding : uint8_t { kRaw = 0, kConstant = 1, kDelta = 2 };

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

// Numbers label texts as they come.
class Texts {
 public:
  uint32_t number_of(std::string_view text) {
    auto [at, is_new] = numbers_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return at->second;
  }
  const std::vector<std::string_view>& all() const { return texts_; }

 private:
  struct Hash {
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  absl::flat_hash_map<std::string_view, uint32_t, Hash, std::equal_to<std::string_view>> numbers_;
  std::vector<std::string_view> texts_;
};

void put_definitions(const Batch& batch, std::span<const uint32_t> series, std::span<const uint32_t> defined,
                     std::string& out) {
  Texts texts;
  std::string definitions;
  for (uint32_t group : defined) {
    LabelsView labels = batch.groups[group].labels;
    append_varint(definitions, series[group]);
    append_varint(definitions, labels.size());
    for (const LabelRef& label : labels) {
      append_varint(definitions, texts.number_of(label.name));
      append_varint(definitions, texts.number_of(label.value));
    }
  }
  append_varint(out, texts.all().size());
  for (std::string_view text : texts.all()) append_text(out, text);
  append_varint(out, defined.size());
  out.append(definitions);
}

// Groups whose numbers follow each other and that have as many rows are one run.
void put_groups(const Batch& batch, std::span<const uint32_t> series, std::string& out) {
  std::string runs;
  uint64_t count = 0;
  int64_t expected = 0;
  for (size_t first = 0; first < series.size();) {
    uint32_t rows = batch.groups[first].row_count;
    size_t end = first + 1;
    while (end < series.size() && series[end] == series[end - 1] + 1 && batch.groups[end].row_count == rows)
      ++end;
    append_signed_varint(runs, static_cast<int64_t>(series[first]) - expected);
    append_varint(runs, end - first);
    append_varint(runs, rows);
    expected = static_cast<int64_t>(series[end - 1]) + 1;
    ++count;
    first = end;
  }
  append_varint(out, series.size());
  append_varint(out, count);
  out.append(runs);
}

void put_ints(const std::vector<int64_t>& values, std::string& out) {
  if (std::all_of(values.begin(), values.end(), [&](int64_t value) { return value == values[0]; })) {
    put_u8(out, kConstant);
    return append_signed_varint(out, values[0]);
  }
  auto step = [](int64_t before, int64_t value) {
    return static_cast<int64_t>(static_cast<uint64_t>(value) - static_cast<uint64_t>(before));
  };
  size_t bytes = 0;
  int64_t before = 0;
  for (int64_t value : values) {
    bytes += varint_bytes(zigzag_encode(step(before, value)));
    before = value;
  }
  if (bytes >= values.size() * sizeof(int64_t)) {
    put_u8(out, kRaw);
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t));
    return;
  }
  put_u8(out, kDelta);
  before = 0;
  for (int64_t value : values) {
    append_signed_varint(out, step(before, value));
    before = value;
  }
}

void put_presence(const ColumnData* data, std::string& out) {
  if (data == nullptr) return put_u8(out, kNone);
  put_u8(out, data->present.empty() ? kAll : kSome);
  if (data->present.empty()) return;
  size_t start = out.size();
  out.resize(start + (data->present.size() + 7) / 8);
  for (size_t row = 0; row < data->present.size(); ++row) {
    if (data->present[row] != 0)
      out[start + row / 8] = static_cast<char>(out[start + row / 8] | (1 << (row % 8)));
  }
}

void put_columns(const Batch& batch, std::string& out) {
  put_ints(batch.times(), out);
  const ColumnData* values = batch.find_fixed(column::kValue);
  put_presence(values, out);
  if (values != nullptr && values->present.empty()) {
    out.append(reinterpret_cast<const char*>(values->floats.data()), values->floats.size() * sizeof(double));
  } else if (values != nullptr) {
    for (size_t row = 0; row < batch.row_count; ++row)
      if (values->is_present(row)) append_fixed(out, values->floats[row]);
  }
  const ColumnData* histograms = batch.find_fixed(column::kHistogram);
  put_presence(histograms, out);
  for (size_t row = 0; histograms != nullptr && row < batch.row_count; ++row)
    if (histograms->is_present(row)) append_text(out, histograms->strings[row]);
  const ColumnData* starts = batch.find_fixed(column::kStartTime);
  put_presence(starts, out);
  if (starts != nullptr) put_ints(starts->ints, out);
}

class Decoder {
 public:
  Decoder(std::string_view bytes, const SampleFrameLimits& limits) : reader_(bytes), limits_(limits) {}

  Result<SampleFrame> decode(SampleFramePart part) {
    reader_.u8();  // the mark
    uint8_t version = reader_.u8();
    if (!reader_.failed() && version != kVersion) {
      return make_error(
          ErrorCode::unsupported,
          fmt::format("sample frame: format version {}, this server reads {}", version, kVersion));
    }
    frame_.numbering = reader_.varint();
    OBELISK_CHECK_OK(definitions());
    if (part == SampleFramePart::definitions) return std::move(frame_);
    OBELISK_CHECK_OK(groups());
    OBELISK_CHECK_OK(columns());
    if (!reader_.at_end()) return wrong("bytes after the columns");
    return std::move(frame_);
  }

 private:
  Error wrong(std::string_view what) const {
    return make_error(ErrorCode::corrupt,
                      fmt::format("sample frame: {} before byte {}", what, reader_.offset()));
  }

  Result<void> definitions() {
    uint64_t text_count = reader_.varint_up_to(reader_.left());
    std::vector<std::string_view> texts(text_count);
    for (std::string_view& text : texts) text = reader_.text();
    uint64_t count = reader_.varint_up_to(reader_.left());
    if (reader_.failed()) return wrong("label texts");
    frame_.definitions.reserve(count);
    uint64_t label_refs = 0;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t number = reader_.varint_up_to(UINT32_MAX - 1);
      uint64_t label_count = reader_.varint_up_to(reader_.left() / 2);
      label_refs += label_count;
      if (label_refs > limits_.label_refs_max)
        return make_error(ErrorCode::too_large, "sample frame: too many labels");
      LabelRef* labels = frame_.batch.arena.allocate_array<LabelRef>(label_count);
      for (uint64_t j = 0; j < label_count; ++j) {
        uint64_t name = reader_.varint(), value = reader_.varint();
        if (reader_.failed() || name >= text_count || value >= text_count) return wrong("label");
        new (labels + j) LabelRef{texts[name], texts[value]};
        if (j > 0 && labels[j - 1].name >= labels[j].name) return wrong("labels are not sorted");
      }
      frame_.definitions.push_back({static_cast<uint32_t>(number), {labels, label_count}});
    }
    if (reader_.failed()) return wrong("definitions");
    return {};
  }

  // A group takes no byte of its own in a long run: its number is bounded by that of the rows.
  Result<void> groups() {
    uint64_t group_count = reader_.varint_up_to(limits_.rows_max);
    uint64_t runs = reader_.varint_up_to(reader_.left());
    if (reader_.failed()) return wrong("groups");
    Batch& batch = frame_.batch;
    uint64_t rows = 0;
    int64_t number = 0;
    for (uint64_t i = 0; i < runs; ++i) {
      int64_t distance = reader_.signed_varint();
      uint64_t length = reader_.varint_up_to(group_count - frame_.series.size());
      uint64_t each = reader_.varint_up_to(limits_.rows_max);
      if (reader_.failed() || distance > UINT32_MAX || distance < -static_cast<int64_t>(UINT32_MAX))
        return wrong("run");
      number += distance;
      if (length == 0 || number < 0 || number + static_cast<int64_t>(length) > UINT32_MAX)
        return wrong("run");
      if (length * each > limits_.rows_max - rows)
        return make_error(ErrorCode::too_large, "sample frame: too many rows");
      for (uint64_t j = 0; j < length; ++j, rows += each) {
        Group& group = batch.groups.emplace_back();
        group.first_row = static_cast<uint32_t>(rows);
        group.row_count = static_cast<uint32_t>(each);
        frame_.series.push_back(static_cast<uint32_t>(number++));
      }
    }
    if (frame_.series.size() != group_count) return wrong("runs do not cover the groups");
    batch.row_count = rows;
    return {};
  }

  bool ints(size_t count, std::vector<int64_t>& out) {
    uint8_t coding = reader_.u8();
    if (coding == kConstant) {
      out.assign(count, reader_.signed_varint());
      return !reader_.failed();
    }
    if (coding == kRaw) {
      if (count > reader_.left() / sizeof(int64_t)) return false;
      std::string_view raw = reader_.bytes(count * sizeof(int64_t));
      out.resize(count);
      if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      return true;
    }
    if (coding != kDelta || count > reader_.left()) return false;
    out.resize(count);
    uint64_t before = 0;
    for (int64_t& value : out)
      value = static_cast<int64_t>(before += static_cast<uint64_t>(reader_.signed_varint()));
    return !reader_.failed();
  }

  // False: the column is absent, or the reader failed.
  bool presence(std::string_view name, ColumnType type, ColumnData& data) {
    uint8_t kind = reader_.u8();
    if (kind > kNone) reader_.fail();
    if (reader_.failed() || kind == kNone) return false;
    data.id = fixed_column(name);
    data.type = type;
    size_t rows = frame_.batch.row_count;
    if (kind == kSome) {
      std::string_view bits = reader_.bytes((rows + 7) / 8);
      if (reader_.failed()) return false;
      data.present.resize(rows);
      for (size_t row = 0; row < rows; ++row)
        data.present[row] = (static_cast<uint8_t>(bits[row / 8]) >> (row % 8)) & 1;
    }
    return true;
  }

  Result<void> columns() {
    Batch& batch = frame_.batch;
    size_t rows = batch.row_count;
    ColumnData times;
    times.id = fixed_column(column::kTime);
    times.type = ColumnType::int64;
    if (!ints(rows, times.ints)) return wrong("times");
    if (ColumnData data; presence(column::kValue, ColumnType::float64, data)) {
      if (!values(rows, data)) return wrong("values");
      batch.columns.push_back(std::move(data));
    }
    if (ColumnData data; presence(column::kHistogram, ColumnType::bytes, data)) {
      data.strings.resize(rows);
      for (size_t row = 0; row < rows; ++row)
        if (data.is_present(row)) data.strings[row] = reader_.text();
      batch.columns.push_back(std::move(data));
    }
    if (ColumnData data; presence(column::kStartTime, ColumnType::int64, data)) {
      if (!ints(rows, data.ints)) return wrong("start times");
      for (size_t row = 0; row < rows; ++row)
        if (!data.is_present(row)) data.ints[row] = 0;
      batch.columns.push_back(std::move(data));
    }
    batch.columns.push_back(std::move(times));
    if (reader_.failed()) return wrong("columns");
    return {};
  }

  bool values(size_t rows, ColumnData& data) {
    size_t count = data.present.empty()
                       ? rows
                       : static_cast<size_t>(std::count(data.present.begin(), data.present.end(), 1));
    if (count > reader_.left() / sizeof(double)) return false;
    std::string_view raw = reader_.bytes(count * sizeof(double));
    data.floats.resize(rows);
    if (count == rows) {
      if (!raw.empty()) std::memcpy(data.floats.data(), raw.data(), raw.size());
      return true;
    }
    const char* at = raw.data();
    for (size_t row = 0; row < rows; ++row) {
      if (data.present[row] == 0) continue;
      std::memcpy(&data.floats[row], at, sizeof(double));
      at += sizeof(double);
    }
    return true;
  }

  ByteReader reader_;
  const SampleFrameLimits& limits_;
  SampleFrame frame_;
};

}  // namespace

bool can_be_sample_frame(const Batch& batch) {
  if (batch.table != Table::samples || batch.row_count == 0) return false;
  auto is_known = [](const ColumnData& data) {
    if (data.id.scope != Scope::fixed) return false;
    if (data.id.name == column::kTime || data.id.name == column::kStartTime)
      return data.type == ColumnType::int64;
    if (data.id.name == column::kValue) return data.type == ColumnType::float64;
    return data.id.name == column::kHistogram && data.type == ColumnType::bytes;
  };
  return std::all_of(batch.columns.begin(), batch.columns.end(), is_known);
}

void encode_sample_frame(const Batch& batch, uint64_t numbering, std::span<const uint32_t> series,
                         std::span<const uint32_t> defined, std::string& out) {
  OBELISK_ASSERT(series.size() == batch.groups.size());
  out.push_back(kSampleFrameMark);
  put_u8(out, kVersion);
  append_varint(out, numbering);
  put_definitions(batch, series, defined, out);
  put_groups(batch, series, out);
  put_columns(batch, out);
}

Result<SampleFrame> decode_sample_frame(std::string_view bytes, std::shared_ptr<const void> owner,
                                        SampleFramePart part, const SampleFrameLimits& limits) {
  OBELISK_TRY(SampleFrame frame, Decoder(bytes, limits).decode(part));
  if (owner) frame.batch.owners.push_back(std::move(owner));
  return frame;
}

}  // namespace obelisk
