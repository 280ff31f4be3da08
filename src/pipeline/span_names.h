#pragma once
// Names of spans with what varies taken out, so that span metrics do not grow with the ids that a careless
// instrumentation puts into names: "GET /users/4711/orders" becomes "GET /users/<_>/orders". Names are cut
// into words at white space and / ? & = , ; : ( ) [ ], and learned as the tree that DRAIN keeps of log lines:
// names of one length share the tree of their words, and
// * a word that looks like an id (a number, a UUID, eight or more hexadecimal digits with one that is a
// digit, or
//   twelve or more letters and digits with four digits) is a variable at once;
// * where more than kValuesMax different words have followed the same words, new ones are a variable, too.
// So a name that has been seen stays what it was, and the number of names is bounded. One tree a tenant;
// bounds: kNodesMax nodes (beyond, unknown words are variables), words behind the kWordsMax-th are one
// variable, names are looked at up to kBytesMax bytes. Thread safe.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/thread_annotations.h"
#include "model/tenant.h"

namespace obelisk {

inline constexpr std::string_view kVaryingWord = "<_>";

class SpanNames {
 public:
  static constexpr size_t kValuesMax = 64;
  static constexpr size_t kNodesMax = 20'000;
  static constexpr size_t kWordsMax = 32;
  static constexpr size_t kBytesMax = 1024;

  // Learns the name, and says what stands for it. The text lives as long as this object; a name without words
  // is given back.
  std::string_view pattern_of(const Tenant& tenant, std::string_view name);

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> varying;
    std::string pattern;  // of the name that ends here
  };
  struct Tree {
    std::map<size_t, Node> by_length;  // of names in words
    size_t nodes = 0;
  };
  static Node& next_of(Tree& tree, Node& node, std::string_view word);
  static Node& varying_of(Tree& tree, Node& node);

  Mutex mutex_;
  std::map<Tenant, Tree, std::less<>> trees_ GUARDED_BY(mutex_);
};

// Whether a word looks like an id by itself.
bool is_id_word(std::string_view word);

}  // namespace obelisk
