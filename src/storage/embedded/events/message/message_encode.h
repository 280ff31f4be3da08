#pragma once
// Codes texts as templates and columns of variables: every text is split (tokenizer.h), texts of one template
// share their literal bytes, and each variable of a template is a column of its own in the smallest of a few
// codings (slot_encode.h). Texts of rare templates are kept whole, in compressed pages.
//
// Reconstruction is exact: of what was coded, one text in sixteen (others each time) is decoded and compared
// before it is handed out, which costs a tenth of comparing all; tests and the fuzz target compare
// all.
//
// An encoder keeps its buffers from one call to the next (up to some 20 MiB for 64 Ki texts), since filling
// fresh memory costs as much as the coding: make one for a part. One thread. Format:
// docs/formats/event_part.md, "Message coding".
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::message {

class MessageEncoder {
 public:
  MessageEncoder();
  ~MessageEncoder();

  // Appends the coding to `out`. `times`: of each text, ns; null when they have none (clock variables are
  // then kept as they are). False, and nothing appended, when templates do not pay: few texts, or most of the
  // bytes fit no template.
  bool encode(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// For a single block.
bool encode_message(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out);

}  // namespace obelisk::message
