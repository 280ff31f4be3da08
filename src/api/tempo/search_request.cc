#include "api/tempo/search_request.h"

#include <fmt/format.h>

#include <set>

#include "api/tempo/tempo_call.h"
#include "api/tempo/traceql_text.h"
#include "base/text.h"

namespace obelisk::tempo {
namespace {

constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond - 1;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// A pattern for any text that has `text` somewhere, in any case.
std::string containing(std::string_view text) {
  std::string pattern = "(?is).*";
  for (char c : text) {
    if (!is_word(c)) pattern += '\\';
    pattern += c;
  }
  return pattern + ".*";
}

// Names with a meaning of their own in Tempo's tag search.
std::string_view intrinsic_of(std::string_view name) {
  if (name == "name") return "name";
  if (name == "root.name") return "rootName";
  if (name == "root.service.name") return "rootServiceName";
  return "";
}

std::string condition_of(std::string_view name, std::string_view value) {
  std::string lower = to_lower(value);
  if (name == "error" && lower == "true") return "status = error";
  bool is_status = lower == "error" || lower == "ok" || lower == "unset";
  if (name == "status.code" && is_status) return "status = " + lower;
  std::string pattern = traceql_string(containing(value));
  if (std::string_view intrinsic = intrinsic_of(name); !intrinsic.empty())
    return fmt::format("{} =~ {}", intrinsic, pattern);
  std::string attribute = traceql_attribute(name);
  std::string condition = fmt::format("{} =~ {}", attribute, pattern);
  // Numbers and booleans have no text to look into; they must be equal.
  bool is_literal = parse_int64(value).has_value() || lower == "true" || lower == "false";
  return is_literal ? fmt::format("({} || {} = {})", condition, attribute, lower) : condition;
}

Error bad_tags(std::string_view why) {
  return make_error(ErrorCode::invalid_argument, fmt::format("invalid tags: {}", why));
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_tags(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> tags;
  std::set<std::string> names;
  size_t at = 0;
  auto skip_blanks = [&] {
    while (at < text.size() && static_cast<unsigned char>(text[at]) <= ' ') ++at;
  };
  for (skip_blanks(); at < text.size(); skip_blanks()) {
    size_t equals = text.find('=', at);
    if (equals == std::string_view::npos || equals == at) return bad_tags("expected name=value");
    std::string name(text.substr(at, equals - at));
    if (name.find(' ') != std::string::npos)
      return bad_tags(fmt::format("no value for \"{}\"", name.substr(0, name.find(' '))));
    at = equals + 1;
    if (!names.insert(name).second) return bad_tags(fmt::format("tag {} has been set twice", name));
    std::string value;
    if (at < text.size() && text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        value += text[at];
      }
      if (at == text.size()) return bad_tags("quoted value without end");
      ++at;
    } else {
      while (at < text.size() && static_cast<unsigned char>(text[at]) > ' ') value += text[at++];
    }
    tags.emplace_back(std::move(name), std::move(value));
  }
  return tags;
}

std::string traceql_of(const TagSearch& search) {
  std::string conditions;
  auto add = [&](std::string condition) {
    conditions += (conditions.empty() ? "" : " && ") + std::move(condition);
  };
  for (const auto& [name, value] : search.tags) add(condition_of(name, value));
  if (search.duration_min > 0) add(fmt::format("traceDuration >= {}ns", search.duration_min));
  if (search.duration_max > 0) add(fmt::format("traceDuration <= {}ns", search.duration_max));
  return conditions.empty() ? "{}" : "{ " + conditions + " }";
}

Result<std::string> search_query_of(std::string_view query, const TagSearch& tags) {
  if (tags.duration_max != 0 && tags.duration_max < tags.duration_min)
    return make_error(ErrorCode::invalid_argument, "invalid maxDuration: must be greater than minDuration");
  if (query.empty()) return traceql_of(tags);
  if (!tags.empty()) {
    return make_error(ErrorCode::invalid_argument,
                      "invalid search: q cannot be combined with tags, minDuration or maxDuration");
  }
  return std::string(query);
}

Result<TimeRange> checked_seconds_range(int64_t start, int64_t end) {
  if (end != 0 && start > end)
    return make_error(ErrorCode::invalid_argument, "invalid start: it lies after end");
  // Milliseconds, say: nobody means all of time by them.
  for (auto [name, seconds] : {std::pair("start", start), std::pair("end", end)}) {
    if (seconds > kSecondsMax) {
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("invalid {}: {} seconds lie behind the year 2262", name, seconds));
    }
  }
  return seconds_range(start, end);
}

Result<traceql::SearchOptions> search_options_of(int64_t limit, int64_t spans_per_spanset, TimeRange range) {
  if (limit > kSearchLimitMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid limit: {} is above {}", limit, kSearchLimitMax));
  }
  if (spans_per_spanset > kSpansPerSpansetMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("invalid spss: {} is above {}", spans_per_spanset, kSpansPerSpansetMax));
  }
  traceql::SearchOptions options;
  options.range = range;
  options.limit = static_cast<uint32_t>(limit == 0 ? kSearchLimitDefault : limit);
  options.spans_per_spanset =
      static_cast<uint32_t>(spans_per_spanset == 0 ? kSpansPerSpansetMax : spans_per_spanset);
  return options;
}

}  // namespace obelisk::tempo
