// OTLP in JSON, all three signals: no crash, and what translates to protobuf is protobuf the decoders
// understand.
#include "base/fuzz_driver.h"
#include "wire/fuzz_check.h"
#include "wire/otlp_json.h"
#include "wire/otlp_logs.h"
#include "wire/otlp_metrics.h"
#include "wire/otlp_traces.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view json(reinterpret_cast<const char*>(data), size);
  if (auto body = otlp_json_to_protobuf(OtlpSignal::traces, json); body.ok()) {
    Result<DecodedTraces> decoded = decode_otlp_traces(*body);
    if (decoded.ok()) check_decoded(decoded->batches);
  }
  if (auto body = otlp_json_to_protobuf(OtlpSignal::logs, json); body.ok()) {
    Result<DecodedLogs> decoded = decode_otlp_logs(*body, UnixNanos{1});
    if (decoded.ok()) check_decoded(decoded->batches);
  }
  if (auto body = otlp_json_to_protobuf(OtlpSignal::metrics, json); body.ok()) {
    Result<DecodedMetrics> decoded = decode_otlp_metrics(*body, UnixNanos{1});
    if (decoded.ok()) check_decoded(decoded->batches);
  }
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"x"}}]},"scopeSpans":[
            {"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a","kind":2,
            "startTimeUnixNano":"1000","endTimeUnixNano":2000,"attributes":[{"key":"l","value":{"arrayValue":{"values":[
            {"intValue":"1"},{"doubleValue":1.5},{"boolValue":true},{"bytesValue":"aGk="}]}}}]}]}]}]})",
      R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5","body":{"stringValue":"x\u00e9"},
            "severityNumber":9,"traceId":"5b8efff798038103d269b633813fc60c","flags":1}]}]}]})",
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","unit":"s","histogram":{"aggregationTemporality":2,
            "dataPoints":[{"timeUnixNano":"5","count":"2","sum":"NaN","bucketCounts":["1","1"],"explicitBounds":[0.5]}]}},
            {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"5","count":1,
            "scale":3,"positive":{"offset":-2,"bucketCounts":["1"]}}]}}]}]}]})"};
}
