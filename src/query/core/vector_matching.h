#pragma once
// Matching of two instant vectors for binary and set operators, shared by PromQL and LogQL. Pure functions.
// A range query numbers the signatures of its series once (MatchSignatures) and matches every step with
// StepMatcher; match_vectors() and apply_set_op() do the same for one step.
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "query/core/sample_vector.h"

namespace obelisk {

enum class MatchCardinality : uint8_t {
  one_to_one,
  many_to_one,
  one_to_many,
  many_to_many
};  // many_to_many: sets

struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::one_to_one;
  bool on = false;  // on(labels) or ignoring(labels)
  std::vector<std::string> labels;
  std::vector<std::string> include;  // group_left(...) / group_right(...) labels
  std::optional<double> fill_left;   // the value of a missing left partner (PromQL's fill modifiers)
  std::optional<double> fill_right;
};

enum class SetOp : uint8_t { and_op, or_op, unless_op };

SampleVector apply_set_op(SetOp op, const VectorMatching& matching, const SampleVector& left,
                          const SampleVector& right);

// Computes one pair; nullopt leaves the pair out (a comparison that filters). The returned sample's labels
// are ignored.
using PairFunction =
    std::function<Result<std::optional<VectorSample>>(const VectorSample& left, const VectorSample& right)>;

// Arithmetic and comparison between vectors. `keep_name`: the result keeps the metric name of the left side
// (comparison filters). Errors (code execution): several matches on the one side, or on both with one_to_one,
// named as Prometheus names them; two results with one label set.
Result<SampleVector> match_vectors(const VectorMatching& matching, const SampleVector& left,
                                   const SampleVector& right, bool keep_name, const PairFunction& pair);

// The labels two samples are matched by, numbered from 0 in order of first sight.
class MatchSignatures {
 public:
  explicit MatchSignatures(const VectorMatching& matching);
  uint32_t id_of(const Labels& labels);
  // The matched labels of a signature: what a filled-in partner carries, and what errors name.
  const Labels& labels_of(uint32_t id) const { return labels_[id]; }
  uint32_t count() const { return static_cast<uint32_t>(labels_.size()); }

 private:
  bool on_;
  std::vector<std::string> names_;  // sorted
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;
  std::vector<Labels> labels_;
};

// The labels of the result of a pair: those of the many side (left for one_to_one) cut to the matching, plus
// `include` from the one side.
Labels matched_result_labels(const VectorMatching& matching, const Labels& many, const Labels& one,
                             bool keep_name);

// Pairs the samples present at one step. Used again step after step; not thread safe.
class StepMatcher {
 public:
  static constexpr uint32_t kMissing = UINT32_MAX;  // this partner is filled in
  struct Side {
    const std::vector<uint32_t>& present;              // series that have a sample at this step, ascending
    const std::vector<uint32_t>& signatures;           // of every series
    std::function<const Labels&(uint32_t)> labels_of;  // for messages
  };
  // Called for each pair (series of the left and the right side, the signature); returns the number of the
  // output series or nullopt when the pair gives no sample. Output numbers with equal labels must be equal.
  using OnPair =
      std::function<Result<std::optional<uint32_t>>(uint32_t left, uint32_t right, uint32_t signature)>;

  StepMatcher(const VectorMatching& matching, const MatchSignatures& signatures)
      : matching_(matching), signatures_(signatures) {}
  Result<void> match(const Side& left, const Side& right, const OnPair& on_pair);

 private:
  Result<void> take_pair(uint32_t many, uint32_t one, uint32_t signature, const OnPair& on_pair);

  const VectorMatching& matching_;
  const MatchSignatures& signatures_;
  uint64_t step_ = 0;
  std::vector<uint64_t> one_step_;  // per signature: the step at which one_series_ was seen
  std::vector<uint32_t> one_series_;
  std::vector<uint64_t> many_step_;     // per signature: the step at which a many-side sample was seen
  std::vector<uint64_t> matched_step_;  // per signature: the step at which a pair gave a sample
  std::vector<uint64_t> output_step_;   // per output series
  std::vector<uint32_t> output_signature_;
};

}  // namespace obelisk
