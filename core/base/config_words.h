#pragma once

#include "core/base/config.h"

#include <iterator>
#include <string>
#include <vector>

/// How the enums of config.h are spelled in documents. One table an enum, in the order of its values.
namespace sparsescope {

template <class Enum>
struct Words;
template <>
struct Words<Family> {
    static constexpr const char *kNames[] = {"classic", "sparse", "mhla", "mhla_sparse"};
};
template <>
struct Words<AttentionKind> {
    static constexpr const char *kNames[] = {"mha", "mla"};
};
template <>
struct Words<RopeStyle> {
    static constexpr const char *kNames[] = {"half-split", "interleaved"};
};
template <>
struct Words<IndexActivation> {
    static constexpr const char *kNames[] = {"relu", "gelu", "silu", "identity", "prelu"};
};
template <>
struct Words<Recipe> {
    static constexpr const char *kNames[] = {"scratch", "warmup", "joint", "frozen-warmup", "custom"};
};
template <>
struct Words<StageAttention> {
    static constexpr const char *kNames[] = {"dense", "sparse"};
};
template <>
struct Words<StageTrains> {
    static constexpr const char *kNames[] = {"all", "main", "indexer"};
};
template <>
struct Words<KlTarget> {
    static constexpr const char *kNames[] = {"none", "visible", "selected", "entropy", "diversity"};
};
template <>
struct Words<WarmupObjective> {
    static constexpr const char *kNames[] = {"kl", "entropy", "diversity", "none"};
};
template <>
struct Words<Schedule> {
    static constexpr const char *kNames[] = {"cosine", "constant"};
};
template <>
struct Words<Precision> {
    static constexpr const char *kNames[] = {"auto", "fp32", "bf16"};
};
template <>
struct Words<Captured> {
    static constexpr const char *kNames[] = {"auto", "on", "off"};
};
template <>
struct Words<Kernels> {
    static constexpr const char *kNames[] = {"auto", "sm80", "aten"};
};
template <>
struct Words<RunOrder> {
    static constexpr const char *kNames[] = {"lockstep", "sequential"};
};

template <class Enum>
std::vector<std::string> wordsOf()
{
    return {std::begin(Words<Enum>::kNames), std::end(Words<Enum>::kNames)};
}

template <class Enum>
std::string wordOf(Enum value)
{
    return Words<Enum>::kNames[static_cast<int>(value)];
}

/// False and `out` unchanged for an unknown word.
template <class Enum>
bool fromWord(const std::string &word, Enum &out)
{
    int index = 0;
    for (const char *name : Words<Enum>::kNames) {
        if (word == name) {
            out = static_cast<Enum>(index);
            return true;
        }
        ++index;
    }
    return false;
}

} // namespace sparsescope
