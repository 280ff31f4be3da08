// Which texts of a block satisfy a condition: what templates say, then what variables say, and only then the
// texts.
#include <algorithm>
#include <cstring>

#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/message/text_predicate.h"

namespace obelisk::message {

TemplateVerdicts judge_templates(const TextPredicate& predicate, const MessageHead& head,
                                 bool has_raw_lines) {
  TemplateVerdicts verdicts;
  verdicts.of.resize(head.templates.size());
  if (has_raw_lines) verdicts.set(kRawTemplate, Verdict::some);
  for (size_t number = 1; number < head.templates.size(); ++number)
    verdicts.set(number, predicate.judge(head, number));
  return verdicts;
}

namespace {

// Texts put together and tested at a time.
constexpr size_t kRowsAtOnce = 1024;

// Sets the candidates of templates that are judged `all`.
void mark_certain(const TemplateVerdicts& verdicts, const TemplateNumbers& numbers,
                  const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  if (verdicts.any_all) mark_templates(numbers, verdicts.chosen(Verdict::all), candidates.data(), out.data());
}

// Which candidates of templates judged `some` have to be looked at. Sets those that need not be.
Result<std::vector<uint32_t>> open_values(MessageBlock& block, const TextPredicate& predicate,
                                          const TemplateVerdicts& verdicts,
                                          const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  OBELISK_TRY(const TemplateNumbers* numbers, block.template_numbers());
  std::vector<uint32_t> open;
  std::vector<uint8_t> in_question(candidates.size());
  mark_templates(*numbers, verdicts.chosen(Verdict::some), candidates.data(), in_question.data());
  auto for_each_open = [&](auto&& visit) {
    const uint8_t* begin = in_question.data();
    const uint8_t* end = begin + in_question.size();
    for (const uint8_t* at = begin; at < end; ++at) {
      at = static_cast<const uint8_t*>(std::memchr(at, 1, static_cast<size_t>(end - at)));
      if (at == nullptr) return;
      visit(static_cast<uint32_t>(at - begin));
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
    if (verdicts.verdict_of(number) != Verdict::some) continue;
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

Result<void> mark_open(MessageBlock& block, const TextPredicate& predicate, const TemplateVerdicts& verdicts,
                       const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
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

// The verdicts after every row was looked at, whose marks are `found`.
Result<std::shared_ptr<const TemplateVerdicts>> judged_by_rows(MessageBlock& block,
                                                               const TemplateVerdicts& before,
                                                               const std::vector<uint8_t>& found) {
  OBELISK_TRY(const TemplateNumbers* numbers, block.template_numbers());
  std::vector<uint32_t> holding(before.of.size());
  for (size_t value = 0; value < found.size(); ++value) holding[numbers->at(value)] += found[value];
  auto verdicts = std::make_shared<TemplateVerdicts>();
  verdicts->of.resize(before.of.size());
  verdicts->by_rows = true;
  for (size_t number = 0; number < before.of.size(); ++number) {
    size_t rows = number == kRawTemplate ? block.raw_count() : block.head()->templates[number].row_count;
    if (rows == 0) continue;
    verdicts->set(number, holding[number] == 0      ? Verdict::none
                          : holding[number] == rows ? Verdict::all
                                                    : Verdict::some);
  }
  return std::shared_ptr<const TemplateVerdicts>(std::move(verdicts));
}

bool all_marked(const std::vector<uint8_t>& marks) {
  return std::memchr(marks.data(), 0, marks.size()) == nullptr;
}

bool none_marked(const std::vector<uint8_t>& marks) {
  return std::memchr(marks.data(), 1, marks.size()) == nullptr;
}

}  // namespace

Result<bool> mark_by_templates(const TextPredicate& predicate, const KnownTexts& known,
                               const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  std::shared_ptr<const TemplateVerdicts> verdicts = known.verdicts_of(predicate);
  if (verdicts->any_some) return false;
  if (!verdicts->any()) return true;
  OBELISK_TRY(std::shared_ptr<const TemplateNumbers> numbers, known.numbers());
  if (numbers->count != candidates.size())
    return make_error(ErrorCode::corrupt, "message block: template numbers");
  mark_certain(*verdicts, *numbers, candidates, out);
  return true;
}

Result<void> mark_texts(MessageBlock& block, const TextPredicate& predicate,
                        const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  const KnownTexts* known = block.known().get();
  std::shared_ptr<const TemplateVerdicts> verdicts =
      known != nullptr ? known->verdicts_of(predicate)
                       : std::make_shared<const TemplateVerdicts>(
                             judge_templates(predicate, *block.head(), block.raw_count() > 0));
  if (!verdicts->any()) return {};
  OBELISK_TRY(const TemplateNumbers* numbers, block.template_numbers());
  bool learns = known != nullptr && verdicts->any_some && !verdicts->by_rows && none_marked(out) &&
                all_marked(candidates);
  mark_certain(*verdicts, *numbers, candidates, out);
  if (!verdicts->any_some) return {};
  OBELISK_CHECK_OK(mark_open(block, predicate, *verdicts, candidates, out));
  if (!learns) return {};
  OBELISK_TRY(verdicts, judged_by_rows(block, *verdicts, out));
  known->learn(predicate, std::move(verdicts));
  return {};
}

}  // namespace obelisk::message
