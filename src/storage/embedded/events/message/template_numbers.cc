#include "storage/embedded/events/message/template_numbers.h"

#include <immintrin.h>

#include <algorithm>
#include <array>

namespace obelisk::message {
namespace {

bool all_below(const TemplateNumbers& numbers, size_t template_count) {
  if (numbers.high == nullptr) {
    uint8_t largest = 0;
    for (size_t i = 0; i < numbers.count; ++i) largest = std::max(largest, numbers.low[i]);
    return numbers.count == 0 || largest < template_count;
  }
  uint16_t largest = 0;
  for (size_t i = 0; i < numbers.count; ++i) largest = std::max(largest, numbers.at(i));
  return numbers.count == 0 || largest < template_count;
}

// A set of bytes, asked for sixteen at a time: for every low half of a byte a bit for each high half.
class ByteSet {
 public:
  // `of`: at most 256 bytes, 0 or 1.
  ByteSet(const uint8_t* of, size_t count) {
    std::array<uint8_t, 16> below{}, above{};
    for (size_t byte = 0; byte < count; ++byte) {
      if (of[byte] == 0) continue;
      is_empty_ = false;
      std::array<uint8_t, 16>& rows = byte < 128 ? below : above;
      rows[byte & 15] = static_cast<uint8_t>(rows[byte & 15] | 1u << (byte >> 4 & 7));
    }
    below_ = _mm_loadu_si128(reinterpret_cast<const __m128i*>(below.data()));
    above_ = _mm_loadu_si128(reinterpret_cast<const __m128i*>(above.data()));
  }

  bool is_empty() const { return is_empty_; }

  // 0xff for the bytes that are in it.
  __m128i has(__m128i bytes) const {
    const __m128i half = _mm_set1_epi8(15);
    const __m128i bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    __m128i low = _mm_and_si128(bytes, half);
    __m128i bit = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(bytes, 4), half));
    __m128i row = _mm_blendv_epi8(_mm_shuffle_epi8(below_, low), _mm_shuffle_epi8(above_, low), bytes);
    return _mm_cmpeq_epi8(_mm_and_si128(row, bit), bit);
  }

 private:
  __m128i below_, above_;
  bool is_empty_ = true;
};

__m128i load(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

void raise(uint8_t* out, const uint8_t* candidates, __m128i chosen) {
  __m128i marks = _mm_and_si128(load(candidates), chosen);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_or_si128(load(out), marks));
}

}  // namespace

size_t TemplateNumbers::count_before(size_t value) const {
  const uint16_t wanted = at(value);
  const __m128i low_half = _mm_set1_epi8(static_cast<char>(wanted & 255));
  const __m128i high_half = _mm_set1_epi8(static_cast<char>(wanted >> 8));
  size_t before = 0, i = 0;
  for (; i + 16 <= value; i += 16) {
    __m128i same = _mm_cmpeq_epi8(load(low + i), low_half);
    if (high != nullptr) same = _mm_and_si128(same, _mm_cmpeq_epi8(load(high + i), high_half));
    before += static_cast<size_t>(__builtin_popcount(static_cast<unsigned>(_mm_movemask_epi8(same))));
  }
  for (; i < value; ++i) before += at(i) == wanted ? 1 : 0;
  return before;
}

Result<TemplateNumbers> TemplatePlanes::open(size_t template_count) const {
  TemplateNumbers numbers;
  numbers.count = low_.plain_bytes;
  OBELISK_TRY(std::string_view low, open_packed_text(low_, numbers.owners));
  numbers.low = reinterpret_cast<const uint8_t*>(low.data());
  if (high_.plain_bytes != 0) {
    OBELISK_TRY(std::string_view high, open_packed_text(high_, numbers.owners));
    numbers.high = reinterpret_cast<const uint8_t*>(high.data());
  }
  if (!all_below(numbers, template_count))
    return make_error(ErrorCode::corrupt, "message block: template numbers");
  return numbers;
}

std::unique_ptr<const TemplatePlanes> TemplatePlanes::copy() const {
  auto copy = std::make_unique<TemplatePlanes>(low_, high_);
  copy->owned_.reserve(stored_bytes());
  copy->owned_.append(low_.stored).append(high_.stored);
  std::string_view owned = copy->owned_;
  copy->low_.stored = owned.substr(0, low_.stored.size());
  copy->high_.stored = owned.substr(low_.stored.size());
  return copy;
}

void mark_templates(const TemplateNumbers& numbers, const std::vector<uint8_t>& chosen,
                    const uint8_t* candidates, uint8_t* out) {
  std::vector<std::pair<uint8_t, ByteSet>> pages;  // by the high byte of a number
  for (size_t first = 0; first < chosen.size(); first += 256) {
    ByteSet set(chosen.data() + first, std::min<size_t>(256, chosen.size() - first));
    if (!set.is_empty()) pages.push_back({static_cast<uint8_t>(first / 256), set});
  }
  if (pages.empty()) return;
  const uint8_t* low = numbers.low;
  const uint8_t* high = numbers.high;
  size_t value = 0;
  if (high == nullptr) {
    const ByteSet& set = pages[0].second;
    for (; value + 16 <= numbers.count; value += 16)
      raise(out + value, candidates + value, set.has(load(low + value)));
  } else {
    for (; value + 16 <= numbers.count; value += 16) {
      __m128i lows = load(low + value), highs = load(high + value), found = _mm_setzero_si128();
      for (const auto& [page, set] : pages) {
        __m128i here = _mm_cmpeq_epi8(highs, _mm_set1_epi8(static_cast<char>(page)));
        found = _mm_or_si128(found, _mm_and_si128(here, set.has(lows)));
      }
      raise(out + value, candidates + value, found);
    }
  }
  for (; value < numbers.count; ++value)
    out[value] = static_cast<uint8_t>(out[value] | (candidates[value] & chosen[numbers.at(value)]));
}

}  // namespace obelisk::message
