// What a page is made for, and what it is made of.
#pragma once

#include "daemon/web/markup.h"
#include "store/base/time.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kdq {
class Reader;
}

namespace kdq::web {

enum class Language { english, chinese };

/// The language that a browser's Accept-Language wants most; English if neither.
Language language_of(std::string_view accepted);

/// An address of this site, decoded.
struct Target {
  std::string path = "/";                   ///< as in /jobs/5
  std::map<std::string, std::string> query; ///< the parameters by their names

  /// As it is written.
  std::string address() const;
};

/// One request for a page.
struct Visit : Target {
  Language language = Language::english;
  bool may_act = false;   ///< there are forms that change something
  std::string form_token; ///< for these: proves that the form is of this page
  WallTime now;
  /// Of a live page: up to where its growing part was shown, in the page's own words; empty: it is
  /// shown for the first time.
  std::string place;

  /// The text in the visitor's language.
  std::string_view t(std::string_view english, std::string_view chinese) const {
    return language == Language::chinese ? chinese : english;
  }
  /// A parameter of the address; empty: it is not there.
  std::string parameter(const std::string& name) const;
  /// The same as a number; nothing: it is none, or not above 0.
  std::optional<std::int64_t> number(const std::string& name) const;
};

/// A piece of a page that is replaced as a whole when it changes while somebody looks.
struct Part {
  std::string id; ///< unique in the page: the element's id
  Html content;
  /// This one grows: what is sent later is appended.
  bool grows = false;
};

/// A word of the database in both languages.
struct Word {
  std::string_view word, english, chinese;
};
/// What it is in the visitor's; empty: it is none of them.
std::string_view translated(std::span<const Word> words, std::string_view word, const Visit& visit);

struct Page {
  int status = 200;
  std::string title;
  std::vector<Part> parts;
  bool live = false; ///< it changes while somebody looks
  std::string place; ///< of what grows: for the next Visit::place
  /// A job that runs, to be watched while somebody looks: it is not, or not for long any more.
  std::optional<std::int64_t> to_watch;
};

/// A number in a path behind a prefix: 5 of /jobs/5. Nothing: there is none, or more than it.
std::optional<std::int64_t> number_behind(std::string_view prefix, std::string_view path);

/// What is none of this site's is the first page.
Target target_of(std::string_view address);

/// The whole document. `active`: the path of the chapter to which the page belongs.
std::string document(const Page& page, const Visit& visit, bool has_login);

/// A page that says only this.
Page message_page(int status, std::string_view title, std::string_view text);

} // namespace kdq::web
