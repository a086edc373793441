#include "core/base/config.h"
#include "core/base/run_store.h"
#include "tests/core/base/sample_snapshot.h"

#include <QFileInfo>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <fstream>
#include <sstream>
#include <tuple>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

struct Result {
    int code = -1;
    QByteArray err;
};

Result exported(const QStringList &arguments, const QString &folder)
{
    QProcess process;
    process.setWorkingDirectory(folder);
    process.start(qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope", arguments);
    if (!process.waitForFinished(120000) || process.exitStatus() != QProcess::NormalExit)
        return {};
    return {process.exitCode(), process.readAllStandardError()};
}

} // namespace

/// `sparsescope --export` on an experiment of which one run is damaged: the figure comes without it, the run is named.
class tst_ExportDamaged : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void drawsWhatIsIntact_data();
    void drawsWhatIsIntact();
    void exitCodes_data();
    void exitCodes();
    void aDamagedRunIsNamed_data();
    void aDamagedRunIsNamed();

private:
    QTemporaryDir m_folder;
};

void tst_ExportDamaged::initTestCase()
{
    const auto document = nlohmann::ordered_json::parse(
        R"({"schema": 1, "name": "two", "sweep": {"family": ["sparse", "mhla_sparse"]}})");
    for (const RunConfig &config : expand(parseExperiment(document, "two.json"))) {
        const fs::path folder = fs::path(m_folder.path().toStdString()) / "two" / config.folder();
        const auto writer = RunWriter::create(folder, config);
        sample::Sizes sizes;
        sizes.length = 24;
        Snapshot snapshot = sample::snapshot(sizes);
        snapshot.step = 1;
        snapshot.run = config.folder();
        writer->snapshot(snapshot);
        writer->scalars(1, 1.0, {{"train.loss", 2.0}, {"val.loss", 2.0}});
        writer->scalars(2, 2.0, {{"train.loss", 1.0}, {"val.loss", 1.5}});
        writer->state(RunState::Finished);
    }
    // The first of them in every order; without it the other one is drawn.
    std::ofstream(m_folder.path().toStdString() + "/two/seq_128/mhla_sparse/seed_0/run.sqlite")
        << "no database, only some text that stands where one should be, and then some more of it";
}

void tst_ExportDamaged::drawsWhatIsIntact_data()
{
    QTest::addColumn<QString>("figure");
    for (const char *figure : {"map", "mask", "loss", "comparison"})
        QTest::newRow(figure) << QString(figure);
}

void tst_ExportDamaged::drawsWhatIsIntact()
{
    QFETCH(QString, figure);
    const Result result = exported({"--export", figure, "--runs", "two", "--out", figure + ".svg"}, m_folder.path());
    QVERIFY2(result.code == 1, result.err.constData());
    QVERIFY2(result.err.contains("mhla_sparse/seed_0/run.sqlite: run's database is damaged"), result.err.constData());
    QVERIFY(QFileInfo(m_folder.filePath(figure + ".svg")).size() > 1000);
}

void tst_ExportDamaged::exitCodes_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("part");
    QTest::newRow("format") << QStringList{"--export", "loss", "--runs", "two", "--out", "q.gif"} << 2 << ".png, .svg";
    QTest::newRow("no runs") << QStringList{"--export", "loss", "--runs", "nope", "--out", "q.png"} << 2
                             << "--runs: no runs here";
    QTest::newRow("figure") << QStringList{"--export", "los", "--runs", "two", "--out", "q.png"} << 2
                            << "--export: unknown figure";
    QTest::newRow("no runs to look at") << QStringList{"--screenshot", "train", "--runs", "nope", "--out", "q.png"} << 2
                                        << "--runs: no runs here";
    QTest::newRow("device of a picture") << QStringList{"--screenshot", "first-run", "--device",
                                                        "gpu",          "--out",     "q.png"}
                                         << 2 << "--device: unknown device, got \"gpu\"";
    QTest::newRow("only a damaged run") << QStringList{"--export", "loss", "--runs", "two/seq_128/mhla_sparse",
                                                       "--out",    "q.png"}
                                        << 1 << "no run here can be read";
}

void tst_ExportDamaged::exitCodes()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    QFETCH(QString, part);
    const Result result = exported(arguments, m_folder.path());
    QVERIFY2(result.code == code, result.err.constData());
    QVERIFY2(QString::fromUtf8(result.err).contains(part), result.err.constData());
    QVERIFY(!QFileInfo::exists(m_folder.filePath("q.png")) && !QFileInfo::exists(m_folder.filePath("q.gif")));
}

void tst_ExportDamaged::aDamagedRunIsNamed_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("part");
    const QString folder = QStringLiteral("%1/seq_128/mhla_sparse/seed_0");
    const QStringList picture{"--screenshot", "train", "--out", "q.png"}, figure{"--export", "loss", "--out", "q.png"};
    const std::tuple<const char *, const char *, const char *> damages[] = {
        {"two", "run.sqlite", "run's database is damaged"},
        {"field", "run.json", "model.d_model: got \"wide\", allowed a whole number"},
        {"cut", "run.json", "not valid JSON"},
        {"empty", "run.json", "run's description is missing"}};
    for (const auto &[experiment, file, part] : damages) {
        const QString of = folder.arg(QLatin1String(experiment)), at = of + QLatin1Char('/') + QLatin1String(file);
        const QStringList byId{"--runs", experiment, "--run", "seq_128/mhla_sparse/seed_0"};
        QTest::addRow("%s: picture", experiment) << picture + byId << at << QString(part);
        QTest::addRow("%s: picture, by folder", experiment)
            << picture + QStringList{"--runs", experiment, "--run", of} << at << QString(part);
        QTest::addRow("%s: picture of a folder", experiment)
            << picture + QStringList{"--run", of} << at << QString(part);
        QTest::addRow("%s: figure", experiment) << figure + byId << at << QString(part);
        QTest::addRow("%s: window", experiment)
            << QStringList{experiment, "--run", "seq_128/mhla_sparse/seed_0"} << at << QString(part);
        QTest::addRow("%s: window on a folder", experiment) << QStringList{"--run", of} << at << QString(part);
    }
}

void tst_ExportDamaged::aDamagedRunIsNamed()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, file);
    QFETCH(QString, part);
    const fs::path root = m_folder.path().toStdString();
    for (const char *name : {"field", "cut", "empty"}) {
        if (fs::exists(root / name))
            continue;
        fs::copy(root / "two", root / name, fs::copy_options::recursive);
        const fs::path damaged = root / name / "seq_128/mhla_sparse/seed_0";
        fs::copy_file(root / "two/seq_128/sparse/seed_0/run.sqlite", damaged / "run.sqlite",
                      fs::copy_options::overwrite_existing);
        std::stringstream text;
        text << std::ifstream(damaged / "run.json").rdbuf();
        auto document = nlohmann::ordered_json::parse(text.str());
        document["model"]["d_model"] = "wide";
        if (std::string(name) == "field")
            std::ofstream(damaged / "run.json") << document.dump(2);
        else if (std::string(name) == "cut")
            std::ofstream(damaged / "run.json") << text.str().substr(0, 100);
        else
            fs::remove(damaged / "run.json");
    }
    const Result result = exported(arguments, m_folder.path());
    const QByteArray said = result.err;
    QVERIFY2(result.code == 1, said.constData());
    QVERIFY2(QString::fromUtf8(said).contains(file), said.constData());
    QVERIFY2(QString::fromUtf8(said).contains(part), said.constData());
    QVERIFY(!QFileInfo::exists(m_folder.filePath("q.png")));
}

QTEST_GUILESS_MAIN(tst_ExportDamaged)
#include "tst_export_damaged.moc"
