// Functions that change labels (label_replace, label_join) or order by them and by values (sort and its
// like).
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/text.h"
#include "query/promql/evaluator.h"
#include "query/promql/functions.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's regexp.Expand: $1, $name, ${name}, $$; what is not there is empty, what is no reference stays as it
// is.
std::string expand(std::string_view replacement, const Regex& regex,
                   const std::vector<std::string_view>& groups) {
  std::string out;
  for (size_t at = 0; at < replacement.size();) {
    if (replacement[at] != '$') {
      out += replacement[at++];
      continue;
    }
    if (at + 1 < replacement.size() && replacement[at + 1] == '$') {
      out += '$';
      at += 2;
      continue;
    }
    bool braced = at + 1 < replacement.size() && replacement[at + 1] == '{';
    size_t begin = at + (braced ? 2 : 1);
    size_t end = begin;
    while (end < replacement.size() && is_name_character(replacement[end])) ++end;
    if (end == begin || (braced && (end == replacement.size() || replacement[end] != '}'))) {
      out += replacement[at++];
      continue;
    }
    std::string_view name = replacement.substr(begin, end - begin);
    if (std::optional<uint64_t> index = parse_uint64(name)) {
      if (*index < groups.size()) out += groups[*index];
    } else {
      for (size_t i = 0; i < regex.group_names().size(); ++i) {
        if (regex.group_names()[i] == name && i + 1 < groups.size()) out += groups[i + 1];
      }
    }
    at = end + (braced ? 1 : 0);
  }
  return out;
}

// Runs of digits compare as numbers, the runs between them as text: "4m5" before "4m600".
int compare_naturally(std::string_view a, std::string_view b) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      size_t a_end = i;
      size_t b_end = j;
      while (a_end < a.size() && is_digit(a[a_end])) ++a_end;
      while (b_end < b.size() && is_digit(b[b_end])) ++b_end;
      auto significant = [](std::string_view digits) {
        size_t first = digits.find_first_not_of('0');
        return first == std::string_view::npos ? std::string_view() : digits.substr(first);
      };
      std::string_view left = significant(a.substr(i, a_end - i));
      std::string_view right = significant(b.substr(j, b_end - j));
      if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
      if (int order = left.compare(right); order != 0) return order;
      i = a_end;
      j = b_end;
    } else if (!is_digit(a[i]) && !is_digit(b[j])) {
      size_t a_end = i;
      size_t b_end = j;
      while (a_end < a.size() && !is_digit(a[a_end])) ++a_end;
      while (b_end < b.size() && !is_digit(b[b_end])) ++b_end;
      if (int order = a.substr(i, a_end - i).compare(b.substr(j, b_end - j)); order != 0) return order;
      i = a_end;
      j = b_end;
    } else {
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]) ? -1 : 1;
    }
  }
  size_t left = a.size() - i;
  size_t right = b.size() - j;
  return left == right ? 0 : left < right ? -1 : 1;
}

}  // namespace

Result<SeriesList> Evaluator::call_label_function(const Node& node, const Steps& steps) {
  std::string_view function = node.function->name;
  std::vector<std::string> texts;
  for (size_t i = 1; i < node.children.size(); ++i) {
    OBELISK_TRY(Value value, evaluate(*node.children[i], steps));
    texts.push_back(std::get<std::string>(std::move(value)));
  }
  auto fail = [&](std::string message) {
    return Error{ErrorCode::execution, std::move(message), position_of(query_, node.source.begin)};
  };
  const std::string& target = texts[0];
  bool replace = node.function->id == FunctionId::label_replace;
  std::shared_ptr<const Regex> regex;
  if (replace) {
    Result<std::shared_ptr<const Regex>> compiled = Regex::compile(texts[3], Regex::Mode::anchored);
    if (!compiled.ok()) return fail("invalid regular expression in label_replace(): " + texts[3]);
    regex = std::move(*compiled);
  } else {
    for (size_t i = 2; i < texts.size(); ++i) {
      if (texts[i].empty() || !is_valid_utf8(texts[i]))
        return fail("invalid source label name in label_join(): " + texts[i]);
    }
  }
  if (target.empty() || !is_valid_utf8(target)) {
    return fail("invalid destination label name in " + std::string(function) + "(): " + target);
  }
  OBELISK_TRY(SeriesList list, evaluate_vector(*node.children[0], steps));
  for (StepSeries& series : list) {
    std::string value;
    if (replace) {
      std::string source(series.labels.get(texts[2]));
      std::vector<std::string_view> groups = regex->captures(source);
      if (groups.empty()) continue;
      value = expand(texts[1], *regex, groups);
    } else {
      for (size_t i = 2; i < texts.size(); ++i) {
        if (i > 2) value += texts[1];
        value += series.labels.get(texts[i]);
      }
    }
    series.labels.set(target, value);
    if (target == kMetricNameLabel) series.drop_name = false;
  }
  OBELISK_CHECK_OK(deduplicate(list));
  return list;
}

Result<SeriesList> Evaluator::call_sort(const Node& node, const Steps& steps) {
  FunctionId id = node.function->id;
  std::vector<std::string> labels;
  for (size_t i = 1; i < node.children.size(); ++i) {
    OBELISK_TRY(Value value, evaluate(*node.children[i], steps));
    labels.push_back(std::get<std::string>(std::move(value)));
  }
  OBELISK_TRY(SeriesList list, evaluate_vector(*node.children[0], steps));
  if (!is_instant_) {
    annotations_.warn(node,
                      "sort is ineffective for range queries since results are always ordered by labels");
  }
  if (steps.count != 1) return list;
  bool descending = id == FunctionId::sort_desc || id == FunctionId::sort_by_label_desc;
  if (id == FunctionId::sort || id == FunctionId::sort_desc) {
    std::erase_if(list, [](const StepSeries& series) { return !series.has_float(0); });
    std::stable_sort(list.begin(), list.end(), [&](const StepSeries& a, const StepSeries& b) {
      double left = a.values[0];
      double right = b.values[0];
      if (std::isnan(left) || std::isnan(right)) return !std::isnan(left) && std::isnan(right);
      return descending ? left > right : left < right;
    });
    return list;
  }
  std::stable_sort(list.begin(), list.end(), [&](const StepSeries& a, const StepSeries& b) {
    for (const std::string& label : labels) {
      int order = compare_naturally(a.labels.get(label), b.labels.get(label));
      if (order != 0) return descending ? order > 0 : order < 0;
    }
    return descending ? b.labels < a.labels : a.labels < b.labels;
  });
  return list;
}

}  // namespace obelisk::promql
