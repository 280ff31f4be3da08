// Lines of any bytes pass every stage that reads them: no fault but __error__, and labels stay sorted and
// unique.
#include "base/fuzz_driver.h"
#include "query/logql/parser.h"
#include "query/logql/pipeline.h"

namespace obelisk {
std::vector<std::string> fuzz_seeds() {
  return {
      "{\"a\":\"x\\u00e9\\n\",\"o\":{\"p\":[1,{\"q\":null}],\"r\":-1.5e3},\"_entry\":\"line\",\"a\":true}",
      "level=info msg=\"two \\\"words\\\"\" empty= dur=1.5s size=3MB ip=10.0.0.7:80 bad==x \"q\" last",
      "10.1.2.3 - - \"GET /x?y=z HTTP/1.1\" 200 \x1b[31mred\x1b[0m 2001:db8::1"};
}
}  // namespace obelisk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace obelisk;
  static const char* const kQueries[] = {
      "{a=\"b\"} | json",
      "{a=\"b\"} | json x=\"o.p[1].q\", y=\"a\"",
      "{a=\"b\"} | unpack | logfmt",
      "{a=\"b\"} | logfmt --keep-empty",
      "{a=\"b\"} | logfmt --strict level, m=\"msg\" | level > 5 or m != ip(\"10.0.0.0/8\")",
      "{a=\"b\"} | pattern `<ip> - <_> \"<m> <p>` | m=~\"G.*\"",
      "{a=\"b\"} | regexp `(?P<x>\\w+)=(?P<y>\\S*)` | label_format z=x",
      "{a=\"b\"} | decolorize | line_format `{{ __line__ | trunc 5 }}{{ .level | upper }}`",
      "{a=\"b\"} |= ip(\"2001:db8::/32\") |> `<_>GET<_>`",
      "{a=\"b\"} | json | dur > 1s, size < 5MB | keep dur, o_r"};
  std::string_view line(reinterpret_cast<const char*>(data), size);
  LabelRef stream{"a", "b"};
  logql::RowLabels labels;
  for (const char* text : kQueries) {
    Result<logql::Query> query = logql::parse_query(text);
    OBELISK_ASSERT(query.ok());
    Result<logql::Pipeline> pipeline =
        logql::Pipeline::compile(query->selector.stages, {}, logql::LabelDemand(), UnixNanos{0});
    OBELISK_ASSERT(pipeline.ok());
    labels.begin(LabelsView(&stream, 1));
    logql::LogRow row{0, line, labels};
    pipeline->apply(row);
    LabelsView sorted = labels.sorted();
    for (size_t i = 1; i < sorted.size(); ++i) OBELISK_ASSERT(sorted[i - 1].name < sorted[i].name);
  }
  return 0;
}
