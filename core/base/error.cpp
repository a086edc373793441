#include "core/base/error.h"

namespace sparsescope {
namespace {

std::string joined(const std::vector<Error> &errors)
{
    std::string text;
    for (const Error &error : errors) {
        if (!text.empty())
            text += '\n';
        text += error.text();
    }
    return text;
}

/// Names of files and tensors come from files: none of them breaks the line. What else a terminal would obey is shown where it is written.
std::string onOneLine(const std::string &text)
{
    constexpr const char *kDigits = "0123456789abcdef";
    std::string line;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < '\t' || byte > '\r')
            line += c;
        else
            line += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    }
    return line;
}

} // namespace

std::string Error::text() const
{
    std::string place = origin;
    if (!where.empty())
        place += (place.empty() ? "" : ": ") + where;
    std::string message = what;
    const auto append = [&message](const std::string &part) { message += (message.empty() ? "" : ", ") + part; };
    if (!found.empty())
        append("got " + found);
    if (!allowed.empty())
        append("allowed " + allowed);
    std::string text = onOneLine(place);
    if (!message.empty())
        text += (text.empty() ? "" : ": ") + message;
    if (!text.empty() && text.back() != '.')
        text += '.';
    if (!remedy.empty())
        text += (text.empty() ? "" : " ") + onOneLine(remedy);
    return text;
}

Failure::Failure(Error error)
    : std::runtime_error(error.text())
    , m_error(std::move(error))
{}

ConfigFailure::ConfigFailure(std::vector<Error> errors)
    : std::runtime_error(joined(errors))
    , m_errors(std::move(errors))
{}

} // namespace sparsescope
