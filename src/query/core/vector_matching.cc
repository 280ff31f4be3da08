#include "query/core/vector_matching.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/json_writer.h"

namespace obelisk {
namespace {

bool is_matched_by(const std::string& name, const std::vector<std::string>& names, bool on) {
  bool named = std::binary_search(names.begin(), names.end(), name);
  return on ? named : !named && name != kMetricNameLabel;
}

// Left and right as numbered series with signatures: what one step needs.
struct Numbered {
  std::vector<uint32_t> present;
  std::vector<uint32_t> signatures;
};

Numbered number(const SampleVector& input, MatchSignatures& signatures) {
  Numbered numbered;
  for (uint32_t i = 0; i < input.size(); ++i) {
    numbered.present.push_back(i);
    numbered.signatures.push_back(signatures.id_of(input[i].labels));
  }
  return numbered;
}

// {__name__="up", job="a"}: unlike Labels::to_string, the metric name among the rest, as Prometheus' errors
// have it.
std::string error_text(const Labels& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ", ";
    out += label.name + "=";
    append_json_string(out, label.value);
  }
  return out + "}";
}

Error execution_error(std::string message) {
  return make_error(ErrorCode::execution, std::move(message));
}

}  // namespace

MatchSignatures::MatchSignatures(const VectorMatching& matching) : on_(matching.on), names_(matching.labels) {
  std::sort(names_.begin(), names_.end());
}

uint32_t MatchSignatures::id_of(const Labels& labels) {
  uint64_t hash = 0;
  for (const Label& label : labels) {
    if (is_matched_by(label.name, names_, on_)) hash = hash64(label.value, hash64(label.name, hash));
  }
  auto same = [&](const Labels& known) {
    auto expected = known.begin();
    for (const Label& label : labels) {
      if (!is_matched_by(label.name, names_, on_)) continue;
      if (expected == known.end() || !(*expected == label)) return false;
      ++expected;
    }
    return expected == known.end();
  };
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (same(labels_[it->second])) return it->second;
  }
  std::vector<Label> kept;
  for (const Label& label : labels) {
    if (is_matched_by(label.name, names_, on_)) kept.push_back(label);
  }
  uint32_t id = count();
  labels_.emplace_back(std::move(kept));
  by_hash_.emplace(hash, id);
  return id;
}

Labels matched_result_labels(const VectorMatching& matching, const Labels& many, const Labels& one,
                             bool keep_name) {
  std::vector<Label> kept;
  auto is_named = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const Label& label : many) {
    if (label.name == kMetricNameLabel && !keep_name) continue;
    if (matching.cardinality == MatchCardinality::one_to_one &&
        is_named(matching.labels, label.name) != matching.on)
      continue;
    if (is_named(matching.include, label.name)) continue;
    kept.push_back(label);
  }
  for (const std::string& name : matching.include) {
    if (std::string_view value = one.get(name); !value.empty()) kept.push_back({name, std::string(value)});
  }
  return Labels(std::move(kept));
}

Result<void> StepMatcher::take_pair(uint32_t many, uint32_t one, uint32_t signature, const OnPair& on_pair) {
  // Told before the operator is applied: whether a query is refused must not depend on what a comparison
  // filters away.
  if (matching_.cardinality == MatchCardinality::one_to_one && matched_step_[signature] == step_) {
    return execution_error(
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
  }
  matched_step_[signature] = step_;
  bool swapped = matching_.cardinality == MatchCardinality::one_to_many;
  OBELISK_TRY(std::optional<uint32_t> output, on_pair(swapped ? one : many, swapped ? many : one, signature));
  if (!output) return {};
  if (*output >= output_step_.size()) {
    output_step_.resize(*output + 1, 0);
    output_signature_.resize(*output + 1, 0);
  }
  if (output_step_[*output] == step_) {
    if (matching_.cardinality != MatchCardinality::one_to_one && output_signature_[*output] == signature) {
      return execution_error("multiple matches for labels: grouping labels must ensure unique matches");
    }
    return execution_error("vector cannot contain metrics with the same labelset");
  }
  output_step_[*output] = step_;
  output_signature_[*output] = signature;
  return {};
}

Result<void> StepMatcher::match(const Side& left, const Side& right, const OnPair& on_pair) {
  ++step_;
  one_step_.resize(signatures_.count(), 0);
  one_series_.resize(signatures_.count(), 0);
  many_step_.resize(signatures_.count(), 0);
  matched_step_.resize(signatures_.count(), 0);
  bool swapped = matching_.cardinality == MatchCardinality::one_to_many;
  const Side& many = swapped ? right : left;
  const Side& one = swapped ? left : right;
  const std::optional<double>& fill_one = swapped ? matching_.fill_left : matching_.fill_right;
  const std::optional<double>& fill_many = swapped ? matching_.fill_right : matching_.fill_left;
  // Without a partner and without a fill there is nothing to match, and Prometheus does not look for
  // duplicates then.
  if ((many.present.empty() && !fill_many) || (one.present.empty() && !fill_one)) return {};
  for (uint32_t series : one.present) {
    uint32_t signature = one.signatures[series];
    if (one_step_[signature] == step_) {
      std::string first = error_text(one.labels_of(one_series_[signature]));
      std::string second = error_text(one.labels_of(series));
      return execution_error(
          fmt::format("found duplicate series for the match group {} on the {} hand-side of the operation: "
                      "[{}, {}];many-to-many "
                      "matching not allowed: matching labels must be unique on one side",
                      error_text(signatures_.labels_of(signature)), swapped ? "left" : "right",
                      std::min(first, second), std::max(first, second)));
    }
    one_step_[signature] = step_;
    one_series_[signature] = series;
  }
  for (uint32_t series : many.present) {
    uint32_t signature = many.signatures[series];
    many_step_[signature] = step_;
    if (one_step_[signature] == step_) {
      OBELISK_CHECK_OK(take_pair(series, one_series_[signature], signature, on_pair));
    } else if (fill_one) {
      OBELISK_CHECK_OK(take_pair(series, kMissing, signature, on_pair));
    }
  }
  if (!fill_many) return {};
  for (uint32_t series : one.present) {
    uint32_t signature = one.signatures[series];
    if (many_step_[signature] != step_) OBELISK_CHECK_OK(take_pair(kMissing, series, signature, on_pair));
  }
  return {};
}

Result<SampleVector> match_vectors(const VectorMatching& matching, const SampleVector& left,
                                   const SampleVector& right, bool keep_name, const PairFunction& pair) {
  MatchSignatures signatures(matching);
  Numbered left_side = number(left, signatures);
  Numbered right_side = number(right, signatures);
  StepMatcher matcher(matching, signatures);
  SampleVector out;
  std::unordered_map<Labels, uint32_t> numbers;
  auto on_pair = [&](uint32_t l, uint32_t r, uint32_t signature) -> Result<std::optional<uint32_t>> {
    VectorSample filled;
    if (l == StepMatcher::kMissing || r == StepMatcher::kMissing) {
      filled.labels = signatures.labels_of(signature);
      filled.value = l == StepMatcher::kMissing ? *matching.fill_left : *matching.fill_right;
    }
    const VectorSample& a = l == StepMatcher::kMissing ? filled : left[l];
    const VectorSample& b = r == StepMatcher::kMissing ? filled : right[r];
    OBELISK_TRY(std::optional<VectorSample> result, pair(a, b));
    if (!result) return std::optional<uint32_t>();
    bool swapped = matching.cardinality == MatchCardinality::one_to_many;
    result->labels = matched_result_labels(matching, swapped ? b.labels : a.labels,
                                           swapped ? a.labels : b.labels, keep_name);
    uint32_t output =
        numbers.try_emplace(result->labels, static_cast<uint32_t>(numbers.size())).first->second;
    out.push_back(std::move(*result));
    return std::optional<uint32_t>(output);
  };
  StepMatcher::Side a{left_side.present, left_side.signatures,
                      [&](uint32_t i) -> const Labels& { return left[i].labels; }};
  StepMatcher::Side b{right_side.present, right_side.signatures,
                      [&](uint32_t i) -> const Labels& { return right[i].labels; }};
  OBELISK_CHECK_OK(matcher.match(a, b, on_pair));
  return out;
}

SampleVector apply_set_op(SetOp op, const VectorMatching& matching, const SampleVector& left,
                          const SampleVector& right) {
  MatchSignatures signatures(matching);
  Numbered left_side = number(left, signatures);
  Numbered right_side = number(right, signatures);
  std::vector<uint8_t> other(signatures.count(), 0);
  SampleVector out;
  if (op == SetOp::or_op) {
    for (uint32_t signature : left_side.signatures) other[signature] = 1;
    out = left;
    for (size_t i = 0; i < right.size(); ++i) {
      if (!other[right_side.signatures[i]]) out.push_back(right[i]);
    }
    return out;
  }
  for (uint32_t signature : right_side.signatures) other[signature] = 1;
  for (size_t i = 0; i < left.size(); ++i) {
    if (other[left_side.signatures[i]] == (op == SetOp::and_op ? 1 : 0)) out.push_back(left[i]);
  }
  return out;
}

}  // namespace obelisk
