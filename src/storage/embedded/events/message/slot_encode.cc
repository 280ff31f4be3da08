#include "storage/embedded/events/message/slot_encode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "codec/bit_packing.h"
#include "codec/checksum.h"
#include "codec/varint.h"
#include "model/id_hex.h"

namespace obelisk::message {
namespace {

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

bool parse_digits(std::string_view text, uint64_t& value) {
  if (text.size() > kNumberDigitsMax) return false;
  uint64_t number = 0;
  for (char c : text) {
    unsigned digit = static_cast<unsigned>(static_cast<uint8_t>(c) - '0');
    if (digit > 9) return false;
    number = number * 10 + digit;
  }
  value = number;
  return true;
}

// Buffers kept by the thread that flushes: fresh memory costs more than filling it.
struct Scratch {
  std::vector<uint64_t> numbers;
  std::vector<uint64_t> packed;
  std::vector<uint16_t> ids;
  std::vector<std::string_view> texts;
  std::vector<char> digits;  // of numbers among texts
};
Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

// The distinct numbers of a column with few of them, and how often each occurs.
class SmallDictionary {
 public:
  // False when there are more than kByteDictionaryMax, found out early.
  bool build(std::span<const uint64_t> values, std::vector<uint16_t>& ids) {
    table_.fill(0);
    count_ = 0;
    ids.resize(values.size());
    size_t limit = std::min(kByteDictionaryMax, std::max<size_t>(values.size() / 4, 1));
    for (size_t i = 0; i < values.size(); ++i) {
      size_t at = (values[i] * 0x9e3779b97f4a7c15ull) >> 54;
      while (table_[at] != 0 && entries_[table_[at] - 1u] != values[i]) at = (at + 1) % table_.size();
      if (table_[at] == 0) {
        if (count_ == limit) return false;
        entries_[count_] = values[i];
        frequencies_[count_] = 0;
        table_[at] = static_cast<uint16_t>(++count_);
      }
      ids[i] = static_cast<uint16_t>(table_[at] - 1);
      ++frequencies_[ids[i]];
    }
    return true;
  }

  // What an entropy coder needs, in bytes: what the compressed id stream comes to, about.
  double coded_bytes(size_t value_count) const {
    double bits = 0;
    for (size_t i = 0; i < count_; ++i) {
      double frequency = frequencies_[i];
      bits += frequency * std::log2(static_cast<double>(value_count) / frequency);
    }
    return bits / 8 + static_cast<double>(count_) * 2 + 4;
  }

  void put(const std::vector<uint16_t>& ids, SlotStreams& out) const {
    std::array<uint16_t, kByteDictionaryMax> order;
    for (size_t i = 0; i < count_; ++i) order[i] = static_cast<uint16_t>(i);
    std::sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(count_),
              [&](uint16_t a, uint16_t b) { return entries_[a] < entries_[b]; });
    std::array<uint8_t, kByteDictionaryMax> rank;
    append_varint(out.head, count_);
    uint64_t before = 0;
    for (size_t i = 0; i < count_; ++i) {
      append_varint(out.head, entries_[order[i]] - before);
      before = entries_[order[i]];
      rank[order[i]] = static_cast<uint8_t>(i);
    }
    for (uint16_t id : ids) put_u8(out.ids, rank[id]);
  }

 private:
  std::array<uint16_t, 1024> table_;  // entry number + 1; 1,024 = 2^(64 - 54)
  std::array<uint64_t, kByteDictionaryMax> entries_;
  std::array<uint32_t, kByteDictionaryMax> frequencies_;
  size_t count_ = 0;
};

void put_frame(std::span<const uint64_t> values, uint64_t low, uint64_t high, SlotStreams& out) {
  unsigned width = width_of(high - low);
  put_u8(out.head, static_cast<uint8_t>(NumberCoding::frame));
  put_u8(out.head, static_cast<uint8_t>(width));
  std::vector<uint64_t>& packed = scratch().packed;
  packed.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) packed[i] = values[i] - low;
  pack_bits(packed, width, out.body);
}

void put_delta(std::span<const uint64_t> values, int64_t low, uint64_t range, SlotStreams& out) {
  unsigned width = width_of(range);
  put_u8(out.head, static_cast<uint8_t>(NumberCoding::delta));
  append_varint(out.head, values[0]);
  append_signed_varint(out.head, low);
  put_u8(out.head, static_cast<uint8_t>(width));
  std::vector<uint64_t>& packed = scratch().packed;
  packed.resize(values.size() - 1);
  for (size_t i = 1; i < values.size(); ++i)
    packed[i - 1] = values[i] - values[i - 1] - static_cast<uint64_t>(low);
  pack_bits(packed, width, out.body);
}

// Smallest and largest, then the coding that takes the least.
void put_numbers(std::span<const uint64_t> values, SlotStreams& out) {
  uint64_t low = values[0], high = values[0];
  int64_t delta_low = INT64_MAX, delta_high = INT64_MIN;
  for (size_t i = 0; i < values.size(); ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
    if (i == 0) continue;
    int64_t delta = static_cast<int64_t>(values[i] - values[i - 1]);
    delta_low = std::min(delta_low, delta);
    delta_high = std::max(delta_high, delta);
  }
  append_varint(out.head, low);
  append_varint(out.head, high - low);
  double frame_bytes = static_cast<double>(packed_bytes(values.size(), width_of(high - low)));
  uint64_t delta_range = static_cast<uint64_t>(delta_high) - static_cast<uint64_t>(delta_low);
  // Differences of larger numbers may wrap, and then say nothing.
  bool delta_possible = values.size() > 1 && high < (uint64_t{1} << 62);
  double delta_bytes =
      delta_possible ? static_cast<double>(packed_bytes(values.size() - 1, width_of(delta_range))) + 8 : 1e18;
  double best = std::min(frame_bytes, delta_bytes);
  SmallDictionary dictionary;
  std::vector<uint16_t>& ids = scratch().ids;
  if (values.size() >= 16 && best > 8 && dictionary.build(values, ids) &&
      dictionary.coded_bytes(values.size()) * 1.05 < best) {
    put_u8(out.head, static_cast<uint8_t>(NumberCoding::dictionary));
    return dictionary.put(ids, out);
  }
  if (delta_bytes < frame_bytes) return put_delta(values, delta_low, delta_range, out);
  put_frame(values, low, high, out);
}

using Texts = std::span<const std::string_view>;

bool all_equal(std::span<const TokenValue> values) {
  TokenValue first = values[0];
  for (TokenValue value : values) {
    if (value == first) continue;
    // Equal texts lie in different places.
    if (is_number_token(value) || is_number_token(first) || token_view(value) != token_view(first))
      return false;
  }
  return true;
}

void put_constant(TokenValue value, SlotStreams& out) {
  char digits[kTokenDigitsMax];
  put_u8(out.head, static_cast<uint8_t>(SlotKind::constant));
  append_text(out.head, token_text(value, digits));
}

void put_number_slot(bool natural, size_t digits, std::span<const uint64_t> numbers, SlotStreams& out) {
  put_u8(out.head, static_cast<uint8_t>(SlotKind::number));
  put_u8(out.head, natural ? 0 : static_cast<uint8_t>(digits));
  put_numbers(numbers, out);
}

// Decimal digits, all of natural width or all of one width. All that are not longer than a token holds.
bool try_number_tokens(std::span<const TokenValue> values, SlotStreams& out) {
  TokenValue all = ~TokenValue{0}, any = 0;
  for (TokenValue value : values) {
    all &= value;
    any |= value;
  }
  if ((all & kNumberToken) == 0) return false;
  bool natural = (any & kLeadingZero) == 0;
  constexpr TokenValue kLengthBits = TokenValue{31} << kTokenLengthShift;
  bool one_width = ((all ^ any) & kLengthBits) == 0;
  if (!natural && !one_width) return false;
  std::vector<uint64_t>& numbers = scratch().numbers;
  numbers.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) numbers[i] = token_number(values[i]);
  put_number_slot(natural, token_digits(values[0]), numbers, out);
  return true;
}

// The same of longer ones.
bool try_numbers(Texts values, SlotStreams& out) {
  std::vector<uint64_t>& numbers = scratch().numbers;
  numbers.resize(values.size());
  bool natural = true, one_width = true;
  size_t width = values[0].size();
  for (size_t i = 0; i < values.size(); ++i) {
    std::string_view text = values[i];
    if (!parse_digits(text, numbers[i])) return false;
    natural = natural && (text[0] != '0' || text.size() == 1);
    one_width = one_width && text.size() == width;
    if (!natural && !one_width) return false;
  }
  put_number_slot(natural, width, numbers, out);
  return true;
}

// Valid until the next call.
Texts texts_of(std::span<const TokenValue> values) {
  Scratch& kept = scratch();
  size_t numbers = 0;
  for (TokenValue value : values) numbers += is_number_token(value) ? 1 : 0;
  kept.digits.resize(numbers * kTokenDigitsMax);
  kept.texts.resize(values.size());
  char* digits = kept.digits.data();
  for (size_t i = 0; i < values.size(); ++i) {
    kept.texts[i] = token_text(values[i], digits);
    digits += is_number_token(values[i]) ? kTokenDigitsMax : 0;
  }
  return kept.texts;
}

bool try_dictionary(Texts values, SlotStreams& out) {
  size_t limit = std::min(kTextDictionaryMax, std::max<size_t>(values.size() / 4, 2));
  std::vector<uint32_t> table(std::bit_ceil(limit * 2 + 1), 0);
  std::vector<std::string_view> entries;
  std::vector<uint64_t>& ids = scratch().packed;
  ids.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    std::string_view text = values[i];
    size_t at = checksum64(text) & (table.size() - 1);
    while (table[at] != 0 && entries[table[at] - 1] != text) at = (at + 1) & (table.size() - 1);
    if (table[at] == 0) {
      // Gives up early where nearly every value is new.
      if (entries.size() == limit || (i >= 256 && entries.size() * 2 > i)) return false;
      entries.push_back(text);
      table[at] = static_cast<uint32_t>(entries.size());
    }
    ids[i] = table[at] - 1;
  }
  put_u8(out.head, static_cast<uint8_t>(SlotKind::dictionary));
  append_varint(out.head, entries.size());
  for (std::string_view entry : entries) append_text(out.head, entry);
  if (entries.size() <= kByteDictionaryMax) {
    for (uint64_t id : ids) put_u8(out.ids, static_cast<uint8_t>(id));
  } else {
    pack_bits(ids, width_of(entries.size() - 1), out.body);
  }
  return true;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool try_hex(Texts values, SlotStreams& out) {
  size_t length = values[0].size();
  if (length % 2 != 0 || length > 128) return false;
  size_t start = out.bytes.size();
  out.bytes.resize(start + values.size() * length / 2);
  char* target = out.bytes.data() + start;
  for (size_t i = 0; i < values.size(); ++i) {
    std::string_view text = values[i];
    int wrong = text.size() == length ? 0 : -1;
    for (size_t j = 0; wrong >= 0 && j < length; j += 2) {
      int high = hex_digit(text[j]), low = hex_digit(text[j + 1]);
      wrong = high | low;
      *target++ = static_cast<char>(high << 4 | low);
    }
    if (wrong < 0) {
      out.bytes.resize(start);
      return false;
    }
  }
  put_u8(out.head, static_cast<uint8_t>(SlotKind::hex));
  put_u8(out.head, static_cast<uint8_t>(length));
  return true;
}

uint8_t classes_of(std::string_view text) {
  uint8_t classes = 0;
  for (char c : text) {
    if (c >= '0' && c <= '9')
      classes |= kDigits;
    else if (c >= 'a' && c <= 'f')
      classes |= kLowerHex;
    else if (c >= 'g' && c <= 'z')
      classes |= kLowerOther;
    else if (c >= 'A' && c <= 'Z')
      classes |= kUpper;
    else
      classes |= kOther;
  }
  return classes;
}

void put_texts(Texts values, SlotStreams& out) {
  uint64_t low = values[0].size(), high = low;
  uint8_t classes = 0;
  std::vector<uint64_t>& lengths = scratch().packed;
  lengths.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    lengths[i] = values[i].size();
    low = std::min(low, lengths[i]);
    high = std::max(high, lengths[i]);
    classes |= classes_of(values[i]);
    out.text.append(values[i]);
  }
  put_u8(out.head, static_cast<uint8_t>(SlotKind::text));
  append_varint(out.head, low);
  append_varint(out.head, high - low);
  put_u8(out.head, classes);
  for (uint64_t& length : lengths) length -= low;
  pack_bits(lengths, width_of(high - low), out.body);
}

}  // namespace

void encode_word_slot(std::span<const TokenValue> values, SlotStreams& out) {
  if (all_equal(values)) return put_constant(values[0], out);
  if (try_number_tokens(values, out)) return;
  Texts texts = texts_of(values);
  if (try_numbers(texts, out) || try_dictionary(texts, out) || try_hex(texts, out)) return;
  put_texts(texts, out);
}

void encode_uuid_slot(std::span<const TokenValue> values, SlotStreams& out) {
  if (all_equal(values)) return put_constant(values[0], out);
  Texts texts = texts_of(values);
  if (try_dictionary(texts, out)) return;
  put_u8(out.head, static_cast<uint8_t>(SlotKind::uuid));
  for (std::string_view text : texts) {
    char digits[32];  // the tokenizer lets nothing but these and the hyphens through
    std::memcpy(digits, text.data(), 8);
    std::memcpy(digits + 8, text.data() + 9, 4);
    std::memcpy(digits + 12, text.data() + 14, 4);
    std::memcpy(digits + 16, text.data() + 19, 4);
    std::memcpy(digits + 20, text.data() + 24, 12);
    TraceId bytes;
    bool read = get_hex(digits, bytes);
    OBELISK_ASSERT(read);
    out.bytes.append(bytes.view());
  }
}

void encode_clock_slot(std::span<const uint64_t> offsets, SlotStreams& out) {
  put_u8(out.head, static_cast<uint8_t>(SlotKind::clock));
  put_numbers(offsets, out);
}

}  // namespace obelisk::message
