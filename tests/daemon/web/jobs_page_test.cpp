#include "daemon/web/job_filter.h"
#include "daemon/web/pages.h"
#include "tests/store/sql_fixture.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace kdq;
using namespace kdq::web;

namespace {

/// Empty: each element is closed where it must be; else what is wrong.
std::string disorder_of(std::string_view html) {
  const std::set<std::string_view> without_end{"input", "br", "hr", "img"};
  std::vector<std::string_view> open;
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at + 1)) {
    const bool ends = html.substr(at + 1, 1) == "/";
    std::string_view name = html.substr(at + (ends ? 2 : 1));
    name = name.substr(0, name.find_first_of(" >"));
    if (!ends && !without_end.contains(name))
      open.push_back(name);
    if (ends && (open.empty() || open.back() != name))
      return "unexpected </" + std::string(name) + ">";
    if (ends)
      open.pop_back();
  }
  return open.empty() ? "" : "no end of " + std::string(open.back());
}

struct JobsPage : test::SqlFixture {
  JobsPage() { visit.path = "/jobs"; }

  void enqueue(int jobs) {
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(jobs) +
              ") INSERT INTO jobs(file_token, script) SELECT 'f' || i, 'x' FROM n");
  }
  Page page(std::map<std::string, std::string> query) {
    Reader reader(file);
    visit.query = std::move(query);
    Page made = jobs_page(reader, visit, clock);
    for (const Part& part : made.parts)
      CHECK(disorder_of(part.content.text()) == "");
    return made;
  }
  std::string part(const std::string& id, std::map<std::string, std::string> query = {}) {
    for (const Part& part : page(std::move(query)).parts)
      if (part.id == id)
        return part.content.text();
    return {};
  }

  Visit visit;
  test::FakeClock clock;
};

bool has(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

/// The ids in the first column.
std::vector<int> ids_in(const std::string& html) {
  std::vector<int> ids;
  constexpr std::string_view before = "<th scope=\"row\"><a href=\"/jobs/";
  for (std::size_t at = html.find(before); at != std::string::npos; at = html.find(before, at + 1))
    ids.push_back(std::stoi(html.substr(at + before.size())));
  return ids;
}

std::vector<int> from_to(int from, int to) {
  std::vector<int> ids;
  for (int id = from; id >= to; --id)
    ids.push_back(id);
  return ids;
}

} // namespace

TEST_CASE_FIXTURE(JobsPage, "nothing that is in the database comes alive in the list") {
  const std::string evil = "<b>planted</b>\"'&\xE2\x80\xAE\x01\xFF";
  user.exec("INSERT INTO batches(name) VALUES ('b')");
  const auto bound = [&](const std::string& sql) {
    SQLite::Statement statement(user.connection(), sql);
    for (int i = 1; i <= statement.getBindParameterCount(); ++i)
      statement.bind(i, evil);
    statement.exec();
  };
  bound("INSERT INTO jobs(file_token, script, script_name, app, schedule, batch_id) VALUES (?, ?, "
        "?, ?, ?, 1)");
  bound("UPDATE jobs SET error = ?, progress_text = ?, progress = 40");
  bound("UPDATE jobs SET submitted_at = ?, finished_at = ?, cause = ?");
  for (const auto& query : std::vector<std::map<std::string, std::string>>{{},
                                                                           {{"app", evil},
                                                                            {"file", evil},
                                                                            {"script", evil},
                                                                            {"schedule", evil},
                                                                            {"cause", evil},
                                                                            {"error", evil}},
                                                                           {{"state", evil},
                                                                            {"batch", evil},
                                                                            {"since", evil},
                                                                            {"until", evil},
                                                                            {"before", evil}}}) {
    for (const bool may_act : {false, true}) {
      visit.may_act = may_act;
      const Page made = page(query);
      for (const Part& part : made.parts) {
        const std::string& html = part.content.text();
        CHECK_FALSE(has(html, "<b>"));
        CHECK_FALSE(has(html, "planted</b>"));
        CHECK_FALSE(has(html, "\xE2\x80\xAE"));
        CHECK_FALSE(has(html, "\x01"));
        CHECK_FALSE(has(html, "\xFF"));
      }
      const std::string list = made.parts[may_act ? 2 : 1].content.text();
      CHECK(ids_in(list) == std::vector<int>{1});
      // Name, file, app, start, end, progress, schedule, error.
      std::size_t shown = 0;
      const std::string harmless = "&lt;b&gt;planted";
      for (std::size_t at = list.find(harmless); at != std::string::npos;
           at = list.find(harmless, at + 1))
        ++shown;
      CHECK(shown == 8);
    }
  }
}

TEST_CASE_FIXTURE(JobsPage, "fifty jobs a page, forwards and back") {
  enqueue(120);
  CHECK(page({}).live);
  const std::string first = part("jobs");
  CHECK(ids_in(first) == from_to(120, 71));
  CHECK(has(first, "Jobs of this filter: 120"));
  CHECK(has(first, "href=\"/jobs?before=71\">Older"));
  CHECK_FALSE(has(first, "Newer"));

  CHECK_FALSE(page({{"before", "71"}}).live);
  const std::string second = part("jobs", {{"before", "71"}});
  CHECK(ids_in(second) == from_to(70, 21));
  CHECK(has(second, "href=\"/jobs?before=21\">Older"));
  CHECK(has(second, "href=\"/jobs?after=70\">Newer"));

  const std::string last = part("jobs", {{"before", "21"}});
  CHECK(ids_in(last) == from_to(20, 1));
  CHECK_FALSE(has(last, "Older"));

  const std::string back = part("jobs", {{"after", "70"}});
  CHECK(ids_in(back) == from_to(120, 71));
  CHECK(has(back, "before=71\">Older"));
  CHECK_FALSE(has(back, "Newer"));
  CHECK(ids_in(part("jobs", {{"after", "20"}})) == from_to(70, 21));
  CHECK(has(part("jobs", {{"after", "20"}}), "after=70\">Newer"));
}

TEST_CASE_FIXTURE(JobsPage, "links and forms carry the filter") {
  enqueue(60);
  user.exec("UPDATE jobs SET app = 'a b'");
  visit.may_act = true;
  const std::map<std::string, std::string> query{{"app", "a b"}, {"state", "queued"}};
  CHECK(has(part("jobs", query), "href=\"/jobs?state=queued&amp;app=a%20b&amp;before=11\""));
  CHECK(has(part("filter", query), "<option value=\"queued\" selected>"));
  CHECK(has(part("filter", query), "name=\"app\" size=\"14\" value=\"a b\""));
  CHECK(has(part("elsewhere", query), "href=\"/jobs.csv?state=queued&amp;app=a%20b\""));
  CHECK(has(part("elsewhere", query), "href=\"/jobs.json?state=queued&amp;app=a%20b\""));
  CHECK(has(part("elsewhere", query), "WHERE state = &#39;queued&#39; AND app = &#39;a b&#39;"));
  const std::string actions = part("actions", query);
  CHECK(has(actions, "name=\"action\" value=\"cancel\""));
  CHECK(has(actions, "name=\"f_state\" value=\"queued\""));
  CHECK(has(actions, "name=\"f_app\" value=\"a b\""));
  CHECK(has(actions, "name=\"back\" value=\"/jobs?state=queued&amp;app=a%20b\""));
  CHECK(has(part("filter", {{"since", "2026-01-01"}}),
            "name=\"since\" value=\"2026-01-01T00:00:00\""));
}

TEST_CASE_FIXTURE(JobsPage, "what can be done depends on the state, and on who looks") {
  CHECK(part("actions", {}) == "");
  visit.may_act = true;
  const auto offers = [&](const std::string& state) {
    const std::string html = part("actions", {{"state", state}});
    return std::pair(has(html, "value=\"rerun\""), has(html, "value=\"cancel\""));
  };
  CHECK(offers("") == std::pair(true, true));
  CHECK(offers("running") == std::pair(false, true));
  CHECK(offers("unconfirmed") == std::pair(true, true));
  CHECK(offers("failed") == std::pair(true, false));
  CHECK(offers("succeeded") == std::pair(false, false));
  CHECK(offers("open") == std::pair(false, true));
  for (const auto& [name, value] : {std::pair("cause", "lost"), {"ended_since", "2026-01-01"}})
    for (const char* state : {"", "unconfirmed"}) {
      const std::string html = part("actions", {{"state", state}, {name, value}});
      CHECK(has(html, "value=\"rerun\"") == (*state == 0));
      CHECK_FALSE(has(html, "value=\"cancel\""));
    }
}

TEST_CASE_FIXTURE(JobsPage, "a search that takes too long is gone on with by a link") {
  enqueue(250);
  user.exec("UPDATE jobs SET app = 'rare' WHERE id IN (240, 10)");
  clock.each_look = std::chrono::hours(1);
  const std::string first = part("jobs", {{"app", "rare"}});
  CHECK(ids_in(first) == std::vector<int>{240});
  CHECK(has(first, "searched as far as #151."));
  CHECK(has(first, "href=\"/jobs?app=rare&amp;before=151\">Search on from #151"));
  CHECK_FALSE(has(first, "Older"));
  CHECK_FALSE(has(first, "Jobs of this filter"));
  const std::string nothing = part("jobs", {{"app", "rare"}, {"before", "151"}});
  CHECK(ids_in(nothing).empty());
  CHECK_FALSE(has(nothing, "no such jobs"));
  CHECK(has(nothing, "before=51\">Search on"));
  CHECK(ids_in(part("jobs", {{"app", "rare"}, {"before", "51"}})) == std::vector<int>{10});
  CHECK(has(part("jobs", {{"app", "rare"}, {"after", "10"}}), "after=110\">Search on"));

  clock.each_look = {};
  CHECK(ids_in(part("jobs", {{"app", "rare"}})) == std::vector<int>{240, 10});
  CHECK(has(part("jobs", {{"app", "rare"}}), "Jobs of this filter: 2"));
  CHECK(has(part("jobs", {{"app", "none"}}), "no such jobs"));
}

TEST_CASE_FIXTURE(JobsPage, "the SQL below the list gives its rows") {
  enqueue(60);
  user.exec("UPDATE jobs SET error = 'it''s <bad>' WHERE id > 30");
  const std::string html = part("elsewhere", {{"error", "it's <B"}});
  const std::size_t from = html.find("<pre id=\"sql\">") + 14;
  std::string sql = html.substr(from, html.find("</pre>") - from);
  for (const auto& [code, character] :
       {std::pair<std::string, std::string>{"&#39;", "'"}, {"&lt;", "<"}, {"&gt;", ">"}})
    for (std::size_t at = sql.find(code); at != std::string::npos; at = sql.find(code, at + 1))
      sql.replace(at, code.size(), character);
  std::vector<int> ids;
  for (const std::string& id : user.column(sql))
    ids.push_back(std::stoi(id));
  CHECK(ids == from_to(60, 31));
  CHECK(ids_in(part("jobs", {{"error", "it's <B"}})) == ids);
}

TEST_CASE_FIXTURE(JobsPage, "run times and progress") {
  enqueue(2);
  user.exec(
      "UPDATE jobs SET state = 'submitting', submitted_at = '2026-03-02 08:59:00.000', progress "
      "= 40, progress_text = 'rows' WHERE id = 1;"
      "UPDATE jobs SET submitted_at = '2026-03-02 08:59:00.000', finished_at = '2026-03-02 "
      "08:59:01.500' WHERE id = 2");
  visit.now = clock.wall();
  const std::string list = part("jobs");
  CHECK(has(list, "<td class=\"number\">60 s</td>"));
  CHECK(has(list, "<td class=\"number\">1.5 s</td>"));
  CHECK(has(list, "value=\"40\""));
  CHECK(has(list, "40 % rows"));
  visit.language = Language::chinese;
  CHECK(has(part("jobs"), "符合条件的作业：2"));
}
