// Everything that a client's bytes reach before a handler does: targets, parameters, content encodings, the
// HTTP/1.x parser and gRPC's framing. The first byte picks the part, so that one corpus serves all. Checked
// beyond "no crash": decoded sizes stay within their limit, and the parser's verdict does not depend on how
// its input is cut.
#include <algorithm>
#include <string>

#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "net/content_encoding.h"
#include "net/grpc_framing.h"
#include "net/http1_request_parser.h"
#include "net/url.h"

namespace obelisk {
namespace {

constexpr size_t kLimit = 1 << 16;

void fuzz_urls(std::string_view input) {
  auto parameters = Parameters::parse(input);
  if (parameters.ok()) {
    auto again = Parameters::parse(parameters->encode());
    OBELISK_ASSERT(again.ok() && again->entries() == parameters->entries());
  } else {
    OBELISK_ASSERT(parameters.error().position && parameters.error().position->offset < input.size());
  }
  auto parts = split_target(input);
  if (parts.ok()) OBELISK_ASSERT(parts->path.size() <= input.size());
}

void fuzz_encodings(std::string_view input) {
  for (const char* encoding : {"gzip", "deflate", "zstd", "snappy", "snappy, gzip"}) {
    auto decoded = decode_content(encoding, std::string(input), kLimit);
    if (decoded.ok()) OBELISK_ASSERT(decoded->size() <= kLimit);
  }
}

struct Outcome {
  int status = 0;  // of the error, or 0
  bool complete = false;
  std::string path;
  std::string body;
};

// An unfinished request may be found wrong early or late, depending on where it is cut; a finished one may
// not differ.
bool agree(const Outcome& a, const Outcome& b) {
  if (a.complete != b.complete) return false;
  if (!a.complete) return true;
  return a.path == b.path && a.body == b.body;
}

// Feeds `input` in pieces, as a connection does, and reads a sized body as the session does.
Outcome parse_in_pieces(std::string_view input, size_t piece) {
  Http1RequestParser parser(1024, 4096);
  std::string unread;
  std::optional<Http1ParseError> error;
  for (size_t at = 0; at < input.size(); at += piece) {
    unread.append(input.substr(at, piece));
    while (!unread.empty() && !parser.complete() && !(parser.header_complete() && !parser.chunked())) {
      bool header_before = parser.header_complete();
      size_t used = parser.feed(unread, error);
      OBELISK_ASSERT(used <= unread.size());
      if (error) return {error->status, false, "", ""};
      unread.erase(0, used);
      if (used == 0 && parser.header_complete() == header_before) break;
    }
  }
  OBELISK_ASSERT(parser.request().body.size() <= 4096);
  return {0, parser.complete(), parser.request().path, parser.request().body};
}

void fuzz_http1(std::string_view input) {
  Outcome whole = parse_in_pieces(input, std::max<size_t>(input.size(), 1));
  OBELISK_ASSERT(agree(whole, parse_in_pieces(input, 1)));
  OBELISK_ASSERT(agree(whole, parse_in_pieces(input, 7)));
}

void fuzz_grpc(std::string_view input) {
  GrpcFrameParser whole(kLimit);
  GrpcFrameParser bytewise(kLimit);
  bool whole_ok = whole.feed(input).ok();
  bool bytewise_ok = true;
  for (size_t i = 0; i < input.size() && bytewise_ok; ++i)
    bytewise_ok = bytewise.feed(input.substr(i, 1)).ok();
  OBELISK_ASSERT(whole_ok == bytewise_ok && whole.frame_count() == bytewise.frame_count());
  parse_grpc_timeout(input);
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  std::string text(300, 'a');
  return {
      "0match[]=up&start=2026-05-03T00%3A00%3A00Z&step=15s&x=a+b",
      "0/api/v1/label/a%2Fb/values?match[]=%7Ba%3D%22b%22%7D",
      "1" + gzip_compress(text),
      std::string("1\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00\x61\x3f\x3c\x8d\x26", 15),
      std::string("1\x06\x14hello!", 9),
      "2GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
      "2POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
      "2POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
      "2GET http://h/abs HTTP/1.0\r\n\r\n",
      "3" + grpc_message_prefix(5) + "hello" + grpc_message_prefix(0),
  };
}

}  // namespace obelisk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      obelisk::fuzz_urls(input);
      break;
    case 1:
      obelisk::fuzz_encodings(input);
      break;
    case 2:
      obelisk::fuzz_http1(input);
      break;
    case 3:
      obelisk::fuzz_grpc(input);
      break;
  }
  return 0;
}
