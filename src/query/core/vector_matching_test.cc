// Goal: which samples meet, what labels the result carries, and which constellations are refused.
#include "query/core/vector_matching.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

VectorSample sample(Labels labels, double value) {
  return {std::move(labels), value, nullptr, false};
}

Result<std::optional<VectorSample>> add(const VectorSample& left, const VectorSample& right) {
  return std::optional<VectorSample>(sample({}, left.value + right.value));
}

const SampleVector kErrors{sample(Labels{{"__name__", "errors"}, {"job", "a"}, {"code", "500"}}, 1),
                           sample(Labels{{"__name__", "errors"}, {"job", "a"}, {"code", "501"}}, 2),
                           sample(Labels{{"__name__", "errors"}, {"job", "b"}, {"code", "500"}}, 3)};
const SampleVector kTotals{sample(Labels{{"__name__", "total"}, {"job", "a"}, {"team", "x"}}, 10),
                           sample(Labels{{"__name__", "total"}, {"job", "c"}, {"team", "y"}}, 20)};

TEST(VectorMatching, OneToOneKeepsTheMatchedLabels) {
  VectorMatching matching;
  matching.on = true;
  matching.labels = {"job"};
  SampleVector left{kErrors[0], kErrors[2]};
  SampleVector out = *match_vectors(matching, left, kTotals, false, add);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].labels, (Labels{{"job", "a"}}));
  EXPECT_EQ(out[0].value, 11);
}

TEST(VectorMatching, ManyToOneCopiesTheIncludedLabels) {
  VectorMatching matching;
  matching.cardinality = MatchCardinality::many_to_one;
  matching.on = true;
  matching.labels = {"job"};
  matching.include = {"team"};
  SampleVector out = *match_vectors(matching, kErrors, kTotals, true, add);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].labels, (Labels{{"__name__", "errors"}, {"job", "a"}, {"code", "501"}, {"team", "x"}}));
  matching.cardinality = MatchCardinality::one_to_many;
  SampleVector swapped =
      *match_vectors(matching, kTotals, kErrors, false, [](const auto& left, const auto& right) {
        return Result<std::optional<VectorSample>>(
            std::optional<VectorSample>(sample({}, left.value - right.value)));
      });
  ASSERT_EQ(swapped.size(), 2u);
  EXPECT_EQ(swapped[0].value, 9) << "left stays left";
  EXPECT_EQ(swapped[0].labels.get("code"), "500");
}

TEST(VectorMatching, RefusesAmbiguity) {
  VectorMatching matching;
  matching.on = true;
  matching.labels = {"job"};
  auto many_left = match_vectors(matching, kErrors, kTotals, false, add);
  ASSERT_FALSE(many_left.ok());
  EXPECT_EQ(many_left.error().code, ErrorCode::execution);
  EXPECT_NE(many_left.error().message.find("many-to-one matching must be explicit"), std::string::npos);
  auto many_right = match_vectors(matching, kTotals, kErrors, false, add);
  ASSERT_FALSE(many_right.ok());
  EXPECT_EQ(many_right.error().message,
            "found duplicate series for the match group {job=\"a\"} on the right hand-side of the operation: "
            "[{__name__=\"errors\", code=\"500\", job=\"a\"}, {__name__=\"errors\", code=\"501\", "
            "job=\"a\"}];many-to-many matching not allowed: "
            "matching labels must be unique on one side");
  EXPECT_TRUE(match_vectors(matching, {}, kErrors, false, add).ok()) << "nothing to match, nothing to refuse";
  matching.cardinality = MatchCardinality::many_to_one;
  matching.include = {"code"};  // takes the label away that told the many side apart
  auto collapsed = match_vectors(matching, kErrors, kTotals, false, add);
  ASSERT_FALSE(collapsed.ok());
  EXPECT_NE(collapsed.error().message.find("grouping labels must ensure unique matches"), std::string::npos);
}

TEST(VectorMatching, FillsMissingPartners) {
  VectorMatching matching;
  matching.on = true;
  matching.labels = {"job"};
  matching.fill_left = 100;
  matching.fill_right = 1000;
  SampleVector left{kErrors[0], kErrors[2]};
  SampleVector out = *match_vectors(matching, left, kTotals, false, add);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].value, 11);
  EXPECT_EQ(out[1].value, 1003);
  EXPECT_EQ(out[2].value, 120);
  EXPECT_EQ(out[2].labels, (Labels{{"job", "c"}}));
}

TEST(VectorMatching, SetOperators) {
  VectorMatching matching;
  matching.cardinality = MatchCardinality::many_to_many;
  matching.on = true;
  matching.labels = {"job"};
  EXPECT_EQ(apply_set_op(SetOp::and_op, matching, kErrors, kTotals).size(), 2u);
  SampleVector unless = apply_set_op(SetOp::unless_op, matching, kErrors, kTotals);
  ASSERT_EQ(unless.size(), 1u);
  EXPECT_EQ(unless[0].labels.get("job"), "b");
  SampleVector either = apply_set_op(SetOp::or_op, matching, kErrors, kTotals);
  ASSERT_EQ(either.size(), 4u);
  EXPECT_EQ(either[3].labels.get("job"), "c");
}

}  // namespace
}  // namespace obelisk
