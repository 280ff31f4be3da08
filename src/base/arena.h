#pragma once
// A bump allocator for bytes that live as long as their batch: no per-value allocation, one release at the
// end. Not thread safe. Memory grows by blocks that double up to 256 KiB; a larger single value gets a block
// of its own.
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace obelisk {

class Arena {
 public:
  char* allocate(size_t size) {
    if (size > left_) grow(size);
    char* result = next_;
    next_ += size;
    left_ -= size;
    return result;
  }

  // A copy of `bytes` that lives as long as the arena.
  std::string_view copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* target = allocate(bytes.size());
    std::memcpy(target, bytes.data(), bytes.size());
    return {target, bytes.size()};
  }

  // An uninitialised array of `count` trivially destructible values.
  template <typename T>
  T* allocate_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    size_t misalignment = reinterpret_cast<size_t>(next_) % alignof(T);
    if (misalignment != 0 && left_ >= alignof(T)) allocate(alignof(T) - misalignment);
    if (count * sizeof(T) + alignof(T) > left_) grow(count * sizeof(T) + alignof(T));
    return reinterpret_cast<T*>(allocate(count * sizeof(T)));
  }

  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  void grow(size_t at_least) {
    size_t size = next_block_bytes_ > at_least ? next_block_bytes_ : at_least;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = blocks_.back().get();
    left_ = size;
    allocated_bytes_ += size;
    if (next_block_bytes_ < 256 * 1024) next_block_bytes_ *= 2;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t next_block_bytes_ = 1024;
  size_t allocated_bytes_ = 0;
};

}  // namespace obelisk
