#include "api/push/otlp_export.h"

#include <protozero/pbf_writer.hpp>

#include "base/json_writer.h"
#include "wire/otlp_logs.h"
#include "wire/otlp_metrics.h"
#include "wire/otlp_traces.h"

namespace obelisk {

namespace {
using MessageWriter = protozero::pbf_writer;
}

Result<DecodedExport> decode_export(OtlpSignal signal, std::shared_ptr<const std::string> body, UnixNanos now,
                                    const OtlpSettings* settings, const LogMapping& log_mapping) {
  switch (signal) {
    case OtlpSignal::traces: {
      OBELISK_TRY(DecodedTraces traces, decode_otlp_traces(std::move(body)));
      return DecodedExport{std::move(traces.batches), traces.rejected_spans, std::move(traces.rejection)};
    }
    case OtlpSignal::logs: {
      OBELISK_TRY(DecodedLogs logs, decode_otlp_logs(std::move(body), now, log_mapping));
      return DecodedExport{std::move(logs.batches), logs.rejected_records, std::move(logs.rejection)};
    }
    case OtlpSignal::metrics: {
      std::shared_ptr<const OtlpTranslation> translation =
          settings != nullptr ? settings->current() : std::make_shared<const OtlpTranslation>();
      OBELISK_TRY(DecodedMetrics metrics, decode_otlp_metrics(std::move(body), now, *translation));
      return DecodedExport{std::move(metrics.batches), metrics.rejected_points, std::move(metrics.rejection)};
    }
  }
  return make_error(ErrorCode::internal, "unknown OTLP signal");
}

std::string export_response_protobuf(const PartialSuccess& partial) {
  std::string out;
  if (partial.rejected == 0) return out;
  MessageWriter response(out);
  MessageWriter inner(response, 1);
  inner.add_int64(1, static_cast<int64_t>(partial.rejected));
  inner.add_string(2, partial.message);
  return out;
}

std::string export_response_json(OtlpSignal signal, const PartialSuccess& partial) {
  static constexpr std::string_view kCounts[] = {"rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"};
  JsonWriter out;
  out.begin_object();
  if (partial.rejected != 0) {
    out.key("partialSuccess").begin_object();
    out.field(kCounts[static_cast<int>(signal)], std::to_string(partial.rejected));
    out.field("errorMessage", partial.message).end_object();
  }
  out.end_object();
  return out.take();
}

std::string rpc_status_protobuf(int code, std::string_view message, int retry_seconds) {
  std::string out;
  MessageWriter status(out);
  status.add_int32(1, code);
  status.add_string(2, message.data(), message.size());
  if (retry_seconds > 0) {
    std::string duration;
    MessageWriter(duration).add_int64(1, retry_seconds);
    std::string retry_info;
    MessageWriter(retry_info).add_message(1, duration);
    MessageWriter any(status, 3);
    any.add_string(1, "type.googleapis.com/google.rpc.RetryInfo");
    any.add_bytes(2, retry_info);
  }
  return out;
}

std::string rpc_status_json(int code, std::string_view message) {
  JsonWriter out;
  out.begin_object().field("code", code).field("message", message).end_object();
  return out.take();
}

std::string_view otlp_signal_name(OtlpSignal signal) {
  static constexpr std::string_view kNames[] = {"traces", "logs", "metrics"};
  return kNames[static_cast<int>(signal)];
}

}  // namespace obelisk
