// Recovery and inspection of arbitrary segment bytes: no crash, no read past the end, ordered sequences.
#include "base/assert.h"
#include "base/fuzz_driver.h"
#include "codec/checksum.h"
#include "env/fault_disk.h"
#include "storage/embedded/wal/log_inspect.h"
#include "storage/embedded/wal/log_recovery.h"
#include "storage/embedded/wal/segment_format.h"
#include "storage/embedded/wal/write_ahead_log.h"

using namespace obelisk;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  FaultDisk disk;
  OBELISK_ASSERT(disk.create_directories("wal").ok());
  std::string path = "wal/" + segment_file_name(1);
  {
    auto file = disk.open(path, Disk::Mode::create_new);
    OBELISK_ASSERT((*file)->write_at(0, bytes).ok());
  }
  uint64_t last = 0;
  auto recovered = recover_log(disk, "wal", 0, [&](const RecoveredFrame& frame) -> Result<void> {
    OBELISK_ASSERT(frame.sequence > last);
    last = frame.sequence;
    auto payload = decode_log_payload(frame.payload);
    if (!payload.ok()) return {};
    for (std::string_view bytes_of_batch : payload->batches) {
      auto batch = decode_batch(bytes_of_batch, frame.owner);
      (void)batch;
    }
    return {};
  });
  (void)recovered;
  auto text = inspect_log_segment(disk, path);
  (void)text;
  return 0;
}

std::vector<std::string> obelisk::fuzz_seeds() {
  std::vector<std::string> seeds;
  for (uint64_t count = 1; count < 5; ++count) {
    std::string segment = encode_segment_header({1, 1, 0});
    for (uint64_t sequence = 1; sequence <= count; ++sequence) {
      BatchBuilder builder(Table::logs);
      builder.add_row({static_cast<int64_t>(sequence)});
      std::vector<Batch> batches;
      batches.push_back(builder.finish());
      std::string payload = encode_log_payload("t", batches);
      append_frame(segment, 1, sequence, sequence - 1, payload, checksum64(payload));
    }
    seeds.push_back(segment);
  }
  return seeds;
}
