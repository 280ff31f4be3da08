#pragma once
// One compiled stage of a pipeline. A stage belongs to one query and one thread; it may keep buffers between
// rows.
#include <cstdint>
#include <memory>
#include <string_view>

#include "query/logql/row_labels.h"

namespace obelisk::logql {

struct LogRow {
  int64_t time = 0;  // ns
  std::string_view line;
  RowLabels& labels;
};

class RowStage {
 public:
  virtual ~RowStage() = default;
  // False drops the row.
  virtual bool apply(LogRow& row) = 0;
};

using RowStagePtr = std::unique_ptr<RowStage>;

// The values of __error__.
inline constexpr std::string_view kJsonParserError = "JSONParserErr";
inline constexpr std::string_view kLogfmtParserError = "LogfmtParserErr";
inline constexpr std::string_view kSampleExtractionError = "SampleExtractionErr";
inline constexpr std::string_view kLabelFilterError = "LabelFilterErr";
inline constexpr std::string_view kTemplateFormatError = "TemplateFormatErr";

}  // namespace obelisk::logql
