#pragma once
// An open metric part: an immutable file of series. Opening reads header, footer and directory; everything
// else is read when asked for, a page at a time, and its checksum is compared each time. Any number of
// threads may read. Memory: the directory, about 10 bytes a page of 32 KiB and 60 bytes for 128 label values.
// Every error names the file and the offset of the page it was found in.
// A part that a merge or the retention has replaced is doomed: its file is removed when the last holder lets
// it go. Format: docs/formats/metric_part.md.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "env/disk.h"
#include "model/labels.h"
#include "storage/embedded/metrics/label_index.h"
#include "storage/embedded/metrics/metadata_rows.h"
#include "storage/embedded/metrics/metric_part_format.h"

namespace obelisk {

class MetricPart : public LabelIndex {
 public:
  static Result<std::shared_ptr<const MetricPart>> open(Disk& disk, const std::string& directory,
                                                        const std::string& name);
  ~MetricPart() override;

  const std::string& name() const { return name_; }
  uint64_t file_bytes() const { return file_bytes_; }
  // Of data and time pages.
  uint64_t sample_bytes() const { return sample_bytes_; }
  const PartFooter& footer() const { return footer_; }
  const PartDirectory& directory() const { return directory_; }
  // Remove the file when this object goes. The disk must outlive it.
  void doom() const { doomed_ = true; }

  uint32_t series_count() const override { return footer_.series_count; }
  Result<std::optional<PostingReference>> find(std::string_view name, std::string_view value) const override;
  Result<void> visit_values(std::string_view name, const Visitor& visitor) const override;
  Result<Postings> postings(const PostingReference& reference) const override;

  // The payload of a page, checked.
  Result<std::string> read_page(const PageReference& page) const;
  Result<SeriesPage> read_series_page(uint32_t page) const;
  Result<ValuePage> read_value_page(uint32_t page) const;
  Result<void> read_metadata(MetadataRows& rows) const;
  // `error` as found in this page of this file.
  Error locate(const Error& error, const PageReference& page) const;

 private:
  MetricPart(Disk& disk, std::string path, std::string name)
      : disk_(disk), path_(std::move(path)), name_(std::move(name)) {}
  const PartDirectory::Name* find_name(std::string_view name) const;

  Disk& disk_;
  const std::string path_;
  const std::string name_;
  std::unique_ptr<File> file_;
  uint64_t file_bytes_ = 0;
  uint64_t sample_bytes_ = 0;
  PartFooter footer_;
  PartDirectory directory_;
  mutable std::atomic<bool> doomed_{false};
};

// The texts of a part's label pairs by their numbers, through a cache of value pages. One thread.
class PartLabelTexts {
 public:
  explicit PartLabelTexts(std::shared_ptr<const MetricPart> part) : part_(std::move(part)) { forget_pages(); }
  // Views live until the next call of make_room(), or as long as owner() is held.
  Result<LabelRef> pair(uint32_t pair_id);
  // Forgets pages when there are too many.
  void make_room();
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  static constexpr size_t kPagesMax = 4096;  // half a million values

  struct Pages {
    std::shared_ptr<const MetricPart> part;  // the names' texts are its
    std::vector<std::unique_ptr<const ValuePage>> by_number;
    size_t count = 0;
  };
  void forget_pages();

  const std::shared_ptr<const MetricPart> part_;
  std::shared_ptr<Pages> pages_;
  std::shared_ptr<const void> owner_;
};

}  // namespace obelisk
