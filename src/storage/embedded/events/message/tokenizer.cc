#include "storage/embedded/events/message/tokenizer.h"

#include <immintrin.h>

#include <bit>
#include <cstring>

namespace obelisk::message {
namespace {

constexpr size_t kWords = kTemplateLineBytesMax / 64 + 1;

// Bit i of word i / 64: what byte i is.
struct Masks {
  uint64_t alphanumeric[kWords];
  uint64_t digit[kWords];
};

using Classify = bool (*)(const char* text, size_t size, Masks& masks);

bool in_range(uint8_t byte, uint8_t low, uint8_t high) {
  return static_cast<uint8_t>(byte - low) <= high - low;
}

// All return whether a marker byte occurs. The last word is zero beyond the text.
bool classify_plainly(const char* text, size_t size, Masks& masks) {
  bool marker = false;
  for (size_t word = 0; word * 64 < size; ++word) {
    uint64_t alphanumeric = 0, digit = 0;
    size_t count = size - word * 64 < 64 ? size - word * 64 : 64;
    for (size_t i = 0; i < count; ++i) {
      uint8_t byte = static_cast<uint8_t>(text[word * 64 + i]);
      bool is_digit = in_range(byte, '0', '9');
      bool is_letter = in_range(byte | 0x20, 'a', 'z');
      digit |= static_cast<uint64_t>(is_digit) << i;
      alphanumeric |= static_cast<uint64_t>(is_digit || is_letter) << i;
      marker = marker || in_range(byte, 1, 3);
    }
    masks.alphanumeric[word] = alphanumeric;
    masks.digit[word] = digit;
  }
  return marker;
}

// Lambdas do not inherit a target, so the range tests are functions.
__attribute__((target("avx512bw,avx512f"))) inline uint64_t between512(__m512i bytes, char low, char high) {
  return _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8(low)),
                                _mm512_set1_epi8(static_cast<char>(high - low)));
}

__attribute__((target("avx512bw,avx512f"))) bool classify_avx512(const char* text, size_t size,
                                                                 Masks& masks) {
  uint64_t markers = 0;
  for (size_t word = 0; word * 64 < size; ++word) {
    size_t left = size - word * 64;
    __mmask64 valid = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    __m512i bytes = _mm512_maskz_loadu_epi8(valid, text + word * 64);
    uint64_t digit = between512(bytes, '0', '9');
    uint64_t letter = between512(_mm512_or_si512(bytes, _mm512_set1_epi8(0x20)), 'a', 'z');
    masks.digit[word] = digit & valid;
    masks.alphanumeric[word] = (digit | letter) & valid;
    markers |= between512(bytes, 1, 3) & valid;
  }
  return markers != 0;
}

// The bytes of a word; those beyond the text are zero, and nothing is read there.
const char* whole_word(const char* text, size_t size, size_t word, char (&last)[64]) {
  if (size - word * 64 >= 64) return text + word * 64;
  std::memset(last, 0, sizeof(last));
  std::memcpy(last, text + word * 64, size - word * 64);
  return last;
}

__attribute__((target("avx2"))) inline uint64_t between256(__m256i bytes, char low, char high) {
  __m256i offset = _mm256_sub_epi8(bytes, _mm256_set1_epi8(low));
  __m256i limit = _mm256_set1_epi8(static_cast<char>(high - low));
  __m256i inside = _mm256_cmpeq_epi8(_mm256_min_epu8(offset, limit), offset);
  return static_cast<uint32_t>(_mm256_movemask_epi8(inside));
}

__attribute__((target("avx2"))) bool classify_avx2(const char* text, size_t size, Masks& masks) {
  uint64_t markers = 0;
  for (size_t word = 0; word * 64 < size; ++word) {
    char last[64];
    const char* source = whole_word(text, size, word, last);
    uint64_t digit = 0, letter = 0;
    for (unsigned piece = 0; piece < 2; ++piece) {
      __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + piece * 32));
      digit |= between256(bytes, '0', '9') << (piece * 32);
      letter |= between256(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), 'a', 'z') << (piece * 32);
      markers |= between256(bytes, 1, 3);
    }
    masks.digit[word] = digit;
    masks.alphanumeric[word] = digit | letter;
  }
  return markers != 0;
}

inline uint64_t between128(__m128i bytes, char low, char high) {
  __m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
  __m128i limit = _mm_set1_epi8(static_cast<char>(high - low));
  __m128i inside = _mm_cmpeq_epi8(_mm_min_epu8(offset, limit), offset);
  return static_cast<uint32_t>(_mm_movemask_epi8(inside));
}

bool classify_sse(const char* text, size_t size, Masks& masks) {
  uint64_t markers = 0;
  for (size_t word = 0; word * 64 < size; ++word) {
    char last[64];
    const char* source = whole_word(text, size, word, last);
    uint64_t digit = 0, letter = 0;
    for (unsigned piece = 0; piece < 4; ++piece) {
      __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + piece * 16));
      digit |= between128(bytes, '0', '9') << (piece * 16);
      letter |= between128(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z') << (piece * 16);
      markers |= between128(bytes, 1, 3);
    }
    masks.digit[word] = digit;
    masks.alphanumeric[word] = digit | letter;
  }
  return markers != 0;
}

struct Classifier {
  Classify run = classify_sse;
  std::string_view name = "sse";
};

Classifier choose_classifier() {
  if (__builtin_cpu_supports("avx512bw")) return {classify_avx512, "avx512bw"};
  if (__builtin_cpu_supports("avx2")) return {classify_avx2, "avx2"};
  return {};
}

const Classifier& classifier() {
  static const Classifier chosen = choose_classifier();
  return chosen;
}

// These run ten times a line.
#define OBELISK_ALWAYS_INLINE __attribute__((always_inline)) inline

// The first set bit at or after `from`, or `size`.
OBELISK_ALWAYS_INLINE size_t next_set(const uint64_t* words, size_t from, size_t size) {
  if (from >= size) return size;
  size_t word = from / 64;
  uint64_t bits = words[word] & (~uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word * 64 >= size) return size;
    bits = words[word];
  }
  return word * 64 + static_cast<size_t>(std::countr_zero(bits));
}

OBELISK_ALWAYS_INLINE size_t next_clear(const uint64_t* words, size_t from, size_t size) {
  if (from >= size) return size;
  size_t word = from / 64;
  uint64_t bits = ~words[word] & (~uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word * 64 >= size) return size;
    bits = ~words[word];
  }
  size_t found = word * 64 + static_cast<size_t>(std::countr_zero(bits));
  return found < size ? found : size;
}

// The beginning of the run of set bits that ends with `at`.
OBELISK_ALWAYS_INLINE size_t run_start(const uint64_t* words, size_t at) {
  size_t word = at / 64;
  uint64_t clear = ~words[word] & ((uint64_t{1} << (at % 64)) - 1);
  while (clear == 0) {
    if (word == 0) return 0;
    clear = ~words[--word];
  }
  return word * 64 + 64 - static_cast<size_t>(std::countl_zero(clear));
}

OBELISK_ALWAYS_INLINE bool is_set(const uint64_t* words, size_t at) {
  return (words[at / 64] >> (at % 64) & 1) != 0;
}

bool is_alphanumeric(char byte) {
  return in_range(static_cast<uint8_t>(byte), '0', '9') ||
         in_range(static_cast<uint8_t>(byte) | 0x20, 'a', 'z');
}

bool is_lower_hex(const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    uint8_t byte = static_cast<uint8_t>(text[i]);
    if (!in_range(byte, '0', '9') && !in_range(byte, 'a', 'f')) return false;
  }
  return true;
}

bool is_uuid(const char* text, size_t left) {
  if (left < 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return false;
  if (left > 36 && is_alphanumeric(text[36])) return false;
  return is_lower_hex(text, 8) && is_lower_hex(text + 9, 4) && is_lower_hex(text + 14, 4) &&
         is_lower_hex(text + 19, 4) && is_lower_hex(text + 24, 12);
}

// The target has 16 bytes to spare; `readable` bytes of the source may be read.
OBELISK_ALWAYS_INLINE void copy_literal(char* target, const char* source, size_t size, size_t readable) {
  if (size <= 16 && readable >= 16) {  // most are
    std::memcpy(target, source, 16);
    return;
  }
  if (size <= 16) {  // two overlapping copies without a call
    if (size >= 8) {
      uint64_t head, tail;
      std::memcpy(&head, source, 8);
      std::memcpy(&tail, source + size - 8, 8);
      std::memcpy(target, &head, 8);
      std::memcpy(target + size - 8, &tail, 8);
      return;
    }
    if (size >= 4) {
      uint32_t head, tail;
      std::memcpy(&head, source, 4);
      std::memcpy(&tail, source + size - 4, 4);
      std::memcpy(target, &head, 4);
      std::memcpy(target + size - 4, &tail, 4);
      return;
    }
    for (size_t i = 0; i < size; ++i) target[i] = source[i];
    return;
  }
  std::memcpy(target, source, size);
}

bool split_with(Classify classify, std::string_view line, SplitLine& out) {
  if (line.size() > kTemplateLineBytesMax) return false;
  Masks masks;
  if (classify(line.data(), line.size(), masks)) return false;
  const char* text = line.data();
  const size_t size = line.size();
  char* skeleton = out.skeleton;
  size_t literal = 0, count = 0;
  for (size_t at = next_set(masks.digit, 0, size); at < size;) {
    if (count == kTemplateTokensMax) return false;
    // Most variables are digits alone, whose end is found by looking at digits alone.
    size_t begin = at, end = next_clear(masks.digit, at, size);
    bool digits =
        (at == 0 || !is_set(masks.alphanumeric, at - 1)) && (end == size || !is_set(masks.alphanumeric, end));
    if (!digits) {
      begin = run_start(masks.alphanumeric, at);
      end = next_clear(masks.alphanumeric, end, size);
    }
    copy_literal(skeleton, text + literal, begin - literal, size - literal);
    skeleton += begin - literal;
    char marker = kWordMarker;
    TokenValue token = 0;
    int clock = -1;
    if (digits && end - begin == 2 && size - begin >= 8 && text[begin + 2] == ':' &&
        (size - begin == 8 || !is_set(masks.alphanumeric, begin + 8))) {
      clock = clock_seconds(text + begin);
    }
    if (clock >= 0) {
      marker = kClockMarker;
      end = begin + 8;
      token = number_token(static_cast<uint64_t>(clock), 8, false);
    } else if (end - begin == 8 && is_uuid(text + begin, size - begin)) {
      marker = kUuidMarker;
      end = begin + 36;
      token = text_token(text + begin, 36);
    } else if (digits && end - begin <= kTokenDigitsMax) {
      token = number_token(number_of_digits(text + begin, end - begin, begin), end - begin,
                           text[begin] == '0' && end - begin > 1);
    } else {
      token = text_token(text + begin, end - begin);
    }
    *skeleton++ = marker;
    out.tokens[count++] = token;
    literal = end;
    at = next_set(masks.digit, end, size);
  }
  copy_literal(skeleton, text + literal, size - literal, size - literal);
  skeleton += size - literal;
  out.skeleton_length = static_cast<size_t>(skeleton - out.skeleton);
  out.token_count = count;
  return true;
}

}  // namespace

int clock_seconds(const char* text) {
  auto two = [](const char* digits) {
    uint8_t high = static_cast<uint8_t>(digits[0] - '0'), low = static_cast<uint8_t>(digits[1] - '0');
    return high > 9 || low > 9 ? 100 : high * 10 + low;
  };
  if (text[2] != ':' || text[5] != ':') return -1;
  int hours = two(text), minutes = two(text + 3), seconds = two(text + 6);
  if (hours > 23 || minutes > 59 || seconds > 59) return -1;
  return hours * 3600 + minutes * 60 + seconds;
}

bool split_line(std::string_view line, SplitLine& out) {
  return split_with(classifier().run, line, out);
}

std::string_view classifier_name() {
  return classifier().name;
}

bool split_line_plainly(std::string_view line, SplitLine& out) {
  return split_with(classify_plainly, line, out);
}

}  // namespace obelisk::message
