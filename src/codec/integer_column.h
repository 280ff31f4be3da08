#pragma once
// 64-bit integers in the smallest of a few codings, chosen by computing the sizes; the first byte says which.
// What the integer columns, timestamps, lengths and dictionary ids of event parts are made of.
//   0 constant    value
//   1 frame       minimum, width, packed differences to it
//   2 delta       first value, then the differences of neighbours, themselves coded by 0, 1, 3, 4 or 6
//   3 dictionary  entry count, entries coded by 0, 1 or 4, width, packed entry numbers (at most 4,096
//   entries) 4 patched     blocks of 128: the low bits of all numbers packed, the high bits of the few that
//   are larger 5 runs        lengths and values of runs of equal numbers, each a column
// Numbers before packed bits are varints (signed ones zigzag). Arithmetic wraps, so every int64 sequence
// round-trips. Format: docs/formats/event_part.md.
#include <cstdint>
#include <span>
#include <string>

#include "codec/byte_reader.h"

namespace obelisk {

void encode_integer_column(std::span<const int64_t> values, std::string& out);
// The same bytes' form, of constant, runs and frame only: for numbers that are small and dense already, such
// as the entry numbers of a dictionary, where the other codings cost time and save nothing.
void encode_dense_integers(std::span<const int64_t> values, std::string& out);
// Exactly `count` values; the caller bounds `count`. False (and the reader failed) when the bytes are not
// such a coding.
bool decode_integer_column(ByteReader& reader, size_t count, int64_t* out);
// The same, of which only the values [first, last) are wanted: the others of out[0, count) may be left as
// they are, and cost little or nothing.
bool decode_integer_column(ByteReader& reader, size_t count, size_t first, size_t last, int64_t* out);

// Reads a column as decode_integer_column does and adds to counts[value] how often each occurs, runs at once.
// False also when a value is not below counts.size().
bool count_integer_column(ByteReader& reader, size_t count, std::span<uint64_t> counts);

}  // namespace obelisk
