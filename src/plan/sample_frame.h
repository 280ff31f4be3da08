#pragma once
// A batch of samples as bytes, its series named by numbers instead of labels: what the write-ahead log holds
// of Table::samples. The writer numbers the label sets of a tenant; a frame defines the numbers that frames
// before it in the same log segment have not defined. `numbering` tells one set of numbers from the next.
// Batches with other columns than those of samples are not coded so (can_be_sample_frame).
// Decoding reads in place (histograms and label texts are views into the bytes, which `owner` keeps alive),
// trusts nothing and is bounded by its limits. Format: docs/formats/wal.md, "Sample frame". Pure functions.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

// The first byte, which no batch (plan/batch_codec.h: its version) begins with.
inline constexpr char kSampleFrameMark = 'S';

struct SampleFrame {
  struct Definition {
    uint32_t number = 0;
    LabelsView labels;  // sorted; the array lies in batch.arena
  };
  uint64_t numbering = 0;
  std::vector<Definition> definitions;
  Batch batch{Table::samples};   // its groups have no labels, only rows
  std::vector<uint32_t> series;  // the number of each group
};

struct SampleFrameLimits {
  uint64_t rows_max = 1 << 24;
  uint64_t label_refs_max = 1 << 26;  // of all definitions together
};

inline bool is_sample_frame(std::string_view bytes) {
  return !bytes.empty() && bytes[0] == kSampleFrameMark;
}
bool can_be_sample_frame(const Batch& batch);

// `series`: a number for each group. `defined`: the groups, ascending, whose number is defined here.
void encode_sample_frame(const Batch& batch, uint64_t numbering, std::span<const uint32_t> series,
                         std::span<const uint32_t> defined, std::string& out);

enum class SampleFramePart : uint8_t { whole, definitions };
// With SampleFramePart::definitions the batch and `series` stay empty.
Result<SampleFrame> decode_sample_frame(std::string_view bytes, std::shared_ptr<const void> owner,
                                        SampleFramePart part = SampleFramePart::whole,
                                        const SampleFrameLimits& limits = {});

}  // namespace obelisk
