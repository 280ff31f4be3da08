// Goal: the document of the log's format shows what is written, and a frame that is not exactly right is not
// one.
#include "storage/embedded/wal/segment_format.h"

#include <gtest/gtest.h>

#include "codec/checksum.h"
#include "storage/embedded/wal/write_ahead_log.h"
#include "storage/test_document_hexdump.h"

namespace obelisk {
namespace {

// Segment 1 with one request: tenant "t", one log line of stream {app="a"}.
std::string example_segment() {
  BatchBuilder builder(Table::logs);
  Labels labels{{"app", "a"}};
  std::vector<LabelRef> view = labels.view();
  builder.begin_group_copy(view);
  builder.add_row({1'000});
  builder.set_string(Scope::fixed, column::kLine, "hi");
  std::vector<Batch> batches;
  batches.push_back(builder.finish());
  std::string payload = encode_log_payload("t", batches);
  std::string segment = encode_segment_header({1, 1, 0});
  append_frame(segment, 1, 1, 0, payload, checksum64(payload));
  return segment;
}

TEST(SegmentFormat, TheDocumentShowsARealSegment) {
  std::string documented = bytes_of_document("docs/formats/wal.md", "## Worked example");
  ASSERT_EQ(documented, example_segment()) << "docs/formats/wal.md should show:\n"
                                           << hexdump_text(example_segment());
  auto header = parse_segment_header(documented);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->segment, 1u);
  auto frame = parse_frame(documented, kSegmentHeaderBytes, 1);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->sequence, 1u);
  EXPECT_EQ(frame->end(), documented.size());
  auto payload = decode_log_payload(frame->payload);
  ASSERT_TRUE(payload.ok());
  EXPECT_EQ(payload->tenant, "t");
  auto batch = decode_batch(payload->batches[0], nullptr);
  ASSERT_TRUE(batch.ok()) << batch.error().to_string();
  EXPECT_EQ(batch->find_fixed(column::kLine)->strings[0], "hi");
}

TEST(SegmentFormat, AnyChangedBitAndAnyCutMakesItNoFrame) {
  std::string segment = example_segment();
  uint64_t end = parse_frame(segment, kSegmentHeaderBytes, 1)->offset + kFrameHeaderBytes +
                 parse_frame(segment, kSegmentHeaderBytes, 1)->payload.size();
  for (size_t at = kSegmentHeaderBytes; at < end; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = segment;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      ASSERT_FALSE(parse_frame(damaged, kSegmentHeaderBytes, 1).has_value()) << at;
    }
    ASSERT_FALSE(parse_frame(std::string_view(segment).substr(0, at), kSegmentHeaderBytes, 1).has_value());
  }
  EXPECT_FALSE(parse_frame(segment, kSegmentHeaderBytes, 2).has_value());  // of another life of the file
  EXPECT_TRUE(find_frame(segment, 0, 1, 1).has_value());
  EXPECT_FALSE(find_frame(segment, 0, 1, 2).has_value());
}

}  // namespace
}  // namespace obelisk
