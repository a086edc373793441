#pragma once

#include <string>
#include <vector>

namespace sparsescope {

/// One kind of fact. {key} is what a story asks by, {value} what it has to recall; lists in braces: story_words.cpp.
struct FactKind {
    std::string key;                    ///< template of the key
    std::string value;                  ///< template of the value
    std::vector<std::string> statement; ///< holds {key} and {value}
    std::vector<std::string> question;  ///< holds {key}, then {value}
};

const std::vector<FactKind> &storyFacts();
const std::vector<std::string> &storyOpenings();
const std::vector<std::string> &storyFillers();
const std::vector<std::string> &storyClosings();
/// The words of a list ("name", "animal", ...). An unknown list is our own mistake: std::out_of_range.
const std::vector<std::string> &storyWords(const std::string &list);

} // namespace sparsescope
