#include "query/core/go_time_layout.h"

#include <string>

namespace obelisk::go_time {
namespace {

struct Fixed {
  std::string_view text;
  Piece piece;
};

// Longer spellings first.
constexpr std::array<Fixed, 33> kPieces{{
    {"January", Piece::long_month},
    {"Jan", Piece::month},
    {"Monday", Piece::long_weekday},
    {"Mon", Piece::weekday},
    {"MST", Piece::zone_name},
    {"2006", Piece::long_year},
    {"Z070000", Piece::iso_zone},
    {"Z07:00:00", Piece::iso_colon_zone},
    {"Z0700", Piece::iso_zone},
    {"Z07:00", Piece::iso_colon_zone},
    {"Z07", Piece::iso_short_zone},
    {"-07:00:00", Piece::number_colon_zone},
    {"-070000", Piece::number_zone},
    {"-07:00", Piece::number_colon_zone},
    {"-0700", Piece::number_zone},
    {"-07", Piece::number_short_zone},
    {"__2", Piece::under_year_day},
    {"_2006", Piece::none},
    {"_2", Piece::under_day},
    {"002", Piece::zero_year_day},
    {"01", Piece::zero_month},
    {"02", Piece::zero_day},
    {"03", Piece::zero_hour12},
    {"04", Piece::zero_minute},
    {"05", Piece::zero_second},
    {"06", Piece::year},
    {"15", Piece::hour},
    {"PM", Piece::upper_pm},
    {"pm", Piece::lower_pm},
    {"1", Piece::number_month},
    {"2", Piece::day},
    {"3", Piece::hour12},
    {"4", Piece::minute},
}};

}  // namespace

Token next_token(std::string_view layout, size_t from) {
  for (size_t i = from; i < layout.size(); ++i) {
    std::string_view rest = layout.substr(i);
    if ((rest[0] == '.' || rest[0] == ',') && rest.size() > 1 && (rest[1] == '0' || rest[1] == '9')) {
      size_t end = 1;
      while (end < rest.size() && rest[end] == rest[1]) ++end;
      bool digit_follows = end < rest.size() && rest[end] >= '0' && rest[end] <= '9';
      if (!digit_follows) return {rest[1] == '0' ? Piece::fraction_zeros : Piece::fraction_nines, i, end};
    }
    if (rest.starts_with("_2006")) return {Piece::long_year, i + 1, 4};
    for (const Fixed& fixed : kPieces) {
      if (fixed.piece == Piece::none || !rest.starts_with(fixed.text)) continue;
      // "Jan" and "Mon" count only when no lower-case letter follows, as in "Monkey".
      bool word = fixed.text == "Jan" || fixed.text == "Mon";
      if (word && rest.size() > 3 && rest[3] >= 'a' && rest[3] <= 'z') continue;
      return {fixed.piece, i, fixed.text.size()};
    }
    if (rest[0] == '5') return {Piece::second, i, 1};
  }
  return {Piece::none, layout.size(), 0};
}

std::optional<absl::TimeZone> find_zone(std::string_view zone) {
  if (zone.empty() || zone == "UTC" || zone == "Local") return absl::UTCTimeZone();
  if (zone.size() > 64 || zone.find("..") != std::string_view::npos || zone[0] == '/') return std::nullopt;
  absl::TimeZone found;
  if (!absl::LoadTimeZone(std::string(zone), &found)) return std::nullopt;
  return found;
}

}  // namespace obelisk::go_time
