#pragma once
// Result<T> is a value or an Error: the way everything that a user, a peer or a disk can cause is reported.
// Exceptions of libraries are caught where the library is called and become an Error.
// An Error has a stable code (what a program may switch on), a message an operator can act on, and, for
// parsers, the position in the input.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace obelisk {

enum class ErrorCode : uint8_t {
  invalid_argument,  // the request is wrong: HTTP 400
  parse_error,       // text in a query language or a file is wrong: HTTP 400, with a position
  unsupported,       // understood, and not there yet; the message names it: HTTP 400 or 501
  execution,         // a valid query that cannot be evaluated: HTTP 422
  not_found,         // HTTP 404
  too_large,         // a stated limit was exceeded: HTTP 413 or 422
  unauthenticated,   // HTTP 401
  cancelled,         // the caller went away
  timeout,           // HTTP 503 or 504
  overloaded,        // a queue is full, try again: HTTP 429 or 503
  no_space,          // the disk is full: HTTP 503
  corrupt,           // stored or sent bytes fail their checksum or their format
  io,                // the operating system refused: HTTP 500
  unavailable,       // shutting down or not ready: HTTP 503
  internal,          // HTTP 500
};

std::string_view error_code_name(ErrorCode code);

struct Position {
  uint64_t offset = 0;  // bytes from the start of the input
  uint32_t line = 1;    // counted from 1
  uint32_t column = 1;  // bytes into the line, counted from 1
};

// The position of byte `offset` in `text`.
Position position_of(std::string_view text, uint64_t offset);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::optional<Position> position;

  // "parse_error: unexpected end of input (line 1, column 7)"
  std::string to_string() const;
  // The same error with "context: " before its message.
  Error with_context(std::string_view context) const;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    OBELISK_ASSERT(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    OBELISK_ASSERT(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    OBELISK_ASSERT(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    OBELISK_ASSERT(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    OBELISK_ASSERT(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

inline Error make_error(ErrorCode code, std::string message) {
  return Error{code, std::move(message), {}};
}

}  // namespace obelisk

#define OBELISK_CONCAT_INNER(a, b) a##b
#define OBELISK_CONCAT(a, b) OBELISK_CONCAT_INNER(a, b)
// OBELISK_TRY(auto x, f()): x is the value, or the error is returned. OBELISK_CHECK_OK(f()): the same for
// Result<void>.
#define OBELISK_TRY(declaration, expression) \
  OBELISK_TRY_INNER(declaration, expression, OBELISK_CONCAT(result_of_try_, __LINE__))
#define OBELISK_TRY_INNER(declaration, expression, name) \
  auto name = (expression);                              \
  if (!name.ok()) [[unlikely]]                           \
    return name.error();                                 \
  declaration = std::move(name).value()
#define OBELISK_CHECK_OK(expression)                                       \
  do {                                                                     \
    if (auto check_result = (expression); !check_result.ok()) [[unlikely]] \
      return check_result.error();                                         \
  } while (false)
