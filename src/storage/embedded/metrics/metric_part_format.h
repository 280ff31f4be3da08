#pragma once
// The pieces of a metric part file as values, and their byte forms. docs/formats/metric_part.md is the
// description; the part itself is written by metric_part_writer.h and read by metric_part.h. All functions
// are pure; decoders take hostile bytes and answer corrupt.
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

inline constexpr std::string_view kPartMagic = "OBKMETRP";
inline constexpr uint32_t kPartVersion = 1;
inline constexpr size_t kPartHeaderBytes = 16;
inline constexpr size_t kPartFooterBytes = 104;
inline constexpr size_t kChecksumBytes = 8;
inline constexpr uint32_t kNoColumn = UINT32_MAX;

// Pages are what is read and checked at once. 32 KiB: a point query reads one (about 0.1 ms cold), and a
// checksum of eight bytes does not count.
inline constexpr size_t kDataPageBytes = 32 * 1024;
inline constexpr uint32_t kSeriesPerPage = 128;
inline constexpr uint32_t kBlocksPerSeriesPage = 4096;  // a page is closed when it holds this many
inline constexpr uint32_t kValuesPerPage = 128;
// No page, unpacked, may be larger.
inline constexpr uint64_t kPageBytesMax = 256u << 20;

// A page in the file; its length includes the checksum behind it.
struct PageReference {
  uint64_t offset = 0;
  uint32_t length = 0;
  bool operator==(const PageReference&) const = default;
};

struct PartFooter {
  static constexpr uint32_t kHasValues = 1;
  static constexpr uint32_t kHasHistograms = 2;
  static constexpr uint32_t kHasStartTimes = 4;
  static constexpr uint32_t kMergesShift = 8;  // of the eight bits that count merges
  static constexpr uint32_t kMergesMax = 255;
  // How many merges lie behind the part: 0 for one that a flush wrote. Counts no further than kMergesMax.
  uint32_t merges() const { return (flags >> kMergesShift) & kMergesMax; }

  PageReference directory;
  uint32_t flags = 0;
  uint32_t series_count = 0;
  uint64_t sample_count = 0;
  uint64_t block_count = 0;
  uint64_t metadata_count = 0;
  int64_t min_time = std::numeric_limits<int64_t>::max();  // of the samples; min > max: none
  int64_t max_time = std::numeric_limits<int64_t>::min();
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
};

// Exactly kPartHeaderBytes and kPartFooterBytes.
std::string encode_part_header();
Result<void> decode_part_header(std::string_view bytes);
std::string encode_part_footer(const PartFooter& footer);
// Also refuses a directory that does not lie before the footer of a file of `file_bytes`.
Result<PartFooter> decode_part_footer(std::string_view bytes, uint64_t file_bytes);

struct PartDirectory {
  struct TimePage {
    PageReference page;
    uint32_t first_column = 0;
  };
  struct ValuePage {
    PageReference page;
    std::string first_value;
  };
  struct Name {
    std::string name;
    uint32_t first_pair = 0;  // pairs of a name have consecutive numbers, in the order of their values
    uint32_t value_count = 0;
    uint32_t first_page = 0;  // into value_pages; kValuesPerPage values each, the last one fewer
  };
  struct SeriesPage {
    PageReference page;
    uint32_t first_series = 0;
  };
  std::vector<PageReference> data_pages;
  std::vector<TimePage> time_pages;
  std::vector<Name> names;
  std::vector<ValuePage> value_pages;
  std::vector<SeriesPage> series_pages;
  PageReference metadata;  // length 0: none
  uint32_t time_column_count = 0;
  uint32_t pair_count = 0;
  uint32_t series_count = 0;
};

std::string encode_part_directory(const PartDirectory& directory);
// Pages must lie between the header and the end of the file.
Result<PartDirectory> decode_part_directory(std::string_view bytes, uint64_t file_bytes);

struct BlockReference {
  bool is_histogram = false;
  uint32_t row_count = 0;
  int64_t min_time = 0;
  int64_t max_time = 0;
  uint32_t time_column = 0;
  uint32_t start_column = kNoColumn;
  uint32_t data_page = 0;
  uint32_t offset = 0;  // in the page
  uint32_t length = 0;
};

struct SeriesPage {
  struct Entry {
    uint32_t first_label = 0;
    uint32_t label_count = 0;
    uint32_t first_block = 0;
    uint32_t block_count = 0;
  };
  std::vector<Entry> series;
  std::vector<uint32_t> label_ids;  // pair numbers
  std::vector<BlockReference> blocks;
};

std::string encode_series_page(const SeriesPage& page);
Result<SeriesPage> decode_series_page(std::string_view bytes, const PartDirectory& directory);

struct ValuePage {
  struct Entry {
    std::string_view value;  // into `text`
    uint32_t series_count = 0;
    uint64_t where = 0;   // offset of the posting list in the file, or the number of the only series
    uint32_t length = 0;  // of the list with its checksum; 0: the only series is named above
  };
  std::vector<Entry> values;  // ascending
  std::vector<char> text;     // not a string: its bytes stay in place when the page is moved
};

// Lists that are not inline lie one behind the other; their offsets are implied.
std::string encode_value_page(const std::vector<ValuePage::Entry>& values);
Result<ValuePage> decode_value_page(std::string_view bytes, uint32_t series_count);

// Time pages: several encoded time columns (codec/value_times.h).
std::string encode_time_page(const std::vector<std::string>& columns);
Result<std::vector<std::string_view>> decode_time_page(std::string_view bytes);

// Index pages are packed: a byte that says how (0 plain, 1 zstd), and for zstd the unpacked size as a varint.
std::string pack_page(std::string_view plain);
Result<std::string> unpack_page(std::string_view packed);

}  // namespace obelisk
