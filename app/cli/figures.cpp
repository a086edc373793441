#include "app/cli/figures.h"

#include "app/cli/output.h"

#include <fmt/format.h>

#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>

extern char **environ;

namespace sparsescope {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLongestDrawing = 120s;

struct Closed {
    void operator()(std::FILE *file) const { std::fclose(file); }
};

/// What the program said; the last line ends without a break.
std::string textOf(std::FILE *file)
{
    constexpr std::size_t kLongest = 4096;
    std::string text(kLongest, '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

/// Empty when the program ended with 0; else its complaint, or what happened to it.
std::string complaintOf(const std::vector<std::string> &words)
{
    const std::unique_ptr<std::FILE, Closed> said(std::tmpfile());
    if (!said)
        return std::strerror(errno);
    std::vector<char *> arguments;
    for (const std::string &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string platform = "QT_QPA_PLATFORM=offscreen";
    std::vector<char *> environment;
    for (char **entry = environ; *entry; ++entry) {
        if (std::strncmp(*entry, "QT_QPA_PLATFORM=", std::strlen("QT_QPA_PLATFORM=")) != 0)
            environment.push_back(*entry);
    }
    environment.push_back(const_cast<char *>(platform.c_str()));
    environment.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(said.get()), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(said.get()), STDERR_FILENO);
    pid_t child = 0;
    const int failed = posix_spawn(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return std::strerror(failed);
    const auto deadline = std::chrono::steady_clock::now() + kLongestDrawing;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return "it took too long";
        }
        std::this_thread::sleep_for(10ms);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return "";
    if (std::string text = textOf(said.get()); WIFEXITED(status) && !text.empty())
        return text;
    return WIFEXITED(status) ? fmt::format("it ended with {}", WEXITSTATUS(status))
                             : fmt::format("signal {} ended it", WTERMSIG(status));
}

} // namespace

fs::path windowProgram()
{
    std::error_code code;
    const fs::path self = fs::read_symlink("/proc/self/exe", code);
    if (code)
        return {};
    const fs::path program = self.parent_path() / "sparsescope";
    return access(program.c_str(), X_OK) == 0 ? program : fs::path();
}

namespace {

/// `figure` as the window program calls it, into `name`.png and .svg.
Figures draw(const char *figure, const char *name, const fs::path &experimentFolder, DrawnFrom from)
{
    Figures figures;
    const fs::path program = windowProgram();
    if (program.empty()) {
        figures.note = "The window program is not installed beside this one, so the figures were not drawn.";
        return figures;
    }
    for (const char *ending : {".png", ".svg"}) {
        if (from == DrawnFrom::Summary && std::string_view(ending) == ".png")
            continue;
        const fs::path file = experimentFolder / (std::string(name) + ending);
        std::error_code code;
        const fs::file_time_type before = fs::last_write_time(file, code);
        const bool wasThere = !code;
        std::string complaint = complaintOf(
            {program.string(), "--export", figure, "--runs", experimentFolder.string(), "--out", file.string()});
        // With something damaged the figure is drawn without it: what counts is the file.
        if (fs::last_write_time(file, code) != before && !code) {
            figures.files.push_back(file);
            if (!complaint.empty())
                figures.problems.push_back(complaint);
        } else {
            if (const std::string place = file.string() + ": "; complaint.starts_with(place))
                complaint.erase(0, place.size());
            figures.problems.push_back(fmt::format("{} was not drawn{}{}", file.string(),
                                                   wasThere ? ", the one there is older" : "",
                                                   complaint.empty() ? "" : ": " + complaint));
        }
    }
    return figures;
}

} // namespace

Figures drawFigures(const fs::path &experimentFolder, DrawnFrom from)
{
    return draw("comparison", "sequence_length_comparison", experimentFolder, from);
}

bool tell(const Figures &figures, const std::string &label, Output &output)
{
    for (const fs::path &file : figures.files)
        output.line(label + file.string());
    if (!figures.note.empty())
        output.note(figures.note);
    for (const std::string &problem : figures.problems)
        output.error({problem, "", "", "", ""});
    return figures.problems.empty();
}

Figures drawSelectors(const fs::path &experimentFolder, DrawnFrom from)
{
    return draw("selectors", "selectors", experimentFolder, from);
}

Figures drawNeedle(const fs::path &experimentFolder, DrawnFrom from)
{
    return draw("needle", "needle", experimentFolder, from);
}

} // namespace sparsescope
