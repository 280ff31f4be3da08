// Any text is refused or parses; what parses is written back to a text that parses to the same thing.
#include <cstdio>

#include "base/fuzz_driver.h"
#include "query/logql/format.h"
#include "query/logql/lexer.h"
#include "query/logql/pipeline.h"

namespace obelisk {
std::vector<std::string> fuzz_seeds() {
  return {
      "sum by (level) (rate({app=~\"a.+\", b!=\"c\"} |= \"x\" or \"y\" | json a=\"b[0].c\" | a > 5 and "
      "(b=\"x\" or d < 10ms) [5m] offset -1m)) / 2",
      "{app=\"a\"} | logfmt --strict lvl=\"level\" | pattern `<a> <_>` | regexp `(?P<x>.)` | line_format "
      "\"{{.x | upper}}\" | drop a, b=~\"c\"",
      "quantile_over_time(0.99, {a=\"b\"} | unpack | decolorize | unwrap duration(x) | __error__=\"\" "
      "[1h30m]) by (a, b)",
      "topk(3, label_replace(vector(-1.5e3), \"a\", \"$1\", \"b\", \"(.*)\")) > bool on (x) group_left (y) "
      "(1 + 2 ^ 3)",
      "{a=\"b\"} |> \"<_> x\" !~ `\\d` | x=ip(\"10.0.0.0/8\") | size >= 1.5KiB | label_format a=b, "
      "c=\"{{.d}}\" | keep a # comment",
      "count_over_time({a=\"b\"}[1m] |= ip(\"::1\")) and absent_over_time({c=\"d\"}[5s]) or approx_topk(2, "
      "sum(bytes_rate({e=\"f\"}[2w])))"};
}
}  // namespace obelisk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  Result<logql::Query> query = logql::parse_and_check({reinterpret_cast<const char*>(data), size});
  if (!query.ok()) {
    OBELISK_ASSERT(!query.error().message.empty());
    return 0;
  }
  for (const std::string& text : {logql::to_string(*query), logql::format_query(*query)}) {
    if (text.size() > logql::kQueryBytesMax / 2) continue;
    Result<logql::Query> again = logql::parse_and_check(text);
    // Written out with every parenthesis, a query may nest deeper than it was typed.
    if (!again.ok() && again.error().message.find("nested more than") != std::string::npos) continue;
    if (!again.ok()) std::fprintf(stderr, "%s\n%s\n", text.c_str(), again.error().message.c_str());
    OBELISK_ASSERT(again.ok());
    OBELISK_ASSERT(logql::to_string(*again) == logql::to_string(*query));
  }
  return 0;
}
