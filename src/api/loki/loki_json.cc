#include "api/loki/loki_json.h"

#include <fmt/format.h>

#include "base/text.h"

namespace obelisk::loki {
namespace {

// Seconds with milliseconds where there are any: what Prometheus' and Loki's clients read as the time of a
// sample.
std::string sample_time(int64_t nanos) {
  int64_t millis = UnixNanos{nanos}.to_millis();
  int64_t seconds = millis / 1000 - (millis % 1000 < 0 ? 1 : 0);
  int64_t rest = millis - seconds * 1000;
  if (rest == 0) return fmt::format("{}", seconds);
  std::string text = fmt::format("{}.{:03}", seconds, rest);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

void write_point(JsonWriter& out, int64_t time, double value) {
  out.begin_array().raw(sample_time(time)).value(format_sample_value(value)).end_array();
}

void write_result(JsonWriter& out, const logql::LogqlResult& result, bool categorised) {
  using Type = logql::LogqlResult::Type;
  if (result.type == Type::scalar) return write_point(out, result.grid.start, result.scalar);
  out.begin_array();
  for (const logql::LogStream& stream : result.streams) write_stream(out, stream, categorised);
  for (const logql::MatrixSeries& series : result.matrix) {
    out.begin_object().key("metric");
    write_labels(out, series.labels);
    if (result.type == Type::vector) {
      out.key("value");
      write_point(out, result.grid.start, series.values[0]);
    } else {
      out.key("values").begin_array();
      for (size_t step = 0; step < series.values.size(); ++step) {
        if (series.present[step]) write_point(out, result.grid.at(step), series.values[step]);
      }
      out.end_array();
    }
    out.end_object();
  }
  out.end_array();
}

// What was read, in the places where Grafana and logcli look. There are no queriers, ingesters or chunks to
// report on.
void write_statistics(JsonWriter& out, const logql::LogqlResult& result, double seconds) {
  const logql::ReadStatistics& read = result.statistics;
  auto rate = [&](uint64_t amount) {
    return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(amount) / seconds) : amount;
  };
  uint64_t returned = result.entry_count;
  for (const logql::MatrixSeries& series : result.matrix) {
    for (uint8_t present : series.present) returned += present;
  }
  out.begin_object().key("summary").begin_object();
  out.field("bytesProcessedPerSecond", rate(read.line_bytes));
  out.field("linesProcessedPerSecond", rate(read.rows));
  out.field("totalBytesProcessed", read.line_bytes);
  out.field("totalLinesProcessed", read.rows);
  out.field("totalPostFilterLines", read.rows_after_filter);
  out.field("execTime", seconds);
  out.field("queueTime", 0);
  out.field("subqueries", 0);
  out.field("splits", 0);
  out.field("shards", 0);
  out.field("totalEntriesReturned", returned);
  out.end_object();
  for (const char* part : {"querier", "ingester"}) {
    out.key(part).begin_object().key("store").begin_object();
    out.field("totalChunksRef", 0).field("totalChunksDownloaded", 0).field("chunksDownloadTime", 0);
    out.end_object().end_object();
  }
  out.end_object();
}

}  // namespace

void write_labels(JsonWriter& out, const Labels& labels) {
  out.begin_object();
  for (const Label& label : labels) out.field(label.name, label.value);
  out.end_object();
}

void write_stream(JsonWriter& out, const logql::LogStream& stream, bool categorised) {
  out.begin_object().key("stream");
  write_labels(out, stream.labels);
  out.key("values").begin_array();
  for (const logql::LogEntry& entry : stream.entries) {
    out.begin_array().value(std::to_string(entry.time)).value(entry.line);
    if (categorised) {
      out.begin_object();
      if (!entry.metadata.empty()) {
        out.key("structuredMetadata");
        write_labels(out, entry.metadata);
      }
      if (!entry.parsed.empty()) {
        out.key("parsed");
        write_labels(out, entry.parsed);
      }
      out.end_object();
    }
    out.end_array();
  }
  out.end_array().end_object();
}

std::string query_answer(const logql::LogqlResult& result, bool categorised, double seconds) {
  static constexpr std::string_view kTypes[] = {"streams", "matrix", "vector", "scalar"};
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_object();
  out.field("resultType", kTypes[static_cast<int>(result.type)]);
  if (categorised) out.key("encodingFlags").begin_array().value("categorize-labels").end_array();
  out.key("result");
  write_result(out, result, categorised);
  out.key("stats");
  write_statistics(out, result, seconds);
  out.end_object();
  if (!result.statistics.complete) {
    out.key("warnings").begin_array().value("incomplete: " + result.statistics.incomplete_reason).end_array();
  }
  out.end_object();
  return out.take();
}

std::string list_answer(const std::vector<std::string>& values) {
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  for (const std::string& value : values) out.value(value);
  out.end_array().end_object();
  return out.take();
}

}  // namespace obelisk::loki
