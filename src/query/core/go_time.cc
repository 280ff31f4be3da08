#include "query/core/go_time.h"

#include <absl/time/civil_time.h>
#include <fmt/format.h>

#include "query/core/go_time_layout.h"

namespace obelisk {
namespace {

using namespace go_time;

std::string zone_offset(int seconds, bool colon, bool minutes, bool zulu) {
  if (zulu && seconds == 0) return "Z";
  char sign = seconds < 0 ? '-' : '+';
  int absolute = seconds < 0 ? -seconds : seconds;
  std::string out = fmt::format("{}{:02}", sign, absolute / 3600);
  if (minutes) out += fmt::format("{}{:02}", colon ? ":" : "", absolute / 60 % 60);
  return out;
}

void append_piece(std::string& out, const Token& token, const absl::TimeZone::CivilInfo& info,
                  int64_t fraction) {
  const absl::CivilSecond& civil = info.cs;
  int hour12 = civil.hour() % 12 == 0 ? 12 : civil.hour() % 12;
  int weekday = static_cast<int>(absl::GetWeekday(civil));
  switch (token.piece) {
    case Piece::none:
      break;
    case Piece::long_month:
      out += kMonths[static_cast<size_t>(civil.month() - 1)];
      break;
    case Piece::month:
      out += kMonths[static_cast<size_t>(civil.month() - 1)].substr(0, 3);
      break;
    case Piece::number_month:
      out += fmt::format("{}", civil.month());
      break;
    case Piece::zero_month:
      out += fmt::format("{:02}", civil.month());
      break;
    case Piece::long_weekday:
      out += kWeekdays[static_cast<size_t>(weekday)];
      break;
    case Piece::weekday:
      out += kWeekdays[static_cast<size_t>(weekday)].substr(0, 3);
      break;
    case Piece::day:
      out += fmt::format("{}", civil.day());
      break;
    case Piece::under_day:
      out += fmt::format("{:>2}", civil.day());
      break;
    case Piece::zero_day:
      out += fmt::format("{:02}", civil.day());
      break;
    case Piece::under_year_day:
      out += fmt::format("{:>3}", absl::GetYearDay(civil));
      break;
    case Piece::zero_year_day:
      out += fmt::format("{:03}", absl::GetYearDay(civil));
      break;
    case Piece::hour:
      out += fmt::format("{:02}", civil.hour());
      break;
    case Piece::hour12:
      out += fmt::format("{}", hour12);
      break;
    case Piece::zero_hour12:
      out += fmt::format("{:02}", hour12);
      break;
    case Piece::minute:
      out += fmt::format("{}", civil.minute());
      break;
    case Piece::zero_minute:
      out += fmt::format("{:02}", civil.minute());
      break;
    case Piece::second:
      out += fmt::format("{}", civil.second());
      break;
    case Piece::zero_second:
      out += fmt::format("{:02}", civil.second());
      break;
    case Piece::long_year:
      out += fmt::format("{:04}", civil.year());
      break;
    case Piece::year:
      out += fmt::format("{:02}", civil.year() % 100);
      break;
    case Piece::upper_pm:
      out += civil.hour() >= 12 ? "PM" : "AM";
      break;
    case Piece::lower_pm:
      out += civil.hour() >= 12 ? "pm" : "am";
      break;
    case Piece::zone_name:
      out += info.zone_abbr;
      break;
    case Piece::iso_zone:
      out += zone_offset(info.offset, false, true, true);
      break;
    case Piece::iso_colon_zone:
      out += zone_offset(info.offset, true, true, true);
      break;
    case Piece::iso_short_zone:
      out += zone_offset(info.offset, false, false, true);
      break;
    case Piece::number_zone:
      out += zone_offset(info.offset, false, true, false);
      break;
    case Piece::number_colon_zone:
      out += zone_offset(info.offset, true, true, false);
      break;
    case Piece::number_short_zone:
      out += zone_offset(info.offset, false, false, false);
      break;
    case Piece::fraction_zeros:
    case Piece::fraction_nines: {
      std::string digits = fmt::format("{:09}", fraction);
      digits.resize(std::min<size_t>(token.length - 1, 9));
      if (token.piece == Piece::fraction_nines) {
        digits.erase(digits.find_last_not_of('0') + 1);
        if (digits.empty()) break;
      }
      out += '.';
      out += digits;
      break;
    }
  }
}

std::string format_at(UnixNanos time, std::string_view layout, absl::TimeZone zone) {
  absl::TimeZone::CivilInfo info = zone.At(absl::FromUnixNanos(time.value));
  int64_t fraction = time.value % kNanosPerSecond;
  if (fraction < 0) fraction += kNanosPerSecond;
  std::string out;
  for (size_t at = 0; at < layout.size();) {
    Token token = next_token(layout, at);
    out += layout.substr(at, token.begin - at);
    append_piece(out, token, info, fraction);
    at = token.begin + token.length;
  }
  return out;
}

}  // namespace

std::string format_go_time(UnixNanos time, std::string_view layout) {
  return format_at(time, layout, absl::UTCTimeZone());
}

Result<std::string> format_go_time_in(UnixNanos time, std::string_view layout, std::string_view zone) {
  std::optional<absl::TimeZone> found = find_zone(zone);
  if (!found) return make_error(ErrorCode::execution, "unknown time zone " + std::string(zone.substr(0, 64)));
  return format_at(time, layout, *found);
}

}  // namespace obelisk
