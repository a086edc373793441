#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

/// The rules of the tree as pure functions over its text, so that each can be fed an offending example.
namespace sparsescope::house {

using Tree = std::map<std::string, std::string>; ///< path from the root -> text
using Violations = std::vector<std::string>;     ///< "path: what is wrong"

/// Headers through which the window and the command line reach the engine; torch is behind them, never in them.
inline const std::set<std::string> kDoors = {
    "core/train/train_run.h",
    "core/train/soundness.h",
    "core/experiment/runner.h",
    "core/train/step_benchmark.h",
    "core/experiment/report.h",
    "core/experiment/run_files.h",
    "core/data/data_source.h",
    "core/train/counterfactual.h",
    "core/model/forward_door.h",
    "kernels/ops/benchmark.h",
    "core/train/warm_up.h",
    "core/model/convert_door.h",
    "core/model/inspect_door.h",
    "core/model/golden_door.h",
    "core/probe/look_door.h",
    "core/probe/text_reader.h",
    "core/train/generate_door.h",
    "core/experiment/claims/claims.h",
    "core/experiment/goals/kernel_goals.h",
    "core/train/needle_retrieval.h",
    "core/train/planted_fault.h",
    "core/experiment/small_results.h",
};

inline bool startsWith(const std::string &text, const std::string &start)
{
    return text.compare(0, start.size(), start) == 0;
}

inline bool endsWith(const std::string &text, const std::string &end)
{
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

inline bool isHeader(const std::string &path) { return endsWith(path, ".h") || endsWith(path, ".cuh"); }
inline bool isSource(const std::string &path)
{
    return isHeader(path) || endsWith(path, ".cpp") || endsWith(path, ".cu");
}

inline std::vector<std::string> linesOf(const std::string &text)
{
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

struct Include {
    std::string name;
    bool quoted = false;
};

inline std::vector<Include> includesOf(const std::string &text)
{
    static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    std::vector<Include> includes;
    for (const std::string &line : linesOf(text)) {
        std::smatch match;
        if (line.find("include") != std::string::npos && std::regex_search(line, match, pattern))
            includes.push_back({match[2], match[1] == "\""});
    }
    return includes;
}

inline bool isTorch(const std::string &name)
{
    return startsWith(name, "torch/") || startsWith(name, "ATen/") || startsWith(name, "c10/");
}

inline bool isQCustomPlot(const std::string &name) { return name == "qcustomplot.h" || name == "QCustomPlot"; }

inline bool isQt(const std::string &name)
{
    static const std::regex pattern(R"(^(Qt[A-Za-z]*/.*|Q[A-Z]\w*|Qt\w*|q[a-z]+\.h)$)");
    return isQCustomPlot(name) || std::regex_match(name, pattern);
}

inline bool isProject(const std::string &name)
{
    return startsWith(name, "core/") || startsWith(name, "kernels/") || startsWith(name, "widgets/") ||
           startsWith(name, "app/") || startsWith(name, "tests/");
}

/// One part of the tree and what it may know. The longest folder that fits a path is its layer.
struct Layer {
    std::string folder;
    std::vector<std::string> mayUse; ///< folders of the project
    bool torch = false;
    bool qt = false;
    bool doors = false;
};

inline const std::vector<Layer> kLayers = {
    {"core/base/", {"core/base/"}},
    {"core/data/", {"core/base/", "core/data/"}},
    {"core/model/", {"core/base/", "core/data/", "core/model/", "kernels/ops/"}, true},
    {"core/probe/", {"core/base/", "core/data/", "core/model/", "core/probe/", "kernels/ops/"}, true},
    {"core/train/", {"core/base/", "core/data/", "core/model/", "core/probe/", "core/train/", "kernels/ops/"}, true},
    {"core/experiment/",
     {"core/base/", "core/data/", "core/model/", "core/probe/", "core/train/", "core/experiment/", "kernels/ops/"},
     true},
    {"kernels/launch/", {"kernels/launch/"}},
    {"kernels/ops/", {"core/base/", "kernels/launch/", "kernels/ops/"}, true},
    {"widgets/", {"core/base/", "widgets/"}, false, true},
    {"app/", {"core/base/", "widgets/", "app/"}, false, true, true},
    {"app/cli/", {"core/base/", "app/cli/"}, false, false, true},
};

inline const Layer *layerOf(const std::string &path)
{
    const Layer *best = nullptr;
    for (const Layer &layer : kLayers)
        if (startsWith(path, layer.folder) && (!best || layer.folder.size() > best->folder.size()))
            best = &layer;
    return best;
}

/// base < data < model < probe < train < experiment; launch, ops, widgets, app and app/cli see what DESIGN gives them.
inline Violations orderViolations(const Tree &tree)
{
    Violations found;
    for (const auto &[path, text] : tree) {
        const Layer *layer = layerOf(path);
        if (!layer || !isSource(path))
            continue;
        for (const Include &include : includesOf(text)) {
            const std::string &name = include.name;
            if (isTorch(name) && !layer->torch)
                found.push_back(path + ": torch is not for " + layer->folder + ": " + name);
            if (isQt(name) && !layer->qt)
                found.push_back(path + ": Qt is not for " + layer->folder + ": " + name);
            if (isQCustomPlot(name) && !(startsWith(path, "widgets/") && endsWith(path, ".cpp")))
                found.push_back(path + ": QCustomPlot belongs into .cpp files of widgets/");
            if (!isProject(name))
                continue;
            const bool allowed = std::any_of(layer->mayUse.begin(), layer->mayUse.end(),
                                             [&](const std::string &folder) { return startsWith(name, folder); }) &&
                                 !(layer->folder == "app/" && startsWith(name, "app/cli/"));
            if (!allowed && !(layer->doors && kDoors.count(name)))
                found.push_back(path + ": " + layer->folder + " may not include " + name);
        }
    }
    return found;
}

/// No header reaches itself.
inline Violations cycleViolations(const Tree &tree)
{
    Violations found;
    std::map<std::string, int> state; // 1 on the way, 2 done
    std::vector<std::string> way;
    const std::function<void(const std::string &)> visit = [&](const std::string &path) {
        state[path] = 1;
        way.push_back(path);
        for (const Include &include : includesOf(tree.at(path))) {
            if (!tree.count(include.name))
                continue;
            if (state[include.name] == 1) {
                std::string text = "cycle:";
                for (auto at = std::find(way.begin(), way.end(), include.name); at != way.end(); ++at)
                    text += " " + *at + " ->";
                found.push_back(text + " " + include.name);
            } else if (state[include.name] == 0) {
                visit(include.name);
            }
        }
        way.pop_back();
        state[path] = 2;
    };
    for (const auto &entry : tree)
        if (isSource(entry.first) && state[entry.first] == 0)
            visit(entry.first);
    return found;
}

/// Quoted includes start at the root and exist; system headers stand in angle brackets.
inline Violations spellingViolations(const Tree &tree)
{
    Violations found;
    for (const auto &[path, text] : tree) {
        if (!isSource(path))
            continue;
        for (const Include &include : includesOf(text)) {
            const bool generated = endsWith(include.name, ".moc") || startsWith(include.name, "moc_");
            if (include.quoted && !generated && !tree.count(include.name))
                found.push_back(path + ": \"" + include.name + "\" is no file of the tree, seen from its root");
            if (!include.quoted && isProject(include.name))
                found.push_back(path + ": <" + include.name + "> is ours and stands in quotes");
        }
    }
    return found;
}

/// Headers that cost every file that sees them many seconds.
inline Violations costlyViolations(const Tree &tree)
{
    Violations found;
    const std::set<std::string> functions = {"kernels/ops/autograd.cpp", "kernels/ops/autograd_layers.cpp",
                                             "kernels/ops/node_scope.h"};
    for (const auto &[path, text] : tree) {
        if (!isSource(path))
            continue;
        for (const Include &include : includesOf(text)) {
            if (include.name == "torch/torch.h" || include.name == "torch/all.h" || include.name == "ATen/ATen.h" ||
                startsWith(include.name, "torch/nn"))
                found.push_back(path + ": " + include.name + " costs every build many seconds; include narrow headers");
            if (include.name == "torch/csrc/autograd/custom_function.h" && !startsWith(path, "tests/") &&
                !functions.count(path))
                found.push_back(path + ": autograd functions live in kernels/ops/autograd.cpp and autograd_layers.cpp");
        }
    }
    return found;
}

/// Nothing that a door includes, however far behind, is torch's.
inline Violations doorViolations(const Tree &tree)
{
    Violations found;
    for (const std::string &door : kDoors) {
        if (!tree.count(door))
            continue;
        std::set<std::string> seen{door};
        std::vector<std::string> open{door};
        while (!open.empty()) {
            const std::string path = open.back();
            open.pop_back();
            for (const Include &include : includesOf(tree.at(path))) {
                if (isTorch(include.name) || isQt(include.name))
                    found.push_back(door + ": shows " + include.name + " by way of " + path);
                if (tree.count(include.name) && seen.insert(include.name).second)
                    open.push_back(include.name);
            }
        }
    }
    return found;
}

constexpr int kMostLines = 400;

/// A file longer than 400 lines says why in its first lines: "// Longer than 400 lines: ...".
inline Violations lengthViolations(const Tree &tree)
{
    Violations found;
    for (const auto &[path, text] : tree) {
        const std::vector<std::string> lines = linesOf(text);
        if (!isSource(path) || static_cast<int>(lines.size()) <= kMostLines)
            continue;
        const auto top = lines.begin() + 5;
        if (std::none_of(lines.begin(), top, [](const std::string &line) {
                return line.find("Longer than 400 lines: ") != std::string::npos;
            }))
            found.push_back(path + ": " + std::to_string(lines.size()) + " lines and no reason at the top");
    }
    return found;
}

/// No note to oneself, no folder of one machine, no dead code between #if 0 and #endif.
inline Violations contentViolations(const Tree &tree)
{
    static const std::regex note("\\b(TO"
                                 "DO|FIX"
                                 "ME|X"
                                 "XX)\\b");
    static const std::regex place("(^|[^A-Za-z0-9_.}$])/(home|Users|root|work|mnt|data)/[A-Za-z0-9_]");
    static const std::regex dead("^\\s*#\\s*if\\s+0\\b");
    Violations found;
    for (const auto &[path, text] : tree) {
        int number = 0;
        for (const std::string &line : linesOf(text)) {
            ++number;
            const std::string at = path + ":" + std::to_string(number) + ": ";
            if (std::regex_search(line, note))
                found.push_back(at + "a note to oneself; do it or file it");
            if (std::regex_search(line, place))
                found.push_back(at + "a folder of one machine");
            if (isSource(path) && std::regex_search(line, dead))
                found.push_back(at + "dead code");
        }
    }
    return found;
}

/// The gpu and truth tests are also linked into one program, so their test classes need names of their own.
inline Violations nameViolations(const Tree &tree)
{
    static const std::regex pattern("^class (\\w+)[^;]*\\bQObject\\b");
    std::map<std::string, std::string> owners;
    Violations found;
    for (const auto &[path, text] : tree) {
        if (!startsWith(path, "tests/gpu/") && !startsWith(path, "tests/truth/"))
            continue;
        for (const std::string &line : linesOf(text)) {
            std::smatch match;
            if (!std::regex_search(line, match, pattern))
                continue;
            const auto [owner, isNew] = owners.emplace(match[1], path);
            if (!isNew)
                found.push_back(path + ": " + owner->first + " is a class of " + owner->second + " too");
        }
    }
    return found;
}

/// The top level is fixed; a test stands in a folder named like its source's; file names are snake_case.
inline Violations shapeViolations(const Tree &tree)
{
    static const std::set<std::string> top = {"CMakeLists.txt", "app",       "core",        "kernels",
                                              "widgets",        "resources", "experiments", "README.md",
                                              "LICENSE",        "tests",     "dev"};
    static const std::regex snake("[a-z0-9_]+\\.(cpp|h|cu|cuh)");
    static const std::regex test("tst_[a-z0-9_]+\\.cpp");
    std::set<std::string> folders;
    for (const auto &entry : tree)
        if (!startsWith(entry.first, "tests/") && entry.first.find('/') != std::string::npos)
            folders.insert(entry.first.substr(0, entry.first.rfind('/')));
    Violations found;
    for (const auto &entry : tree) {
        const std::string &path = entry.first;
        const std::string first = path.substr(0, path.find('/'));
        const std::string name = path.substr(path.rfind('/') + 1);
        if (first[0] != '.' && !top.count(first))
            found.push_back(path + ": the top level is fixed");
        if (!isSource(path))
            continue;
        if (!std::regex_match(name, snake))
            found.push_back(path + ": file names are snake_case");
        for (const char *label : {"core/", "kernels/", "widgets/"}) {
            const std::string start = std::string("tests/") + label;
            if (!startsWith(path, start) || !std::regex_match(name, test) || startsWith(path, "tests/core/house/"))
                continue;
            const std::string folder = path.substr(6, path.rfind('/') - 6);
            if (!folders.count(folder))
                found.push_back(path + ": there is no folder " + folder + " that it could test");
        }
    }
    return found;
}

/// Every text file of the tree that is ours; build output, runs, pictures, tensors and truth vectors are left out.
inline Tree readTree(const std::filesystem::path &root)
{
    static const std::set<std::string> kinds = {".cpp",  ".h",  ".cu",    ".cuh", ".txt", ".md",
                                                ".json", ".sh", ".cmake", ".qrc", ""};
    Tree tree;
    for (auto at = std::filesystem::recursive_directory_iterator(root);
         at != std::filesystem::recursive_directory_iterator(); ++at) {
        const std::string path = at->path().lexically_relative(root).generic_string();
        if (at->is_directory()) {
            if (path == "build" || path == ".git" || path == ".cache" || startsWith(path, "tests/truth/") ||
                (path.find("/") == std::string::npos && startsWith(path, "runs")))
                at.disable_recursion_pending();
            continue;
        }
        if (!kinds.count(at->path().extension().string()) || path == ".git") // a file in a second working tree
            continue;
        std::ifstream stream(at->path(), std::ios::binary);
        std::ostringstream text;
        text << stream.rdbuf();
        tree.emplace(path, text.str());
    }
    return tree;
}

} // namespace sparsescope::house
