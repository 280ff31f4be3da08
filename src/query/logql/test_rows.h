#pragma once
// Rows for tests of LogQL, and queries over them without a server. For tests and the script runners only.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "query/logql/engine.h"
#include "storage/reader.h"
#include "storage/writer.h"

namespace obelisk::logql {

struct TestRow {
  Labels stream;
  int64_t time = 0;
  std::string line;
  std::vector<std::pair<std::string, std::string>> metadata;
  bool otlp = false;
  std::vector<std::pair<std::string, std::string>> resource;
};
// Returns when they are visible.
Result<void> write_rows(Writer& writer, const std::vector<TestRow>& rows);

Result<LogqlResult> test_range(Reader& reader, std::string_view query, const RangeRequest& request);
Result<LogqlResult> test_instant(Reader& reader, std::string_view query, UnixNanos time);

// Relative tolerance 1e-9; NaN equals NaN.
bool nearly_equal(double a, double b);
std::string describe(const LogqlResult& result, int64_t epoch);

}  // namespace obelisk::logql
