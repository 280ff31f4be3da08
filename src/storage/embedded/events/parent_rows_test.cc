// Parent ids as distances to rows: what is encoded is decoded, whoever the parents are.
#include "storage/embedded/events/parent_rows.h"

#include <gtest/gtest.h>

#include <random>

namespace obelisk {
namespace {

TEST(ParentRows, AnyParentsRoundTrip) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::vector<SpanRow> spans;
    std::vector<uint32_t> rows;
    std::vector<int64_t> parents;
    while (spans.size() < 500) {
      TraceId trace;
      for (uint8_t& byte : trace.bytes) byte = static_cast<uint8_t>(random());
      size_t first = spans.size(), count = 1 + random() % 30;
      for (size_t i = 0; i < count; ++i) spans.push_back({trace, static_cast<int64_t>(random() % 50)});
      for (size_t i = first; i < spans.size(); ++i) {
        uint64_t kind = random() % 6;
        if (kind == 0) continue;  // a root
        rows.push_back(static_cast<uint32_t>(i));
        int64_t inside = spans[first + random() % count].span_id;  // before it, behind it, or itself
        parents.push_back(kind == 1 ? 0 : kind == 2 ? static_cast<int64_t>(random()) : inside);
      }
    }
    std::string bytes;
    encode_parent_rows(spans, rows, parents, bytes);
    ByteReader reader(bytes);
    ParentRows decoded;
    ASSERT_TRUE(decode_parent_rows(reader, rows.size(), decoded));
    EXPECT_TRUE(reader.at_end());
    std::vector<int64_t> ids, back;
    for (const SpanRow& span : spans) ids.push_back(span.span_id);
    ASSERT_TRUE(decoded.resolve(rows, 0, ids, back));
    EXPECT_EQ(back, parents);
    size_t first = random() % rows.size(), count = random() % (rows.size() - first);
    ASSERT_TRUE(decoded.resolve(std::span(rows).subspan(first, count), first, ids, back));
    EXPECT_TRUE(std::equal(back.begin(), back.end(), parents.begin() + static_cast<ptrdiff_t>(first)));
    for (size_t cut = 0; cut < bytes.size(); cut += 7) {
      ByteReader short_reader(std::string_view(bytes).substr(0, cut));
      ParentRows rest;
      EXPECT_FALSE(decode_parent_rows(short_reader, rows.size(), rest));
    }
    EXPECT_FALSE(decoded.resolve(rows, 0, std::span(ids).subspan(0, 1), back));
  }
}

}  // namespace
}  // namespace obelisk
