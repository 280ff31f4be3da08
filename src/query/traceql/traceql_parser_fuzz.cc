// Any text is parsed or refused with a position inside it; what is accepted can be printed.
#include "base/fuzz_driver.h"
#include "query/traceql/validate.h"

std::vector<std::string> obelisk::fuzz_seeds() {
  return {
      "{ span.http.status_code >= 500 && resource.service.name = \"shop\" } >> { name =~ \"db.*\" } | "
      "count() > 2",
      "{ .\"a \\\"b\\\"\" != nil || event:name = `x` } &>> { duration > 1h30m * 2 } | by(.x) | avg(duration) "
      "< 2s",
      "({} | rate() by (span.a, kind) > 6) * -100 + 3 / 2 | topk(5) with(sample=0.1, exemplars=true)",
      "{} | quantile_over_time(duration, 0.5, .99) by (resource.service.name) // comment",
      "{ status = error } | compare({ kind = server }, 10, 1, 2)",
      "({ .a } | coalesce()) !~ ({ !.b } | select(.c, nestedSetLeft)) && { -.d ^ 2 ^ .e % 3 = minInt }",
      "({ true } | count()) = 1",
  };
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  std::string text(reinterpret_cast<const char*>(data), size);
  Result<traceql::Query> query = traceql::prepare(text);
  if (!query.ok()) {
    OBELISK_ASSERT(query.error().code == ErrorCode::parse_error ||
                   query.error().code == ErrorCode::invalid_argument ||
                   query.error().code == ErrorCode::unsupported);
    if (query.error().position) OBELISK_ASSERT(query.error().position->offset <= size);
    return 0;
  }
  if (!query->pipeline) return 0;
  for (const traceql::Stage& stage : query->pipeline->stages) {
    if (stage.spanset && stage.spanset->filter) OBELISK_ASSERT(!stage.spanset->filter->to_string().empty());
  }
  return 0;
}
