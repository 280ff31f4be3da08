// Goal: whatever texts go into a message block come out again, and a search of it says what a search of the
// texts says. Method: generated lines of many shapes and the samples of real systems (../shared/data/loghub
// where it is there), coded, rebuilt, and asked with needles and patterns that are cut out of them; the
// oracle is a loop over the texts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>

#include "plan/regex.h"
#include "storage/embedded/events/message/known_texts.h"
#include "storage/embedded/events/message/message_encode.h"
#include "storage/embedded/events/message/pattern_automaton.h"
#include "storage/embedded/events/message/text_predicate.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

struct Corpus {
  std::vector<std::string> lines;
  std::vector<int64_t> times;
  std::vector<std::string_view> views() const { return {lines.begin(), lines.end()}; }
};

std::string random_token(std::mt19937_64& random) {
  auto below = [&](uint64_t n) { return random() % n; };
  char buffer[64];
  switch (below(13)) {
    case 0:
      return std::to_string(below(1000));
    case 1:
      snprintf(buffer, sizeof(buffer), "%05u", static_cast<unsigned>(below(100000)));
      return buffer;
    case 2:
      return std::to_string(random());
    case 3:
      snprintf(buffer, sizeof(buffer), "%016llx", static_cast<unsigned long long>(random()));
      return buffer;
    case 4:
      snprintf(buffer, sizeof(buffer), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(random()),
               static_cast<unsigned>(below(65536)), static_cast<unsigned>(below(65536)),
               static_cast<unsigned>(below(65536)), static_cast<unsigned long long>(random() >> 16));
      return buffer;
    case 5:
      snprintf(buffer, sizeof(buffer), "%02u:%02u:%02u", static_cast<unsigned>(below(26)),
               static_cast<unsigned>(below(61)), static_cast<unsigned>(below(61)));
      return buffer;
    case 6:
      return "user" + std::to_string(below(5));
    case 7:
      return "node-" + std::to_string(below(3000)) + "x";
    case 8:
      return "0x" + std::to_string(below(10));
    case 9:
      return std::string(1, static_cast<char>(below(256)));
    case 10:
      return "17:17:17";
    case 11:
      return std::string(below(40), 'a') + std::to_string(random() % 99);
    default:
      return "A1b2C3" + std::string(below(3), 'Z') + std::to_string(below(4000));
  }
}

Corpus generated(uint64_t seed, size_t rows) {
  std::mt19937_64 random(seed);
  static const char* const kShapes[] = {"GET /api/%/items took % ms",
                                        "user=% id=% status=%",
                                        "%",
                                        "",
                                        "[%] error: card % declined, trace %",
                                        "% % % % % %",
                                        "no variables at all",
                                        "caf\xc3\xa9 % \xff\xfe %"};
  Corpus corpus;
  int64_t time = static_cast<int64_t>(random() % 4'000'000'000'000'000'000ull) - 1'000'000'000'000'000'000;
  for (size_t row = 0; row < rows; ++row) {
    std::string line;
    for (const char* c = kShapes[random() % std::size(kShapes)]; *c != '\0'; ++c) {
      if (*c == '%')
        line += random_token(random);
      else
        line += *c;
    }
    if (random() % 3000 == 0) line += std::string(random() % 20000, 'x') + "7";
    time += static_cast<int64_t>(random() % 2'000'000'000);
    corpus.lines.push_back(std::move(line));
    corpus.times.push_back(time);
  }
  return corpus;
}

std::vector<Corpus> samples() {
  const char* shared = std::getenv("OBELISK_SHARED");
  std::vector<Corpus> found;
  for (const char* name : {"Android", "Apache", "BGL", "HDFS", "HPC", "Hadoop", "Linux", "Mac", "OpenSSH",
                           "OpenStack", "Spark", "Windows"}) {
    std::ifstream file(
        std::string(shared != nullptr ? shared : "../shared") + "/data/loghub/" + name + "_2k.log",
        std::ios::binary);
    Corpus corpus;
    for (std::string line; std::getline(file, line);) {
      corpus.lines.push_back(line);
      corpus.times.push_back(1'700'000'000'000'000'000 +
                             static_cast<int64_t>(corpus.times.size()) * 77'000'000);
    }
    if (!corpus.lines.empty()) found.push_back(std::move(corpus));
  }
  return found;
}

struct Coded {
  std::string bytes;
  std::optional<MessageBlock> block;
};

// Coded and read; no block when templates do not pay.
Coded coded(const Corpus& corpus, bool with_times) {
  Coded result;
  const int64_t* times = with_times ? corpus.times.data() : nullptr;
  if (!encode_message(corpus.views(), times, result.bytes)) return result;
  size_t length = result.bytes.size();
  result.bytes.append(8, '\0');
  auto block =
      MessageBlock::parse(std::string_view(result.bytes).substr(0, length), corpus.lines.size(), nullptr);
  EXPECT_TRUE(block.ok());
  block->set_times(times);
  result.block.emplace(std::move(*block));
  return result;
}

void expect_same(const Corpus& corpus, MessageBlock& block, std::mt19937_64& random) {
  std::vector<uint32_t> rows(corpus.lines.size());
  std::iota(rows.begin(), rows.end(), 0u);
  if (random() % 2 == 0) std::erase_if(rows, [&](uint32_t) { return random() % 7 != 0; });
  std::vector<std::string_view> texts(rows.size());
  Arena arena;
  ASSERT_TRUE(block.rebuild(rows, texts.data(), arena).ok());
  for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(texts[i], corpus.lines[rows[i]]);
}

std::string piece_of(const std::string& line, std::mt19937_64& random) {
  if (line.empty()) return "x";
  size_t begin = random() % line.size();
  return line.substr(begin, 1 + random() % 24);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (static_cast<uint8_t>(c) < 128 && !isalnum(c)) out += '\\';
    out += c;
  }
  return out;
}

// A pattern that has something to do with the line.
std::string pattern_of(const std::string& line, std::mt19937_64& random) {
  std::string text = piece_of(line, random);
  // What is no UTF-8 or a control byte is no pattern.
  std::erase_if(text, [](char c) { return static_cast<uint8_t>(c) >= 127 || static_cast<uint8_t>(c) < 32; });
  if (text.empty()) text = "7";
  std::string pattern;
  switch (random() % 7) {
    case 0:
      return escaped(text);
    case 1:
      return "(?i)" + escaped(text);
    case 2:
      for (char c : text) pattern += c >= '0' && c <= '9' ? "[0-9]" : escaped(std::string_view(&c, 1));
      return pattern;
    case 3:
      for (char c : text) pattern += isalpha(c) ? "\\w+" : isdigit(c) ? "\\d" : ".";
      return pattern;
    case 4:
      return escaped(text.substr(0, 1)) + ".*" + escaped(text.substr(text.size() - 1)) + "$";
    case 5:
      return "(?:" + escaped(text) + "|[0-9]{2,4}[a-f]|zzz)";
    default:
      return "\\b" + escaped(text.substr(0, text.size() / 2 + 1)) + "[^x]?";
  }
}

// With what is kept in memory: judged, learned from rows, and after the numbers were let go of; of all rows
// and of some.
void expect_found_again(MessageBlock& block, const TextPredicate& predicate,
                        const std::vector<uint8_t>& wanted, const std::string& what) {
  auto known =
      std::make_shared<const KnownTexts>(block.head(), block.template_planes(), block.raw_count() > 0);
  std::vector<uint8_t> all(wanted.size(), 1), some = wanted, wanted_of_some = wanted;
  for (size_t row = 0; row < some.size(); ++row) {
    some[row] = row % 3 == 1 ? 1 : 0;
    wanted_of_some[row] = wanted[row] & some[row];
  }
  block.set_known(known);
  for (int round = 0; round < 3; ++round) {
    std::vector<uint8_t> found(wanted.size(), 0), of_some(wanted.size(), 0), by_templates(wanted.size(), 0);
    ASSERT_TRUE(mark_texts(block, predicate, some, of_some).ok());
    EXPECT_EQ(of_some, wanted_of_some) << what << ", round " << round;
    ASSERT_TRUE(mark_texts(block, predicate, all, found).ok());
    EXPECT_EQ(found, wanted) << what << ", round " << round;
    Result<bool> decided = mark_by_templates(predicate, *known, all, by_templates);
    ASSERT_TRUE(decided.ok());
    EXPECT_EQ(by_templates, *decided ? wanted : std::vector<uint8_t>(wanted.size())) << what;
    auto sum = static_cast<size_t>(std::count(wanted.begin(), wanted.end(), 1));
    Verdict verdict = known->verdicts_of(predicate)->overall();
    EXPECT_EQ(verdict, sum == 0               ? Verdict::none
                       : sum == wanted.size() ? Verdict::all
                                              : Verdict::some)
        << what;
    known->release_unused();
    known->release_unused();
  }
  block.set_known(nullptr);
}

void expect_found(const Corpus& corpus, MessageBlock& block, const Expr& expr, const std::string& what) {
  std::vector<uint8_t> all(corpus.lines.size(), 1), found(corpus.lines.size(), 0);
  const TextPredicate& predicate = predicate_for(expr);
  ASSERT_TRUE(mark_texts(block, predicate, all, found).ok());
  for (size_t row = 0; row < corpus.lines.size(); ++row) {
    ASSERT_EQ(found[row] != 0, predicate.holds(corpus.lines[row])) << what << " in " << corpus.lines[row];
  }
  bool any = std::find(found.begin(), found.end(), 1) != found.end();
  if (any) {
    EXPECT_NE(judge_templates(predicate, *block.head(), block.raw_count() > 0).overall(), Verdict::none)
        << what;
  }
  expect_found_again(block, predicate, found, what);
}

void expect_searches(const Corpus& corpus, MessageBlock& block, std::mt19937_64& random, int count) {
  ColumnId line = fixed_column(column::kLine);
  for (int i = 0; i < count; ++i) {
    const std::string& from = corpus.lines[random() % corpus.lines.size()];
    std::string needle = piece_of(from, random);
    if (random() % 8 == 0) needle = from.substr(random() % (from.size() + 1), 1 + random() % 90);
    if (needle.empty()) needle = "0";
    if (random() % 4 == 0) needle[random() % needle.size()] = static_cast<char>('0' + random() % 10);
    expect_found(corpus, block, Expr::contains(line, needle), "contains " + needle);
    expect_found(corpus, block, Expr::compare(line, CompareOp::equal, from), "equal");
    std::string pattern = pattern_of(from, random);
    auto regex = Regex::compile(pattern, Regex::Mode::searching);
    ASSERT_TRUE(regex.ok()) << pattern;
    expect_found(corpus, block, Expr::matches(line, *regex), "matches " + pattern);
  }
}

TEST(Tokenizer, EveryClassifierSplitsAlike) {
  Corpus corpus = generated(3, 2000);
  auto fast = std::make_unique<SplitLine>(), plain = std::make_unique<SplitLine>();
  size_t split = 0;
  for (const std::string& line : corpus.lines) {
    bool done = split_line(line, *fast);
    ASSERT_EQ(done, split_line_plainly(line, *plain));
    if (!done) continue;
    ++split;
    ASSERT_EQ(std::string_view(fast->skeleton, fast->skeleton_length),
              std::string_view(plain->skeleton, plain->skeleton_length));
    ASSERT_EQ(fast->token_count, plain->token_count);
    std::string back;
    size_t token = 0;
    for (char c : std::string_view(fast->skeleton, fast->skeleton_length)) {
      if (!is_marker(c)) {
        back += c;
      } else if (c == kClockMarker) {
        uint64_t second = token_number(fast->tokens[token++]);
        char clock[32];
        snprintf(clock, sizeof(clock), "%02d:%02d:%02d", static_cast<int>(second / 3600),
                 static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
        back += clock;
      } else {
        char digits[kTokenDigitsMax];
        back += token_text(fast->tokens[token++], digits);
      }
    }
    ASSERT_EQ(back, line);
  }
  EXPECT_GT(split, 1500u) << classifier_name();
}

TEST(Message, GeneratedLinesComeBackAndAreFound) {
  int coded_count = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Corpus corpus = generated(seed, 500 + random() % 4000);
    Coded result = coded(corpus, seed % 2 == 0);
    if (!result.block) continue;
    ++coded_count;
    expect_same(corpus, *result.block, random);
    expect_searches(corpus, *result.block, random, 60);
  }
  EXPECT_GT(coded_count, 8);
}

TEST(Message, RealLinesComeBackSmallAndAreFound) {
  std::vector<Corpus> all = samples();
  if (all.empty()) GTEST_SKIP() << "no samples of real systems in ../shared/data/loghub";
  std::mt19937_64 random(7);
  size_t plain = 0, stored = 0;
  for (const Corpus& corpus : all) {
    Coded result = coded(corpus, true);
    ASSERT_TRUE(result.block) << corpus.lines[0];
    for (const std::string& line : corpus.lines) plain += line.size();
    stored += result.bytes.size();
    expect_same(corpus, *result.block, random);
    expect_searches(corpus, *result.block, random, 40);
  }
  EXPECT_LT(stored * 8, plain) << stored << " of " << plain;
}

TEST(Message, DamageIsRefusedOrReadButNeverBelievedBlindly) {
  Corpus corpus = generated(5, 2000);
  Coded result = coded(corpus, false);
  ASSERT_TRUE(result.block);
  std::mt19937_64 random(11);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = result.bytes;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips)
      bytes[random() % (bytes.size() - 8)] ^= static_cast<char>(1 << (random() % 8));
    auto block = MessageBlock::parse(std::string_view(bytes).substr(0, bytes.size() - 8), corpus.lines.size(),
                                     nullptr);
    if (!block.ok()) continue;
    std::vector<uint32_t> rows(corpus.lines.size());
    std::iota(rows.begin(), rows.end(), 0u);
    std::vector<std::string_view> texts(rows.size());
    Arena arena;
    (void)block->rebuild(rows, texts.data(), arena).ok();
    std::vector<uint8_t> all(rows.size(), 1), found(rows.size(), 0);
    std::string needle = piece_of(corpus.lines[random() % corpus.lines.size()], random);
    Expr expr = Expr::contains(fixed_column(column::kLine), needle);
    (void)mark_texts(*block, predicate_for(expr), all, found).ok();
  }
}

TEST(Message, TemplatesDecideWhatTheyCan) {
  Corpus corpus;
  for (int i = 0; i < 1000; ++i) {
    corpus.lines.push_back("INFO request " + std::to_string(i) + " done in " + std::to_string(i * 7 % 50) +
                           " ms");
    corpus.times.push_back(i);
  }
  Coded result = coded(corpus, true);
  ASSERT_TRUE(result.block);
  const MessageHead& head = *result.block->head();
  ColumnId line = fixed_column(column::kLine);
  auto judge = [&](const Expr& expr) { return judge_templates(predicate_for(expr), head, false).overall(); };
  auto matches = [&](const char* pattern) {
    return judge(Expr::matches(line, *Regex::compile(pattern, Regex::Mode::searching)));
  };
  EXPECT_EQ(judge(Expr::contains(line, "INFO req")), Verdict::all);
  EXPECT_EQ(judge(Expr::contains(line, "quest 12")), Verdict::some);
  EXPECT_EQ(judge(Expr::contains(line, "quest x")), Verdict::none);
  EXPECT_EQ(judge(Expr::contains(line, "12345")), Verdict::none);  // numbers have at most three digits
  EXPECT_EQ(matches("done|failed"), Verdict::all);
  EXPECT_EQ(matches("[0-9]+ failed"), Verdict::none);
  EXPECT_EQ(matches("t [0-9]{2} d"), Verdict::some);
  EXPECT_EQ(matches("(?i)request [a-z]"), Verdict::none);
}

}  // namespace
}  // namespace obelisk::message
