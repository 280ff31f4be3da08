// POST /api/v1/read: Prometheus remote read. The request is a snappy-compressed ReadRequest; the answer a
// snappy-compressed ReadResponse, or, where the client prefers it, a stream of frames with XOR and float
// histogram chunks. Series come sorted by their labels. Samples are given as they are stored, stale markers
// among them.
#include <condition_variable>
#include <mutex>

#include "api/prometheus/handlers.h"
#include "api/prometheus/stored_series.h"
#include "net/content_encoding.h"
#include "plan/regex.h"
#include "wire/remote_read.h"

namespace obelisk::prometheus_api {
namespace {

constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli - 1;

Result<Expr> predicate_of(const RemoteReadMatcher& matcher) {
  ColumnId label = label_column(matcher.name);
  switch (matcher.type) {
    case RemoteReadMatch::equal:
      return Expr::compare(label, CompareOp::equal, matcher.value);
    case RemoteReadMatch::not_equal:
      return Expr::compare(label, CompareOp::not_equal, matcher.value);
    default:
      break;
  }
  Result<std::shared_ptr<const Regex>> regex = Regex::compile(matcher.value, Regex::Mode::anchored);
  if (!regex.ok())
    return make_error(ErrorCode::invalid_argument,
                      "matcher of " + matcher.name + ": " + regex.error().message);
  Expr matches = Expr::matches(label, *regex);
  return matcher.type == RemoteReadMatch::matches ? matches : Expr::not_of(matches);
}

Result<StoredSeries> load(const ApiContext& context, QueryRun& run, const RemoteReadQuery& query) {
  std::vector<Expr> all;
  for (const RemoteReadMatcher& matcher : query.matchers) {
    OBELISK_TRY(Expr one, predicate_of(matcher));
    all.push_back(std::move(one));
  }
  int64_t first = std::clamp(query.start_ms, -kMillisMax, kMillisMax);
  int64_t last = std::clamp(query.end_ms, -kMillisMax, kMillisMax);
  if (last < first) return StoredSeries();
  TimeRange range{UnixNanos::from_millis(first), UnixNanos::from_millis(last + 1)};
  return StoredSeries::load(context.reader, run, Expr::all_of(std::move(all)), range);
}

Result<std::vector<RemoteReadPoint>> points_of(StoredSeries& series, size_t index) {
  OBELISK_TRY(std::vector<StoredPoint> stored, series.points(index));
  std::vector<RemoteReadPoint> points;
  points.reserve(stored.size());
  for (const StoredPoint& point : stored) points.push_back({point.time_ms, point.value, point.histogram});
  return points;
}

Result<std::string> sampled_response(const ApiContext& context, QueryRun& run,
                                     const RemoteReadRequest& request) {
  std::string response;
  for (const RemoteReadQuery& query : request.queries) {
    OBELISK_TRY(StoredSeries series, load(context, run, query));
    std::string result;
    for (size_t i = 0; i < series.size(); ++i) {
      OBELISK_CHECK_OK(run.cancel.check());
      OBELISK_TRY(std::vector<RemoteReadPoint> points, points_of(series, i));
      size_t before = result.size();
      append_remote_read_series(result, remote_read_series(series.labels(i), points));
      OBELISK_CHECK_OK(run.budget.charge(result.size() - before));
      series.forget_histograms();
    }
    append_remote_read_result(response, result);
  }
  return response;
}

// Keeps the frames that are not sent yet below a bound: waits for the client. Shared with the callbacks of
// writes.
class FrameFlow {
 public:
  static constexpr size_t kWaitingBytesMax = 4 << 20;

  // False when the client is gone.
  bool send(HttpExchange& exchange, std::string frame, const std::shared_ptr<FrameFlow>& self) {
    size_t bytes = frame.size();
    {
      std::unique_lock lock(mutex_);
      drained_.wait(lock, [&] { return waiting_bytes_ <= kWaitingBytesMax || gone_; });
      if (gone_) return false;
      waiting_bytes_ += bytes;
    }
    exchange.write(std::move(frame), [self, bytes](bool written) { self->done(bytes, written); });
    return true;
  }

 private:
  void done(size_t bytes, bool written) {
    std::lock_guard lock(mutex_);
    waiting_bytes_ -= bytes;
    gone_ |= !written;
    drained_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable drained_;
  size_t waiting_bytes_ = 0;
  bool gone_ = false;
};

Result<void> stream_chunks(const ApiContext& context, QueryRun& run, const RemoteReadRequest& request,
                           HttpExchange& exchange) {
  auto flow = std::make_shared<FrameFlow>();
  // All is looked up before the first byte, so that what can fail for good still gets a status.
  std::vector<StoredSeries> results;
  for (const RemoteReadQuery& query : request.queries) {
    OBELISK_TRY(StoredSeries series, load(context, run, query));
    results.push_back(std::move(series));
  }
  exchange.begin(200,
                 {{"content-type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}});
  for (size_t query = 0; query < results.size(); ++query) {
    StoredSeries& series = results[query];
    for (size_t i = 0; i < series.size(); ++i) {
      if (!run.cancel.check().ok()) return {};  // unfinished: the client sees the stream break off
      Result<std::vector<RemoteReadPoint>> points = points_of(series, i);
      if (!points.ok()) return {};
      for (std::string& frame : remote_read_frames(static_cast<int64_t>(query), series.labels(i), *points)) {
        if (!flow->send(exchange, std::move(frame), flow)) return {};
      }
      series.forget_histograms();
    }
  }
  exchange.finish();
  return {};
}

Result<void> answer(ApiContext& context, const HttpExchangePtr& exchange) {
  std::string_view encoding = exchange->request().header("content-encoding");
  OBELISK_TRY(std::string body,
              decode_content(encoding.empty() ? "snappy" : encoding, std::move(exchange->request().body),
                             context.request_bytes_max));
  OBELISK_TRY(RemoteReadRequest request, decode_remote_read(body));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  if (request.form == RemoteReadForm::streamed_chunks)
    return stream_chunks(context, *run, request, *exchange);
  OBELISK_TRY(std::string response, sampled_response(context, *run, request));
  HttpResponse answer;
  answer.headers = {{"content-type", "application/x-protobuf"}, {"content-encoding", "snappy"}};
  answer.body = snappy_compress(response);
  exchange->respond(std::move(answer));
  return {};
}

}  // namespace

void handle_remote_read(ApiContext& context, const HttpExchangePtr& exchange) {
  Result<void> answered = answer(context, exchange);
  if (answered.ok()) return;
  Error error = answered.error();
  if (error.code == ErrorCode::corrupt) error.code = ErrorCode::invalid_argument;
  exchange->respond(error_response(error));
}

}  // namespace obelisk::prometheus_api
