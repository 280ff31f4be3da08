#include "base/find_bytes.h"

#include <emmintrin.h>

#include <cstring>

namespace obelisk {
namespace {

// Places that pass the test and are not the needle: more of them than one in so many bytes, after the first
// few, and memmem goes on.
constexpr size_t kBytesPerMiss = 8;
constexpr size_t kMissesFree = 64;

const char* find_plainly(const char* from, const char* end, std::string_view needle) {
  return static_cast<const char*>(
      memmem(from, static_cast<size_t>(end - from), needle.data(), needle.size()));
}

}  // namespace

const char* find_bytes(std::string_view text, std::string_view needle) {
  const char* const end = text.data() + text.size();
  if (needle.size() < 2 || text.size() < needle.size() + 16) return find_plainly(text.data(), end, needle);
  const __m128i first = _mm_set1_epi8(needle.front()), last = _mm_set1_epi8(needle.back());
  const size_t to_last = needle.size() - 1;
  size_t misses = 0;
  const char* at = text.data();
  for (; at + to_last + 16 <= end; at += 16) {
    __m128i firsts = _mm_cmpeq_epi8(first, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    __m128i lasts = _mm_cmpeq_epi8(last, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + to_last)));
    auto places = static_cast<unsigned>(_mm_movemask_epi8(_mm_and_si128(firsts, lasts)));
    for (; places != 0; places &= places - 1) {
      const char* place = at + __builtin_ctz(places);
      if (std::memcmp(place + 1, needle.data() + 1, to_last - 1) == 0) return place;
      ++misses;
    }
    if (misses > kMissesFree && misses * kBytesPerMiss > static_cast<size_t>(at - text.data())) break;
  }
  return find_plainly(at, end, needle);
}

}  // namespace obelisk
