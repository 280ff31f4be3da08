#pragma once
// The series lines of a query script: `name{label="x"} 1 2+1x3 _ stale {{schema:0 count:1}}x5`, and lines of
// start times, `name{label="x"}@st -30s -30s-1mx2 _`: point n says when the counter of sample n began,
// relative to the sample.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "query/promql/series.h"

namespace obelisk::promql {

struct ScriptPoint {
  bool missing = false;
  double value = 0;  // the stale marker for `stale`
  HistogramPtr histogram;
  bool hint_given = false;  // the histogram's counter_reset_hint was written
};

struct ScriptSeries {
  Labels labels;
  std::vector<ScriptPoint> points;
  bool is_starts = false;  // of start times: values are milliseconds
};

Result<ScriptSeries> parse_script_series(std::string_view line);
// `12`, `Inf`, `-1e3`.
std::optional<double> parse_script_number(std::string_view text);

}  // namespace obelisk::promql
