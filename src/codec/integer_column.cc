#include "codec/integer_column.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/assert.h"
#include "codec/bit_packing.h"
#include "codec/compression.h"
#include "codec/integer_column_format.h"

namespace obelisk {

using namespace integer_column_format;

namespace {

struct Bounds {
  int64_t min = 0;
  int64_t max = 0;
  unsigned width() const { return width_of(static_cast<uint64_t>(max) - static_cast<uint64_t>(min)); }
};

Bounds bounds_of(std::span<const int64_t> values) {
  Bounds bounds;
  if (values.empty()) return bounds;
  bounds = {values[0], values[0]};
  for (int64_t value : values) {  // without a branch, other than std::minmax_element
    bounds.min = std::min(bounds.min, value);
    bounds.max = std::max(bounds.max, value);
  }
  return bounds;
}

struct Dictionary {
  std::vector<int64_t> entries;  // ascending
  std::vector<uint64_t> ids;
};

// Numbers distinct integers as they come.
class IntegerNumbers {
 public:
  uint32_t number_of(int64_t value) {
    size_t at = slot_of(value);
    for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
      if (entries_[slots_[at] - 1] == value) return slots_[at] - 1;
    }
    entries_.push_back(value);
    slots_[at] = static_cast<uint32_t>(entries_.size());
    if (entries_.size() * 2 > slots_.size()) grow();
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  size_t size() const { return entries_.size(); }
  const std::vector<int64_t>& entries() const { return entries_; }

 private:
  size_t slot_of(int64_t value) const {
    return (static_cast<uint64_t>(value) * 0x9E3779B97F4A7C15u >> 32) & (slots_.size() - 1);
  }
  void grow() {
    slots_.assign(slots_.size() * 4, 0);
    for (uint32_t number = 0; number < entries_.size(); ++number) {
      size_t at = slot_of(entries_[number]);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = number + 1;
    }
  }

  std::vector<uint32_t> slots_ = std::vector<uint32_t>(256);  // number and one; 0: free
  std::vector<int64_t> entries_;
};

// False when there are too many distinct values for a dictionary to beat `frame_width` bits a value.
bool build_dictionary(std::span<const int64_t> values, unsigned frame_width, Dictionary& dictionary) {
  size_t entries_max = std::min(kDictionaryEntriesMax, values.size() / 4);
  IntegerNumbers numbers;
  std::vector<uint32_t> numbered;
  numbered.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    numbered.push_back(numbers.number_of(values[i]));
    // Gives up early where nearly every value is new.
    if (numbers.size() > entries_max || (i >= 256 && numbers.size() * 8 > i * 7)) return false;
  }
  size_t count = numbers.size();
  if (packed_bytes(values.size(), width_of(count - 1)) + packed_bytes(count, frame_width) + 8 >=
      packed_bytes(values.size(), frame_width)) {
    return false;
  }
  std::vector<uint32_t> order(count);
  for (uint32_t i = 0; i < count; ++i) order[i] = i;
  const std::vector<int64_t>& entries = numbers.entries();
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return entries[a] < entries[b]; });
  std::vector<uint32_t> ids(count);
  for (uint32_t id = 0; id < count; ++id) {
    dictionary.entries.push_back(entries[order[id]]);
    ids[order[id]] = id;
  }
  dictionary.ids.reserve(values.size());
  for (uint32_t number : numbered) dictionary.ids.push_back(ids[number]);
  return true;
}

void put_constant(int64_t value, std::string& out) {
  append_fixed<uint8_t>(out, kConstant);
  append_signed_varint(out, value);
}

void put_frame(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  append_fixed<uint8_t>(out, kFrame);
  append_signed_varint(out, bounds.min);
  append_fixed<uint8_t>(out, static_cast<uint8_t>(bounds.width()));
  std::vector<uint64_t> offsets(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    offsets[i] = static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(bounds.min);
  pack_bits(offsets, bounds.width(), out);
}

// Constant or frame.
void put_plain(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  if (bounds.min == bounds.max) return put_constant(bounds.min, out);
  put_frame(values, bounds, out);
}

void put_dictionary(const Dictionary& dictionary, std::string& out) {
  append_fixed<uint8_t>(out, kDictionary);
  append_varint(out, dictionary.entries.size());
  put_plain(dictionary.entries, bounds_of(dictionary.entries), out);
  unsigned width = width_of(dictionary.entries.size() - 1);
  append_fixed<uint8_t>(out, static_cast<uint8_t>(width));
  pack_bits(dictionary.ids, width, out);
}

uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

// How one block of 128 is packed: `width` bits of every number, and the rest of those that need more.
struct PatchedBlock {
  unsigned width = 0;
  size_t exceptions = 0;
  size_t bytes = 0;
};

PatchedBlock plan_block(std::span<const uint64_t> numbers) {
  std::array<uint32_t, 65> of_width{};
  for (uint64_t number : numbers) ++of_width[width_of(number)];
  unsigned widest = 64;
  while (widest > 0 && of_width[widest] == 0) --widest;
  PatchedBlock best{widest, 0, 2 + packed_bytes(numbers.size(), widest)};
  size_t exceptions = 0;
  for (unsigned width = widest; width-- > 0;) {
    exceptions += of_width[width + 1];
    if (exceptions > numbers.size() / 4) break;
    size_t bytes = 2 + packed_bytes(numbers.size(), width) + exceptions * (1 + (widest - width + 6) / 7);
    if (bytes < best.bytes) best = {width, exceptions, bytes};
  }
  return best;
}

// The numbers that patched blocks hold, and what they take.
struct Patched {
  std::vector<uint64_t> numbers;
  std::vector<PatchedBlock> blocks;
  bool is_signed = false;
  int64_t base = 0;
  size_t bytes = 0;
};

Patched plan_patched(std::span<const int64_t> values, const Bounds& bounds) {
  Patched plan;
  plan.is_signed = bounds.min < 0;
  plan.base = plan.is_signed ? 0 : bounds.min;
  plan.numbers.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    plan.numbers[i] = plan.is_signed ? zigzag(values[i])
                                     : static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(plan.base);
  }
  plan.bytes = 12;
  for (size_t begin = 0; begin < values.size(); begin += kPatchedBlock) {
    std::span block = std::span(plan.numbers).subspan(begin, std::min(kPatchedBlock, values.size() - begin));
    plan.blocks.push_back(plan_block(block));
    plan.bytes += plan.blocks.back().bytes;
  }
  return plan;
}

void put_patched(const Patched& plan, std::string& out) {
  append_fixed<uint8_t>(out, kPatched);
  append_fixed<uint8_t>(out, plan.is_signed ? 1 : 0);
  append_signed_varint(out, plan.base);
  std::array<uint64_t, kPatchedBlock> low;
  std::string exceptions;
  for (size_t number = 0; number < plan.blocks.size(); ++number) {
    const PatchedBlock& block = plan.blocks[number];
    size_t begin = number * kPatchedBlock, count = std::min(kPatchedBlock, plan.numbers.size() - begin);
    uint64_t mask = block.width == 64 ? ~uint64_t{0} : (uint64_t{1} << block.width) - 1;
    exceptions.clear();
    for (size_t i = 0; i < count; ++i) {
      uint64_t value = plan.numbers[begin + i];
      low[i] = value & mask;
      if (value == low[i]) continue;
      exceptions.push_back(static_cast<char>(i));
      append_varint(exceptions, value >> block.width);
    }
    append_fixed<uint8_t>(out, static_cast<uint8_t>(block.width));
    append_fixed<uint8_t>(out, static_cast<uint8_t>(block.exceptions));
    pack_bits(std::span<const uint64_t>(low.data(), count), block.width, out);
    out.append(exceptions);
  }
}

// Few distinct numbers of uneven frequency: entry numbers, the frequent ones small, as byte planes for an
// entropy coder. What the arrival times of busy streams are.
class Codes {
 public:
  // False when there are too many, found out early.
  bool build(std::span<const int64_t> values) {
    table_.assign(kSlots, 0);
    entries_.clear();
    counts_.clear();
    ids_.resize(values.size());
    size_t entries_max = std::min(kDictionaryEntriesMax, values.size() / 8);
    for (size_t i = 0; i < values.size(); ++i) {
      size_t at = (static_cast<uint64_t>(values[i]) * 0x9e3779b97f4a7c15ull) >> kSlotShift;
      while (table_[at] != 0 && entries_[table_[at] - 1u] != values[i]) at = (at + 1) % kSlots;
      if (table_[at] == 0) {
        if (entries_.size() == entries_max || (i >= 1024 && entries_.size() * 2 > i)) return false;
        entries_.push_back(values[i]);
        counts_.push_back(0);
        table_[at] = static_cast<uint16_t>(entries_.size());
      }
      ids_[i] = static_cast<uint16_t>(table_[at] - 1);
      ++counts_[ids_[i]];
    }
    return true;
  }

  // About what put() takes.
  size_t bytes() const {
    double bits = 0, total = static_cast<double>(ids_.size());
    for (uint32_t count : counts_) bits += count * std::log2(total / count);
    return static_cast<size_t>(bits / 8 * 1.03) + entries_.size() * 5 + 64;
  }

  void put(std::string& out) const {
    std::vector<uint16_t> order(entries_.size()), rank(entries_.size());
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](uint16_t a, uint16_t b) { return counts_[a] > counts_[b]; });
    std::vector<int64_t> entries(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      rank[order[i]] = static_cast<uint16_t>(i);
      entries[i] = entries_[order[i]];
    }
    append_fixed<uint8_t>(out, kCodes);
    append_varint(out, entries.size());
    put_plain(entries, bounds_of(entries), out);
    std::string plane(ids_.size(), '\0'), packed;
    for (unsigned shift = 0; shift == 0 || (shift == 8 && entries.size() > 256); shift += 8) {
      for (size_t i = 0; i < ids_.size(); ++i) plane[i] = static_cast<char>(rank[ids_[i]] >> shift);
      packed.clear();
      zstd_compress(plane, packed);
      append_text(out, packed);
    }
  }

 private:
  static constexpr unsigned kSlotShift = 64 - 13;
  static constexpr size_t kSlots = 1 << 13;  // twice the entries

  std::vector<uint16_t> table_;  // entry number + 1
  std::vector<int64_t> entries_;
  std::vector<uint32_t> counts_;
  std::vector<uint16_t> ids_;
};

void put_column(std::span<const int64_t> values, bool with_runs, std::string& out);

size_t count_runs(std::span<const int64_t> values) {
  size_t runs = 1;
  for (size_t i = 1; i < values.size(); ++i) runs += values[i] != values[i - 1] ? 1 : 0;
  return runs;
}

bool pays_as_runs(size_t count, size_t runs, const Bounds& bounds) {
  return runs <= count / 16 || (runs <= count / 6 && bounds.width() > 6);
}

void put_runs(std::span<const int64_t> values, size_t runs, std::string& out) {
  std::vector<int64_t> lengths, heads;
  lengths.reserve(runs);
  heads.reserve(runs);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i == 0 || values[i] != values[i - 1]) {
      heads.push_back(values[i]);
      lengths.push_back(0);
    }
    ++lengths.back();
  }
  append_fixed<uint8_t>(out, kRuns);
  append_varint(out, runs);
  put_column(lengths, false, out);
  put_column(heads, false, out);
}

// Blocks pay where few numbers are much larger than the others, which a dictionary would not survive.
bool put_patched_if_smaller(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  if (values.size() < kPatchedBlock || bounds.width() < 8) return false;
  Patched plan = plan_patched(values, bounds);
  if (plan.bytes > packed_bytes(values.size(), bounds.width()) / 16 * 15) return false;
  put_patched(plan, out);
  return true;
}

// Constant, frame, patched or dictionary: everything but delta and runs.
void put_flat(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  Dictionary dictionary;
  if (bounds.width() > 4 && values.size() >= 64 && build_dictionary(values, bounds.width(), dictionary)) {
    return put_dictionary(dictionary, out);
  }
  if (put_patched_if_smaller(values, bounds, out)) return;
  put_plain(values, bounds, out);
}

// Where entry numbers of the steps are much smaller than what else is possible; reading them costs more.
bool put_delta_codes_if_smaller(std::span<const int64_t> values, std::span<const int64_t> deltas,
                                const Bounds& bounds, const Bounds& delta_bounds, std::string& out) {
  constexpr size_t kValuesMin = 512;
  if (values.size() < kValuesMin || std::min(bounds.width(), delta_bounds.width()) < 8) return false;
  Codes codes;
  if (!codes.build(deltas)) return false;
  size_t others = packed_bytes(values.size(), std::min(bounds.width(), delta_bounds.width()));
  if (codes.bytes() >= others / 4 * 3) return false;
  others = std::min(others, plan_patched(deltas, delta_bounds).bytes);
  if (codes.bytes() >= others / 4 * 3) return false;
  // Few distinct values are a dictionary, which is read faster.
  Codes of_values;
  if (of_values.build(values)) return false;
  append_fixed<uint8_t>(out, kDelta);
  append_signed_varint(out, values[0]);
  codes.put(out);
  return true;
}

void put_column(std::span<const int64_t> values, bool with_runs, std::string& out) {
  Bounds bounds = bounds_of(values);
  if (bounds.min == bounds.max) return put_constant(bounds.min, out);
  if (with_runs && values.size() >= 64) {
    size_t runs = count_runs(values);
    if (pays_as_runs(values.size(), runs, bounds)) return put_runs(values, runs, out);
  }
  std::vector<int64_t> deltas(values.size() - 1);
  for (size_t i = 1; i < values.size(); ++i) {
    deltas[i - 1] =
        static_cast<int64_t>(static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(values[i - 1]));
  }
  Bounds delta_bounds = bounds_of(deltas);
  if (put_delta_codes_if_smaller(values, deltas, bounds, delta_bounds, out)) return;
  if (delta_bounds.width() < bounds.width()) {
    append_fixed<uint8_t>(out, kDelta);
    append_signed_varint(out, values[0]);
    return put_flat(deltas, delta_bounds, out);
  }
  // Steps that are small but for a few leaps: what starts of spans are, trace after trace.
  if (values.size() >= kPatchedBlock && bounds.width() > 16) {
    Patched steps = plan_patched(deltas, delta_bounds);
    if (steps.bytes < packed_bytes(values.size(), bounds.width()) / 8 * 7) {
      append_fixed<uint8_t>(out, kDelta);
      append_signed_varint(out, values[0]);
      return put_patched(steps, out);
    }
  }
  put_flat(values, bounds, out);
}

}  // namespace

void encode_integer_column(std::span<const int64_t> values, std::string& out) {
  put_column(values, true, out);
}

void encode_dense_integers(std::span<const int64_t> values, std::string& out) {
  Bounds bounds = bounds_of(values);
  if (bounds.min == bounds.max) return put_constant(bounds.min, out);
  size_t runs = count_runs(values);
  if (values.size() >= 64 && pays_as_runs(values.size(), runs, bounds)) return put_runs(values, runs, out);
  put_frame(values, bounds, out);
}

}  // namespace obelisk
