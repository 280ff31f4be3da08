// Metrics pages in all text formats: no crash, sound labels; what the strict OpenMetrics mode takes, the
// lenient does, too.
#include "base/fuzz_driver.h"
#include "base/text.h"
#include "wire/exposition_text.h"
#include "wire/openmetrics.h"

using namespace obelisk;

namespace {

void check(const Result<Exposition>& page) {
  if (!page.ok()) {
    OBELISK_ASSERT(page.error().position.has_value());
    return;
  }
  for (const ExpositionSample& sample : page->samples) {
    OBELISK_ASSERT(sample.family < page->families.size());
    OBELISK_ASSERT(sample.exemplar == kNoExemplar ||
                   static_cast<size_t>(sample.exemplar) < page->exemplars.size());
    OBELISK_ASSERT(!label_value(sample.labels, kMetricNameLabel).empty());
    for (size_t i = 0; i < sample.labels.size(); ++i) {
      OBELISK_ASSERT(!sample.labels[i].value.empty() && is_valid_utf8(sample.labels[i].value));
      OBELISK_ASSERT(i == 0 || sample.labels[i - 1].name < sample.labels[i].name);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string page(reinterpret_cast<const char*>(data), size);
  check(parse_prometheus_text(page));
  Result<Exposition> strict = parse_openmetrics(page, OpenMetricsMode::strict);
  Result<Exposition> lenient = parse_openmetrics(page, OpenMetricsMode::lenient);
  check(strict);
  check(lenient);
  OBELISK_ASSERT(!strict.ok() || lenient.ok());
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      "# HELP a help \\\\ \\n\n# TYPE a counter\na{x=\"y\\\"\",z=\"\\n\"} 1 1395066363000\n{\"a.b\",\"c "
      "d\"=\"e\"} +Inf\n# c\n\n",
      "# TYPE h histogram\n# UNIT h_s s\nh_bucket{le=\"1\"} 1 # {trace_id=\"0af7\"} 0.5 "
      "1.5\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n"
      "h_sum 3\nh_created 1.25\n# EOF\n",
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {trace_id=\"0af7\"} 0.5 1.5\nh_bucket{le=\"+Inf\"} "
      "2\nh_count 2\nh_sum 3\n"
      "# TYPE s summary\ns{quantile=\"0.5\"} 1\n# TYPE i info\ni_info{a=\"b\"} 1\n# TYPE t "
      "stateset\nt{t=\"on\"} 1\n# EOF"};
}
