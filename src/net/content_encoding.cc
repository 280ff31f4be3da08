#include "net/content_encoding.h"

#include <brotli/encode.h>
#include <fmt/format.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/grow_uncleared.h"
#include "base/text.h"

namespace obelisk {
namespace {

constexpr size_t kEncodingsMax = 2;
constexpr int kZstdWindowLogMax = 23;  // 8 MiB
constexpr int kGzipLevel = 1;          // dashboards poll: CPU is dearer than the last tenth of the size

Error corrupt(std::string_view encoding, std::string_view what, uint64_t offset) {
  return Error{ErrorCode::corrupt, fmt::format("{} body: {} at byte {}", encoding, what, offset), {}};
}

Error too_large(std::string_view encoding, size_t limit) {
  return Error{ErrorCode::too_large,
               fmt::format("{} body decodes to more than the limit of {} bytes", encoding, limit),
               {}};
}

// An output string that grows by doubling and never past its limit. One byte past the limit is enough to
// know.
class BoundedOutput {
 public:
  BoundedOutput(size_t first_guess, size_t bytes_max) : bytes_max_(bytes_max) {
    bytes_.resize(std::clamp<size_t>(first_guess, 256, std::max<size_t>(bytes_max, 256)));
  }
  char* position() { return bytes_.data() + used_; }
  size_t space() const { return bytes_.size() - used_; }
  void advance(size_t count) { used_ += count; }
  bool over_limit() const { return used_ > bytes_max_; }
  void grow_when_full() {
    if (used_ == bytes_.size())
      bytes_.resize(std::min(bytes_.size() * 2, std::max<size_t>(bytes_max_, 256) + 1));
  }
  std::string take() {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  const size_t bytes_max_;
  std::string bytes_;
  size_t used_ = 0;
};

class InflateStream {
 public:
  explicit InflateStream(int window_bits) { ready_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~InflateStream() {
    if (ready_) inflateEnd(&stream_);
  }
  InflateStream(const InflateStream&) = delete;
  InflateStream& operator=(const InflateStream&) = delete;
  bool ready() const { return ready_; }
  z_stream& get() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// Some clients send raw deflate and some the zlib format under the name "deflate"; the two header bytes tell.
bool has_zlib_header(std::string_view body) {
  if (body.size() < 2) return false;
  auto first = static_cast<unsigned char>(body[0]);
  auto second = static_cast<unsigned char>(body[1]);
  return (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0;
}

Result<std::string> inflate_body(std::string_view encoding, std::string_view body, int window_bits,
                                 size_t bytes_max) {
  InflateStream holder(window_bits);
  if (!holder.ready()) return make_error(ErrorCode::internal, "zlib could not be initialised");
  z_stream& stream = holder.get();
  BoundedOutput output(body.size() * 4, bytes_max);
  size_t consumed = 0;
  for (;;) {
    output.grow_when_full();
    // zlib counts in 32 bits; pieces keep larger bodies right.
    size_t input_now = std::min<size_t>(body.size() - consumed, 1u << 30);
    size_t output_now = std::min<size_t>(output.space(), 1u << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data() + consumed));
    stream.avail_in = static_cast<uInt>(input_now);
    stream.next_out = reinterpret_cast<Bytef*>(output.position());
    stream.avail_out = static_cast<uInt>(output_now);
    int status = inflate(&stream, Z_NO_FLUSH);
    consumed += input_now - stream.avail_in;
    output.advance(output_now - stream.avail_out);
    if (output.over_limit()) return too_large(encoding, bytes_max);
    if (status == Z_STREAM_END) {
      if (consumed == body.size()) return output.take();
      // gzip allows members one after the other.
      if (encoding != "gzip" || inflateReset(&stream) != Z_OK)
        return corrupt(encoding, "bytes after the end of the stream", consumed);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && consumed == body.size() && stream.avail_out > 0)) {
      if (consumed == body.size() && stream.avail_out > 0) return corrupt(encoding, "truncated", consumed);
    } else if (status != Z_OK) {
      return corrupt(encoding, stream.msg != nullptr ? stream.msg : "invalid data", consumed);
    }
  }
}

struct ZstdContextDeleter {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Result<std::string> decode_zstd(std::string_view body, size_t bytes_max) {
  static thread_local std::unique_ptr<ZSTD_DCtx, ZstdContextDeleter> context(ZSTD_createDCtx());
  if (!context) return make_error(ErrorCode::internal, "zstd could not be initialised");
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
  BoundedOutput output(body.size() * 4, bytes_max);
  ZSTD_inBuffer input{body.data(), body.size(), 0};
  size_t frame_state = 1;  // 0 once a frame is complete
  while (input.pos < input.size || frame_state != 0) {
    output.grow_when_full();
    ZSTD_outBuffer piece{output.position(), output.space(), 0};
    size_t input_before = input.pos;
    frame_state = ZSTD_decompressStream(context.get(), &piece, &input);
    if (ZSTD_isError(frame_state)) return corrupt("zstd", ZSTD_getErrorName(frame_state), input.pos);
    output.advance(piece.pos);
    if (output.over_limit()) return too_large("zstd", bytes_max);
    bool stuck = piece.pos == 0 && input.pos == input_before;
    if (frame_state != 0 && stuck) return corrupt("zstd", "truncated", input.pos);
  }
  return output.take();
}

Result<size_t> snappy_length(std::string_view body, size_t bytes_max) {
  size_t length = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &length))
    return corrupt("snappy", "no valid length", 0);
  if (length > bytes_max) return too_large("snappy", bytes_max);
  // A valid block cannot grow by more than about 64/3 (a copy of 64 bytes takes 3), so a short body with a
  // huge length is refused before memory is taken for it.
  if (length > body.size() * 32 + 64) return corrupt("snappy", "length cannot be reached from the body", 0);
  return length;
}

Result<std::string> decode_snappy(std::string_view body, size_t bytes_max) {
  OBELISK_TRY(size_t length, snappy_length(body, bytes_max));
  std::string output;
  grow_uncleared(output, length);
  if (!snappy::RawUncompress(body.data(), body.size(), output.data()))
    return corrupt("snappy", "invalid data", 0);
  return output;
}

Result<std::string> decode_one(std::string_view encoding, std::string body, size_t bytes_max) {
  if (encoding == "identity") {
    if (body.size() > bytes_max) return too_large(encoding, bytes_max);
    return body;
  }
  if (encoding == "gzip" || encoding == "x-gzip") return inflate_body("gzip", body, 15 + 16, bytes_max);
  if (encoding == "deflate") return inflate_body(encoding, body, has_zlib_header(body) ? 15 : -15, bytes_max);
  if (encoding == "zstd") return decode_zstd(body, bytes_max);
  if (encoding == "snappy") return decode_snappy(body, bytes_max);
  return make_error(
      ErrorCode::unsupported,
      fmt::format("Content-Encoding \"{}\" is not supported (supported: {})", encoding, kAcceptedEncodings));
}

class Deflater {
 public:
  Deflater() {
    ready_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string compress(std::string_view content) {
    int reset = ready_ ? deflateReset(&stream_) : Z_MEM_ERROR;
    OBELISK_ASSERT(reset == Z_OK);
    std::string output(deflateBound(&stream_, content.size()), '\0');
    size_t written = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
      size_t input_now = std::min<size_t>(content.size(), 1u << 30);
      size_t output_now = std::min<size_t>(output.size() - written, 1u << 30);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
      stream_.avail_in = static_cast<uInt>(input_now);
      stream_.next_out = reinterpret_cast<Bytef*>(output.data() + written);
      stream_.avail_out = static_cast<uInt>(output_now);
      status = deflate(&stream_, input_now == content.size() ? Z_FINISH : Z_NO_FLUSH);
      OBELISK_ASSERT(status == Z_OK || status == Z_STREAM_END);
      content.remove_prefix(input_now - stream_.avail_in);
      written += output_now - stream_.avail_out;
    }
    output.resize(written);
    return output;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

bool is_compressible(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  return type.starts_with("text/") || type.find("json") != std::string_view::npos ||
         type.find("xml") != std::string_view::npos || type.find("javascript") != std::string_view::npos ||
         type.find("protobuf") != std::string_view::npos || type == "image/svg+xml";
}

bool quality_is_zero(std::string_view parameters) {
  size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return false;
  std::optional<double> quality = parse_float(trim(parameters.substr(at + 2)));
  return quality && *quality == 0;
}

}  // namespace

Result<DecodedBlock> decode_snappy_block(std::string_view body, size_t output_bytes_max) {
  OBELISK_TRY(size_t length, snappy_length(body, output_bytes_max));
  std::shared_ptr<char[]> output(new char[length]);
  if (!snappy::RawUncompress(body.data(), body.size(), output.get()))
    return corrupt("snappy", "invalid data", 0);
  return DecodedBlock{output, {output.get(), length}};
}

Result<std::string> decode_content(std::string_view content_encoding, std::string body,
                                   size_t output_bytes_max) {
  std::string_view rest = trim(content_encoding);
  if (rest.empty()) rest = "identity";
  for (size_t applied = 0; !rest.empty(); ++applied) {
    if (applied == kEncodingsMax)
      return make_error(ErrorCode::unsupported,
                        fmt::format("more than {} encodings in one Content-Encoding", kEncodingsMax));
    size_t comma = rest.rfind(',');
    std::string_view last = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    rest = comma == std::string_view::npos ? std::string_view() : trim(rest.substr(0, comma));
    OBELISK_TRY(body, decode_one(to_lower(trim(last)), std::move(body), output_bytes_max));
  }
  return body;
}

namespace {

// Whether the value allows the encoding by one of its names: true, false, or by "*" alone.
enum class Accepted : uint8_t { no, by_star, by_name };

Accepted accepts(std::string_view accept_encoding, std::string_view name, std::string_view other_name) {
  Accepted accepted = Accepted::no;
  while (!accept_encoding.empty()) {
    size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    std::string_view element = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    size_t semicolon = std::min(element.find(';'), element.size());
    std::string_view named = trim(element.substr(0, semicolon));
    bool allowed = !quality_is_zero(element.substr(semicolon));
    if (equals_ignoring_case(named, name) || equals_ignoring_case(named, other_name))
      return allowed ? Accepted::by_name : Accepted::no;
    if (named == "*") accepted = allowed ? Accepted::by_star : Accepted::no;
  }
  return accepted;
}

std::string zstd_compress(std::string_view content) {
  std::string out(ZSTD_compressBound(content.size()), '\0');
  constexpr int kLevel = 1;
  size_t size = ZSTD_compress(out.data(), out.size(), content.data(), content.size(), kLevel);
  if (ZSTD_isError(size)) return {};
  out.resize(size);
  return out;
}

std::string brotli_compress(std::string_view content) {
  constexpr int kQuality = 3;  // as dear as gzip's 1, and smaller
  size_t size = BrotliEncoderMaxCompressedSize(content.size());
  std::string out(size, '\0');
  bool done =
      size > 0 && BrotliEncoderCompress(kQuality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, content.size(),
                                        reinterpret_cast<const uint8_t*>(content.data()), &size,
                                        reinterpret_cast<uint8_t*>(out.data())) == BROTLI_TRUE;
  if (!done) return {};
  out.resize(size);
  return out;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  return accepts(accept_encoding, "gzip", "x-gzip") != Accepted::no;
}

std::string_view response_encoding(std::string_view accept_encoding) {
  if (accepts_gzip(accept_encoding)) return "gzip";
  for (std::string_view name : {"zstd", "br"}) {
    if (accepts(accept_encoding, name, name) == Accepted::by_name) return name;
  }
  return "";
}

std::string gzip_compress(std::string_view content) {
  static thread_local Deflater deflater;  // its tables are 256 KiB: made once a thread
  return deflater.compress(content);
}

void compress_response(std::string_view accept_encoding, HttpResponse& response) {
  if (response.body.size() <= kCompressBytesMin) return;
  if (!find_header(response.headers, "content-encoding").empty()) return;
  if (!is_compressible(find_header(response.headers, "content-type"))) return;
  response.headers.emplace_back("vary", "accept-encoding");
  std::string_view encoding = response_encoding(accept_encoding);
  if (encoding.empty()) return;
  std::string encoded = encoding == "gzip"   ? gzip_compress(response.body)
                        : encoding == "zstd" ? zstd_compress(response.body)
                                             : brotli_compress(response.body);
  if (encoded.empty()) return;  // no memory for it: as it is
  response.body = std::move(encoded);
  response.headers.emplace_back("content-encoding", encoding);
}

std::string snappy_compress(std::string_view content) {
  std::string out;
  snappy::Compress(content.data(), content.size(), &out);
  return out;
}

}  // namespace obelisk
