// TargetSeries::accept_text: a Prometheus text or OpenMetrics page whose series are mostly known. A line that
// begins with the spelling of a known series and goes on with a number needs nothing but the number; the
// other lines are collected, with the TYPE lines before them, and parsed by the parser of wire/. Comment
// lines are compared with those of the last page as a whole. Whatever looks wrong goes to the parser with the
// whole page, which knows how to complain.
//
// OpenMetrics: lines with exemplars are always left to the parser, and a page with _created lines as a whole
// (accept_text gives false), because these say something about the lines around them.
#include <cstring>
#include <utility>

#include "base/text.h"
#include "collect/scrape/target_page.h"
#include "wire/openmetrics.h"

namespace obelisk::scrape {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

const char* line_end(const char* at, const char* end) {
  const void* found = std::memchr(at, '\n', static_cast<size_t>(end - at));
  return found != nullptr ? static_cast<const char*>(found) : end;
}

// The end of a name, or of the label set that follows it; nullptr when the line is not that simple.
const char* series_end(const char* at, const char* end) {
  const char* start = at;
  while (at != end && *at != '{' && *at != '\n' && !is_blank(*at)) ++at;
  if (at == end || *at != '{') return at == start ? nullptr : at;
  bool quoted = false;
  for (; at != end && *at != '\n'; ++at) {
    if (*at == '\\' && quoted) {
      if (++at == end) return nullptr;
    } else if (*at == '"') {
      quoted = !quoted;
    } else if (*at == '}' && !quoted) {
      return at + 1;
    }
  }
  return nullptr;
}

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// A number up to a blank or line end, which `at` then points to. Up to 2^53 and 22 decimals a decimal number
// is one exact division; the rest is parsed as usual.
bool read_number(const char*& at, const char* end, double& value) {
  const char* start = at;
  bool negative = at != end && *at == '-';
  if (negative) ++at;
  uint64_t digits = 0;
  const char* first = at;
  while (at != end && *at >= '0' && *at <= '9') digits = digits * 10 + static_cast<uint64_t>(*at++ - '0');
  size_t count = static_cast<size_t>(at - first);
  size_t decimals = 0;
  if (at != end && *at == '.') {
    const char* point = ++at;
    while (at != end && *at >= '0' && *at <= '9') digits = digits * 10 + static_cast<uint64_t>(*at++ - '0');
    decimals = static_cast<size_t>(at - point);
    count += decimals;
  }
  bool ended = at == end || *at == '\n' || is_blank(*at);
  if (ended && count > 0 && count <= 18 && digits <= uint64_t{1} << 53) {
    value = static_cast<double>(digits) / kPowersOfTen[decimals];
    if (negative) value = -value;
    return true;
  }
  while (at != end && *at != '\n' && !is_blank(*at)) ++at;
  std::optional<double> parsed = parse_float({start, static_cast<size_t>(at - start)});
  if (parsed) value = *parsed;
  return parsed.has_value();
}

// The rest of a sample line after the value: nothing, or a time. False when it is something else.
bool read_own_time(const char*& at, const char* end, std::optional<UnixNanos>& time) {
  while (at != end && is_blank(*at)) ++at;
  if (at == end || *at == '\n') return true;
  const char* start = at;
  while (at != end && *at != '\n' && !is_blank(*at)) ++at;
  std::optional<int64_t> millis = parse_int64({start, static_cast<size_t>(at - start)});
  constexpr int64_t kMillisMax = INT64_MAX / kNanosPerMilli;
  if (!millis || *millis > kMillisMax || *millis < -kMillisMax) return false;
  time = UnixNanos::from_millis(*millis);
  while (at != end && is_blank(*at)) ++at;
  return at == end || *at == '\n';
}

// The same of OpenMetrics: a blank and a time in seconds, and the line ends. An exemplar is none of it.
enum class LineRest : uint8_t { plain, exemplar, wrong };
LineRest read_openmetrics_rest(const char*& at, const char* end, std::optional<UnixNanos>& time) {
  auto is_exemplar = [&] { return end - at >= 3 && at[0] == ' ' && at[1] == '#' && at[2] == ' '; };
  if (at != end && *at == ' ' && !is_exemplar()) {
    const char* start = ++at;
    while (at != end && *at != '\n' && !is_blank(*at)) ++at;
    time = parse_openmetrics_time({start, static_cast<size_t>(at - start)});
    if (!time) return LineRest::wrong;
  }
  if (is_exemplar()) return LineRest::exemplar;
  return at != end && *at == '\n' ? LineRest::plain : LineRest::wrong;
}

// After the series: blanks, and not the '{' of a label set that stands apart from its name.
const char* value_start(const char* at, const char* end) {
  const char* start = at;
  while (at != end && is_blank(*at)) ++at;
  return at == start || at == end || *at == '{' || *at == '\n' ? nullptr : at;
}

// The lines that are left to the parser.
struct Unknown {
  std::string lines;
  std::string_view type_line;  // the last "# TYPE" line, not yet in `lines`

  void add(std::string_view line) {
    if (!type_line.empty()) lines.append(std::exchange(type_line, {})).push_back('\n');
    lines.append(line).push_back('\n');
  }
};

}  // namespace

Result<bool> TargetSeries::accept_text(ExpositionFormat format, std::string_view page, Page& out) {
  return format == ExpositionFormat::openmetrics_text
             ? accept_lines<ExpositionFormat::openmetrics_text>(page, out)
             : accept_lines<ExpositionFormat::prometheus_text>(page, out);
}

template <ExpositionFormat kFormat>
Result<bool> TargetSeries::accept_lines(std::string_view page, Page& out) {
  constexpr bool kOpenMetrics = kFormat == ExpositionFormat::openmetrics_text;
  const char* at = page.data();
  const char* const end = at + page.size();
  // What is a comment to one format may be a mistake to the other.
  if (std::exchange(comments_format_, kFormat) != kFormat) comments_.clear();
  Unknown unknown;
  bool ended = !kOpenMetrics;   // the line that ends the page was there
  size_t comments_matched = 0;  // bytes of comments_ that this page has as well
  bool comments_same = true;
  std::string comments;
  auto add_comment = [&](std::string_view line) {
    if (line.starts_with("# TYPE ")) unknown.type_line = line;
    if (comments_same && std::string_view(comments_).substr(comments_matched).starts_with(line) &&
        comments_[comments_matched + line.size()] == '\n') {
      comments_matched += line.size() + 1;
      return;
    }
    if (comments_same) comments.assign(comments_, 0, comments_matched);
    comments_same = false;
    comments.append(line).push_back('\n');
  };
  auto parse_lines = [](std::string lines) {
    if (kOpenMetrics) lines.append("# EOF\n");
    auto text = std::make_unique<std::string>(std::move(lines));
    auto parsed = parse_exposition(kFormat, *text);
    return std::pair(std::move(text), std::move(parsed));
  };
  // The parser's own complaint about this page; the page is wrong if we get here.
  auto complain = [page]() -> Error {
    auto parsed = parse_exposition(kFormat, page);
    return parsed.ok() ? make_error(ErrorCode::parse_error, "a line of the page could not be read")
                       : parsed.error();
  };

  while (at != end) {
    if (*at == '\n' || is_blank(*at)) {
      if (kOpenMetrics) return complain();
      ++at;
      continue;
    }
    const char* line = at;
    if (*at == '#') {
      at = line_end(at, end);
      std::string_view comment(line, static_cast<size_t>(at - line));
      if (kOpenMetrics) {
        if (at != end) ++at;
        if (comment == "# EOF") {
          if (at != end) return complain();
          ended = true;
          break;
        }
      }
      add_comment(comment);
      continue;
    }
    uint32_t text = out.previous == kNone ? first_text_ : texts_[out.previous].next;
    const char* value_at = nullptr;
    if (text != kNone) {
      std::string_view spelling = texts_[text].spelling;  // empty where the text was forgotten since
      if (std::string_view(at, static_cast<size_t>(end - at)).starts_with(spelling))
        value_at = value_start(at + spelling.size(), end);
    }
    if (value_at == nullptr) {
      const char* stop = series_end(at, end);
      value_at = stop == nullptr ? nullptr : value_start(stop, end);
      text = value_at == nullptr ? kNone : find_text({at, static_cast<size_t>(stop - at)}, kNone);
    }
    if (text == kNone) {
      at = line_end(at, end);
      std::string_view all(line, static_cast<size_t>(at - line));
      if (kOpenMetrics) {
        if (at == end) return complain();
        ++at;
        if (all.find("_created") != std::string_view::npos) return false;
      }
      unknown.add(all);
      continue;
    }
    double value = 0;
    std::optional<UnixNanos> own_time;
    at = value_at;
    if (kOpenMetrics) {
      if (*(at - 1) != ' ' || (at - 2 >= line && is_blank(*(at - 2)))) return complain();
      bool is_number = read_number(at, end, value) &&
                       std::memchr(value_at, 'x', static_cast<size_t>(at - value_at)) == nullptr &&
                       std::memchr(value_at, 'X', static_cast<size_t>(at - value_at)) == nullptr;
      LineRest rest = is_number ? read_openmetrics_rest(at, end, own_time) : LineRest::wrong;
      if (rest == LineRest::wrong) return complain();
      if (rest == LineRest::exemplar) {
        at = line_end(at, end);
        if (at == end) return complain();
        unknown.add({line, static_cast<size_t>(at++ - line)});
        continue;
      }
      ++at;
    } else if (!read_number(at, end, value) || !read_own_time(at, end, own_time)) {
      return complain();
    }
    follow(text, out);
    begin_sample(texts_[text], own_time, value, out);
  }
  if (!ended) return complain();
  if (!unknown.lines.empty()) {
    auto [text, parsed] = parse_lines(std::move(unknown.lines));
    if (!parsed.ok()) return complain();
    OBELISK_CHECK_OK(accept_parsed(*parsed, out));
  }
  comments_same = comments_same && comments_matched == comments_.size();
  if (!comments_same) {
    if (comments.empty()) comments.assign(comments_, 0, comments_matched);
    comments_ = std::move(comments);
  }
  if (comments_same && !metadata_is_due(out.time)) return true;
  auto [text, parsed] = parse_lines(comments_);
  if (!parsed.ok()) {
    comments_.clear();
    return complain();
  }
  add_metadata(*parsed, out.time, out.metadata);
  return true;
}

}  // namespace obelisk::scrape
