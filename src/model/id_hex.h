#pragma once
// The hexadecimal digits of trace ids, 16 bytes at a time: every record that is ingested has them turned
// over. SSSE3, which is below the floor of the build. Pure.
#include <tmmintrin.h>

#include "model/ids.h"

namespace obelisk {

// The 32 lower-case digits.
inline void put_hex(const TraceId& id, char* out) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(id.bytes.data()));
  const __m128i low_nibbles = _mm_set1_epi8(15);
  const __m128i digits =
      _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  __m128i high = _mm_shuffle_epi8(digits, _mm_and_si128(_mm_srli_epi16(bytes, 4), low_nibbles));
  __m128i low = _mm_shuffle_epi8(digits, _mm_and_si128(bytes, low_nibbles));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi8(high, low));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi8(high, low));
}

// Reads 32 digits of either case; false when one is none.
inline bool get_hex(const char* digits, TraceId& id) {
  __m128i halves[2];
  int wrong = 0;
  for (int half = 0; half < 2; ++half) {
    __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(digits + 16 * half));
    __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
    __m128i number = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    __m128i letter = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
    __m128i is_number = _mm_cmpeq_epi8(_mm_min_epu8(number, _mm_set1_epi8(9)), number);
    __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    wrong |= _mm_movemask_epi8(_mm_or_si128(is_number, is_letter)) ^ 0xffff;
    __m128i nibbles = _mm_or_si128(_mm_and_si128(is_number, number),
                                   _mm_and_si128(is_letter, _mm_add_epi8(letter, _mm_set1_epi8(10))));
    // Pairs of nibbles to bytes: first * 16 + second, in 16 bits each.
    halves[half] = _mm_maddubs_epi16(nibbles, _mm_set1_epi16(0x0110));
  }
  if (wrong != 0) return false;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(id.bytes.data()), _mm_packus_epi16(halves[0], halves[1]));
  return true;
}

}  // namespace obelisk
