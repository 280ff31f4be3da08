#include "storage/embedded/events/label_set_index.h"

#include <algorithm>

#include "base/hash.h"
#include "storage/embedded/events/label_table.h"

namespace obelisk {
namespace {

// Fewer sets are looked at one by one: that takes some microseconds.
constexpr size_t kIndexedSetsMin = 2048;

uint32_t hash_of(std::string_view value) {
  return static_cast<uint32_t>(hash64(value));
}

bool is_false(const Expr& expr) {
  return expr.kind() == Expr::Kind::any_of && expr.children().empty();
}

Expr settle_leaf(const Expr& leaf, const LabelTable& table) {
  if (leaf.column().scope != Scope::label || table.size() == 0) return leaf;
  auto holds = [&](LabelsView labels) { return decide_by_labels(leaf, labels) == Decision::yes; };
  bool first = false;
  if (table.size() >= kIndexedSetsMin) {
    std::optional<std::string_view> common = table.index().common_value(leaf.column().name);
    if (!common) return leaf;
    LabelRef label{leaf.column().name, *common};
    first = holds(common->empty() ? LabelsView() : LabelsView(&label, 1));
  } else {
    first = holds(table.labels(0));
    for (uint32_t set = 1; set < table.size(); ++set) {
      if (holds(table.labels(set)) != first) return leaf;
    }
  }
  return first ? Expr() : Expr::any_of({});
}

// The sets that can satisfy the condition by their labels; nullopt when that may be all.
std::optional<std::vector<uint32_t>> candidates_of(const Expr& expr, const LabelTable& table) {
  switch (expr.kind()) {
    case Expr::Kind::all_of: {
      std::optional<std::vector<uint32_t>> fewest;
      for (const Expr& child : expr.children()) {
        auto sets = candidates_of(child, table);
        if (sets && (!fewest || sets->size() < fewest->size())) fewest = std::move(sets);
      }
      return fewest;
    }
    case Expr::Kind::any_of: {
      std::vector<uint32_t> all;
      for (const Expr& child : expr.children()) {
        auto sets = candidates_of(child, table);
        if (!sets) return std::nullopt;
        all.insert(all.end(), sets->begin(), sets->end());
      }
      return all;
    }
    case Expr::Kind::compare: {
      const std::string* value = std::get_if<std::string>(&expr.literal());
      bool selects = expr.column().scope == Scope::label && expr.op() == CompareOp::equal &&
                     value != nullptr && !value->empty();
      if (!selects) return std::nullopt;
      return table.index().sets_with(expr.column().name, *value);
    }
    case Expr::Kind::matches: {
      const std::vector<std::string>& literals = expr.regex()->literals();
      bool selects = expr.column().scope == Scope::label && !literals.empty() &&
                     expr.regex()->mode() == Regex::Mode::anchored;
      if (!selects) return std::nullopt;
      std::vector<uint32_t> all;
      for (const std::string& value : literals) {
        if (value.empty()) return std::nullopt;  // sets without the label
        std::vector<uint32_t> sets = table.index().sets_with(expr.column().name, value);
        all.insert(all.end(), sets.begin(), sets.end());
      }
      return all;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

LabelSetIndex::LabelSetIndex(const LabelTable& table) : size_(table.size()) {
  for (uint32_t set = 0; set < table.size(); ++set) {
    for (const LabelRef& label : table.labels(set)) {
      Name& name = names_[label.name];
      if (name.count++ == 0) name.first_value = label.value;
      if (!name.differs && label.value != name.first_value) name.differs = true;
    }
  }
  for (auto& [text, name] : names_) {
    name.differs = name.differs || name.count != size_;
    if (name.differs) name.sets.reserve(name.count);
  }
  for (uint32_t set = 0; set < table.size(); ++set) {
    for (const LabelRef& label : table.labels(set)) {
      Name& name = names_[label.name];
      if (name.differs) name.sets.push_back({hash_of(label.value), set});
    }
  }
  for (auto& [text, name] : names_) std::sort(name.sets.begin(), name.sets.end());
}

std::optional<std::string_view> LabelSetIndex::common_value(std::string_view name) const {
  auto it = names_.find(name);
  if (it == names_.end()) return std::string_view();
  if (it->second.differs) return std::nullopt;
  return it->second.first_value;
}

std::vector<uint32_t> LabelSetIndex::sets_with(std::string_view name, std::string_view value) const {
  std::vector<uint32_t> sets;
  auto it = names_.find(name);
  if (it == names_.end()) return sets;
  const Name& of = it->second;
  if (!of.differs) {
    if (of.first_value != value) return sets;
    sets.resize(size_);
    for (uint32_t set = 0; set < size_; ++set) sets[set] = set;
    return sets;
  }
  auto at = std::lower_bound(of.sets.begin(), of.sets.end(), std::pair(hash_of(value), uint32_t{0}));
  for (; at != of.sets.end() && at->first == hash_of(value); ++at) sets.push_back(at->second);
  return sets;
}

Expr settle_labels(const Expr& expr, const LabelTable& table) {
  switch (expr.kind()) {
    case Expr::Kind::always:
      return expr;
    case Expr::Kind::all_of:
    case Expr::Kind::any_of: {
      bool all = expr.kind() == Expr::Kind::all_of;
      std::vector<Expr> children;
      for (const Expr& child : expr.children()) {
        Expr settled = settle_labels(child, table);
        bool ends = all ? is_false(settled) : settled.is_always();
        if (ends) return settled;
        bool says_nothing = all ? settled.is_always() : is_false(settled);
        if (!says_nothing) children.push_back(std::move(settled));
      }
      return all ? Expr::all_of(std::move(children)) : Expr::any_of(std::move(children));
    }
    case Expr::Kind::not_of: {
      Expr child = settle_labels(expr.children()[0], table);
      if (child.is_always()) return Expr::any_of({});
      return is_false(child) ? Expr() : Expr::not_of(std::move(child));
    }
    default:
      return settle_leaf(expr, table);
  }
}

std::vector<Decision> decide_sets(const Expr& expr, const LabelTable& table) {
  std::vector<Decision> decisions(table.size(), Decision::no);
  std::optional<std::vector<uint32_t>> sets;
  if (table.size() >= kIndexedSetsMin) sets = candidates_of(expr, table);
  if (sets) {
    for (uint32_t set : *sets) decisions[set] = decide_by_labels(expr, table.labels(set));
    return decisions;
  }
  std::vector<ColumnId> columns;
  expr.collect_columns(columns);
  bool by_labels = std::any_of(columns.begin(), columns.end(),
                               [](const ColumnId& id) { return id.scope == Scope::label; });
  if (!by_labels) {  // the same for all
    if (!decisions.empty()) std::fill(decisions.begin(), decisions.end(), decide_by_labels(expr, {}));
    return decisions;
  }
  for (uint32_t set = 0; set < table.size(); ++set)
    decisions[set] = decide_by_labels(expr, table.labels(set));
  return decisions;
}

}  // namespace obelisk
