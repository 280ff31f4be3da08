#include "storage/embedded/events/row_group_pruning.h"

#include <algorithm>

#include "storage/embedded/events/chunk_pruning.h"
#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/message/text_predicate.h"
#include "storage/embedded/events/trace_index_block.h"

namespace obelisk {
namespace {

// More ids are cheaper to look for in the row group than in its filter.
constexpr size_t kIdsMax = 64;

class RowGroupDecision {
 public:
  RowGroupDecision(const EventPart& part, size_t row_group, const LabelTable& labels,
                   const std::vector<Decision>& decisions)
      : part_(part),
        row_group_(row_group),
        info_(part.directory().row_groups[row_group]),
        labels_(labels),
        decisions_(decisions) {}

  Result<Decision> of(const Expr& expr) {
    switch (expr.kind()) {
      case Expr::Kind::always:
        return Decision::yes;
      case Expr::Kind::all_of:
        return of_children(expr.children(), Decision::yes, Decision::no);
      case Expr::Kind::any_of:
        return of_children(expr.children(), Decision::no, Decision::yes);
      case Expr::Kind::not_of: {
        OBELISK_TRY(Decision part, of(expr.children()[0]));
        if (part == Decision::depends) return part;
        return part == Decision::yes ? Decision::no : Decision::yes;
      }
      default:
        return of_leaf(expr);
    }
  }

 private:
  Result<Decision> of_children(const std::vector<Expr>& children, Decision none, Decision ends) {
    Decision result = none;
    for (const Expr& child : children) {
      OBELISK_TRY(Decision part, of(child));
      if (part == ends) return ends;
      if (part == Decision::depends) result = Decision::depends;
    }
    return result;
  }

  Result<Decision> of_leaf(const Expr& expr) {
    if (expr.column().scope == Scope::label) return of_label(expr);
    Decision by_stats = decide_by_stats(expr, part_.directory(), info_);
    if (by_stats != Decision::depends) return by_stats;
    OBELISK_TRY(bool has_trace, may_hold_its_trace(expr));
    return has_trace ? by_texts(expr) : Decision::no;
  }

  // Comparing is cheap; patterns are decided by group once for the whole part (PartContext::decisions).
  Decision of_label(const Expr& expr) const {
    if (expr.kind() != Expr::Kind::compare) return Decision::depends;
    bool any = false, every = true;
    for (const GroupRun& run : info_.runs) {
      if (decisions_[run.group] == Decision::no) continue;
      bool holds = decide_by_labels(expr, labels_.labels(run.group)) == Decision::yes;
      any = any || holds;
      every = every && holds;
    }
    return every ? Decision::yes : any ? Decision::depends : Decision::no;
  }

  // False when the condition wants a trace id that the row group's filter does not have.
  Result<bool> may_hold_its_trace(const Expr& expr) {
    if (part_.directory().table != Table::logs) return true;
    std::vector<TraceId> wanted;
    if (auto ids = required_trace_ids(expr)) {
      wanted = std::move(*ids);
    } else if (const std::string* text = equal_text(expr); text != nullptr && is_id_text(expr.column())) {
      auto id = TraceId::from_hex(*text);
      if (!id || id->to_hex() != *text) return false;
      wanted = {*id};
    } else {
      return true;
    }
    if (wanted.size() > kIdsMax) return true;
    for (const TraceId& id : wanted) {
      OBELISK_TRY(bool may_hold, part_.may_hold_trace(row_group_, trace_key(id)));
      if (may_hold) return true;
    }
    return false;
  }

  static const std::string* equal_text(const Expr& expr) {
    bool equal = expr.kind() == Expr::Kind::compare && expr.op() == CompareOp::equal;
    const std::string* text = equal ? std::get_if<std::string>(&expr.literal()) : nullptr;
    return text != nullptr && text->size() == 32 ? text : nullptr;
  }

  // Whether all values of the column here are digits of trace ids.
  bool is_id_text(const ColumnId& id) const {
    for (uint32_t number : part_.directory().columns_named(id)) {
      const ChunkInfo* chunk = info_.find(number);
      if (chunk != nullptr && !std::holds_alternative<IdText>(chunk->stats.range)) return false;
    }
    return true;
  }

  Decision by_texts(const Expr& expr) const {
    bool by_templates = expr.kind() == Expr::Kind::compare || expr.kind() == Expr::Kind::contains ||
                        expr.kind() == Expr::Kind::matches;
    if (!by_templates) return Decision::depends;
    Decision result = Decision::no;
    for (uint32_t number : part_.directory().columns_named(expr.column())) {
      const ChunkInfo* chunk = info_.find(number);
      if (chunk == nullptr) continue;
      if (part_.directory().columns[number].type != ColumnType::string) return Decision::depends;
      std::shared_ptr<const message::KnownTexts> known =
          part_.known_texts(row_group_, static_cast<size_t>(chunk - info_.chunks.data()));
      if (known == nullptr) return Decision::depends;
      message::Verdict verdict = known->verdicts_of(message::predicate_for(expr))->overall();
      if (verdict == message::Verdict::none) continue;
      if (verdict == message::Verdict::all && chunk->stats.present_count == info_.row_count)
        return Decision::yes;
      result = Decision::depends;
    }
    return result;
  }

  const EventPart& part_;
  const size_t row_group_;
  const RowGroupInfo& info_;
  const LabelTable& labels_;
  const std::vector<Decision>& decisions_;
};

}  // namespace

Result<Decision> decide_row_group(const Expr& expr, const EventPart& part, size_t row_group,
                                  const LabelTable& labels, const std::vector<Decision>& decisions) {
  return RowGroupDecision(part, row_group, labels, decisions).of(expr);
}

}  // namespace obelisk
