#pragma once

#include "widgets/state/view_state.h"

#include <nlohmann/json.hpp>

#include <QByteArray>
#include <QLockFile>
#include <QString>
#include <QThreadPool>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// What the window shows and what it was about to train: enough to come back as it was left.
struct Session {
    struct Entry { ///< of the queue
        nlohmann::ordered_json document;
        std::filesystem::path folder;
        bool resume = false;
        std::vector<std::string> runs; ///< in their order; empty: all
    };
    std::string page = "train";
    QByteArray geometry;
    std::map<std::string, QByteArray> layouts; ///< of the docks, by page
    View view;
    std::filesystem::path experiment;           ///< of the current run
    std::vector<std::filesystem::path> folders; ///< open ones
    std::vector<std::filesystem::path> recent;  ///< newest first
    std::vector<std::filesystem::path> hidden;  ///< folders of runs whose curves are hidden
    std::vector<Entry> queue;                   ///< what trained then comes first, to be resumed
    bool continueOnError = true;
    std::string preset;           ///< that the form started from
    nlohmann::ordered_json draft; ///< what the form shows; null: nothing
    nlohmann::ordered_json plots; ///< toggles and ranges, as the Train page writes them
    QString filter;
};

nlohmann::ordered_json toJson(const Session &session);
/// Throws on anything that is not as toJson() writes it.
Session sessionFromJson(const nlohmann::ordered_json &document);

/// The file that a session lives in. One process holds it; a second one starts clean and keeps nothing.
class SessionFile {
public:
    explicit SessionFile(std::filesystem::path file);
    ~SessionFile();

    bool ours() const { return m_ours; }
    /// Nothing when there is none. An unreadable one is kept as <file>.bad, and `fault` says so.
    std::optional<Session> load(QString &fault) const;
    /// Written to a temporary file, then renamed; does nothing when nothing changed. `now`: on the calling thread, else on
    /// one of its own.
    void save(const Session &session, bool now);

private:
    std::filesystem::path m_file;
    std::unique_ptr<QLockFile> m_lock;
    bool m_ours = false;
    std::string m_saved;
    QThreadPool m_writer; ///< one thread: an older session never comes after a newer one
};

/// Where the session of this user lies.
std::filesystem::path sessionPath();

} // namespace sparsescope
