// Counting an integer column's values without decoding them (count_integer_column).
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "codec/bit_packing.h"
#include "codec/integer_column.h"
#include "codec/integer_column_format.h"

namespace obelisk {

using namespace integer_column_format;

namespace {

bool add_counts(std::span<const int64_t> values, std::span<uint64_t> counts) {
  for (int64_t value : values) {
    if (static_cast<uint64_t>(value) >= counts.size()) return false;
    ++counts[static_cast<size_t>(value)];
  }
  return true;
}

bool count_runs_of(ByteReader& reader, size_t count, std::span<uint64_t> counts) {
  size_t runs = reader.varint_up_to(count);
  std::vector<int64_t> lengths(runs), heads(runs);
  if (!decode_integer_column(reader, runs, lengths.data()) ||
      !decode_integer_column(reader, runs, heads.data()))
    return false;
  uint64_t covered = 0;
  for (size_t i = 0; i < runs; ++i) {
    if (lengths[i] < 0 || static_cast<uint64_t>(lengths[i]) > count - covered) return false;
    if (static_cast<uint64_t>(heads[i]) >= counts.size()) return false;
    counts[static_cast<size_t>(heads[i])] += static_cast<uint64_t>(lengths[i]);
    covered += static_cast<uint64_t>(lengths[i]);
  }
  return covered == count;
}

}  // namespace

namespace {

// Frames of up to this many bits are counted as they lie.
constexpr unsigned kCountedWidthMax = 8;

// Counts eight numbers at a time, which are in one word: into four tables, since neighbours are often equal
// and a counter must not wait for itself. Narrow numbers are counted two at once. Returns how many.
template <unsigned Width>
size_t count_eights(std::string_view packed, size_t count, std::span<uint64_t> of_number) {
  constexpr bool kPairs = Width <= 4;
  constexpr unsigned kBits = kPairs ? 2 * Width : Width;
  constexpr size_t kSlots = size_t{1} << kBits;
  std::array<uint32_t, 4 * kSlots> tables{};
  size_t done = 0;
  for (size_t at = 0; done + 8 <= count && at + 8 <= packed.size(); done += 8, at += Width) {
    uint64_t word = 0;
    std::memcpy(&word, packed.data() + at, 8);
#pragma GCC unroll 8
    for (unsigned i = 0; i < 64 / 8 / (kPairs ? 2 : 1); ++i)
      ++tables[i % 4 * kSlots + (word >> (i * kBits) & (kSlots - 1))];
  }
  for (size_t slot = 0; slot < kSlots; ++slot) {
    uint64_t here = uint64_t{tables[slot]} + tables[kSlots + slot] + tables[2 * kSlots + slot] +
                    tables[3 * kSlots + slot];
    of_number[slot & ((1u << Width) - 1)] += here;
    if constexpr (kPairs) of_number[slot >> Width] += here;
  }
  return done;
}

using Counter = size_t (*)(std::string_view, size_t, std::span<uint64_t>);
template <size_t... Widths>
constexpr std::array<Counter, sizeof...(Widths)> counters_of(std::index_sequence<Widths...>) {
  return {count_eights<Widths + 1>...};
}
constexpr auto kCounters = counters_of(std::make_index_sequence<kCountedWidthMax>());

// Nullopt: another coding, or wider; nothing was read.
std::optional<bool> count_frame(ByteReader& reader, size_t count, std::span<uint64_t> counts) {
  ByteReader ahead = reader;
  if (ahead.u8() != kFrame) return std::nullopt;
  int64_t base = ahead.signed_varint();
  unsigned width = ahead.u8();
  if (ahead.failed() || width == 0 || width > kCountedWidthMax) return std::nullopt;
  std::string_view packed = ahead.bytes(packed_bytes(count, width));
  if (ahead.failed()) return std::nullopt;
  reader = ahead;
  std::array<uint64_t, size_t{1} << kCountedWidthMax> of_number{};
  size_t done = kCounters[width - 1](packed, count, of_number);
  for (; done < count; ++done) ++of_number[unpack_one(packed, width, done)];
  for (size_t number = 0; number < of_number.size(); ++number) {
    if (of_number[number] == 0) continue;
    uint64_t value = number + static_cast<uint64_t>(base);
    if (value >= counts.size()) return false;
    counts[value] += of_number[number];
  }
  return true;
}

}  // namespace

bool count_integer_column(ByteReader& reader, size_t count, std::span<uint64_t> counts) {
  if (reader.failed() || count > (uint64_t{1} << 32)) return false;
  if (std::optional<bool> counted = count_frame(reader, count, counts)) {
    if (!*counted) reader.fail();
    return *counted;
  }
  if (!reader.failed() && reader.left() > 0 && static_cast<uint8_t>(reader.rest()[0]) == kRuns) {
    reader.u8();
    if (count_runs_of(reader, count, counts)) return true;
    reader.fail();
    return false;
  }
  std::vector<int64_t> values(count);
  if (!decode_integer_column(reader, count, values.data())) return false;
  if (!add_counts(values, counts)) reader.fail();
  return !reader.failed();
}

}  // namespace obelisk
