#pragma once
// For stores that read on threads of their own: what the thread they read for counts its reads into
// (plan/read_progress.h), so that theirs are counted with them.
#include <memory>

namespace obelisk {

class ReadProgress;

// Of the calling thread; null: nobody watches.
std::shared_ptr<ReadProgress> reads_counted_into();

}  // namespace obelisk
