#pragma once
// Spans of one trace by their id: a hash table of span numbers. The hash is seeded by the process, so that no
// sender can choose ids that all meet. Not thread safe while it is filled.
#include <bit>
#include <cstdint>
#include <random>
#include <vector>

namespace obelisk::traceql {

class SpanIdIndex {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  // For at most `count` ids.
  explicit SpanIdIndex(size_t count) : slots_(std::bit_ceil(count * 2 + 1), kNone) {}

  // The span with the id (`id_of` says that of a span number), or kNone.
  template <typename IdOf>
  uint32_t find(uint64_t id, const IdOf& id_of) const {
    return slots_[slot_of(id, id_of)];
  }
  // False, and nothing changes, when there is a span with this id.
  template <typename IdOf>
  bool insert(uint64_t id, uint32_t span, const IdOf& id_of) {
    uint32_t& slot = slots_[slot_of(id, id_of)];
    if (slot != kNone) return false;
    slot = span;
    return true;
  }

 private:
  // Where the id is, or would be.
  template <typename IdOf>
  size_t slot_of(uint64_t id, const IdOf& id_of) const {
    size_t mask = slots_.size() - 1;
    size_t at = hash_of(id) & mask;
    while (slots_[at] != kNone && id_of(slots_[at]) != id) at = (at + 1) & mask;
    return at;
  }
  static uint64_t hash_of(uint64_t id) {
    static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
    id = (id ^ seed) * 0x9E3779B97F4A7C15;
    id = (id ^ (id >> 32)) * 0xD6E8FEB86659FD93;
    return id ^ (id >> 32);
  }

  std::vector<uint32_t> slots_;
};

}  // namespace obelisk::traceql
