#pragma once

#include <cstdint>
#include <string>

namespace sparsescope {

/// An integer, or an expression in the sequence length L: "L/2", "L", "3*L/4", "L/16" (CONTRACTS.md 1: "expr").
/// Grammar: factors joined by * and /, each an unsigned integer or L; evaluated left to right in exact rationals,
/// floored at the end, at least 1.
class LengthExpression {
public:
    LengthExpression() = default;         // "L"
    LengthExpression(std::int64_t value); // a plain number
    /// Throws Failure (found = text) when the text is no expression.
    explicit LengthExpression(const std::string &text);

    std::int64_t evaluate(std::int64_t sequenceLength) const;
    /// As written; a plain number prints as one.
    const std::string &text() const { return m_text; }
    bool isNumber() const;
    bool operator==(const LengthExpression &) const = default;

private:
    std::string m_text = "L";
};

} // namespace sparsescope
