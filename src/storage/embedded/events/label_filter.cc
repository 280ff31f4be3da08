#include "storage/embedded/events/label_filter.h"

#include <bit>

#include "base/hash.h"

namespace obelisk {
namespace {

constexpr size_t kBitsPerLabelMin = 12;
constexpr int kProbes = 3;

uint64_t hash_of(std::string_view name, std::string_view value) {
  return hash64(value, hash64(name));
}

// Visits the bits of a hash, as numbers below `bits` (a power of two of at most 2^21 a probe).
template <typename Visit>
bool all_bits(uint64_t hash, size_t bits, Visit&& visit) {
  for (int probe = 0; probe < kProbes; ++probe) {
    size_t bit = (hash >> (21 * probe)) & (bits - 1);
    if (!visit(bit)) return false;
  }
  return true;
}

}  // namespace

LabelFilter::LabelFilter(const std::vector<Group>& groups) {
  constexpr size_t kBitsMax = size_t{1} << 21;
  // Neighbours share most labels, whose texts then are the same bytes.
  auto for_each_label = [&](auto&& visit) {
    LabelsView before;
    for (const Group& group : groups) {
      for (size_t i = 0; i < group.labels.size(); ++i) {
        const LabelRef& label = group.labels[i];
        bool repeats = i < before.size() && before[i].value.data() == label.value.data() &&
                       before[i].value.size() == label.value.size() && before[i].name == label.name;
        if (!repeats) visit(label);
      }
      before = group.labels;
    }
  };
  size_t count = 0;
  for_each_label([&](const LabelRef&) { ++count; });
  size_t bits = std::bit_ceil(std::max<size_t>(64, count * kBitsPerLabelMin));
  if (bits > kBitsMax) bits = kBitsMax;
  words_.resize(bits / 64);
  for_each_label([&](const LabelRef& label) {
    all_bits(hash_of(label.name, label.value), bits, [&](size_t bit) {
      words_[bit / 64] |= uint64_t{1} << (bit % 64);
      return true;
    });
  });
}

bool LabelFilter::may_have(std::string_view name, std::string_view value) const {
  if (words_.empty()) return true;
  return all_bits(hash_of(name, value), words_.size() * 64,
                  [&](size_t bit) { return (words_[bit / 64] >> (bit % 64) & 1) != 0; });
}

}  // namespace obelisk
