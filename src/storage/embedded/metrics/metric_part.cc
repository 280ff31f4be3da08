#include "storage/embedded/metrics/metric_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/grow_uncleared.h"
#include "codec/checksum.h"
#include "storage/damage_counter.h"

namespace obelisk {

Result<std::shared_ptr<const MetricPart>> MetricPart::open(Disk& disk, const std::string& directory,
                                                           const std::string& name) {
  std::shared_ptr<MetricPart> part(new MetricPart(disk, directory + "/" + name, name));
  OBELISK_TRY(part->file_, disk.open(part->path_, Disk::Mode::read));
  OBELISK_TRY(part->file_bytes_, part->file_->size());
  if (part->file_bytes_ < kPartHeaderBytes + kPartFooterBytes) {
    return make_error(ErrorCode::corrupt, fmt::format("{}: {} bytes are too few for a metric part",
                                                      part->path_, part->file_bytes_));
  }
  std::string bytes(kPartHeaderBytes, '\0');
  OBELISK_CHECK_OK(part->file_->read_at(0, bytes.size(), bytes.data()));
  if (Result<void> header = decode_part_header(bytes); !header.ok())
    return header.error().with_context(part->path_ + " at offset 0");
  bytes.resize(kPartFooterBytes);
  uint64_t footer_at = part->file_bytes_ - kPartFooterBytes;
  OBELISK_CHECK_OK(part->file_->read_at(footer_at, bytes.size(), bytes.data()));
  auto footer = decode_part_footer(bytes, part->file_bytes_);
  if (!footer.ok())
    return footer.error().with_context(fmt::format("{} at offset {}", part->path_, footer_at));
  part->footer_ = *footer;
  const PageReference& page = part->footer_.directory;
  OBELISK_TRY(std::string packed, part->read_page(page));
  auto plain = unpack_page(packed);
  if (!plain.ok()) return part->locate(plain.error(), page);
  auto decoded = decode_part_directory(*plain, part->file_bytes_);
  if (!decoded.ok()) return part->locate(decoded.error(), page);
  if (decoded->series_count != part->footer_.series_count) {
    return part->locate(
        make_error(ErrorCode::corrupt, "footer and directory disagree about the number of series"), page);
  }
  part->directory_ = std::move(*decoded);
  for (const PageReference& data : part->directory_.data_pages) part->sample_bytes_ += data.length;
  for (const PartDirectory::TimePage& times : part->directory_.time_pages)
    part->sample_bytes_ += times.page.length;
  return std::shared_ptr<const MetricPart>(std::move(part));
}

MetricPart::~MetricPart() {
  file_.reset();
  // What cannot be removed now is removed by the next open of the store: no manifest names it.
  if (doomed_) (void)disk_.remove(path_).ok();
}

Error MetricPart::locate(const Error& error, const PageReference& page) const {
  if (error.code == ErrorCode::corrupt) damaged_blocks().add();
  return error.with_context(fmt::format("{} at offset {}", path_, page.offset));
}

Result<std::string> MetricPart::read_page(const PageReference& page) const {
  std::string bytes;
  grow_uncleared(bytes, page.length);
  OBELISK_CHECK_OK(file_->read_at(page.offset, bytes.size(), bytes.data()));
  uint64_t stored = 0;
  std::memcpy(&stored, bytes.data() + bytes.size() - kChecksumBytes, kChecksumBytes);
  bytes.resize(bytes.size() - kChecksumBytes);
  if (checksum64(bytes, page.offset) != stored) {
    return locate(make_error(ErrorCode::corrupt,
                             fmt::format("checksum of a page of {} bytes does not match", page.length)),
                  page);
  }
  return bytes;
}

Result<SeriesPage> MetricPart::read_series_page(uint32_t page) const {
  const PartDirectory::SeriesPage& entry = directory_.series_pages[page];
  OBELISK_TRY(std::string packed, read_page(entry.page));
  auto plain = unpack_page(packed);
  if (!plain.ok()) return locate(plain.error(), entry.page);
  auto decoded = decode_series_page(*plain, directory_);
  if (!decoded.ok()) return locate(decoded.error(), entry.page);
  bool last = page + 1 == directory_.series_pages.size();
  uint32_t next = last ? footer_.series_count : directory_.series_pages[page + 1].first_series;
  if (decoded->series.size() != next - entry.first_series) {
    return locate(
        make_error(ErrorCode::corrupt, "series page with another number of series than the directory says"),
        entry.page);
  }
  return decoded;
}

Result<ValuePage> MetricPart::read_value_page(uint32_t page) const {
  const PageReference& reference = directory_.value_pages[page].page;
  OBELISK_TRY(std::string packed, read_page(reference));
  auto plain = unpack_page(packed);
  if (!plain.ok()) return locate(plain.error(), reference);
  auto decoded = decode_value_page(*plain, footer_.series_count);
  if (!decoded.ok()) return locate(decoded.error(), reference);
  return decoded;
}

const PartDirectory::Name* MetricPart::find_name(std::string_view name) const {
  auto found = std::lower_bound(
      directory_.names.begin(), directory_.names.end(), name,
      [](const PartDirectory::Name& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != directory_.names.end() && found->name == name ? &*found : nullptr;
}

namespace {

uint32_t page_count(const PartDirectory::Name& name) {
  return (name.value_count + kValuesPerPage - 1) / kValuesPerPage;
}

PostingReference reference_of(const ValuePage::Entry& entry) {
  return {entry.series_count, entry.where, entry.length};
}

}  // namespace

Result<std::optional<PostingReference>> MetricPart::find(std::string_view name,
                                                         std::string_view value) const {
  const PartDirectory::Name* entry = find_name(name);
  if (entry == nullptr) return std::optional<PostingReference>();
  auto begin = directory_.value_pages.begin() + entry->first_page;
  auto after = std::upper_bound(begin, begin + page_count(*entry), value,
                                [](std::string_view wanted, const PartDirectory::ValuePage& page) {
                                  return wanted < page.first_value;
                                });
  if (after == begin) return std::optional<PostingReference>();
  OBELISK_TRY(ValuePage page,
              read_value_page(static_cast<uint32_t>(after - directory_.value_pages.begin()) - 1));
  auto found = std::lower_bound(
      page.values.begin(), page.values.end(), value,
      [](const ValuePage::Entry& candidate, std::string_view wanted) { return candidate.value < wanted; });
  if (found == page.values.end() || found->value != value) return std::optional<PostingReference>();
  return std::optional(reference_of(*found));
}

Result<void> MetricPart::visit_values(std::string_view name, const Visitor& visitor) const {
  const PartDirectory::Name* entry = find_name(name);
  if (entry == nullptr) return {};
  for (uint32_t i = 0; i < page_count(*entry); ++i) {
    OBELISK_TRY(ValuePage page, read_value_page(entry->first_page + i));
    for (const ValuePage::Entry& value : page.values) visitor(value.value, reference_of(value));
  }
  return {};
}

Result<Postings> MetricPart::postings(const PostingReference& reference) const {
  if (reference.length == 0) return Postings{static_cast<uint32_t>(reference.where)};
  PageReference page{reference.where, static_cast<uint32_t>(reference.length)};
  if (page.offset > file_bytes_ || page.length > file_bytes_ - page.offset) {
    return locate(make_error(ErrorCode::corrupt, "posting list outside the file"), page);
  }
  OBELISK_TRY(std::string bytes, read_page(page));
  auto decoded = decode_postings(bytes, footer_.series_count);
  if (!decoded.ok()) return locate(decoded.error(), page);
  return decoded;
}

Result<void> MetricPart::read_metadata(MetadataRows& rows) const {
  const PageReference& page = directory_.metadata;
  if (page.length == 0) return {};
  OBELISK_TRY(std::string packed, read_page(page));
  auto plain = unpack_page(packed);
  if (!plain.ok()) return locate(plain.error(), page);
  Result<void> decoded = rows.decode(*plain);
  if (!decoded.ok()) return locate(decoded.error(), page);
  return {};
}

Result<LabelRef> PartLabelTexts::pair(uint32_t pair_id) {
  const std::vector<PartDirectory::Name>& names = part_->directory().names;
  auto after = std::upper_bound(
      names.begin(), names.end(), pair_id,
      [](uint32_t wanted, const PartDirectory::Name& name) { return wanted < name.first_pair; });
  const PartDirectory::Name& name = *(after - 1);
  uint32_t index = pair_id - name.first_pair;
  uint32_t page_number = name.first_page + index / kValuesPerPage;
  std::unique_ptr<const ValuePage>& page = pages_->by_number[page_number];
  if (!page) {
    OBELISK_TRY(ValuePage fresh, part_->read_value_page(page_number));
    page = std::make_unique<const ValuePage>(std::move(fresh));
    ++pages_->count;
  }
  if (index % kValuesPerPage >= page->values.size()) {
    return part_->locate(make_error(ErrorCode::corrupt, "label value page with too few values"),
                         part_->directory().value_pages[page_number].page);
  }
  return LabelRef{name.name, page->values[index % kValuesPerPage].value};
}

void PartLabelTexts::make_room() {
  if (pages_->count > kPagesMax) forget_pages();
}

void PartLabelTexts::forget_pages() {
  pages_ = std::make_shared<Pages>();
  pages_->part = part_;
  pages_->by_number.resize(part_->directory().value_pages.size());
  owner_ = pages_;
}

}  // namespace obelisk
