// Random small traces and random queries against an evaluator that does the obvious: it walks parent ids for
// every pair of spans and reads the written-down spans, not the rows of a store. Prints its seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/test_seed.h"
#include "query/traceql/engine.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::traceql {
namespace {

using SpanIds = std::set<uint64_t>;

// A condition on one span: its text, and whether it holds.
struct Condition {
  std::string text;
  std::function<bool(const TestSpan&)> holds;
};

const TestValue* attribute_of(const TestSpan& span, std::string_view name) {
  for (const TestAttribute& attribute : span.attributes) {
    if (attribute.name == name) return &attribute.value;
  }
  return nullptr;
}

class Naive {
 public:
  explicit Naive(const std::vector<TestSpan>& trace) {
    for (const TestSpan& span : trace) spans_[span.id] = span;
  }

  SpanIds filter(const Condition& condition) const {
    SpanIds found;
    for (const auto& [id, span] : spans_) {
      if (condition.holds(span)) found.insert(id);
    }
    return found;
  }

  bool is_child(uint64_t below, uint64_t above) const {
    return spans_.at(below).parent == above && above != 0;
  }
  bool is_descendant(uint64_t below, uint64_t above) const {
    uint64_t at = below;
    while (spans_.contains(at)) {
      at = spans_.at(at).parent;
      if (at == above) return true;
    }
    return false;
  }
  bool is_sibling(uint64_t a, uint64_t b) const {
    return a != b && spans_.at(a).parent != 0 && spans_.at(a).parent == spans_.at(b).parent;
  }

  // Whether `right` stands to `left` as `left op right` asks.
  bool related(std::string_view op, uint64_t left, uint64_t right) const {
    if (op == ">") return is_child(right, left);
    if (op == ">>") return is_descendant(right, left);
    if (op == "<") return is_child(left, right);
    if (op == "<<") return is_descendant(left, right);
    return is_sibling(left, right);
  }

  SpanIds apply(std::string_view op, const SpanIds& left, const SpanIds& right) const {
    if (op == "&&" && (left.empty() || right.empty())) return {};
    SpanIds result;
    if (op == "&&" || op == "||") {
      result = left;
      result.insert(right.begin(), right.end());
      return result;
    }
    bool negated = op[0] == '!';
    bool both = op[0] == '&';
    std::string_view plain = negated || both ? op.substr(1) : op;
    for (uint64_t r : right) {
      bool any = false;
      for (uint64_t l : left) {
        if (!related(plain, l, r)) continue;
        any = true;
        if (both) result.insert(l);
      }
      if (any != negated) result.insert(r);
    }
    return result;
  }

 private:
  std::map<uint64_t, TestSpan> spans_;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::vector<TestSpan> trace(uint8_t number) {
    std::vector<TestSpan> spans;
    uint64_t count = 1 + below(9);
    for (uint64_t i = 0; i < count; ++i) {
      TestSpan span;
      span.trace.bytes[15] = number;
      span.id = i + 1;
      // A parent that was made before, none, or one that never arrives.
      span.parent = i == 0 || below(8) == 0 ? (below(3) == 0 ? 1000 + below(2) : 0) : 1 + below(i);
      span.service = pick({"shop", "pay", ""});
      span.name = pick({"a", "b", "c"});
      span.start = static_cast<int64_t>(below(50));
      span.duration = static_cast<int64_t>(below(100));
      span.status = static_cast<int64_t>(below(3));
      span.kind = static_cast<int64_t>(below(6));
      if (below(2) == 0) span.attributes.push_back(number_attribute());
      if (below(4) == 0)
        span.attributes.push_back(
            {Scope::attribute, "flag", {ColumnType::boolean, static_cast<int64_t>(below(2)), 0, ""}});
      spans.push_back(std::move(span));
    }
    return spans;
  }

  Condition condition() {
    switch (below(10)) {
      case 0:
        return {"true", [](const TestSpan&) { return true; }};
      case 1: {
        std::string name = pick({"a", "b", "c"});
        return {fmt::format("name = \"{}\"", name),
                [name](const TestSpan& span) { return span.name == name; }};
      }
      case 2:
        return {"name =~ \"a|b\"", [](const TestSpan& span) { return span.name != "c"; }};
      case 3: {
        auto limit = static_cast<int64_t>(below(100));
        return {fmt::format("duration > {}ns", limit),
                [limit](const TestSpan& span) { return span.duration > limit; }};
      }
      case 4: {
        auto code = static_cast<int64_t>(below(3));
        return {fmt::format("status != {}", status_text(code)),
                [code](const TestSpan& span) { return span.status != code; }};
      }
      case 5:
        return {"resource.service.name != \"pay\"",
                [](const TestSpan& span) { return span.service == "shop"; }};
      case 6: {
        auto limit = static_cast<int64_t>(below(4));
        return {fmt::format("span.n <= {}", limit), [limit](const TestSpan& span) {
                  const TestValue* value = attribute_of(span, "n");
                  return value != nullptr &&
                         (value->type == ColumnType::int64 ? static_cast<double>(value->integer)
                                                           : value->number) <= static_cast<double>(limit);
                }};
      }
      case 7:
        return {".flag", [](const TestSpan& span) {
                  const TestValue* value = attribute_of(span, "flag");
                  return value != nullptr && value->integer != 0;
                }};
      case 8:
        return {".n = nil", [](const TestSpan& span) { return attribute_of(span, "n") == nullptr; }};
      default:
        return combined();
    }
  }

  std::string spanset_op() {
    return pick({"&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<",
                 "&<<", "&~"});
  }
  uint64_t below(uint64_t limit) { return random_() % limit; }

 private:
  Condition combined() {
    Condition a = condition();
    Condition b = condition();
    bool is_and = below(2) == 0;
    bool inverted = below(3) == 0;
    std::string text = fmt::format("{}({} {} {})", inverted ? "!" : "", a.text, is_and ? "&&" : "||", b.text);
    return {text, [=](const TestSpan& span) {
              bool holds = is_and ? a.holds(span) && b.holds(span) : a.holds(span) || b.holds(span);
              return holds != inverted;
            }};
  }

  TestAttribute number_attribute() {
    auto number = static_cast<int64_t>(below(4));
    if (below(2) == 0) return {Scope::attribute, "n", {ColumnType::int64, number, 0, ""}};
    return {Scope::attribute, "n", {ColumnType::float64, 0, static_cast<double>(number) + 0.5, ""}};
  }

  std::string pick(std::initializer_list<const char*> words) {
    return *(words.begin() + below(words.size()));
  }

  std::mt19937_64 random_;
};

// A random tree of spanset operators over conditions.
struct Expression {
  std::string text;
  std::function<SpanIds(const Naive&)> evaluate;
};

Expression make_expression(Generator& generator, int depth) {
  if (depth == 0 || generator.below(3) == 0) {
    Condition condition = generator.condition();
    return {"{ " + condition.text + " }",
            [condition](const Naive& naive) { return naive.filter(condition); }};
  }
  Expression left = make_expression(generator, depth - 1);
  Expression right = make_expression(generator, depth - 1);
  std::string op = generator.spanset_op();
  return {fmt::format("({} {} {})", left.text, op, right.text),
          [=](const Naive& naive) { return naive.apply(op, left.evaluate(naive), right.evaluate(naive)); }};
}

std::string describe(const std::map<uint8_t, SpanIds>& found) {
  std::string text;
  for (const auto& [trace, ids] : found) text += fmt::format("{}: {}\n", trace, fmt::join(ids, " "));
  return text;
}

void write_shuffled(MemoryStore& store, const std::vector<std::vector<TestSpan>>& traces,
                    Generator& generator) {
  std::vector<TestSpan> all;
  for (const auto& trace : traces) all.insert(all.end(), trace.begin(), trace.end());
  for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[generator.below(i)]);
  for (size_t at = 0; at < all.size();) {
    size_t count = std::min<size_t>(all.size() - at, 1 + generator.below(7));
    WriteRequest request;
    request.batches.push_back(test_batch(std::vector<TestSpan>(
        all.begin() + static_cast<ptrdiff_t>(at), all.begin() + static_cast<ptrdiff_t>(at + count))));
    ASSERT_TRUE(append_and_wait(store, std::move(request)).ok());
    at += count;
  }
}

TEST(TraceqlDifferential, RandomQueriesOnRandomTraces) {
  uint64_t seed = test_seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  int found_something = 0;
  for (int round = 0; round < 60; ++round) {
    Generator generator(seed + static_cast<uint64_t>(round));
    std::vector<std::vector<TestSpan>> traces;
    for (uint8_t number = 1; number <= 12; ++number) traces.push_back(generator.trace(number));
    MemoryStore store;
    write_shuffled(store, traces, generator);
    for (int i = 0; i < 25; ++i) {
      Expression expression = make_expression(generator, 3);
      std::map<uint8_t, SpanIds> expected;
      for (const auto& trace : traces) {
        SpanIds ids = expression.evaluate(Naive(trace));
        if (!ids.empty()) expected[trace[0].trace.bytes[15]] = ids;
      }
      found_something += expected.empty() ? 0 : 1;
      Budget budget;
      Cancel cancel;
      QueryContext context{store, kDefaultTenant, *store.snapshot(kDefaultTenant), budget, cancel};
      Result<SearchResult> result = search(context, expression.text, {{}, 100, 100});
      ASSERT_TRUE(result.ok()) << expression.text << " " << result.error().message;
      std::map<uint8_t, SpanIds> got;
      for (const FoundTrace& trace : result->traces) {
        for (const FoundSpan& span : trace.spansets[0].spans) got[trace.id.bytes[15]].insert(span.id.value);
      }
      ASSERT_EQ(describe(got), describe(expected)) << expression.text << " round " << round;
    }
  }
  EXPECT_GT(found_something, 500);  // of 1500: the comparison is not one of nothing with nothing
}

}  // namespace
}  // namespace obelisk::traceql
