#pragma once
// What an assistant can ask for by the Model Context Protocol: Tempo's tools, under its names. Every tool is
// an answer of the HTTP API with its parameters from the arguments. Immutable; safe from any thread.
#include <span>
#include <string_view>

#include "api/tempo/tempo_call.h"

namespace obelisk::tempo {

struct McpArgument {
  std::string_view name;
  std::string_view description;
  bool required = false;
};

struct McpTool {
  std::string_view name;
  std::string_view description;
  std::span<const McpArgument> arguments;  // all of them texts
  // `call.parameters` are the arguments. A text for a reader, or what is wrong with them.
  Result<std::string> (*answer)(TempoCall& call);
};

std::span<const McpTool> mcp_tools();

// An answer beyond this is refused with the advice to ask for less: it would fill the asker's memory.
inline constexpr size_t kMcpAnswerBytesMax = 1 << 20;

}  // namespace obelisk::tempo
