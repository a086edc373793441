#include "core/base/length_expression.h"

#include "core/base/error.h"
#include "core/base/rounded_expression.h"

#include <cctype>
#include <limits>
#include <utility>
#include <vector>

namespace sparsescope {
namespace {

// Products of factors stay far below overflow: each number and L are at most this.
constexpr std::int64_t kLargestFactor = 1'000'000'000;
constexpr std::size_t kMostFactors = 8;

struct Factor {
    std::int64_t value = 0; ///< 0: L
    bool divides = false;
};

/// Empty when the text is no expression.
std::vector<Factor> factors(const std::string &text)
{
    std::vector<Factor> result;
    std::size_t at = 0;
    const auto skipBlanks = [&] {
        while (at < text.size() && text[at] == ' ')
            ++at;
    };
    bool divides = false;
    while (true) {
        skipBlanks();
        Factor factor{0, divides};
        if (at < text.size() && text[at] == 'L') {
            ++at;
        } else {
            const std::size_t start = at;
            while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]))) {
                factor.value = factor.value * 10 + (text[at] - '0');
                if (factor.value > kLargestFactor)
                    return {};
                ++at;
            }
            if (at == start || factor.value == 0)
                return {};
        }
        result.push_back(factor);
        if (result.size() > kMostFactors)
            return {};
        skipBlanks();
        if (at == text.size())
            return result;
        if (text[at] != '*' && text[at] != '/')
            return {};
        divides = text[at] == '/';
        ++at;
    }
}

} // namespace

LengthExpression::LengthExpression(std::int64_t value)
    : LengthExpression(std::to_string(value))
{}

LengthExpression::LengthExpression(const std::string &text)
    : m_text(text)
{
    if (factors(text).empty())
        throw Failure({"not an expression in L", "", "\"" + text.substr(0, 60) + "\"",
                       "a number of at least 1, or an expression such as L/8, L or 3*L/4", ""});
}

std::int64_t LengthExpression::evaluate(std::int64_t sequenceLength) const
{
    // 128 bit: reduced after every factor, and at most eight factors of at most 1e9 each side cannot be reached by
    // sensible expressions; one that would overflow saturates.
    __extension__ using Wide = __int128;
    constexpr Wide kLimit = Wide(1) << 96;
    Wide above = 1, below = 1;
    for (const Factor &factor : factors(m_text)) {
        const std::int64_t value = factor.value == 0 ? sequenceLength : factor.value;
        (factor.divides ? below : above) *= value;
        Wide a = above, b = below;
        while (b != 0)
            a = std::exchange(b, a % b);
        if (a > 1) {
            above /= a;
            below /= a;
        }
        if (above > kLimit)
            return std::numeric_limits<std::int64_t>::max();
        if (below > kLimit)
            return 1;
    }
    const Wide floored = above / below;
    if (floored > std::numeric_limits<std::int64_t>::max())
        return std::numeric_limits<std::int64_t>::max();
    return floored < 1 ? 1 : static_cast<std::int64_t>(floored);
}

double exactValue(const LengthExpression &expression, std::int64_t sequenceLength)
{
    double value = 1;
    for (const Factor &factor : factors(expression.text())) {
        const auto number = static_cast<double>(factor.value == 0 ? sequenceLength : factor.value);
        value = factor.divides ? value / number : value * number;
    }
    return value;
}

bool LengthExpression::isNumber() const { return m_text.find_first_not_of("0123456789") == std::string::npos; }

} // namespace sparsescope
