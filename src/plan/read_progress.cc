#include "plan/read_progress.h"

#include <utility>

namespace obelisk {
namespace {

// Owned, so that a thread which goes on reading for something else cannot write into a query that has ended.
thread_local std::shared_ptr<ReadProgress> watched;

}  // namespace

void count_reads_into(std::shared_ptr<ReadProgress> progress) {
  watched = std::move(progress);
}

void note_scan_price(ReadCount price) {
  if (watched) watched->add_price(price);
}

void note_read(ReadCount read) {
  if (watched) watched->add_read(read);
}

}  // namespace obelisk
