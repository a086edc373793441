#include "app/cli/output.h"

#include <fmt/format.h>

#include <cstdio>

namespace sparsescope {
namespace {

/// Names and texts come from files of others: what would steer a terminal is shown instead.
std::string harmless(const std::string &text)
{
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
        const bool wide = byte == 0xc2 && next >= 0x80 && next < 0xa0; // the same codes in two bytes
        if (wide || byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t')) {
            shown += fmt::format("\\x{:02x}", wide ? next : byte);
            i += wide ? 1 : 0;
        } else {
            shown += text[i];
        }
    }
    return shown;
}

void print(std::FILE *stream, const std::string &text)
{
    fmt::print(stream, "{}\n", text);
    std::fflush(stream);
}

} // namespace

void Output::line(const std::string &text)
{
    if (!m_json)
        print(stdout, harmless(text));
}

void Output::note(const std::string &text)
{
    if (!m_quiet)
        print(stderr, harmless(text));
}

void Output::notices(const std::vector<std::string> &sentences)
{
    nlohmann::ordered_json &list = m_data["notices"];
    if (list.is_null())
        list = nlohmann::ordered_json::array();
    for (const std::string &sentence : sentences) {
        list.push_back(sentence);
        note("Notice: " + sentence);
    }
}

void Output::warning(const std::string &text) { print(stderr, harmless(text)); }

void Output::error(const Error &error)
{
    m_errors.push_back(error);
    print(stderr, harmless(error.text()));
}

void Output::finish(int exitCode)
{
    if (!m_json)
        return;
    nlohmann::ordered_json document;
    document["ok"] = exitCode == 0;
    document["errors"] = nlohmann::ordered_json::array();
    for (const Error &error : m_errors)
        document["errors"].push_back(
            {{"path", error.where}, {"found", error.found}, {"allowed", error.allowed}, {"text", error.text()}});
    document.update(m_data);
    print(stdout, document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace sparsescope
