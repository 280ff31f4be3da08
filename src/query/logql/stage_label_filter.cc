#include "plan/regex.h"
#include "query/logql/ip_range.h"
#include "query/logql/lexer.h"
#include "query/logql/literals.h"
#include "query/logql/regex_error.h"
#include "query/logql/stage_filter.h"

namespace obelisk::logql {
namespace {

class Test {
 public:
  virtual ~Test() = default;
  virtual bool holds(RowLabels& labels) const = 0;
};
using TestPtr = std::unique_ptr<Test>;

class BothTests : public Test {
 public:
  BothTests(TestPtr left, TestPtr right) : left_(std::move(left)), right_(std::move(right)) {}
  bool holds(RowLabels& labels) const override { return left_->holds(labels) && right_->holds(labels); }

 private:
  TestPtr left_, right_;
};

class EitherTest : public Test {
 public:
  EitherTest(TestPtr left, TestPtr right) : left_(std::move(left)), right_(std::move(right)) {}
  bool holds(RowLabels& labels) const override { return left_->holds(labels) || right_->holds(labels); }

 private:
  TestPtr left_, right_;
};

class TextTest : public Test {
 public:
  TextTest(Matcher matcher, std::shared_ptr<const Regex> regex)
      : matcher_(std::move(matcher)), regex_(std::move(regex)) {}

  bool holds(RowLabels& labels) const override {
    std::string_view value = labels.text_of(matcher_.name);
    switch (matcher_.op) {
      case MatchOp::equal:
        return value == matcher_.value;
      case MatchOp::not_equal:
        return value != matcher_.value;
      case MatchOp::regex:
        return regex_->matches(value);
      case MatchOp::not_regex:
        return !regex_->matches(value);
    }
    return false;
  }

 private:
  Matcher matcher_;
  std::shared_ptr<const Regex> regex_;
};

template <typename T>
bool compare(CompareSign sign, T value, T wanted) {
  switch (sign) {
    case CompareSign::equal:
      return value == wanted;
    case CompareSign::not_equal:
      return value != wanted;
    case CompareSign::greater:
      return value > wanted;
    case CompareSign::greater_equal:
      return value >= wanted;
    case CompareSign::less:
      return value < wanted;
    case CompareSign::less_equal:
      return value <= wanted;
  }
  return false;
}

// A filter that converts the label: an absent label drops the row, one that does not convert keeps it with an
// error.
class ConvertedTest : public Test {
 public:
  explicit ConvertedTest(const LabelFilter& filter) : filter_(filter) {}

  bool holds(RowLabels& labels) const override {
    std::string_view value;
    if (!labels.get(filter_.name, value)) return false;
    switch (filter_.kind) {
      case LabelFilter::Kind::duration:
        return finish(labels, parse_duration_value(value), filter_.nanos);
      case LabelFilter::Kind::bytes:
        return finish(labels, parse_bytes(value), filter_.size);
      default:
        return finish(labels, parse_number_value(value), filter_.number);
    }
  }

 private:
  template <typename T>
  bool finish(RowLabels& labels, const Result<T>& converted, T wanted) const {
    if (converted.ok()) return compare(filter_.sign, *converted, wanted);
    if (!labels.has_error()) labels.set_error(kLabelFilterError, converted.error().message);
    return true;
  }

  LabelFilter filter_;
};

class IpTest : public Test {
 public:
  IpTest(Matcher matcher, IpRange range) : matcher_(std::move(matcher)), range_(range) {}

  bool holds(RowLabels& labels) const override {
    if (labels.has_error()) return true;  // the only filter that lets every failed row pass
    std::string_view value;
    if (!labels.get(matcher_.name, value)) return false;
    return range_.found_in(value) == (matcher_.op == MatchOp::equal);
  }

 private:
  Matcher matcher_;
  IpRange range_;
};

Result<TestPtr> make_test(const LabelFilter& filter) {
  switch (filter.kind) {
    case LabelFilter::Kind::all_of:
    case LabelFilter::Kind::any_of: {
      OBELISK_TRY(TestPtr left, make_test(filter.children[0]));
      OBELISK_TRY(TestPtr right, make_test(filter.children[1]));
      if (filter.kind == LabelFilter::Kind::all_of)
        return TestPtr(std::make_unique<BothTests>(std::move(left), std::move(right)));
      return TestPtr(std::make_unique<EitherTest>(std::move(left), std::move(right)));
    }
    case LabelFilter::Kind::text: {
      std::shared_ptr<const Regex> regex;
      if (filter.matcher.op == MatchOp::regex || filter.matcher.op == MatchOp::not_regex) {
        Result<std::shared_ptr<const Regex>> compiled =
            Regex::compile(filter.matcher.value, Regex::Mode::anchored);
        if (!compiled.ok()) return parse_error(regex_error_text(filter.matcher.value, compiled.error()));
        regex = *compiled;
      }
      return TestPtr(std::make_unique<TextTest>(filter.matcher, std::move(regex)));
    }
    case LabelFilter::Kind::ip: {
      Result<IpRange> range = IpRange::parse(filter.matcher.value);
      if (!range.ok()) return parse_error(range.error().message);
      return TestPtr(std::make_unique<IpTest>(filter.matcher, *range));
    }
    default:
      return TestPtr(std::make_unique<ConvertedTest>(filter));
  }
}

class LabelFilterStage : public RowStage {
 public:
  explicit LabelFilterStage(TestPtr test) : test_(std::move(test)) {}
  bool apply(LogRow& row) override { return test_->holds(row.labels); }

 private:
  TestPtr test_;
};

}  // namespace

Result<RowStagePtr> make_label_filter_stage(const LabelFilter& filter) {
  OBELISK_TRY(TestPtr test, make_test(filter));
  return RowStagePtr(std::make_unique<LabelFilterStage>(std::move(test)));
}

}  // namespace obelisk::logql
