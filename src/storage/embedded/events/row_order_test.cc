// Goal: trace ids are told apart and ordered as their bytes say.
#include "storage/embedded/events/row_order.h"

#include <gtest/gtest.h>

#include "model/trace_id_order.h"

namespace obelisk {
namespace {

TEST(RowOrder, TraceIdsCompareAsTheirBytesDo) {
  std::vector<TraceId> ids;
  for (size_t at : {size_t{0}, size_t{7}, size_t{8}, size_t{15}}) {
    for (int value : {0, 1, 127, 128, 255}) {
      TraceId id;
      id.bytes.fill(9);
      id.bytes[at] = static_cast<uint8_t>(value);
      ids.push_back(id);
    }
  }
  for (const TraceId& a : ids) {
    for (const TraceId& b : ids) {
      EXPECT_EQ(same_trace(a, b), a == b);
      EXPECT_EQ(trace_before(a, b), a < b);
    }
  }
}

}  // namespace
}  // namespace obelisk
