#pragma once

#include <string>
#include <vector>

namespace sparsescope {

/// A sentence with slots in braces, parsed once: "{hero} hid the {key} {value}." A slot is a person (hero, friend, other),
/// the fact's key or value, or a list of words; a list with a capital ("{Syllable}") gives its word a capital.
class Pattern {
public:
    enum class Slot { None, Hero, Friend, Other, Key, Value, Word };
    struct Piece {
        std::string literal; ///< text before the slot
        Slot slot = Slot::None;
        const std::vector<std::string> *words = nullptr;
        bool capital = false;
    };
    Pattern(const char *text);
    const std::vector<Piece> &pieces() const { return m_pieces; }

private:
    std::vector<Piece> m_pieces;
};

/// One kind of fact: a story asks by the key, and what it has to recall is the value.
struct FactKind {
    Pattern key;
    Pattern value;
    std::vector<Pattern> statement; ///< each holds {key} and {value}
    std::vector<Pattern> question;  ///< each holds {key}, then {value}
};

const std::vector<FactKind> &storyFacts();
const std::vector<Pattern> &storyOpenings();
const std::vector<Pattern> &storyFillers();
const std::vector<Pattern> &storyClosings();
/// The words of a list ("name", "animal", ...). An unknown list is our own mistake: std::out_of_range.
const std::vector<std::string> &storyWords(const std::string &list);

} // namespace sparsescope
