#include "storage/embedded/metrics/series_selector.h"

#include <algorithm>
#include <numeric>

namespace obelisk {
namespace {

// Entries of a posting list that are read in the time it takes to test one series' labels.
constexpr uint64_t kCheaperByLabels = 32;

// A set of series: those listed, or all but those listed.
struct SeriesSet {
  bool all_but = false;
  Postings list;
  bool exact = true;

  static SeriesSet everything(bool exact) { return {true, {}, exact}; }
  static SeriesSet nothing() { return {false, {}, true}; }
};

SeriesSet both(SeriesSet a, SeriesSet b) {
  bool exact = a.exact && b.exact;
  if (a.all_but && b.all_but) {
    std::vector<Postings> lists;
    lists.push_back(std::move(a.list));
    lists.push_back(std::move(b.list));
    return {true, unite_postings(std::move(lists)), exact};
  }
  if (a.all_but) std::swap(a, b);
  return {false, b.all_but ? subtract_postings(a.list, b.list) : intersect_postings(a.list, b.list), exact};
}

SeriesSet either(SeriesSet a, SeriesSet b) {
  a.all_but = !a.all_but;
  b.all_but = !b.all_but;
  SeriesSet neither = both(std::move(a), std::move(b));
  neither.all_but = !neither.all_but;
  return neither;
}

bool holds_for(const Expr& leaf, std::string_view value) {
  LabelRef label{leaf.column().name, value};
  return decide_by_labels(leaf, value.empty() ? LabelsView() : LabelsView(&label, 1)) == Decision::yes;
}

// The only values that can satisfy the leaf, when it says so itself.
std::optional<std::vector<std::string>> listed_values(const Expr& leaf) {
  if (leaf.kind() == Expr::Kind::compare && leaf.op() == CompareOp::equal) {
    const std::string* text = std::get_if<std::string>(&leaf.literal());
    if (text != nullptr) return std::vector<std::string>{*text};
  }
  if (leaf.kind() == Expr::Kind::matches && leaf.regex()->mode() == Regex::Mode::anchored &&
      !leaf.regex()->literals().empty()) {
    return leaf.regex()->literals();
  }
  return std::nullopt;
}

Result<SeriesSet> select_leaf(const LabelIndex& index, const Expr& leaf) {
  // Series without the label count as the empty string: when that satisfies the leaf, collect what does not.
  bool absent_matches = holds_for(leaf, {});
  const std::string& name = leaf.column().name;
  std::vector<PostingReference> references;
  auto values = listed_values(leaf);
  if (values && !absent_matches) {
    std::sort(values->begin(), values->end());
    values->erase(std::unique(values->begin(), values->end()), values->end());
    for (const std::string& value : *values) {
      OBELISK_TRY(std::optional<PostingReference> found, index.find(name, value));
      if (found) references.push_back(*found);
    }
  } else {
    OBELISK_CHECK_OK(index.visit_values(name, [&](std::string_view value, const PostingReference& reference) {
      if (holds_for(leaf, value) != absent_matches) references.push_back(reference);
    }));
  }
  std::vector<Postings> lists;
  for (const PostingReference& reference : references) {
    OBELISK_TRY(Postings list, index.postings(reference));
    lists.push_back(std::move(list));
  }
  return SeriesSet{absent_matches, unite_postings(std::move(lists)), true};
}

Result<SeriesSet> select(const LabelIndex& index, const Expr& where);

// The most selective parts first. When few series are left, reading the long posting lists (or trying the
// many values) of the other parts costs more than testing the labels of those few: they are left to the
// caller.
Result<SeriesSet> select_all_of(const LabelIndex& index, const Expr& where) {
  std::vector<std::pair<uint64_t, const Expr*>> parts;
  for (const Expr& child : where.children()) {
    OBELISK_TRY(uint64_t estimate, estimate_series(index, child));
    parts.emplace_back(estimate, &child);
  }
  std::stable_sort(parts.begin(), parts.end(), [](auto& a, auto& b) { return a.first < b.first; });
  SeriesSet result = SeriesSet::everything(true);
  for (const auto& [estimate, child] : parts) {
    if (!result.all_but && result.list.empty()) return SeriesSet::nothing();
    if (!result.all_but && estimate / kCheaperByLabels > result.list.size()) {
      result.exact = false;
      continue;
    }
    OBELISK_TRY(SeriesSet part, select(index, *child));
    result = both(std::move(result), std::move(part));
  }
  return result;
}

Result<SeriesSet> select(const LabelIndex& index, const Expr& where) {
  switch (where.kind()) {
    case Expr::Kind::always:
      return SeriesSet::everything(true);
    case Expr::Kind::all_of:
      return select_all_of(index, where);
    case Expr::Kind::any_of: {
      SeriesSet result = SeriesSet::nothing();
      for (const Expr& child : where.children()) {
        OBELISK_TRY(SeriesSet part, select(index, child));
        bool exact = result.exact && part.exact;
        result = either(std::move(result), std::move(part));
        result.exact = exact;
      }
      return result;
    }
    case Expr::Kind::not_of: {
      OBELISK_TRY(SeriesSet part, select(index, where.children()[0]));
      if (!part.exact) return SeriesSet::everything(false);
      part.all_but = !part.all_but;
      return part;
    }
    default:
      break;
  }
  if (where.column().scope != Scope::label) return SeriesSet::everything(false);
  return select_leaf(index, where);
}

}  // namespace

Result<SeriesSelection> select_series(const LabelIndex& index, const Expr& where) {
  OBELISK_TRY(SeriesSet set, select(index, where));
  if (!set.all_but) return SeriesSelection{std::move(set.list), set.exact};
  Postings all(index.series_count());
  std::iota(all.begin(), all.end(), 0);
  if (set.list.empty()) return SeriesSelection{std::move(all), set.exact};
  return SeriesSelection{subtract_postings(all, set.list), set.exact};
}

Result<uint64_t> estimate_series(const LabelIndex& index, const Expr& where) {
  uint64_t bound = index.series_count();
  if (where.kind() == Expr::Kind::all_of) {
    for (const Expr& child : where.children()) {
      OBELISK_TRY(uint64_t part, estimate_series(index, child));
      bound = std::min(bound, part);
    }
    return bound;
  }
  bool is_leaf = where.kind() == Expr::Kind::compare || where.kind() == Expr::Kind::matches;
  if (!is_leaf || where.column().scope != Scope::label || holds_for(where, {})) return bound;
  auto values = listed_values(where);
  if (!values) return bound;
  uint64_t sum = 0;
  for (const std::string& value : *values) {
    OBELISK_TRY(std::optional<PostingReference> found, index.find(where.column().name, value));
    if (found) sum += found->series_count;
  }
  return std::min(bound, sum);
}

}  // namespace obelisk
