#pragma once
// A second thread for one scan. Scans look at hundreds of row groups that have nothing to do with each other;
// where a core is idle it takes a share of them. Helper threads are one fewer than cores, shared by all
// scans: a scan that finds none free goes on alone at once, so that however many queries run, they take
// little more than a core from those that write. Thread safe.
#include <functional>
#include <memory>

namespace obelisk {

class ScanHelp {
 public:
  // `work` must end soon once the scan has done its own share: it is waited for. It may never be run.
  explicit ScanHelp(std::function<void()> work);
  // Work that has not begun will not; else it has ended afterwards.
  ~ScanHelp();
  ScanHelp(const ScanHelp&) = delete;
  ScanHelp& operator=(const ScanHelp&) = delete;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace obelisk
