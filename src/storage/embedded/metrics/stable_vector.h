#pragma once
// A vector whose elements never move: chunks that double, from 256 elements on, found by the index's highest
// bit. Growing never touches old elements, so a reader that learned an index under a lock may use the element
// after it. Elements are constructed by emplace_back and destroyed with the vector. Not thread safe by
// itself.
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/assert.h"

namespace obelisk {

template <typename T>
class StableVector {
 public:
  StableVector() = default;
  StableVector(const StableVector&) = delete;
  StableVector& operator=(const StableVector&) = delete;
  ~StableVector() {
    for (uint32_t i = 0; i < size_; ++i) (*this)[i].~T();
    for (unsigned chunk = 0; chunk < kChunks; ++chunk) {
      if (chunks_[chunk] != nullptr) std::allocator<T>().deallocate(chunks_[chunk], chunk_size(chunk));
    }
  }

  template <typename... Args>
  T& emplace_back(Args&&... args) {
    OBELISK_ASSERT(size_ < UINT32_MAX - kFirst);
    unsigned chunk = chunk_of(size_);
    if (chunks_[chunk] == nullptr) {
      chunks_[chunk] = std::allocator<T>().allocate(chunk_size(chunk));
      allocated_bytes_ += chunk_size(chunk) * sizeof(T);
    }
    T* slot = chunks_[chunk] + offset_in(size_, chunk);
    new (slot) T(std::forward<Args>(args)...);
    ++size_;
    return *slot;
  }

  T& operator[](uint32_t index) {
    unsigned chunk = chunk_of(index);
    return chunks_[chunk][offset_in(index, chunk)];
  }
  const T& operator[](uint32_t index) const {
    unsigned chunk = chunk_of(index);
    return chunks_[chunk][offset_in(index, chunk)];
  }

  uint32_t size() const { return size_; }
  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  static constexpr uint32_t kFirst = 256;
  static constexpr unsigned kFirstBit = 8;
  static constexpr unsigned kChunks = 32 - kFirstBit;

  static unsigned chunk_of(uint32_t index) {
    return static_cast<unsigned>(std::bit_width(index + kFirst)) - 1 - kFirstBit;
  }
  static size_t chunk_size(unsigned chunk) { return static_cast<size_t>(kFirst) << chunk; }
  static uint32_t offset_in(uint32_t index, unsigned chunk) { return index + kFirst - (kFirst << chunk); }

  std::array<T*, kChunks> chunks_{};
  uint32_t size_ = 0;
  size_t allocated_bytes_ = 0;
};

}  // namespace obelisk
