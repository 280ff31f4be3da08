#pragma once
// OBELISK_ASSERT states what only a programming error can break. It stays on in release builds: a wrong
// answer from an observability store costs more than the branch.
#include <cstdio>
#include <cstdlib>

#define OBELISK_ASSERT(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
