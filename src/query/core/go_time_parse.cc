#include <absl/time/civil_time.h>
#include <fmt/format.h>

#include "base/text.h"
#include "query/core/go_time.h"
#include "query/core/go_time_layout.h"

namespace obelisk {
namespace {

using namespace go_time;

// What has been read of a text so far.
struct Parsed {
  int64_t year = 0;
  int month = 1, day = 1, year_day = -1, hour = 0, minute = 0, second = 0;
  int64_t fraction = 0;
  bool pm = false, pm_set = false;
  std::optional<int> offset_seconds;
};

class TimeParser {
 public:
  TimeParser(std::string_view layout, std::string_view text) : layout_(layout), rest_(text), text_(text) {}

  Result<Parsed> parse() {
    for (size_t at = 0; at < layout_.size();) {
      Token token = next_token(layout_, at);
      std::string_view literal = layout_.substr(at, token.begin - at);
      if (!rest_.starts_with(literal)) return failure();
      rest_.remove_prefix(literal.size());
      at = token.begin + token.length;
      if (token.piece != Piece::none && !take(token)) return failure();
    }
    if (!rest_.empty()) return failure();
    if (parsed_.pm_set) {
      if (parsed_.hour > 12) return failure();
      if (parsed_.pm && parsed_.hour < 12) parsed_.hour += 12;
      if (!parsed_.pm && parsed_.hour == 12) parsed_.hour = 0;
    }
    return parsed_;
  }

 private:
  Error failure() const {
    return make_error(ErrorCode::execution,
                      fmt::format("parsing time \"{}\" as \"{}\": cannot parse \"{}\"", text_.substr(0, 128),
                                  layout_.substr(0, 128), rest_.substr(0, 128)));
  }

  bool number(int& target, size_t least, size_t most, int low, int high) {
    size_t length = 0;
    int value = 0;
    while (length < most && length < rest_.size() && rest_[length] >= '0' && rest_[length] <= '9') {
      value = value * 10 + (rest_[length++] - '0');
    }
    if (length < least || value < low || value > high) return false;
    rest_.remove_prefix(length);
    target = value;
    return true;
  }

  template <size_t kCount>
  bool name(const std::array<std::string_view, kCount>& names, bool shortened, int& target) {
    for (size_t i = 0; i < kCount; ++i) {
      std::string_view wanted = shortened ? names[i].substr(0, 3) : names[i];
      if (rest_.size() < wanted.size() || !equals_ignoring_case(rest_.substr(0, wanted.size()), wanted))
        continue;
      rest_.remove_prefix(wanted.size());
      target = static_cast<int>(i);
      return true;
    }
    return false;
  }

  bool offset(bool colon, bool minutes, bool zulu) {
    if (zulu && rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      parsed_.offset_seconds = 0;
      return true;
    }
    if (rest_.empty() || (rest_[0] != '+' && rest_[0] != '-')) return false;
    int sign = rest_[0] == '-' ? -1 : 1;
    rest_.remove_prefix(1);
    int hour = 0, minute = 0;
    if (!number(hour, 2, 2, 0, 24)) return false;
    if (minutes) {
      if (colon) {
        if (!rest_.starts_with(':')) return false;
        rest_.remove_prefix(1);
      }
      if (!number(minute, 2, 2, 0, 59)) return false;
    }
    parsed_.offset_seconds = sign * (hour * 3600 + minute * 60);
    return true;
  }

  bool fraction(size_t wanted, bool exact) {
    if (rest_.empty() || (rest_[0] != '.' && rest_[0] != ',')) return !exact;
    size_t length = 1;
    int64_t value = 0;
    int64_t scale = kNanosPerSecond / 10;
    while (length < rest_.size() && rest_[length] >= '0' && rest_[length] <= '9') {
      value += (rest_[length++] - '0') * scale;
      scale /= 10;
    }
    if (length == 1 || (exact && length - 1 != wanted)) return false;
    rest_.remove_prefix(length);
    parsed_.fraction = value;
    return true;
  }

  // Go accepts a fraction after the seconds even when the layout has none.
  bool seconds(size_t least) {
    if (!number(parsed_.second, least, 2, 0, 59)) return false;
    if (rest_.size() > 1 && (rest_[0] == '.' || rest_[0] == ',') && rest_[1] >= '0' && rest_[1] <= '9' &&
        !fraction_follows_) {
      return fraction(0, false);
    }
    return true;
  }

  bool take(const Token& token) {
    Token after = next_token(layout_, token.begin + token.length);
    fraction_follows_ = after.begin == token.begin + token.length &&
                        (after.piece == Piece::fraction_zeros || after.piece == Piece::fraction_nines);
    int ignored = 0;
    switch (token.piece) {
      case Piece::none:
        return true;
      case Piece::long_month:
      case Piece::month:
        if (!name(kMonths, token.piece == Piece::month, parsed_.month)) return false;
        ++parsed_.month;
        return true;
      case Piece::number_month:
        return number(parsed_.month, 1, 2, 1, 12);
      case Piece::zero_month:
        return number(parsed_.month, 2, 2, 1, 12);
      case Piece::long_weekday:
      case Piece::weekday:
        return name(kWeekdays, token.piece == Piece::weekday, ignored);
      case Piece::under_day:
        if (rest_.starts_with(' ')) rest_.remove_prefix(1);
        return number(parsed_.day, 1, 2, 1, 31);
      case Piece::day:
        return number(parsed_.day, 1, 2, 1, 31);
      case Piece::zero_day:
        return number(parsed_.day, 2, 2, 1, 31);
      case Piece::under_year_day:
        while (rest_.starts_with(' ')) rest_.remove_prefix(1);
        return number(parsed_.year_day, 1, 3, 1, 366);
      case Piece::zero_year_day:
        return number(parsed_.year_day, 3, 3, 1, 366);
      case Piece::hour:
        return number(parsed_.hour, 1, 2, 0, 23);
      case Piece::hour12:
        return number(parsed_.hour, 1, 2, 0, 12);
      case Piece::zero_hour12:
        return number(parsed_.hour, 2, 2, 0, 12);
      case Piece::minute:
        return number(parsed_.minute, 1, 2, 0, 59);
      case Piece::zero_minute:
        return number(parsed_.minute, 2, 2, 0, 59);
      case Piece::second:
        return seconds(1);
      case Piece::zero_second:
        return seconds(2);
      case Piece::long_year: {
        int year = 0;
        if (!number(year, 4, 4, 0, 9999)) return false;
        parsed_.year = year;
        return true;
      }
      case Piece::year: {
        int year = 0;
        if (!number(year, 2, 2, 0, 99)) return false;
        parsed_.year = year + (year >= 69 ? 1900 : 2000);
        return true;
      }
      case Piece::upper_pm:
      case Piece::lower_pm: {
        std::string_view word = rest_.substr(0, 2);
        bool upper = token.piece == Piece::upper_pm;
        if (word != (upper ? "PM" : "pm") && word != (upper ? "AM" : "am")) return false;
        parsed_.pm = word[0] == 'P' || word[0] == 'p';
        parsed_.pm_set = true;
        rest_.remove_prefix(2);
        return true;
      }
      case Piece::zone_name: {
        size_t length = 0;
        while (length < rest_.size() && length < 5 && rest_[length] >= 'A' && rest_[length] <= 'Z') ++length;
        if (length < 3) return false;
        if (rest_.substr(0, length) == "UTC" || rest_.substr(0, length) == "GMT") parsed_.offset_seconds = 0;
        rest_.remove_prefix(length);
        return true;
      }
      case Piece::iso_zone:
        return offset(false, true, true);
      case Piece::iso_colon_zone:
        return offset(true, true, true);
      case Piece::iso_short_zone:
        return offset(false, false, true);
      case Piece::number_zone:
        return offset(false, true, false);
      case Piece::number_colon_zone:
        return offset(true, true, false);
      case Piece::number_short_zone:
        return offset(false, false, false);
      case Piece::fraction_zeros:
        return fraction(token.length - 1, true);
      case Piece::fraction_nines:
        return fraction(0, false);
    }
    return false;
  }

  std::string_view layout_;
  std::string_view rest_;
  std::string_view text_;
  Parsed parsed_;
  bool fraction_follows_ = false;
};

}  // namespace

Result<UnixNanos> parse_go_time(std::string_view layout, std::string_view text, std::string_view zone) {
  std::optional<absl::TimeZone> found = find_zone(zone);
  if (!found) return make_error(ErrorCode::execution, "unknown time zone " + std::string(zone.substr(0, 64)));
  OBELISK_TRY(Parsed parsed, TimeParser(layout, text).parse());
  auto out_of_range = [&] {
    return make_error(ErrorCode::execution,
                      fmt::format("parsing time \"{}\": out of range", text.substr(0, 128)));
  };
  absl::CivilDay day(parsed.year, parsed.month, parsed.day);
  if (parsed.year_day > 0)
    day = absl::CivilDay(parsed.year, 1, 1) + (parsed.year_day - 1);
  else if (day.day() != parsed.day)
    return out_of_range();
  if (day.year() < 1678 || day.year() > 2261) return out_of_range();
  absl::CivilSecond civil(day.year(), day.month(), day.day(), parsed.hour, parsed.minute, parsed.second);
  absl::Time instant = parsed.offset_seconds ? absl::FromCivil(civil, absl::UTCTimeZone()) -
                                                   absl::Seconds(*parsed.offset_seconds)
                                             : absl::FromCivil(civil, *found);
  return UnixNanos{absl::ToUnixSeconds(instant) * kNanosPerSecond + parsed.fraction};
}

}  // namespace obelisk
