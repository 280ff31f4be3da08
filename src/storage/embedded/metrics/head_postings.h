#pragma once
// The posting list of one label pair while it grows: ascending 32-bit series numbers. Sixteen bytes, two
// numbers inline, because most pairs of a churning label (instance, pod) belong to a handful of series.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

namespace obelisk {

class HeadPostings {
 public:
  HeadPostings() = default;
  HeadPostings(const HeadPostings&) = delete;
  HeadPostings& operator=(const HeadPostings&) = delete;
  ~HeadPostings() {
    if (capacity_ > kInline) std::free(numbers_.heap);
  }

  void push_back(uint32_t number) {
    if (size_ == capacity_) grow();
    data()[size_++] = number;
  }
  std::span<const uint32_t> get() const {
    return {capacity_ > kInline ? numbers_.heap : numbers_.inside, size_};
  }
  size_t heap_bytes() const { return capacity_ > kInline ? capacity_ * sizeof(uint32_t) : 0; }

 private:
  static constexpr uint32_t kInline = 2;

  uint32_t* data() { return capacity_ > kInline ? numbers_.heap : numbers_.inside; }
  void grow() {
    uint32_t wanted = capacity_ < 8 ? 8 : capacity_ + capacity_ / 2;
    bool on_heap = capacity_ > kInline;
    void* grown = std::realloc(on_heap ? numbers_.heap : nullptr, wanted * sizeof(uint32_t));
    if (grown == nullptr) throw std::bad_alloc();
    if (!on_heap) std::memcpy(grown, numbers_.inside, sizeof(numbers_.inside));
    numbers_.heap = static_cast<uint32_t*>(grown);
    capacity_ = wanted;
  }

  uint32_t size_ = 0;
  uint32_t capacity_ = kInline;
  union {
    uint32_t inside[kInline];
    uint32_t* heap;
  } numbers_;
};

}  // namespace obelisk
