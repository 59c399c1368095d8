#include "daemon/web/page.h"

#include "daemon/version.h"
#include "poller/api/number_in.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kdq::web {
namespace {

struct Chapter {
  std::string_view path, english, chinese;
};
constexpr std::array chapters{
    Chapter{"/", "Now", "现在"},
    Chapter{"/jobs", "Jobs", "作业"},
    Chapter{"/schedules", "Schedules", "定时"},
    Chapter{"/batches", "Batches", "批次"},
    Chapter{"/apps", "Apps", "应用"},
    Chapter{"/failures", "Failures", "失败"},
    Chapter{"/unconfirmed", "Unconfirmed", "待确认"},
    Chapter{"/insights", "Insights", "分析"},
};

bool is_in(std::string_view path, const Chapter& chapter) {
  if (chapter.path == "/")
    return path == "/";
  return path == chapter.path ||
         (path.starts_with(chapter.path) && path[chapter.path.size()] == '/');
}

Html navigation(const Visit& visit, bool has_login) {
  Html out;
  out.put("<nav aria-label=\"{}\"><ul>", visit.t("Pages", "页面"));
  for (const Chapter& chapter : chapters) {
    if (is_in(visit.path, chapter))
      out.put("<li><a href=\"{}\" aria-current=\"page\">{}</a></li>", chapter.path,
              visit.t(chapter.english, chapter.chinese));
    else
      out.put("<li><a href=\"{}\">{}</a></li>", chapter.path,
              visit.t(chapter.english, chapter.chinese));
  }
  out.put("</ul></nav>");
  if (has_login)
    out.put("<form method=\"post\" action=\"/logout\"><input type=\"hidden\" name=\"form_token\" "
            "value=\"{}\"><button>{}</button></form>",
            visit.form_token, visit.t("Log out", "退出"));
  return out;
}

std::string decoded(std::string_view text) {
  const auto digit = [&](std::size_t at) {
    int value = -1;
    if (at < text.size())
      std::from_chars(text.data() + at, text.data() + at + 1, value, 16);
    return value;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' ? digit(i + 1) : -1;
    const int low = high >= 0 ? digit(i + 2) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

} // namespace

Language language_of(std::string_view accepted) {
  double best = -1;
  Language chosen = Language::english;
  while (!accepted.empty()) {
    const std::size_t comma = accepted.find(',');
    std::string_view range = accepted.substr(0, comma);
    accepted = comma == std::string_view::npos ? "" : accepted.substr(comma + 1);
    range.remove_prefix(std::min(range.find_first_not_of(" \t"), range.size()));
    double weight = 1;
    if (const std::size_t q = range.find(";q="); q != std::string_view::npos)
      std::from_chars(range.data() + q + 3, range.data() + range.size(), weight);
    const bool chinese = range.starts_with("zh") || range.starts_with("ZH");
    const bool english = range.starts_with("en") || range.starts_with("EN");
    if ((chinese || english) && weight > best) {
      best = weight;
      chosen = chinese ? Language::chinese : Language::english;
    }
  }
  return chosen;
}

std::string Visit::parameter(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

std::optional<std::int64_t> Visit::number(const std::string& name) const {
  return number_behind("", parameter(name));
}

std::string_view translated(std::span<const Word> words, std::string_view word,
                            const Visit& visit) {
  for (const Word& each : words)
    if (each.word == word)
      return visit.t(each.english, each.chinese);
  return {};
}

std::optional<std::int64_t> number_behind(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix))
    return std::nullopt;
  path.remove_prefix(prefix.size());
  const auto number = number_in<std::int64_t>(path);
  return number && *number > 0 ? number : std::nullopt;
}

std::string Target::address() const {
  return web::address(path, {query.begin(), query.end()});
}

Target target_of(std::string_view address) {
  Target target;
  const std::size_t mark = address.find('?');
  const std::string path = decoded(address.substr(0, mark));
  // Browsers take //name and /\name for another site, and drop tabs and line ends before they look.
  if (!path.starts_with('/') || path.starts_with("//") || path.find('\\') != path.npos ||
      std::any_of(path.begin(), path.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return target;
  target.path = path;
  std::string_view rest = mark == std::string_view::npos ? "" : address.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (const std::size_t equals = pair.find('='); equals != std::string_view::npos)
      target.query.insert_or_assign(decoded(pair.substr(0, equals)),
                                    decoded(pair.substr(equals + 1)));
  }
  return target;
}

std::string document(const Page& page, const Visit& visit, bool has_login) {
  Html out;
  out.put("<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<meta name=\"color-scheme\" content=\"light dark\"><title>{} · kdocs-queued</title>"
          "<link rel=\"stylesheet\" href=\"/assets/style.css\">"
          "<link rel=\"icon\" href=\"/assets/icon.svg\">"
          "<script src=\"/assets/page.js\" defer></script></head>",
          visit.t("en", "zh-CN"), page.title);
  if (page.live)
    out.put("<body data-live=\"{}\">",
            address("/live", {{"page", visit.address()}, {"place", page.place}}));
  else
    out.put("<body>");
  out.put("<a class=\"skip\" href=\"#main\">{}</a><header><a class=\"name\" "
          "href=\"/\">kdocs-queued</a>{}</header><main id=\"main\" tabindex=\"-1\"><h1>{}</h1>",
          visit.t("To the content", "跳到正文"), navigation(visit, has_login), page.title);
  for (const Part& part : page.parts)
    out.put(part.grows ? Template("<div id=\"{}\" class=\"part\" data-grows>{}</div>")
                       : Template("<div id=\"{}\" class=\"part\">{}</div>"),
            part.id, part.content);
  out.put(
      "</main><footer><p>kdocs-queued {} · {}</p><p id=\"connection\" role=\"status\" "
      "data-lost=\"{}\"></p></footer></body></html>\n",
      version,
      visit.t("times are UTC, or your browser's with UTC on hover",
              "时间为 UTC；启用脚本后为浏览器时区，悬停可见 UTC"),
      visit.t("The connection is lost: what is shown is old.", "连接已断开：显示的内容已过时。"));
  return out.take();
}

Page message_page(int status, std::string_view title, std::string_view text) {
  Page page;
  page.status = status;
  page.title = title;
  page.parts.push_back({"message", html("<p>{}</p>", text)});
  return page;
}

} // namespace kdq::web
