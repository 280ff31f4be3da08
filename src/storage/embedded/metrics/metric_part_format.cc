#include "storage/embedded/metrics/metric_part_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/time.h"
#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/compression.h"
#include "codec/varint.h"
#include "storage/embedded/metrics/samples.h"

namespace obelisk {
namespace {

Error corrupt(std::string_view what) {
  return make_error(ErrorCode::corrupt, std::string(what));
}

// Pages mostly follow each other: each is stored as the gap to the end of the one before and its length.
class PageListWriter {
 public:
  explicit PageListWriter(std::string& out) : out_(out) {}
  void add(const PageReference& page) {
    append_signed_varint(out_, static_cast<int64_t>(page.offset - end_));
    append_varint(out_, page.length);
    end_ = page.offset + page.length;
  }

 private:
  std::string& out_;
  uint64_t end_ = 0;
};

class PageListReader {
 public:
  PageListReader(ByteReader& reader, uint64_t file_bytes) : reader_(reader), file_bytes_(file_bytes) {}
  PageReference next() {
    uint64_t offset = end_ + static_cast<uint64_t>(reader_.signed_varint());
    uint64_t length = reader_.varint_up_to(UINT32_MAX);
    bool inside = offset >= kPartHeaderBytes && offset <= file_bytes_ && length <= file_bytes_ - offset;
    if (!inside || length <= kChecksumBytes) reader_.fail();
    end_ = offset + length;
    return {offset, static_cast<uint32_t>(length)};
  }

 private:
  ByteReader& reader_;
  uint64_t file_bytes_;
  uint64_t end_ = 0;
};

uint32_t count32(ByteReader& reader, uint64_t bytes_each) {
  return static_cast<uint32_t>(
      reader.varint_up_to(std::min<uint64_t>(reader.left() / bytes_each, UINT32_MAX - 1)));
}

uint64_t pages_for(uint64_t values) {
  return (values + kValuesPerPage - 1) / kValuesPerPage;
}

// Pages that hold numbered things: how many pages, how many things, and with each page the number of its
// first thing. The first numbers ascend from 0, so that a page can be found by binary search.
template <typename Add>
void read_numbered_pages(ByteReader& reader, PageListReader& pages, uint32_t& total, Add add) {
  uint32_t count = count32(reader, 3);
  total = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX - 1));
  if ((total > 0) != (count > 0)) reader.fail();
  uint64_t next = 0;
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    PageReference page = pages.next();
    uint64_t first = reader.varint();
    bool ascends = i == 0 ? first == 0 : first >= next;
    if (!ascends || first >= total) reader.fail();
    next = first + 1;
    add(page, static_cast<uint32_t>(first));
  }
}

void read_names(ByteReader& reader, PageListReader& pages, PartDirectory& out) {
  uint32_t names = count32(reader, 2);
  for (uint32_t i = 0; i < names && !reader.failed(); ++i) {
    PartDirectory::Name name;
    name.name = reader.text();
    name.first_pair = out.pair_count;
    name.value_count = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX - 1 - out.pair_count));
    name.first_page = static_cast<uint32_t>(out.value_pages.size());
    if (name.value_count == 0 || pages_for(name.value_count) > reader.left()) reader.fail();
    if (!out.names.empty() && name.name <= out.names.back().name) reader.fail();
    for (uint64_t page = 0; page < pages_for(name.value_count) && !reader.failed(); ++page) {
      PageReference reference = pages.next();
      out.value_pages.push_back({reference, std::string(reader.text())});
    }
    out.pair_count += name.value_count;
    out.names.push_back(std::move(name));
  }
}

// What a block's reference is stored relative to.
struct BlockContext {
  int64_t unit = 1;
  uint64_t last_time = 0;  // in units; of the series' block before, else of the page's first block
  int64_t time_column = -1;
  int64_t start_column = -1;
  uint32_t data_page = 0;
  uint32_t offset = 0;
};

enum BlockFlag : uint8_t { kHistogramBlock = 1, kStartColumn = 2, kNextPage = 4 };

void append_block(const BlockReference& block, BlockContext& context, std::string& out) {
  bool next_page = block.data_page != context.data_page;
  OBELISK_ASSERT(block.data_page == context.data_page + (next_page ? 1 : 0));
  OBELISK_ASSERT(block.offset == (next_page ? 0 : context.offset));
  uint8_t flags = block.is_histogram ? kHistogramBlock : 0;
  if (block.start_column != kNoColumn) flags |= kStartColumn;
  if (next_page) flags |= kNextPage;
  out.push_back(static_cast<char>(flags));
  append_varint(out, block.row_count);
  uint64_t min_time = static_cast<uint64_t>(block.min_time / context.unit);
  uint64_t max_time = static_cast<uint64_t>(block.max_time / context.unit);
  append_signed_varint(out, static_cast<int64_t>(min_time - context.last_time));
  append_varint(out, max_time - min_time);
  append_signed_varint(out, static_cast<int64_t>(block.time_column) - context.time_column);
  if (block.start_column != kNoColumn) {
    append_signed_varint(out, static_cast<int64_t>(block.start_column) - context.start_column);
    context.start_column = block.start_column;
  }
  append_varint(out, block.length);
  context.last_time = max_time;
  context.time_column = block.time_column;
  context.data_page = block.data_page;
  context.offset = block.offset + block.length;
}

uint32_t read_column(ByteReader& reader, int64_t& last, uint32_t columns) {
  uint64_t column = static_cast<uint64_t>(last) + static_cast<uint64_t>(reader.signed_varint());
  if (column >= columns) reader.fail();
  last = static_cast<int64_t>(column);
  return static_cast<uint32_t>(column);
}

BlockReference read_block(ByteReader& reader, BlockContext& context, const PartDirectory& directory) {
  BlockReference block;
  uint8_t flags = reader.u8();
  if ((flags & ~(kHistogramBlock | kStartColumn | kNextPage)) != 0) reader.fail();
  block.is_histogram = (flags & kHistogramBlock) != 0;
  block.row_count = static_cast<uint32_t>(reader.varint_up_to(kBlockRowsMax));
  uint64_t min_time = context.last_time + static_cast<uint64_t>(reader.signed_varint());
  uint64_t max_time = min_time + reader.varint();
  uint64_t unit = static_cast<uint64_t>(context.unit);
  block.min_time = static_cast<int64_t>(min_time * unit);
  block.max_time = static_cast<int64_t>(max_time * unit);
  block.time_column = read_column(reader, context.time_column, directory.time_column_count);
  if ((flags & kStartColumn) != 0) {
    block.start_column = read_column(reader, context.start_column, directory.time_column_count);
  }
  block.length = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX));
  block.data_page = context.data_page + ((flags & kNextPage) != 0 ? 1 : 0);
  block.offset = (flags & kNextPage) != 0 ? 0 : context.offset;
  uint64_t end = static_cast<uint64_t>(block.offset) + block.length;
  bool in_page = block.data_page < directory.data_pages.size() &&
                 end <= directory.data_pages[block.data_page].length - kChecksumBytes;
  if (!in_page || block.row_count == 0 || block.length == 0 || block.min_time > block.max_time) reader.fail();
  context.last_time = max_time;
  context.data_page = block.data_page;
  context.offset = static_cast<uint32_t>(end);
  return block;
}

int64_t page_unit(const std::vector<BlockReference>& blocks) {
  bool whole = std::all_of(blocks.begin(), blocks.end(), [](const BlockReference& block) {
    return block.min_time % kNanosPerMilli == 0 && block.max_time % kNanosPerMilli == 0;
  });
  return whole ? kNanosPerMilli : 1;
}

}  // namespace

std::string encode_part_header() {
  std::string out(kPartMagic);
  append_fixed<uint32_t>(out, kPartVersion);
  append_fixed<uint32_t>(out, 0);
  return out;
}

Result<void> decode_part_header(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.bytes(kPartMagic.size()) != kPartMagic) return corrupt("not a metric part: wrong magic");
  uint32_t version = reader.u32();
  if (version != kPartVersion) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("metric part of version {}, this build reads {}", version, kPartVersion));
  }
  reader.u32();
  if (!reader.at_end()) return corrupt("metric part header: wrong length");
  return {};
}

std::string encode_part_footer(const PartFooter& footer) {
  std::string out;
  append_fixed(out, footer.directory.offset);
  append_fixed(out, footer.directory.length);
  append_fixed(out, footer.flags);
  append_fixed<uint64_t>(out, footer.series_count);
  append_fixed(out, footer.sample_count);
  append_fixed(out, footer.block_count);
  append_fixed(out, footer.metadata_count);
  append_fixed(out, footer.min_time);
  append_fixed(out, footer.max_time);
  append_fixed(out, footer.first_sequence);
  append_fixed(out, footer.last_sequence);
  append_fixed<uint64_t>(out, kPartVersion);
  append_fixed(out, checksum64(out));
  OBELISK_ASSERT(out.size() + kPartMagic.size() == kPartFooterBytes);
  out += kPartMagic;
  return out;
}

Result<PartFooter> decode_part_footer(std::string_view bytes, uint64_t file_bytes) {
  if (bytes.size() != kPartFooterBytes || file_bytes < kPartHeaderBytes + kPartFooterBytes) {
    return corrupt("metric part footer: file too short");
  }
  if (bytes.substr(kPartFooterBytes - kPartMagic.size()) != kPartMagic) {
    return corrupt("metric part footer: wrong magic (the file is cut, or its writing was not finished)");
  }
  ByteReader reader(bytes);
  PartFooter footer;
  footer.directory.offset = reader.u64();
  footer.directory.length = reader.u32();
  footer.flags = reader.u32();
  uint64_t series_count = reader.u64();
  footer.sample_count = reader.u64();
  footer.block_count = reader.u64();
  footer.metadata_count = reader.u64();
  footer.min_time = reader.fixed<int64_t>();
  footer.max_time = reader.fixed<int64_t>();
  footer.first_sequence = reader.u64();
  footer.last_sequence = reader.u64();
  uint64_t version = reader.u64();
  size_t covered = reader.offset();
  if (reader.u64() != checksum64(bytes.substr(0, covered)))
    return corrupt("metric part footer: checksum does not match");
  if (version != kPartVersion) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("metric part of version {}, this build reads {}", version, kPartVersion));
  }
  uint64_t end = file_bytes - kPartFooterBytes;
  bool inside = footer.directory.offset >= kPartHeaderBytes && footer.directory.offset <= end &&
                footer.directory.length == end - footer.directory.offset &&
                footer.directory.length > kChecksumBytes;
  if (!inside || series_count >= UINT32_MAX)
    return corrupt("metric part footer: directory lies outside the file");
  footer.series_count = static_cast<uint32_t>(series_count);
  return footer;
}

std::string encode_part_directory(const PartDirectory& directory) {
  std::string out;
  PageListWriter pages(out);
  append_varint(out, directory.data_pages.size());
  for (const PageReference& page : directory.data_pages) pages.add(page);
  append_varint(out, directory.time_pages.size());
  append_varint(out, directory.time_column_count);
  for (const PartDirectory::TimePage& page : directory.time_pages) {
    pages.add(page.page);
    append_varint(out, page.first_column);
  }
  append_varint(out, directory.series_pages.size());
  append_varint(out, directory.series_count);
  for (const PartDirectory::SeriesPage& page : directory.series_pages) {
    pages.add(page.page);
    append_varint(out, page.first_series);
  }
  append_varint(out, directory.names.size());
  for (const PartDirectory::Name& name : directory.names) {
    append_text(out, name.name);
    append_varint(out, name.value_count);
    for (uint64_t i = 0; i < pages_for(name.value_count); ++i) {
      const PartDirectory::ValuePage& page = directory.value_pages[name.first_page + i];
      pages.add(page.page);
      append_text(out, page.first_value);
    }
  }
  out.push_back(directory.metadata.length != 0 ? 1 : 0);
  if (directory.metadata.length != 0) pages.add(directory.metadata);
  return out;
}

Result<PartDirectory> decode_part_directory(std::string_view bytes, uint64_t file_bytes) {
  ByteReader reader(bytes);
  PageListReader pages(reader, file_bytes);
  PartDirectory out;
  uint32_t data_pages = count32(reader, 2);
  for (uint32_t i = 0; i < data_pages && !reader.failed(); ++i) out.data_pages.push_back(pages.next());
  read_numbered_pages(reader, pages, out.time_column_count, [&](PageReference page, uint32_t first) {
    out.time_pages.push_back({page, first});
  });
  read_numbered_pages(reader, pages, out.series_count, [&](PageReference page, uint32_t first) {
    out.series_pages.push_back({page, first});
  });
  read_names(reader, pages, out);
  uint8_t has_metadata = reader.u8();
  if (has_metadata > 1) reader.fail();
  if (has_metadata == 1) out.metadata = pages.next();
  if (!reader.at_end()) return corrupt("metric part directory: bytes cut, trailing or out of range");
  return out;
}

std::string encode_series_page(const SeriesPage& page) {
  OBELISK_ASSERT(!page.blocks.empty());
  BlockContext context;
  context.unit = page_unit(page.blocks);
  context.data_page = page.blocks[0].data_page;
  context.offset = page.blocks[0].offset;
  uint64_t base_time = static_cast<uint64_t>(page.blocks[0].min_time / context.unit);
  std::string out;
  out.push_back(context.unit == kNanosPerMilli ? 1 : 0);
  append_signed_varint(out, static_cast<int64_t>(base_time));
  append_varint(out, context.data_page);
  append_varint(out, context.offset);
  append_varint(out, page.series.size());
  std::span<const uint32_t> last_labels;
  for (const SeriesPage::Entry& series : page.series) {
    auto labels = std::span(page.label_ids).subspan(series.first_label, series.label_count);
    size_t shared = static_cast<size_t>(
        std::mismatch(labels.begin(), labels.end(), last_labels.begin(), last_labels.end()).first -
        labels.begin());
    append_varint(out, shared);
    append_varint(out, labels.size() - shared);
    for (uint32_t id : labels.subspan(shared)) append_varint(out, id);
    append_varint(out, series.block_count);
    context.last_time = base_time;
    for (uint32_t i = 0; i < series.block_count; ++i)
      append_block(page.blocks[series.first_block + i], context, out);
    last_labels = labels;
  }
  return out;
}

Result<SeriesPage> decode_series_page(std::string_view bytes, const PartDirectory& directory) {
  ByteReader reader(bytes);
  BlockContext context;
  context.unit = reader.u8() == 1 ? kNanosPerMilli : 1;
  uint64_t base_time = static_cast<uint64_t>(reader.signed_varint());
  context.data_page = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX - 1));
  context.offset = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX));
  uint64_t series_count = reader.varint_up_to(kSeriesPerPage);
  SeriesPage page;
  SeriesPage::Entry last;
  for (uint64_t i = 0; i < series_count && !reader.failed(); ++i) {
    SeriesPage::Entry entry;
    entry.first_label = static_cast<uint32_t>(page.label_ids.size());
    entry.first_block = static_cast<uint32_t>(page.blocks.size());
    uint32_t shared = static_cast<uint32_t>(reader.varint_up_to(last.label_count));
    uint32_t own = count32(reader, 1);
    entry.label_count = shared + own;
    page.label_ids.reserve(page.label_ids.size() + entry.label_count);
    for (uint32_t k = 0; k < shared; ++k) page.label_ids.push_back(page.label_ids[last.first_label + k]);
    for (uint32_t k = 0; k < own; ++k) {
      uint64_t id = reader.varint();
      if (id >= directory.pair_count) reader.fail();
      page.label_ids.push_back(static_cast<uint32_t>(id));
    }
    entry.block_count = count32(reader, 6);
    if (entry.block_count == 0) reader.fail();
    context.last_time = base_time;
    for (uint32_t k = 0; k < entry.block_count && !reader.failed(); ++k) {
      page.blocks.push_back(read_block(reader, context, directory));
    }
    page.series.push_back(entry);
    last = entry;
  }
  if (!reader.at_end() || page.series.empty())
    return corrupt("series page: bytes cut, trailing or out of range");
  return page;
}

std::string encode_value_page(const std::vector<ValuePage::Entry>& values) {
  std::string out;
  uint64_t next = 0;
  for (const ValuePage::Entry& entry : values) {
    if (entry.length != 0) {
      next = entry.where;
      break;
    }
  }
  append_varint(out, values.size());
  append_varint(out, next);
  std::string_view last;
  for (const ValuePage::Entry& entry : values) {
    size_t shared = static_cast<size_t>(
        std::mismatch(entry.value.begin(), entry.value.end(), last.begin(), last.end()).first -
        entry.value.begin());
    append_varint(out, shared);
    append_text(out, entry.value.substr(shared));
    append_varint(out, entry.length);
    if (entry.length == 0) {
      OBELISK_ASSERT(entry.series_count == 1);
      append_varint(out, entry.where);
    } else {
      OBELISK_ASSERT(entry.where == next);
      append_varint(out, entry.series_count);
      next += entry.length;
    }
    last = entry.value;
  }
  return out;
}

Result<ValuePage> decode_value_page(std::string_view bytes, uint32_t series_count) {
  ByteReader reader(bytes);
  uint64_t count = reader.varint_up_to(kValuesPerPage);
  uint64_t next = reader.varint();
  ValuePage page;
  std::vector<size_t> ends;
  std::string value;
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    uint64_t shared = reader.varint_up_to(value.size());
    std::string_view suffix = reader.text();
    std::string last = value;
    value.resize(shared);
    value += suffix;
    if (i > 0 && value <= last) reader.fail();
    if (page.text.size() + value.size() > kPageBytesMax) reader.fail();
    ValuePage::Entry entry;
    entry.length = static_cast<uint32_t>(reader.varint_up_to(UINT32_MAX));
    if (entry.length == 0) {
      entry.where = reader.varint();
      entry.series_count = 1;
      if (entry.where >= series_count) reader.fail();
    } else {
      entry.where = next;
      entry.series_count = static_cast<uint32_t>(reader.varint_up_to(series_count));
      next += entry.length;
      if (entry.length <= kChecksumBytes) reader.fail();
    }
    page.text.insert(page.text.end(), value.begin(), value.end());
    ends.push_back(page.text.size());
    page.values.push_back(entry);
  }
  if (!reader.at_end() || page.values.empty())
    return corrupt("label value page: bytes cut, trailing or out of order");
  size_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    page.values[i].value = std::string_view(page.text.data() + begin, ends[i] - begin);
    begin = ends[i];
  }
  return page;
}

std::string encode_time_page(const std::vector<std::string>& columns) {
  std::string out;
  append_varint(out, columns.size());
  for (const std::string& column : columns) append_varint(out, column.size());
  for (const std::string& column : columns) out += column;
  return out;
}

Result<std::vector<std::string_view>> decode_time_page(std::string_view bytes) {
  ByteReader reader(bytes);
  uint32_t count = count32(reader, 2);
  std::vector<uint64_t> lengths;
  for (uint32_t i = 0; i < count; ++i) lengths.push_back(reader.varint_up_to(bytes.size()));
  std::vector<std::string_view> columns;
  for (uint64_t length : lengths) columns.push_back(reader.bytes(length));
  if (!reader.at_end()) return corrupt("time page: bytes cut or trailing");
  return columns;
}

std::string pack_page(std::string_view plain) {
  std::string packed(1, 1);
  append_varint(packed, plain.size());
  zstd_compress(plain, packed);
  if (packed.size() <= plain.size()) return packed;
  packed.assign(1, 0);
  packed.append(plain);
  return packed;
}

Result<std::string> unpack_page(std::string_view packed) {
  ByteReader reader(packed);
  uint8_t coding = reader.u8();
  if (reader.failed() || coding > 1) return corrupt("index page: unknown packing");
  if (coding == 0) return std::string(reader.rest());
  uint64_t size = reader.varint_up_to(kPageBytesMax);
  if (reader.failed()) return corrupt("index page: size out of range");
  std::string plain(size, '\0');
  OBELISK_CHECK_OK(zstd_decompress(reader.rest(), size, plain.data()));
  return plain;
}

}  // namespace obelisk
