#include "storage/embedded/events/message/known_texts.h"

#include <atomic>

#include "storage/embedded/events/message/text_predicate.h"

namespace obelisk::message {
namespace {

std::atomic<size_t> open_numbers_bytes = 0;
std::atomic<size_t> verdicts_bytes = 0;

// Opened numbers may view the planes they were made of.
struct OpenNumbers {
  std::shared_ptr<const TemplatePlanes> planes;
  TemplateNumbers numbers;
};

}  // namespace

KnownTexts::KnownTexts(std::shared_ptr<const MessageHead> head, const TemplatePlanes& planes,
                       bool has_raw_lines)
    : head_(std::move(head)), planes_(planes.copy()), has_raw_lines_(has_raw_lines) {}

KnownTexts::~KnownTexts() {
  MutexLock lock(mutex_);
  if (numbers_ != nullptr) open_numbers_bytes -= numbers_->memory_bytes();
  for (const Judged& judged : judged_) {
    if (judged.verdicts != nullptr) verdicts_bytes -= judged.verdicts->memory_bytes();
  }
}

Result<std::shared_ptr<const TemplateNumbers>> KnownTexts::numbers() const {
  {
    MutexLock lock(mutex_);
    numbers_used_ = true;
    if (numbers_ != nullptr) return numbers_;
  }
  auto open = std::make_shared<OpenNumbers>();
  open->planes = planes_;
  OBELISK_TRY(open->numbers, planes_->open(head_->templates.size()));
  std::shared_ptr<const TemplateNumbers> numbers(open, &open->numbers);
  size_t bytes = numbers->memory_bytes();
  MutexLock lock(mutex_);
  if (numbers_ == nullptr && open_numbers_bytes + bytes <= kOpenNumbersBytesMax) {
    numbers_ = numbers;
    open_numbers_bytes += bytes;
  }
  return numbers;
}

void KnownTexts::release_unused() const {
  MutexLock lock(mutex_);
  if (!numbers_used_ && numbers_ != nullptr) {
    open_numbers_bytes -= numbers_->memory_bytes();
    numbers_ = nullptr;
  }
  numbers_used_ = false;
}

std::shared_ptr<const TemplateVerdicts> KnownTexts::verdicts_of(const TextPredicate& predicate) const {
  {
    MutexLock lock(mutex_);
    for (const Judged& judged : judged_) {
      if (judged.verdicts != nullptr && judged.condition == predicate.identity()) return judged.verdicts;
    }
  }
  auto verdicts =
      std::make_shared<const TemplateVerdicts>(judge_templates(predicate, *head_, has_raw_lines_));
  learn(predicate, verdicts);
  return verdicts;
}

void KnownTexts::learn(const TextPredicate& predicate,
                       std::shared_ptr<const TemplateVerdicts> verdicts) const {
  MutexLock lock(mutex_);
  Judged* place = nullptr;
  for (Judged& judged : judged_) {
    if (judged.verdicts != nullptr && judged.condition == predicate.identity()) place = &judged;
  }
  if (place == nullptr) place = &judged_[next_judged_++ % kConditionsMax];
  if (place->verdicts != nullptr) verdicts_bytes -= place->verdicts->memory_bytes();
  place->verdicts = nullptr;
  if (verdicts_bytes + verdicts->memory_bytes() > kVerdictsBytesMax) return;
  verdicts_bytes += verdicts->memory_bytes();
  *place = {predicate.identity(), std::move(verdicts)};
}

}  // namespace obelisk::message
