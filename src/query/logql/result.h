#pragma once
// What a LogQL query gives: streams, a matrix, a vector or a scalar, with what it read.
#include <cstdint>
#include <string>
#include <vector>

#include "model/labels.h"
#include "query/logql/row_source.h"

namespace obelisk::logql {

// Labels in results may be empty: Labels built from a view keep them.
struct LogEntry {
  int64_t time = 0;  // ns
  std::string line;
  Labels metadata;  // only with categorised labels
  Labels parsed;
};

struct LogStream {
  Labels labels;
  std::vector<LogEntry> entries;  // in the order of the query's direction
};

// One series over the steps of a query; an instant query has one step.
struct MatrixSeries {
  Labels labels;
  std::vector<double> values;
  std::vector<uint8_t> present;
};
using Matrix = std::vector<MatrixSeries>;

// The evaluation times: start, start + step, ..., `count` of them.
struct StepGrid {
  int64_t start = 0;  // ns
  int64_t step = 1;   // ns, > 0
  size_t count = 1;
  int64_t at(size_t index) const { return start + static_cast<int64_t>(index) * step; }
};

struct LogqlResult {
  enum class Type { streams, matrix, vector, scalar };
  Type type = Type::streams;
  std::vector<LogStream> streams;  // sorted by labels
  Matrix matrix;                   // matrix: sorted by labels; vector: in the order of the result
  StepGrid grid;
  double scalar = 0;
  ReadStatistics statistics;
  uint64_t entry_count = 0;  // of streams
};

}  // namespace obelisk::logql
