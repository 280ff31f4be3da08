// Loki push in both encodings, and label texts: no crash, sound batches.
#include <protozero/pbf_writer.hpp>

#include "base/fuzz_driver.h"
#include "wire/fuzz_check.h"
#include "wire/loki_label_text.h"
#include "wire/loki_push.h"

using namespace obelisk;
using MessageWriter = protozero::pbf_writer;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string input(reinterpret_cast<const char*>(data), size);
  Arena arena;
  std::vector<LabelRef> labels;
  (void)parse_loki_label_text(input, arena, labels).ok();
  auto body = std::make_shared<const std::string>(input);
  if (auto decoded = decode_loki_push_protobuf(*body, body); decoded.ok()) check_decoded(decoded->batches);
  if (auto decoded = decode_loki_push_json(input); decoded.ok()) check_decoded(decoded->batches);
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::string pair, time, entry, stream, push;
  MessageWriter(pair).add_string(1, "k");
  MessageWriter(pair).add_string(2, "v");
  MessageWriter(time).add_int64(1, 1'700'000'000);
  MessageWriter(entry).add_message(1, time);
  MessageWriter(entry).add_string(2, "line");
  MessageWriter(entry).add_message(3, pair);
  MessageWriter(stream).add_string(1, "{a=\"b\\n\", c=`d`}");
  MessageWriter(stream).add_message(2, entry);
  MessageWriter(push).add_message(1, stream);
  return {
      push, "{a=\"b\\x41\\u00e9\\101\", c=`d`}",
      R"({"streams":[{"stream":{"app":"shop"},"values":[["1","a \"b\" \u00e9",{"k":"v"}],["2","plain"]]}]})",
      R"({"streams":[{"labels":"{a=\"b\"}","entries":[{"ts":"2026-01-02T15:04:05Z","line":"x"}]}]})"};
}
