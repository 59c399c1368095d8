#include "daemon/options.h"

#include "daemon/version.h"

#include <doctest/doctest.h>

#include <vector>

using namespace kdq;

namespace {

std::variant<Options, EarlyExit> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "kdocs-queued");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

} // namespace

TEST_CASE("each command is recognised, with the options behind it") {
  CHECK(std::get<Options>(parse({"run"})).command == Command::run);
  CHECK(std::get<Options>(parse({"init"})).command == Command::init);
  CHECK(std::get<Options>(parse({"check"})).command == Command::check);
  const auto options =
      std::get<Options>(parse({"check", "--config", "c.json", "--database", "q.db", "--base-url",
                               "http://127.0.0.1:1", "--token-file=t", "--tier", "production"}));
  CHECK(options.command == Command::check);
  CHECK(options.config == "c.json");
  CHECK(options.overrides.database == "q.db");
  CHECK(options.overrides.base_url == "http://127.0.0.1:1");
  CHECK(options.overrides.token_file == "t");
  CHECK(options.overrides.tier == "production");
}

TEST_CASE("backup and restore want one file, and take the options of the others") {
  const auto backup = std::get<Options>(parse({"backup", "--database", "q.db", "to.db"}));
  CHECK(backup.command == Command::backup);
  CHECK(backup.file == "to.db");
  CHECK(backup.overrides.database == "q.db");
  const auto restore = std::get<Options>(parse({"restore", "from.db", "--config", "c.json"}));
  CHECK(restore.command == Command::restore);
  CHECK(restore.file == "from.db");
  CHECK(restore.config == "c.json");
}

TEST_CASE("exec has a file, a script and what a job can have; follow an id") {
  const auto exec = std::get<Options>(
      parse({"exec", "--database", "q.db", "f", "a.js", "--app", "other", "--argv", "{}", "--name",
             "n", "--timeout", "60", "--result", "--json", "--cancel-on-interrupt"}));
  CHECK(exec.command == Command::exec);
  CHECK(exec.overrides.database == "q.db");
  CHECK(exec.exec.file_token == "f");
  CHECK(exec.exec.script == "a.js");
  CHECK(exec.exec.app == "other");
  CHECK(exec.exec.argv == "{}");
  CHECK(exec.exec.name == "n");
  CHECK(exec.exec.timeout_s == 60);
  CHECK(exec.exec.cancel_on_interrupt);
  CHECK(exec.follow.result);
  CHECK(exec.follow.json);
  const auto plain = std::get<Options>(parse({"exec", "--", "-f", "-"}));
  CHECK(plain.exec.file_token == "-f");
  CHECK(plain.exec.script == "-");
  CHECK_FALSE(plain.exec.app);
  CHECK_FALSE(plain.exec.timeout_s);
  CHECK_FALSE(plain.exec.cancel_on_interrupt);
  CHECK_FALSE(plain.follow.result);
  const auto follow = std::get<Options>(parse({"follow", "--config", "c.json", "5", "--json"}));
  CHECK(follow.command == Command::follow);
  CHECK(follow.config == "c.json");
  CHECK(follow.job == JobId{5});
  CHECK(follow.follow.json);
}

TEST_CASE("options that are not given stay unset") {
  const auto options = std::get<Options>(parse({"run"}));
  CHECK_FALSE(options.config);
  CHECK_FALSE(options.overrides.database);
  CHECK_FALSE(options.overrides.tier);
}

TEST_CASE("help and version end the program well") {
  const auto version_exit = std::get<EarlyExit>(parse({"--version"}));
  CHECK(version_exit.code == exit_stopped);
  CHECK(version_exit.text == "kdocs-queued " + std::string(version) + "\n");
  const auto help = std::get<EarlyExit>(parse({"--help"}));
  CHECK(help.code == exit_stopped);
  for (const auto word : {"run", "init", "check", "backup", "restore", "exec", "follow", "--config",
                          "--database", "--base-url", "--token-file", "--tier", "--version"}) {
    CAPTURE(word);
    CHECK(help.text.find(word) != std::string::npos);
  }
  CHECK(std::get<EarlyExit>(parse({"run", "--help"})).code == exit_stopped);
}

TEST_CASE("a wrong command line is a usage error that names what is wrong") {
  struct Row {
    std::vector<const char*> arguments;
    std::string named;
  };
  const Row rows[] = {
      {{}, "A command is required: run, init, check, login, backup, restore, exec or follow"},
      {{"walk"}, "not expected: walk"},
      {{"run", "check"}, "not expected: check"},
      {{"run", "extra"}, "extra"},
      {{"backup"}, "TO is required"},
      {{"restore", "a", "b"}, "not expected: b"},
      {{"exec", "f"}, "SCRIPT is required"},
      {{"exec", "f", "a.js", "--timeout", "soon"}, "soon"},
      {{"follow"}, "ID is required"},
      {{"follow", "first"}, "first"},
      {{"follow", "5", "--app", "a"}, "--app"},
      {{"run", "--colour"}, "--colour"},
      {{"run", "--config"}, "--config"},
      {{"run", "--tier", "gold"}, "gold"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse(row.arguments);
    CAPTURE(row.named);
    REQUIRE(std::holds_alternative<EarlyExit>(parsed));
    const auto& early = std::get<EarlyExit>(parsed);
    CHECK(early.code == exit_usage);
    CHECK_MESSAGE(early.text.find(row.named) != std::string::npos, early.text);
  }
}
