// OTLP metrics in protobuf: no crash, sound batches, readable histograms.
#include "base/fuzz_driver.h"
#include "model/histogram.h"
#include "wire/fuzz_check.h"
#include "wire/otlp_metrics.h"
#include "wire/otlp_test_messages.h"

using namespace obelisk;
using namespace obelisk::otlp_test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto body = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  Result<DecodedMetrics> decoded = decode_otlp_metrics(std::move(body), UnixNanos{1});
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

namespace {

std::string metric(uint32_t kind, const std::string& point) {
  std::string data;
  MessageWriter(data).add_message(1, point);
  MessageWriter(data).add_enum(2, 2);
  MessageWriter(data).add_bool(3, true);
  std::string out;
  MessageWriter(out).add_string(1, "a.metric");
  MessageWriter(out).add_string(3, "By/s");
  MessageWriter(out).add_message(kind, data);
  return out;
}

}  // namespace

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string exemplar;
  MessageWriter(exemplar).add_fixed64(2, 9);
  MessageWriter(exemplar).add_double(3, 0.5);
  MessageWriter(exemplar).add_bytes(5, trace_id(1));
  MessageWriter(exemplar).add_message(7, key_value("k", int_value(1)));
  std::string number;
  MessageWriter(number).add_fixed64(3, 10);
  MessageWriter(number).add_double(4, 1.5);
  MessageWriter(number).add_message(5, exemplar);
  MessageWriter(number).add_message(7, key_value("k.x", string_value("v")));
  uint64_t counts[] = {1, 0, 0, 0, 2};
  double bounds[] = {0.1, 1, 10, 100};
  std::string histogram;
  MessageWriter(histogram).add_fixed64(3, 10);
  MessageWriter(histogram).add_fixed64(4, 3);
  MessageWriter(histogram).add_double(5, 4);
  MessageWriter(histogram).add_packed_fixed64(6, std::begin(counts), std::end(counts));
  MessageWriter(histogram).add_packed_double(7, std::begin(bounds), std::end(bounds));
  MessageWriter(histogram).add_message(8, exemplar);
  std::string buckets;
  MessageWriter(buckets).add_sint32(1, -3);
  MessageWriter(buckets).add_packed_uint64(2, std::begin(counts), std::end(counts));
  std::string exponential;
  MessageWriter(exponential).add_fixed64(3, 10);
  MessageWriter(exponential).add_fixed64(4, 3);
  MessageWriter(exponential).add_sint32(6, 10);
  MessageWriter(exponential).add_message(8, buckets);
  MessageWriter(exponential).add_message(9, buckets);
  std::string quantile;
  MessageWriter(quantile).add_double(1, 0.5);
  MessageWriter(quantile).add_double(2, 3);
  std::string summary;
  MessageWriter(summary).add_fixed64(3, 10);
  MessageWriter(summary).add_message(6, quantile);
  std::string of =
      resource({key_value("service.name", string_value("shop")), key_value("host", string_value("n"))});
  return {
      request(of, {scope_records(scope("", ""), {metric(5, number), metric(7, number), metric(9, histogram),
                                                 metric(10, exponential), metric(11, summary)})}),
      request(of, {scope_records(scope("", ""), {metric(10, exponential)})})};
}
