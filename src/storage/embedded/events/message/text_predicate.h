#pragma once
// A condition on a text (contains, equals, matches), and what templates say about it before any row is looked
// at: none of a template's rows can satisfy it, all must, or some may. Templates are walked byte by byte with
// the condition's automaton; a variable counts as any text that its column's kind, lengths and dictionary
// allow, so "none" is certain: a needle may begin or end inside a variable.
//
// Compiled from an Expr once per thread and kept for the next row groups (predicate_for). Belongs to one
// thread.
#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "plan/expression.h"
#include "storage/embedded/events/message/message_block.h"
#include "storage/embedded/events/message/needle_search.h"
#include "storage/embedded/events/message/template_verdicts.h"

namespace obelisk::message {

// What is known of the rows of one template before their texts are looked at.
struct RowFilter {
  static constexpr uint8_t kMaybe = 1;
  static constexpr uint8_t kSure = 2;
  bool is_known = false;       // else every row may satisfy the condition
  std::vector<uint8_t> marks;  // by number of the row in its template: 0, kMaybe or kSure; empty: all are 0
};

class TextPredicate {
 public:
  virtual ~TextPredicate() = default;
  virtual bool holds(std::string_view text) const = 0;
  // Of template `number` (not the raw one).
  virtual Verdict judge(const MessageHead& head, size_t number) const = 0;
  // Of a template that is judged `some`, by its variables.
  virtual Result<RowFilter> filter_rows(MessageBlock& block, size_t number) const;
  // Equal for equal conditions, whoever compiled them.
  const Hash128& identity() const { return identity_; }
  void set_identity(Hash128 identity) { identity_ = identity; }

 private:
  Hash128 identity_;
};

// The same skeletons occur in most row groups: whether one can satisfy the condition whatever its variables
// are is found out once and remembered.
class SkeletonPredicate : public TextPredicate {
 public:
  Verdict judge(const MessageHead& head, size_t number) const override;

 protected:
  // Of texts of this skeleton, its variables being any letters and digits; `all` may be left to be found
  // later.
  virtual Verdict judge_skeleton(std::string_view skeleton) const = 0;
  // With what is known of the variables in this head.
  virtual Verdict judge_closely(const MessageHead& head, size_t number) const = 0;

 private:
  static constexpr size_t kRememberedMax = 1 << 16;
  mutable absl::flat_hash_map<uint64_t, Verdict> remembered_;  // skeleton hash -> judge_skeleton
};

// `expr` is a compare with a string, contains or matches. The result lives until the thread's next call but
// seven.
const TextPredicate& predicate_for(const Expr& expr);

// Of every template, raw lines being `some`.
TemplateVerdicts judge_templates(const TextPredicate& predicate, const MessageHead& head, bool has_raw_lines);

// The same as mark_texts for a block that need not be read: false, and nothing is set, when some text would
// have to be looked at.
Result<bool> mark_by_templates(const TextPredicate& predicate, const KnownTexts& known,
                               const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out);

// Sets out[value] for the values with candidates[value] that satisfy the condition.
Result<void> mark_texts(MessageBlock& block, const TextPredicate& predicate,
                        const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out);

}  // namespace obelisk::message
