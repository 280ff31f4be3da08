#pragma once
// Content-Encoding of requests (gzip, deflate, zstd, snappy block format, identity) and of responses (gzip;
// zstd or brotli for who takes no gzip).
// Pure functions, safe from any thread; decoder states are kept per thread.
// Decoding stops at `output_bytes_max`, so that a decompression bomb costs at most that much memory, plus 8
// MiB of zstd window (the bound that RFC 9659 sets for this encoding). Errors: unsupported names an unknown
// encoding; too_large names the limit; corrupt names the encoding and the place.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"

namespace obelisk {

// Undoes `content_encoding`, the header's value. Empty and "identity" hand `body` back without a copy.
// At most two encodings ("gzip, zstd"), applied last to first.
Result<std::string> decode_content(std::string_view content_encoding, std::string body,
                                   size_t output_bytes_max);

// A snappy block, decoded into memory that was not cleared first: clearing a megabyte costs as much as
// decoding it.
struct DecodedBlock {
  std::shared_ptr<const char[]> owner;
  std::string_view bytes;
};
Result<DecodedBlock> decode_snappy_block(std::string_view body, size_t output_bytes_max);

// What decode_content understands, for an Accept-Encoding answer to a 415.
inline constexpr std::string_view kAcceptedEncodings = "gzip, deflate, zstd, snappy, identity";

// Whether an Accept-Encoding value allows gzip: present, or "*", and not with q=0.
bool accepts_gzip(std::string_view accept_encoding);
// What a response is to be encoded in: gzip where it is taken, which costs least, else zstd or br where the
// value names them; empty: nothing of these.
std::string_view response_encoding(std::string_view accept_encoding);

std::string gzip_compress(std::string_view content);
// The block format, as Prometheus' remote read answers.
std::string snappy_compress(std::string_view content);

// Compresses the body where the client accepts it, it is longer than kCompressBytesMin, is not encoded
// already and is of a kind that shrinks (text, JSON, XML, JavaScript, protobuf). Adds Vary and
// Content-Encoding.
inline constexpr size_t kCompressBytesMin =
    1024;  // below it the gzip frame and the CPU cost more than a packet saves
void compress_response(std::string_view accept_encoding, HttpResponse& response);

}  // namespace obelisk
