#pragma once
// Puts the rows of packed batches of one table behind each other, in packed form: how small requests become
// batches that are worth reading, without ever being rows again. Values are read column by column and written
// once; no text is copied in between. A column that a batch does not have is absent in its rows, so that
// batches of very different columns should be left apart. Any thread; what it works with is kept by the
// thread, kJoinMemoryKeptBytes at most.
#include <span>
#include <string>

#include "plan/packed_batch.h"

namespace obelisk {

inline constexpr size_t kJoinMemoryKeptBytes = 4 << 20;

// Appends the joined batch as encode_batch would. The batches must have been checked (PackedBatch::check), or
// come from encode_batch.
void join_packed(std::span<const PackedBatch* const> batches, std::string& out);

}  // namespace obelisk
