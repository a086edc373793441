#pragma once

#include "core/train/counterfactual.h"
#include "tests/core/tiny_experiment.h"
#include "tests/journey/live_window.h"

#include <QTreeView>

#include <filesystem>
#include <fstream>
#include <memory>

/// A window on an empty folder with one tiny preset, and hands for it: what journeys through training begin with.
namespace sparsescope::test {

namespace fs = std::filesystem;

/// Two families, some seconds long, a checkpoint every second.
inline nlohmann::ordered_json launchExperiment()
{
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = 600;
    document["training"]["eval_every"] = 100;
    document["training"]["checkpoint_seconds"] = 1;
    document["probe"]["every"] = 200;
    document["sweep"]["family"] = {"classic", "sparse"};
    return document;
}

/// Path of one of the programs that were built.
inline QString program(const char *name)
{
    return qEnvironmentVariable("SPARSESCOPE_BIN") + QLatin1Char('/') + QLatin1String(name);
}

class LaunchWindow {
public:
    LaunchWindow()
    {
        fs::create_directories(file("presets"));
        std::ofstream(file("presets") / "tiny.json") << launchExperiment().dump(2);
    }

    /// Before the first window of a test program.
    static void prepare();
    /// Opens it, again after it was closed: with the session that it left.
    void open(Engine engine = runExperiment);
    void close() { m_window.reset(); }
    MainWindow *operator->() const { return m_window.get(); }
    MainWindow *get() const { return m_window.get(); }
    template <class T>
    T *child(const char *name) const
    {
        return m_window->findChild<T *>(QLatin1String(name));
    }
    void type(const char *edit, const QString &text);
    /// Clicks the row of an experiment, or its run in row `run`.
    void chooseRow(const std::string &experiment, int run = -1);
    QStringList waiting() const; ///< names of the experiments in the queue
    QStringList rows() const;    ///< names of the experiments in the run table
    fs::path file(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }

private:
    QTemporaryDir m_folder;
    std::unique_ptr<MainWindow> m_window;
};

inline void LaunchWindow::prepare()
{
    LiveWindow::prepare();
    warmUpEngine("cpu");
}

inline void LaunchWindow::open(Engine engine)
{
    WindowOptions options;
    options.out = file("runs");
    options.presets = file("presets");
    options.session = file("session.json");
    options.device = "cpu";
    options.measureSelectors = measureCounterfactual;
    close(); // before another holds the session
    m_window = std::make_unique<MainWindow>(std::move(engine), options);
    m_window->restoreSession(true);
    m_window->resize(1600, 1000);
    m_window->show();
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
}

inline void LaunchWindow::type(const char *edit, const QString &text)
{
    auto *field = child<QLineEdit>(edit);
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, text);
}

inline void LaunchWindow::chooseRow(const std::string &experiment, int run)
{
    auto *table = child<QTreeView>("runTable");
    const QAbstractItemModel *model = table->model();
    for (int row = 0; row < model->rowCount(); ++row) {
        const QModelIndex group = model->index(row, 0);
        if (group.data().toString().toStdString() == experiment) {
            const QModelIndex row = run < 0 ? group : model->index(run, 0, group);
            table->scrollTo(row);
            QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(row).center());
            return;
        }
    }
    QFAIL("no such experiment in the table");
}

inline QStringList LaunchWindow::waiting() const
{
    QStringList names;
    for (const QueuedExperiment &entry : m_window->queue().waiting()) {
        names << QString::fromStdString(entry.config.name);
    }
    return names;
}

inline QStringList LaunchWindow::rows() const
{
    QStringList names;
    const QAbstractItemModel *model = child<QTreeView>("runTable")->model();
    for (int row = 0; row < model->rowCount(); ++row) {
        names << model->index(row, 0).data().toString();
    }
    return names;
}

} // namespace sparsescope::test
