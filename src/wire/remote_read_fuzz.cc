// Remote read requests, and OpenMetrics files cut into pages: no crash, bounds kept, every line in a page.
#include "wire/remote_read.h"

#include <protozero/pbf_writer.hpp>

#include "base/fuzz_driver.h"
#include "base/text.h"
#include "wire/openmetrics_chunks.h"

using namespace obelisk;
using MessageWriter = protozero::pbf_writer;

namespace {

void check_request(std::string_view body) {
  Result<RemoteReadRequest> request = decode_remote_read(body);
  if (!request.ok()) {
    OBELISK_ASSERT(request.error().position.has_value());
    return;
  }
  OBELISK_ASSERT(request->queries.size() <= kRemoteReadQueriesMax);
  for (const RemoteReadQuery& query : request->queries) {
    for (const RemoteReadMatcher& matcher : query.matchers)
      OBELISK_ASSERT(!matcher.name.empty() && is_valid_utf8(matcher.name) && is_valid_utf8(matcher.value));
  }
}

void check_pages(std::string_view text) {
  OpenMetricsChunker chunker(64);
  std::vector<OpenMetricsPage> pages;
  size_t half = text.size() / 2;
  if (!chunker.feed(text.substr(0, half), pages).ok() || !chunker.feed(text.substr(half), pages).ok()) return;
  bool whole = chunker.finish(pages).ok();
  size_t bytes = 0;
  for (const OpenMetricsPage& page : pages) {
    OBELISK_ASSERT(page.text.ends_with("# EOF\n"));
    bytes += page.text.size();
  }
  OBELISK_ASSERT(!whole || bytes + 7 >= text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  check_request(input);
  check_pages(input);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string matcher, query, body;
  MessageWriter(matcher).add_enum(1, 2);
  MessageWriter(matcher).add_string(2, "job");
  MessageWriter(matcher).add_string(3, "a.*");
  MessageWriter(query).add_int64(1, 1000);
  MessageWriter(query).add_int64(2, 2000);
  MessageWriter(query).add_message(3, matcher);
  MessageWriter(body).add_message(1, query);
  MessageWriter(body).add_enum(2, 1);
  return {body,
          "# TYPE h histogram\nh_bucket{a=\"b\",le=\"1\"} 1 5\nh_bucket{a=\"b\",le=\"+Inf\"} 2 5\n# HELP x "
          "y\nx 1 2\n# EOF\n"};
}
