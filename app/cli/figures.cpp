#include "app/cli/figures.h"

#include <fmt/format.h>

#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>

extern char **environ;

namespace sparsescope {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLongestDrawing = 120s;

/// Did the program end by itself, done or with a complaint (0 or 1)? Else `why` says what happened. Its standard output goes to
/// our standard error, so that --json stays one document.
bool runQuietly(const std::vector<std::string> &words, std::string &why)
{
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
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t child = 0;
    const int failed = posix_spawn(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        why = std::strerror(failed);
        return false;
    }
    const auto deadline = std::chrono::steady_clock::now() + kLongestDrawing;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            why = "it took too long";
            return false;
        }
        std::this_thread::sleep_for(10ms);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return true;
    why = WIFEXITED(status) ? fmt::format("it ended with {}", WEXITSTATUS(status))
                            : fmt::format("signal {} ended it", WTERMSIG(status));
    return false;
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
Figures draw(const char *figure, const char *name, const fs::path &experimentFolder)
{
    Figures figures;
    const fs::path program = windowProgram();
    if (program.empty()) {
        figures.note = "The window program is not installed beside this one, so the figures were not drawn.";
        return figures;
    }
    for (const char *ending : {".png", ".svg"}) {
        const fs::path file = experimentFolder / (std::string(name) + ending);
        std::string why;
        std::error_code code;
        const fs::file_time_type before = fs::last_write_time(file, code);
        // A damaged run is left out of the figure and makes the program end with 1: what counts is the file.
        if (runQuietly(
                {program.string(), "--export", figure, "--runs", experimentFolder.string(), "--out", file.string()},
                why) &&
            fs::last_write_time(file, code) != before && !code)
            figures.files.push_back(file);
        else
            figures.note = fmt::format("{} was not drawn{}.", file.string(), why.empty() ? "" : ": " + why);
    }
    return figures;
}

} // namespace

Figures drawFigures(const fs::path &experimentFolder)
{
    return draw("comparison", "sequence_length_comparison", experimentFolder);
}

Figures drawSelectors(const fs::path &experimentFolder) { return draw("selectors", "selectors", experimentFolder); }

} // namespace sparsescope
