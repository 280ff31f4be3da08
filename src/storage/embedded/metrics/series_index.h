#pragma once
// The series of a tenant's heads by their labels: label set to number, posting lists, label texts once each.
// One index serves a head, the heads frozen before it and those that come after, so that a flush costs the
// series that go on nothing; the store begins a new one when most of the series have gone quiet.
//
// Series and label pairs are numbered from 0 and never removed. Not thread safe: the metric store guards it.
// But label_ids(), pair(), labels(), before() and what they return are of what never changes, and may be used
// without that guard for numbers learned under it.
// Memory a series: 24 bytes, 4 for each label here and in posting lists (these with up to half as much
// slack), 8 to 16 in the hash table, and 4 once it has a rank.
#include <absl/container/flat_hash_map.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/hash.h"
#include "plan/batch.h"
#include "storage/embedded/metrics/head_postings.h"
#include "storage/embedded/metrics/label_index.h"
#include "storage/embedded/metrics/stable_vector.h"

namespace obelisk {

class SeriesIndex : public LabelIndex {
 public:
  struct Found {
    uint32_t series = 0;
    bool is_new = false;
  };
  Found find_or_create(const Group& group);
  // The numbers of all groups, one each; series that are new are created. Returns how many those were.
  // Senders repeat their series in the order in which they first sent them, which is that of the numbers: so
  // the series after the one found last is looked at before the table, and memory is walked through.
  uint32_t resolve(std::span<const Group> groups, std::vector<uint32_t>& numbers);

  uint32_t series_count() const override { return series_.size(); }
  // Numbers of the label pairs of a series, in the order of its labels.
  std::span<const uint32_t> label_ids(uint32_t series) const {
    const uint32_t* labels = series_[series].labels;
    return {labels + 1, labels[0]};
  }
  uint64_t labels_hash(uint32_t series) const { return series_[series].hash; }
  LabelRef pair(uint32_t pair_id) const { return pairs_[pair_id].label; }
  uint32_t pair_count() const { return pairs_.size(); }
  void labels(uint32_t series, std::vector<LabelRef>& out) const;
  // Whether the labels of series a come before those of b.
  bool before(uint32_t a, uint32_t b) const;
  size_t memory_bytes() const;

  Result<std::optional<PostingReference>> find(std::string_view name, std::string_view value) const override;
  Result<void> visit_values(std::string_view name, const Visitor& visitor) const override;
  Result<Postings> postings(const PostingReference& reference) const override;

  // Places of the first series (as many as it is long) in the order of labels. Replaced as a whole.
  using Ranks = std::vector<uint32_t>;
  std::shared_ptr<const Ranks> ranks() const { return ranks_; }
  void set_ranks(std::shared_ptr<const Ranks> ranks) { ranks_ = std::move(ranks); }

  static constexpr uint32_t kNone = UINT32_MAX;

 private:
  struct Series {
    const uint32_t* labels = nullptr;  // their count, then the pair numbers
    uint64_t hash = 0;
    uint64_t hash_high = 0;  // 0: not known, labels are compared
  };
  struct Pair {
    LabelRef label;
    HeadPostings postings;
  };
  struct Slot {
    uint32_t tag = 0;  // of the hash
    uint32_t series = kNone;
  };
  struct TextHash {
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  struct LabelHash {
    size_t operator()(const LabelRef& label) const { return hash64(label.value, hash64(label.name)); }
  };

  // Two steps ahead of find_or_create, so that its cache misses overlap: the table, then the series there.
  void prefetch(const Group& group) const;
  void prefetch_series(const Group& group) const;
  bool is_at(uint32_t series, const Group& group) const {
    if (series >= series_.size()) return false;
    const Series& known = series_[series];
    return known.hash == group.labels_hash && known.hash_high != 0 &&
           known.hash_high == group.labels_hash_high;
  }
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  size_t slot_of(uint64_t hash) const { return hash & (slots_.size() - 1); }
  bool is_same(const Series& series, const Group& group) const;
  uint32_t create(const Group& group);
  uint32_t intern(const LabelRef& label);
  void grow_table();

  Arena arena_;
  StableVector<Series> series_;
  StableVector<Pair> pairs_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most three quarters full
  absl::flat_hash_map<LabelRef, uint32_t, LabelHash, std::equal_to<LabelRef>> pair_ids_;
  absl::flat_hash_map<std::string_view, std::vector<uint32_t>, TextHash, std::equal_to<std::string_view>>
      pairs_of_name_;
  size_t heap_bytes_ = 0;  // posting lists
  std::shared_ptr<const Ranks> ranks_ = std::make_shared<const Ranks>();
};

// `series` of the index in the order of their labels. Ranks that are missing are made when that is most of
// the work: they are returned for the caller to set under the index's guard, else null.
std::shared_ptr<const SeriesIndex::Ranks> sort_by_labels(
    const SeriesIndex& index, const std::shared_ptr<const SeriesIndex::Ranks>& ranks,
    std::vector<uint32_t>& series);

}  // namespace obelisk
