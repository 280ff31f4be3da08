// Goal: a batch built in memory that earlier batches of other tables left is the batch that a fresh thread
// builds. Method: the same random batches on a thread of their own each and on one that gives back every
// batch, with values that have to be cleared, compared by their encoded bytes.
#include "plan/column_memory.h"

#include <gtest/gtest.h>

#include <thread>

#include "plan/batch_codec.h"
#include "plan/test_random_batch.h"

namespace obelisk {
namespace {

Batch batch_of(uint64_t seed) {
  RandomBatches random(seed);
  size_t rows = 1 + random.below(seed % 5 == 0 ? 1000 : 60);
  switch (seed % 4) {
    case 0:
      return random.logs(rows);
    case 1:
      return random.exemplars(rows);
    case 2:
      return random.samples(rows);
    default:
      return random.spans(rows);
  }
}

std::string encoded(const Batch& batch) {
  EXPECT_TRUE(batch.check().ok());
  std::string bytes;
  encode_batch(batch, BatchCompression::none, bytes);
  return bytes;
}

TEST(ColumnMemory, EarlierBatchesDoNotShow) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::string fresh;
    std::thread([&] { fresh = encoded(batch_of(seed)); }).join();
    Batch again = batch_of(seed);
    EXPECT_TRUE(encoded(again) == fresh) << "seed " << seed;
    recycle_columns(std::move(again));
  }
}

TEST(ColumnMemory, KeepsNoLargeColumns) {
  ColumnMemory memory;
  for (size_t rows : {ColumnMemory::kRowsKeptMax, ColumnMemory::kRowsKeptMax + 1}) {
    std::vector<ColumnData> columns(1);
    columns[0].type = ColumnType::int64;
    columns[0].ints.reserve(rows);
    memory.give_back(std::move(columns));
    ColumnData taken = memory.take(ColumnType::boolean);
    EXPECT_EQ(taken.ints.capacity(), rows > ColumnMemory::kRowsKeptMax ? 0 : rows);
  }
}

}  // namespace
}  // namespace obelisk
