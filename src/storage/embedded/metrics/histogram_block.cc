#include "storage/embedded/metrics/histogram_block.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "codec/byte_reader.h"
#include "codec/value_block.h"
#include "model/histogram.h"

namespace obelisk {
namespace {

enum RunKind : uint8_t { kColumns = 0, kOpaque = 1 };

// Offsets in the encoding of docs/formats/histogram.md.
constexpr size_t kHeadBytes = 4 + 1 + 8;  // schema, reset hint, zero threshold: layout
constexpr size_t kTotalsBytes = 3 * 8;    // zero count, count, sum: numbers

// The encoded histogram cut into what stays and what changes.
struct Pieces {
  std::string_view head;
  std::string_view totals;
  std::string_view spans;  // both span lists with their counts
  std::string_view positive_counts;
  std::string_view negative_counts;
  std::string_view bounds;  // with their count

  bool same_layout(const Pieces& other) const {
    return head == other.head && spans == other.spans && bounds == other.bounds &&
           positive_counts.size() == other.positive_counts.size() &&
           negative_counts.size() == other.negative_counts.size();
  }
  size_t columns() const { return (kTotalsBytes + positive_counts.size() + negative_counts.size()) / 8; }
};

std::string_view list(ByteReader& reader, size_t element_bytes) {
  uint32_t count = reader.fixed<uint32_t>();
  if (count > Histogram::kBucketsMax) reader.fail();
  return reader.bytes(count * element_bytes);
}

bool split(std::string_view bytes, Pieces& pieces) {
  ByteReader reader(bytes);
  pieces.head = reader.bytes(kHeadBytes);
  pieces.totals = reader.bytes(kTotalsBytes);
  const char* spans_begin = reader.rest().data();
  list(reader, 8);
  list(reader, 8);
  if (reader.failed()) return false;
  pieces.spans = {spans_begin, static_cast<size_t>(reader.rest().data() - spans_begin)};
  pieces.positive_counts = list(reader, 8);
  pieces.negative_counts = list(reader, 8);
  const char* bounds_begin = reader.rest().data();
  list(reader, 8);
  if (!reader.at_end()) return false;
  pieces.bounds = {bounds_begin, static_cast<size_t>(bytes.data() + bytes.size() - bounds_begin)};
  return true;
}

double number(const Pieces& pieces, size_t column) {
  size_t offset = column * 8;
  const char* at = nullptr;
  if (offset < kTotalsBytes) {
    at = pieces.totals.data() + offset;
  } else if (offset - kTotalsBytes < pieces.positive_counts.size()) {
    at = pieces.positive_counts.data() + (offset - kTotalsBytes);
  } else {
    at = pieces.negative_counts.data() + (offset - kTotalsBytes - pieces.positive_counts.size());
  }
  double value = 0;
  std::memcpy(&value, at, 8);
  return value;
}

void append_columns_run(std::span<const Pieces> run, std::string& out) {
  const Pieces& layout = run[0];
  append_varint(out, run.size());
  out.append(layout.head);
  append_varint(out, layout.positive_counts.size() / 8);
  append_varint(out, layout.negative_counts.size() / 8);
  append_text(out, layout.spans);
  append_text(out, layout.bounds);
  std::vector<double> values(run.size());
  std::string column_bytes;
  uint8_t scale = 0;
  for (size_t column = 0; column < layout.columns(); ++column) {
    for (size_t i = 0; i < run.size(); ++i) values[i] = number(run[i], column);
    column_bytes.clear();
    encode_values(values, column_bytes, scale);
    append_text(out, column_bytes);
  }
}

Error corrupt(const char* what) {
  return make_error(ErrorCode::corrupt, std::string("histogram block: ") + what);
}

struct Writer {
  char* next;
  void put(const void* bytes, size_t size) {
    if (size > 0) std::memcpy(next, bytes, size);
    next += size;
  }
  void put_count(size_t count) {
    uint32_t narrow = static_cast<uint32_t>(count);
    put(&narrow, 4);
  }
};

Result<void> decode_columns_run(ByteReader& reader, std::span<std::string_view> out, Arena& arena,
                                size_t& bytes_left) {
  std::string_view head = reader.bytes(kHeadBytes);
  size_t positive = reader.varint_up_to(Histogram::kBucketsMax);
  size_t negative = reader.varint_up_to(Histogram::kBucketsMax);
  std::string_view spans = reader.text();
  std::string_view bounds = reader.text();
  if (reader.failed()) return corrupt("layout cut");
  size_t columns = kTotalsBytes / 8 + positive + negative;
  if (columns > reader.left()) return corrupt("fewer columns than buckets");
  size_t size = kHeadBytes + kTotalsBytes + spans.size() + 8 + (positive + negative) * 8 + bounds.size();
  if (size > bytes_left / out.size()) return corrupt("too large");
  bytes_left -= size * out.size();
  std::vector<double> values(columns * out.size());
  for (size_t column = 0; column < columns; ++column) {
    std::string_view bytes = reader.text();
    if (reader.failed()) return corrupt("column cut");
    OBELISK_CHECK_OK(decode_values(bytes, std::span(values).subspan(column * out.size(), out.size())));
  }
  std::vector<double> row(columns);
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t column = 0; column < columns; ++column) row[column] = values[column * out.size() + i];
    char* target = arena.allocate(size);
    Writer writer{target};
    writer.put(head.data(), head.size());
    writer.put(row.data(), kTotalsBytes);
    writer.put(spans.data(), spans.size());
    writer.put_count(positive);
    writer.put(row.data() + 3, positive * 8);
    writer.put_count(negative);
    writer.put(row.data() + 3 + positive, negative * 8);
    writer.put(bounds.data(), bounds.size());
    out[i] = {target, size};
  }
  return {};
}

Result<void> decode_opaque_run(ByteReader& reader, std::span<std::string_view> out, Arena& arena,
                               size_t& bytes_left) {
  for (std::string_view& histogram : out) {
    std::string_view bytes = reader.text();
    if (reader.failed() || bytes.empty() || bytes.size() > bytes_left) return corrupt("opaque bytes cut");
    bytes_left -= bytes.size();
    histogram = arena.copy(bytes);
  }
  return {};
}

}  // namespace

void encode_histogram_block(std::span<const std::string_view> histograms, std::string& out) {
  std::vector<Pieces> pieces(histograms.size());
  std::vector<uint8_t> known(histograms.size());
  for (size_t i = 0; i < histograms.size(); ++i) known[i] = split(histograms[i], pieces[i]);
  for (size_t first = 0; first < histograms.size();) {
    size_t end = first + 1;
    while (end < histograms.size() && known[end] == known[first] &&
           (!known[first] || pieces[end].same_layout(pieces[first]))) {
      ++end;
    }
    if (known[first]) {
      out.push_back(kColumns);
      append_columns_run(std::span(pieces).subspan(first, end - first), out);
    } else {
      out.push_back(kOpaque);
      append_varint(out, end - first);
      for (size_t i = first; i < end; ++i) append_text(out, histograms[i]);
    }
    first = end;
  }
}

Result<void> decode_histogram_block(std::string_view bytes, std::span<std::string_view> out, Arena& arena) {
  ByteReader reader(bytes);
  size_t bytes_left = kHistogramBlockBytesMax;
  size_t done = 0;
  while (done < out.size()) {
    uint8_t kind = reader.fixed<uint8_t>();
    uint64_t rows = reader.varint_up_to(out.size() - done);
    if (reader.failed() || rows == 0 || kind > kOpaque) return corrupt("run header");
    std::span<std::string_view> run = out.subspan(done, rows);
    OBELISK_CHECK_OK(kind == kColumns ? decode_columns_run(reader, run, arena, bytes_left)
                                      : decode_opaque_run(reader, run, arena, bytes_left));
    done += rows;
  }
  if (!reader.at_end()) return corrupt("trailing bytes");
  return {};
}

}  // namespace obelisk
