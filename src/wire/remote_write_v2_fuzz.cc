// Remote write 2.0: no crash, sound batches, readable histograms.
#include "wire/remote_write_v2.h"

#include <protozero/pbf_writer.hpp>

#include "base/fuzz_driver.h"
#include "model/histogram.h"
#include "wire/fuzz_check.h"

using namespace obelisk;
using MessageWriter = protozero::pbf_writer;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto body = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  Result<DecodedRemoteWrite> decoded = decode_remote_write_v2(std::move(body), UnixNanos{1});
  if (!decoded.ok()) return 0;
  check_decoded(decoded->batches);
  for (const Batch& batch : decoded->batches) {
    const ColumnData* histograms = batch.find_fixed(column::kHistogram);
    for (size_t row = 0; histograms != nullptr && row < batch.row_count; ++row) {
      if (histograms->is_present(row)) OBELISK_ASSERT(decode_histogram(histograms->strings[row]).ok());
    }
  }
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string sample, exemplar, span, histogram, metadata, series, out;
  uint32_t labels[] = {1, 2};
  MessageWriter(sample).add_double(1, 1.5);
  MessageWriter(sample).add_int64(2, 1'000);
  MessageWriter(sample).add_int64(3, 500);
  MessageWriter(exemplar).add_packed_uint32(1, std::begin(labels), std::end(labels));
  MessageWriter(exemplar).add_int64(3, 1'000);
  MessageWriter(span).add_sint32(1, -2);
  MessageWriter(span).add_uint32(2, 3);
  int64_t deltas[] = {5, -1, 2};
  MessageWriter(histogram).add_uint64(1, 15);
  MessageWriter(histogram).add_sint32(4, 10);
  MessageWriter(histogram).add_message(11, span);
  MessageWriter(histogram).add_packed_sint64(12, std::begin(deltas), std::end(deltas));
  MessageWriter(histogram).add_int64(15, 1'000);
  MessageWriter(metadata).add_enum(1, 3);
  MessageWriter(metadata).add_uint32(3, 2);
  MessageWriter(series).add_packed_uint32(1, std::begin(labels), std::end(labels));
  MessageWriter(series).add_message(2, sample);
  MessageWriter(series).add_message(3, histogram);
  MessageWriter(series).add_message(4, exemplar);
  MessageWriter(series).add_message(5, metadata);
  for (const char* symbol : {"", "__name__", "up"}) MessageWriter(out).add_string(4, symbol);
  MessageWriter(out).add_message(5, series);
  return {out};
}
