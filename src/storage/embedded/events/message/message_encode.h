#pragma once
// Codes texts as templates and columns of variables: every text is split (tokenizer.h), texts of one template
// share their literal bytes, and each variable of a template is a column of its own in the smallest of a few
// codings. Texts of rare templates are kept whole, in compressed pages. Reconstruction is exact: what was
// coded is decoded and compared before it is handed out. Pure; any thread. Format:
// docs/formats/event_part.md, "Message coding".
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace obelisk::message {

// Appends the coding to `out`. `times`: of each text, ns; null when they have none (clock variables are then
// kept as they are). False, and nothing appended, when templates do not pay: few texts, or most of the bytes
// fit no template.
bool encode_message(const std::vector<std::string_view>& texts, const int64_t* times, std::string& out);

}  // namespace obelisk::message
