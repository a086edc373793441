#include "app/session.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/safetensors.h"

#include <QStandardPaths>

#include <utility>

namespace sparsescope {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

constexpr int kVersion = 1;

std::string encoded(const QByteArray &bytes) { return bytes.toBase64().toStdString(); }

QByteArray decoded(const ordered_json &text) { return QByteArray::fromBase64(QByteArray::fromStdString(text)); }

ordered_json pathList(const std::vector<fs::path> &paths)
{
    ordered_json list = ordered_json::array();
    for (const fs::path &path : paths) {
        list.push_back(path.string());
    }
    return list;
}

std::vector<fs::path> pathsOf(const ordered_json &list)
{
    std::vector<fs::path> paths;
    for (const ordered_json &entry : list) {
        paths.emplace_back(entry.get<std::string>());
    }
    return paths;
}

ordered_json toJson(const View &view)
{
    ordered_json json{
        {"run", view.run.toStdString()},     {"step", view.step}, {"follow", view.followLive}, {"layer", view.layer},
        {"map", static_cast<int>(view.map)}, {"head", view.head}, {"query", view.query},       {"key", view.key},
        {"logarithmic", view.logarithmic}};
    json["atlas"] = view.inspect == InspectView::Atlas;
    json["overlay"] = view.overlay;
    json["side_a"] = view.sideA.toStdString();
    json["side_b"] = view.sideB.toStdString();
    json["compared"] = ordered_json::array();
    for (const QString &folder : view.compared) {
        json["compared"].push_back(folder.toStdString());
    }
    json["compare_by"] = static_cast<int>(view.compareBy);
    json["difference_limit"] = view.differenceLimit ? ordered_json(*view.differenceLimit) : ordered_json();
    json["limits"] = ordered_json::array(); // by kind of map; null: not locked
    for (const std::optional<Limits> &limits : view.limits) {
        json["limits"].push_back(limits ? ordered_json{limits->first, limits->second} : ordered_json());
    }
    return json;
}

View viewOf(const ordered_json &json)
{
    View view;
    view.run = QString::fromStdString(json.at("run"));
    view.step = json.at("step");
    view.followLive = json.at("follow");
    view.layer = json.at("layer");
    const int map = json.at("map");
    if (map < 0 || map > static_cast<int>(MapKind::Mask)) {
        throw Failure({"unknown kind of map", "view.map", std::to_string(map), "", ""});
    }
    view.map = static_cast<MapKind>(map);
    view.head = json.at("head");
    view.query = json.at("query");
    view.key = json.at("key");
    view.logarithmic = json.at("logarithmic");
    view.inspect = json.at("atlas").get<bool>() ? InspectView::Atlas : InspectView::Focus;
    view.overlay = json.at("overlay");
    // Sessions from before the Compare page have none of these.
    view.sideA = QString::fromStdString(json.value("side_a", std::string()));
    view.sideB = QString::fromStdString(json.value("side_b", std::string()));
    for (const std::string &folder : json.value("compared", std::vector<std::string>())) {
        view.compared << QString::fromStdString(folder);
    }
    const int compareBy = json.value("compare_by", 0);
    view.compareBy = compareBy > 0 && compareBy < kXAxes ? static_cast<XAxis>(compareBy) : XAxis::Step;
    if (json.contains("difference_limit") && json["difference_limit"].is_number()) {
        view.differenceLimit = json["difference_limit"].get<double>();
    }
    const ordered_json &limits = json.at("limits");
    for (std::size_t kind = 0; kind < kMapKinds; ++kind) {
        if (!limits.at(kind).is_null()) {
            view.limits[kind] = Limits(limits.at(kind).at(0), limits.at(kind).at(1));
        }
    }
    return view;
}

} // namespace

ordered_json toJson(const Session &session)
{
    ordered_json layouts = ordered_json::object(), queue = ordered_json::array();
    for (const auto &[page, layout] : session.layouts) {
        layouts[page] = encoded(layout);
    }
    for (const Session::Entry &entry : session.queue) {
        queue.push_back({{"folder", entry.folder.string()},
                         {"resume", entry.resume},
                         {"document", entry.document},
                         {"runs", entry.runs}});
    }
    return {{"version", kVersion},
            {"page", session.page},
            {"geometry", encoded(session.geometry)},
            {"layouts", layouts},
            {"view", toJson(session.view)},
            {"experiment", session.experiment.string()},
            {"folders", pathList(session.folders)},
            {"recent", pathList(session.recent)},
            {"hidden", pathList(session.hidden)},
            {"queue", queue},
            {"continue_on_error", session.continueOnError},
            {"preset", session.preset},
            {"draft", session.draft},
            {"plots", session.plots},
            {"filter", session.filter.toStdString()}};
}

Session sessionFromJson(const ordered_json &document)
{
    const int version = document.at("version");
    if (version != kVersion) {
        throw Failure({"the session was written by another version", "version", std::to_string(version),
                       std::to_string(kVersion), ""});
    }
    Session session;
    session.page = document.at("page");
    session.geometry = decoded(document.at("geometry"));
    for (const auto &[page, layout] : document.at("layouts").items()) {
        session.layouts[page] = decoded(layout);
    }
    session.view = viewOf(document.at("view"));
    session.experiment = document.at("experiment").get<std::string>();
    session.folders = pathsOf(document.at("folders"));
    session.recent = pathsOf(document.at("recent"));
    session.hidden = pathsOf(document.at("hidden"));
    for (const ordered_json &entry : document.at("queue")) {
        session.queue.push_back({entry.at("document"), entry.at("folder").get<std::string>(), entry.at("resume"),
                                 entry.value("runs", std::vector<std::string>())});
    }
    session.continueOnError = document.at("continue_on_error");
    session.preset = document.at("preset");
    session.draft = document.at("draft");
    session.plots = document.at("plots");
    session.filter = QString::fromStdString(document.at("filter"));
    return session;
}

SessionFile::SessionFile(fs::path file)
    : m_file(std::move(file))
{
    std::error_code failed;
    fs::create_directories(m_file.parent_path(), failed);
    m_lock = std::make_unique<QLockFile>(QString::fromStdString(m_file.string()) + QStringLiteral(".lock"));
    m_lock->setStaleLockTime(0); // a window may be open for weeks; a process that is gone gives it up anyway
    m_ours = m_lock->tryLock(0);
    m_writer.setMaxThreadCount(1);
}

SessionFile::~SessionFile() = default;

std::optional<Session> SessionFile::load(QString &fault) const
{
    std::error_code failed;
    if (!m_ours || !fs::exists(m_file, failed)) {
        return std::nullopt;
    }
    std::string why;
    try {
        return sessionFromJson(readJsonFile(m_file));
    } catch (const Failure &failure) {
        Error error = failure.error();
        error.remedy.clear(); // nobody wrote this file by hand: what to do follows
        why = error.text();
    } catch (const std::exception &error) {
        why = error.what();
    }
    const fs::path bad = m_file.string() + ".bad";
    fs::rename(m_file, bad, failed);
    fault = QStringLiteral("%1 The window starts clean; the file is kept as %2.")
                .arg(QString::fromStdString(why), QString::fromStdString(bad.string()));
    return std::nullopt;
}

void SessionFile::save(const Session &session, bool now)
{
    std::string text = toJson(session).dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
    if (!m_ours || text == m_saved) {
        return;
    }
    m_saved = text;
    auto write = [file = m_file, text = std::move(text)] {
        try {
            writeFileAtomically(file, text);
        } catch (const std::exception &) {
            // A full disk takes the comfort of coming back, not the work: runs keep themselves.
        }
    };
    m_writer.start(write);
    if (now) {
        m_writer.waitForDone();
    }
}

fs::path sessionPath()
{
    const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation);
    return folder.toStdString() + "/session.json";
}

} // namespace sparsescope
