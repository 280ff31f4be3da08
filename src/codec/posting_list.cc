#include "codec/posting_list.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "codec/byte_reader.h"
#include "codec/value_bits.h"

namespace obelisk {
namespace {

enum Kind : uint8_t { kDeltas = 0, kRuns = 1, kBitmap = 2 };
constexpr size_t kDeltasPerBlock = 128;

void append_deltas(std::span<const uint32_t> list, std::string& out) {
  append_varint(out, list[0]);
  for (size_t begin = 1; begin < list.size(); begin += kDeltasPerBlock) {
    size_t end = std::min(begin + kDeltasPerBlock, list.size());
    uint32_t all = 0;
    for (size_t i = begin; i < end; ++i) all |= list[i] - list[i - 1] - 1;
    unsigned width = static_cast<unsigned>(std::bit_width(all));
    out.push_back(static_cast<char>(width));
    BitWriter writer(out);
    for (size_t i = begin; i < end; ++i) writer.write(list[i] - list[i - 1] - 1, width);
    writer.finish();
  }
}

void append_runs(std::span<const uint32_t> list, std::string& out) {
  uint32_t next = 0;
  for (size_t i = 0; i < list.size();) {
    size_t end = i + 1;
    while (end < list.size() && list[end] == list[end - 1] + 1) ++end;
    append_varint(out, list[i] - next);
    append_varint(out, end - i);
    next = list[end - 1] + 1;
    i = end;
  }
}

void append_bitmap(std::span<const uint32_t> list, std::string& out) {
  append_varint(out, list[0]);
  append_varint(out, list.back() - list[0]);
  size_t start = out.size();
  out.resize(start + (list.back() - list[0]) / 8 + 1);
  for (uint32_t value : list) {
    uint32_t bit = value - list[0];
    out[start + bit / 8] = static_cast<char>(out[start + bit / 8] | (1 << (bit % 8)));
  }
}

// False as soon as a number is not below the universe.
struct Receiver {
  Postings list;
  uint64_t universe;

  bool add(uint64_t value) {
    if (value >= universe) return false;
    list.push_back(static_cast<uint32_t>(value));
    return true;
  }
};

bool read_deltas(ByteReader& reader, uint64_t count, Receiver& out) {
  uint64_t value = reader.varint();
  if (!out.add(value)) return false;
  for (uint64_t done = 1; done < count; done += kDeltasPerBlock) {
    uint64_t in_block = std::min<uint64_t>(kDeltasPerBlock, count - done);
    unsigned width = reader.fixed<uint8_t>();
    if (width > 32) return false;
    BitReader bits(reader.bytes(bytes_of_bits(in_block * width)));
    if (reader.failed()) return false;
    for (uint64_t i = 0; i < in_block; ++i) {
      value += bits.read(width) + 1;
      if (!out.add(value)) return false;
    }
  }
  return true;
}

bool read_runs(ByteReader& reader, uint64_t count, Receiver& out) {
  uint64_t next = 0;
  while (out.list.size() < count) {
    next += reader.varint_up_to(out.universe);
    uint64_t length = reader.varint_up_to(count - out.list.size());
    if (length == 0) return false;
    for (uint64_t i = 0; i < length; ++i) {
      if (!out.add(next++)) return false;
    }
  }
  return true;
}

bool read_bitmap(ByteReader& reader, uint64_t count, Receiver& out) {
  uint64_t first = reader.varint();
  uint64_t span = reader.varint_up_to(out.universe);
  std::string_view bytes = reader.bytes(span / 8 + 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned rest = static_cast<unsigned char>(bytes[i]); rest != 0; rest &= rest - 1) {
      if (out.list.size() == count || !out.add(first + i * 8 + static_cast<unsigned>(std::countr_zero(rest))))
        return false;
    }
  }
  return out.list.size() == count;
}

// The first index at or after `from` whose value is not below `wanted`: doubling steps, then a binary search.
size_t gallop(std::span<const uint32_t> list, size_t from, uint32_t wanted) {
  size_t step = 1;
  size_t low = from;
  while (low + step < list.size() && list[low + step] < wanted) {
    low += step;
    step *= 2;
  }
  size_t high = std::min(low + step + 1, list.size());
  return static_cast<size_t>(std::lower_bound(list.begin() + static_cast<ptrdiff_t>(low),
                                              list.begin() + static_cast<ptrdiff_t>(high), wanted) -
                             list.begin());
}

}  // namespace

void encode_postings(std::span<const uint32_t> ascending, std::string& out) {
  OBELISK_ASSERT(!ascending.empty());
  uint64_t runs = 1;
  uint64_t delta_bits = 0;
  for (size_t begin = 1; begin < ascending.size(); begin += kDeltasPerBlock) {
    size_t end = std::min(begin + kDeltasPerBlock, ascending.size());
    uint32_t all = 0;
    for (size_t i = begin; i < end; ++i) {
      OBELISK_ASSERT(ascending[i] > ascending[i - 1]);
      uint32_t gap = ascending[i] - ascending[i - 1] - 1;
      all |= gap;
      if (gap != 0) ++runs;
    }
    delta_bits += 8 + (end - begin) * static_cast<unsigned>(std::bit_width(all));
  }
  uint64_t bitmap_bytes = 4 + (ascending.back() - ascending[0]) / 8;
  uint64_t delta_bytes = 3 + delta_bits / 8;
  // A run takes two varints: mostly a byte or two each. Only an estimate, so runs have to win clearly.
  uint64_t run_bytes = runs * 4;
  Kind kind = run_bytes < delta_bytes && run_bytes < bitmap_bytes ? kRuns
              : delta_bytes <= bitmap_bytes                       ? kDeltas
                                                                  : kBitmap;
  out.push_back(static_cast<char>(kind));
  append_varint(out, ascending.size());
  if (kind == kDeltas) append_deltas(ascending, out);
  if (kind == kRuns) append_runs(ascending, out);
  if (kind == kBitmap) append_bitmap(ascending, out);
}

Result<Postings> decode_postings(std::string_view bytes, uint32_t universe) {
  ByteReader reader(bytes);
  uint8_t kind = reader.fixed<uint8_t>();
  uint64_t count = reader.varint_up_to(universe);
  Receiver receiver{{}, universe};
  bool good = count > 0 && !reader.failed();
  if (good) {
    receiver.list.reserve(count);
    good = kind == kDeltas   ? read_deltas(reader, count, receiver)
           : kind == kRuns   ? read_runs(reader, count, receiver)
           : kind == kBitmap ? read_bitmap(reader, count, receiver)
                             : false;
  }
  if (!good || reader.failed() || !reader.at_end()) {
    return make_error(ErrorCode::corrupt, "posting list: bytes cut, trailing or out of range");
  }
  return std::move(receiver.list);
}

Postings intersect_postings(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  if (a.size() > b.size()) std::swap(a, b);
  Postings out;
  size_t at = 0;
  for (uint32_t value : a) {
    at = gallop(b, at, value);
    if (at == b.size()) break;
    if (b[at] == value) out.push_back(value);
  }
  return out;
}

Postings subtract_postings(std::span<const uint32_t> from, std::span<const uint32_t> what) {
  Postings out;
  std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::back_inserter(out));
  return out;
}

Postings unite_postings(std::vector<Postings> lists) {
  if (lists.empty()) return {};
  if (lists.size() == 1) return std::move(lists[0]);
  Postings all;
  size_t total = 0;
  for (const Postings& list : lists) total += list.size();
  all.reserve(total);
  for (const Postings& list : lists) all.insert(all.end(), list.begin(), list.end());
  // Lists of one label's values do not overlap and often follow each other.
  if (!std::is_sorted(all.begin(), all.end())) std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace obelisk
