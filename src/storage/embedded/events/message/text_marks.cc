// Which texts of a block satisfy a condition: what templates say, then what variables say, and only then the
// texts.
#include <algorithm>
#include <cstring>

#include "storage/embedded/events/message/text_predicate.h"

namespace obelisk::message {

Verdict judge_head(const TextPredicate& predicate, const MessageHead& head, bool has_raw_lines) {
  bool any = has_raw_lines, every = !has_raw_lines;
  for (size_t number = 1; number < head.templates.size() && (!any || every); ++number) {
    Verdict verdict = predicate.judge(head, number);
    any = any || verdict != Verdict::none;
    every = every && verdict == Verdict::all;
  }
  return !any ? Verdict::none : every ? Verdict::all : Verdict::some;
}

namespace {

// Texts put together and tested at a time.
constexpr size_t kRowsAtOnce = 1024;

// By template number, with room for numbers that a damaged block may have.
struct TemplateVerdicts {
  std::vector<uint8_t> of;
  bool any = false;
  bool any_some = false;
  bool any_all = false;
};

// `whole` false: ends at the first template judged `some`.
TemplateVerdicts verdicts_of(const TextPredicate& predicate, const MessageHead& head, bool has_raw_lines,
                             bool whole) {
  TemplateVerdicts verdicts;
  verdicts.of.resize(head.templates.size() > 256 ? size_t{1} << 16 : 256);
  auto set = [&](size_t number, Verdict verdict) {
    verdicts.of[number] = static_cast<uint8_t>(verdict);
    verdicts.any = verdicts.any || verdict != Verdict::none;
    verdicts.any_some = verdicts.any_some || verdict == Verdict::some;
    verdicts.any_all = verdicts.any_all || verdict == Verdict::all;
  };
  set(kRawTemplate, has_raw_lines ? Verdict::some : Verdict::none);
  for (size_t number = 1; number < head.templates.size() && (whole || !verdicts.any_some); ++number)
    set(number, predicate.judge(head, number));
  return verdicts;
}

inline void set_four(uint32_t certain, const uint8_t* open, uint8_t* target) {
  uint32_t candidates = 0, held = 0;
  std::memcpy(&candidates, open, 4);
  std::memcpy(&held, target, 4);
  held |= candidates & certain;
  std::memcpy(target, &held, 4);
}

// Sets the candidates of templates that are judged `all`.
void mark_certain(const TemplateVerdicts& verdicts, const TemplateNumbers& numbers,
                  const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  if (!verdicts.any_all) return;
  std::vector<uint8_t> table(verdicts.of.size());
  for (size_t number = 0; number < table.size(); ++number)
    table[number] = verdicts.of[number] == static_cast<uint8_t>(Verdict::all) ? 1 : 0;
  // Bytes that are written may be anything to the compiler, so all it reads is named here.
  const uint8_t* certain = table.data();
  const uint8_t* open = candidates.data();
  const uint8_t* low = numbers.low;
  const uint8_t* high = numbers.high;
  uint8_t* target = out.data();
  size_t count = candidates.size();
  auto is_certain = [&](size_t value) -> uint8_t {
    return high == nullptr ? certain[low[value]] : certain[low[value] | high[value] << 8];
  };
  size_t value = 0;
  if (high == nullptr) {
    for (; value + 4 <= count; value += 4) {
      uint8_t a = certain[low[value]], b = certain[low[value + 1]];
      uint8_t c = certain[low[value + 2]], d = certain[low[value + 3]];
      uint32_t four = a | b << 8 | c << 16 | static_cast<uint32_t>(d) << 24;
      set_four(four, open + value, target + value);
    }
  } else {
    for (; value + 4 <= count; value += 4) {
      uint8_t a = certain[low[value] | high[value] << 8];
      uint8_t b = certain[low[value + 1] | high[value + 1] << 8];
      uint8_t c = certain[low[value + 2] | high[value + 2] << 8];
      uint8_t d = certain[low[value + 3] | high[value + 3] << 8];
      uint32_t four = a | b << 8 | c << 16 | static_cast<uint32_t>(d) << 24;
      set_four(four, open + value, target + value);
    }
  }
  for (; value < count; ++value) target[value] |= open[value] & is_certain(value);
}

// Which candidates of templates judged `some` have to be looked at. Sets those that need not be.
Result<std::vector<uint32_t>> open_values(MessageBlock& block, const TextPredicate& predicate,
                                          const TemplateVerdicts& verdicts,
                                          const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  OBELISK_TRY(const TemplateNumbers* numbers, block.template_numbers());
  std::vector<uint32_t> open;
  auto for_each_open = [&](auto&& visit) {
    for (uint32_t value = 0; value < candidates.size(); ++value) {
      if (candidates[value] != 0 && verdicts.of[numbers->at(value)] == static_cast<uint8_t>(Verdict::some))
        visit(value);
    }
  };
  // A variable's whole column is tested, which few candidates do not pay for.
  size_t candidate_count = static_cast<size_t>(std::count(candidates.begin(), candidates.end(), 1));
  if (candidate_count * 8 < candidates.size()) {
    for_each_open([&](uint32_t value) { open.push_back(value); });
    return open;
  }
  std::vector<RowFilter> filters(block.head()->templates.size());
  bool any = block.raw_count() > 0;
  for (size_t number = 1; number < filters.size(); ++number) {
    if (verdicts.of[number] != static_cast<uint8_t>(Verdict::some)) continue;
    OBELISK_TRY(filters[number], predicate.filter_rows(block, number));
    any = any || !filters[number].is_known || !filters[number].marks.empty();
  }
  if (!any) return open;
  OBELISK_TRY(const std::vector<uint32_t>* ordinals, block.ordinals());
  for_each_open([&](uint32_t value) {
    const RowFilter& filter = filters[numbers->at(value)];
    uint8_t mark = !filter.is_known       ? RowFilter::kMaybe
                   : filter.marks.empty() ? uint8_t{0}
                                          : filter.marks[(*ordinals)[value]];
    if (mark == RowFilter::kSure) out[value] = 1;
    if (mark == RowFilter::kMaybe) open.push_back(value);
  });
  return open;
}

}  // namespace

Result<bool> mark_by_templates(const TextPredicate& predicate, const MessageHead& head,
                               const TemplatePlanes& planes, bool has_raw_lines,
                               const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  TemplateVerdicts verdicts = verdicts_of(predicate, head, has_raw_lines, false);
  if (verdicts.any_some) return false;
  if (!verdicts.any) return true;
  OBELISK_TRY(TemplateNumbers numbers, planes.open());
  if (numbers.count != candidates.size())
    return make_error(ErrorCode::corrupt, "message block: template numbers");
  mark_certain(verdicts, numbers, candidates, out);
  return true;
}

Result<void> mark_texts(MessageBlock& block, const TextPredicate& predicate,
                        const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  TemplateVerdicts verdicts = verdicts_of(predicate, *block.head(), block.raw_count() > 0, true);
  if (!verdicts.any) return {};
  OBELISK_TRY(const TemplateNumbers* numbers, block.template_numbers());
  mark_certain(verdicts, *numbers, candidates, out);
  if (!verdicts.any_some) return {};
  OBELISK_TRY(std::vector<uint32_t> open, open_values(block, predicate, verdicts, candidates, out));
  std::vector<std::string_view> texts(std::min(kRowsAtOnce, open.size()));
  for (size_t first = 0; first < open.size(); first += kRowsAtOnce) {
    size_t count = std::min(kRowsAtOnce, open.size() - first);
    Arena arena;
    OBELISK_CHECK_OK(block.rebuild(std::span(open).subspan(first, count), texts.data(), arena));
    for (size_t i = 0; i < count; ++i) out[open[first + i]] |= predicate.holds(texts[i]) ? 1 : 0;
  }
  return {};
}

}  // namespace obelisk::message
