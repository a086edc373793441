#pragma once

#include "core/base/error.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

/// Of the indexer, where it is not ReLU; only classes of our own have it.
constexpr const char *kActivationKey = "indexer_activation";

/// Typed reading of one object of config.json; every error goes to one list, named by its path. A key without `otherwise`
/// must be there. What cannot be read comes back as its smallest value.
class HfReader {
public:
    HfReader(const nlohmann::json &node, std::string origin, std::string path, std::vector<Error> &errors)
        : m_node(node)
        , m_origin(std::move(origin))
        , m_path(std::move(path))
        , m_errors(errors)
    {}

    bool has(const std::string &key) const { return m_node.contains(key) && !m_node.at(key).is_null(); }
    std::string where(const std::string &key) const { return m_origin + ": " + m_path + key; }
    void fail(const std::string &what, const std::string &key, const std::string &found, const std::string &allowed,
              const std::string &remedy = {});

    int integer(const std::string &key, int low, std::optional<int> otherwise = std::nullopt);
    double number(const std::string &key, double low, std::optional<double> otherwise = std::nullopt,
                  double high = std::numeric_limits<double>::max());
    bool flag(const std::string &key, std::optional<bool> otherwise = std::nullopt);
    std::string text(const std::string &key, std::optional<std::string> otherwise = std::nullopt);

    /// A key that may be absent but, where it stands, can only have this value.
    void only(const std::string &key, const nlohmann::json &allowed);
    /// A list of as many words as there are layers, all out of two.
    std::vector<std::string> layerWords(const std::string &key, int layers, const std::string &one,
                                        const std::string &other);

    const nlohmann::json &node() const { return m_node; }
    std::vector<Error> &errors() { return m_errors; }
    const std::string &origin() const { return m_origin; }

private:
    bool present(const std::string &key, bool optional);

    const nlohmann::json &m_node;
    std::string m_origin, m_path;
    std::vector<Error> &m_errors;
};

} // namespace sparsescope
