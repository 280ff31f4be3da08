#pragma once
// The server's own log: one line a record on standard error, level and component first. Never pass a secret.
// Thread safe. A message is formatted by the caller, so that no formatting library reaches this header.
#include <string_view>

namespace obelisk {

enum class LogLevel { debug, info, warning, error };

void set_log_level(LogLevel level);
void log(LogLevel level, std::string_view component, std::string_view message);

inline void log_debug(std::string_view component, std::string_view message) {
  log(LogLevel::debug, component, message);
}
inline void log_info(std::string_view component, std::string_view message) {
  log(LogLevel::info, component, message);
}
inline void log_warning(std::string_view component, std::string_view message) {
  log(LogLevel::warning, component, message);
}
inline void log_error(std::string_view component, std::string_view message) {
  log(LogLevel::error, component, message);
}

}  // namespace obelisk
