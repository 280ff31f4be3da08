// Whatever the bytes: parsing ends, and what parses prints as something that parses to the same text.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "query/promql/lexer.h"
#include "query/promql/parser.h"
#include "query/promql/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk::promql;
  std::string_view query(reinterpret_cast<const char*>(data), size);
  obelisk::Result<NodePtr> node = parse(query);
  if (!node.ok()) {
    OBELISK_ASSERT(!node.error().message.empty());
    OBELISK_ASSERT(!node.error().position || node.error().position->offset <= size);
    return 0;
  }
  std::string text = to_string(**node);
  obelisk::Result<NodePtr> again = parse(text);
  // Printing undoes escapes and may need more room than the original.
  if (text.size() > kQueryBytesMax) return 0;
  OBELISK_ASSERT(again.ok());
  OBELISK_ASSERT(to_string(**again) == text);
  OBELISK_ASSERT(!pretty(**node).empty());
  return 0;
}

namespace obelisk {
std::vector<std::string> fuzz_seeds() {
  return {
      "sum by (job) (rate(http_requests_total{status=~\"5..\", route!=\"/x\"}[5m] offset 1h)) / on(job) "
      "group_left(team) x",
      "histogram_quantile(0.99, sum(rate(d_bucket[5m])) by (le)) > bool 0.5 and on() up == 1 or absent(y) "
      "unless z",
      "max_over_time(deriv(x[1h:5m] @ end())[1d:] offset -(step() + 1m))",
      "{\"a.b\", \"c.d\"!~`e.*`, f=\"\\u00e9\\x41\"} * -2 ^ 3 atan2 0x1F % 1e-3",
      "topk(5, x) by (a, \"b\") + fill_left(0) fill_right(-Inf) count_values without () (\"v\", y)",
      "label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\") </ 5 >/ increase(y[max_of(5m, range())] anchored)",
  };
}
}  // namespace obelisk
