#include "storage/embedded/wal/log_inspect.h"

#include <fmt/format.h>

#include "plan/sample_frame.h"
#include "storage/embedded/wal/segment_format.h"
#include "storage/embedded/wal/write_ahead_log.h"

namespace obelisk {
namespace {

constexpr uint64_t kInspectBytesMax = 2ull << 30;

void describe_frame(const Frame& frame, std::string& out) {
  out += fmt::format("{:#010x} frame: request {}, {} bytes of payload, durable through {}\n", frame.offset,
                     frame.sequence, frame.payload.size(), frame.durable_through);
  Result<LogPayload> payload = decode_log_payload(frame.payload);
  if (!payload.ok()) {
    out += "           payload: " + payload.error().to_string() + "\n";
    return;
  }
  for (std::string_view bytes : payload->batches) {
    Result<PackedBatch> batch = PackedBatch::open(bytes, nullptr);
    if (Result<void> checked = batch.ok() ? batch->check() : batch.error(); !checked.ok()) {
      out += "           batch: " + checked.error().to_string() + "\n";
      continue;
    }
    out += fmt::format("           tenant {}: {} rows of {}, {} groups, {} columns\n", payload->tenant,
                       batch->row_count(), table_name(batch->table()), batch->groups().size(),
                       batch->columns().size());
  }
  for (std::string_view bytes : payload->sample_frames) {
    Result<SampleFrame> samples = decode_sample_frame(bytes, nullptr);
    if (!samples.ok()) {
      out += "           samples: " + samples.error().to_string() + "\n";
      continue;
    }
    out += fmt::format("           tenant {}: {} rows of samples, {} series, {} of them defined here\n",
                       payload->tenant, samples->batch.row_count, samples->series.size(),
                       samples->definitions.size());
  }
}

}  // namespace

Result<std::string> inspect_log_segment(Disk& disk, const std::string& path) {
  OBELISK_TRY(std::string bytes, read_file(disk, path, kInspectBytesMax));
  OBELISK_TRY(SegmentHeader header, parse_segment_header(bytes));
  std::string out = fmt::format("write-ahead log segment {}, format version {}, {} bytes\n", header.segment,
                                kSegmentVersion, bytes.size());
  out += fmt::format("first request {}, follows request {}\n", header.first_sequence, header.follows);
  uint64_t at = kSegmentHeaderBytes;
  for (;;) {
    if (auto frame = parse_frame(bytes, at, header.segment)) {
      describe_frame(*frame, out);
      at = frame->end();
      continue;
    }
    auto later = find_frame(bytes, at, header.segment, 0);
    if (!later) break;
    out += fmt::format("{:#010x} no frame that verifies; the next one is at {:#x}\n", at, later->offset);
    at = later->offset;
  }
  out += fmt::format("{:#010x} end: {} bytes unused or of the file's earlier life\n", at, bytes.size() - at);
  return out;
}

}  // namespace obelisk
