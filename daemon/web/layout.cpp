#include "daemon/web/layout.h"

#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <utility>

namespace kdq::web {

Part read_part(Reader& reader, const Visit& visit, std::string id,
               const std::function<Html(Reader::Snapshot&)>& make) {
  Html content;
  try {
    reader.read([&](Reader::Snapshot& snapshot) { content = make(snapshot); });
  } catch (const ReadTooLong&) {
    content = html("<p class=\"notice\">{}</p>",
                   visit.t("This takes too long to read just now, so it is left out.",
                           "这部分读取耗时过长，暂不显示。"));
  }
  return {std::move(id), std::move(content)};
}

Html table(std::string_view label, const std::vector<Column>& columns, const Html& rows,
           std::string_view kind) {
  Html out;
  out.put("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">", label);
  if (kind.empty())
    out.put("<table><thead><tr>");
  else
    out.put("<table class=\"{}\"><thead><tr>", kind);
  for (const Column& column : columns)
    out.put(column.is_number ? Template("<th scope=\"col\" class=\"number\">{}</th>")
                             : Template("<th scope=\"col\">{}</th>"),
            column.words);
  return out.put("</tr></thead><tbody>{}</tbody></table></div>", rows);
}

Html progress_bar(std::int64_t percent, std::string_view label) {
  const std::int64_t shown = std::clamp<std::int64_t>(percent, 0, 100);
  return html("<progress max=\"100\" value=\"{}\" aria-label=\"{}\"></progress> {} %", shown, label,
              shown);
}

Html long_text(std::string_view text, std::size_t most, std::string_view whole,
               const Visit& visit) {
  return html("<pre>{}</pre><p><a href=\"{}\">{}</a>{}</p>", shortened(text, most), whole,
              visit.t("Download", "下载"),
              text.size() > most
                  ? visit.t(": there is more of it than is shown", "：此处没有显示全部内容")
                  : std::string_view());
}

} // namespace kdq::web
