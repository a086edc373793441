#include "core/base/gates.h"
#include "core/train/planted_fault.h"
#include "tests/core/experiment/command_line.h"

#include <QtTest>

#include <QDirIterator>
#include <QJsonArray>
#include <QTemporaryDir>

#include <map>

using namespace sparsescope;
using sparsescope::testing::Result;
using sparsescope::testing::smokeTraining;

namespace {

/// What a fault brings down beside its own gate, because it cannot but.
const std::map<std::string, QStringList> kBeside = {
    {"missing-key", {"dense-limit"}},               // at k = L it is one key short as well
    {"future-key", {"dense-limit", "effective-k"}}, // early queries get k keys, whatever they can see
};

QMap<QString, QByteArray> filesBelow(const QString &folder)
{
    QMap<QString, QByteArray> files;
    QDirIterator at(folder, QDir::Files, QDirIterator::Subdirectories);
    while (at.hasNext()) {
        QFile file(at.next());
        if (file.open(QIODevice::ReadOnly))
            files[file.fileName()] = file.readAll();
    }
    return files;
}

} // namespace

/// `sparsescope-cli check --plant FAULT`: the gate of every fault fires, no other needlessly, and nothing is written.
class tst_CliPlantedFaults : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void aGateForEveryFault();
    void faultsAreFound_data();
    void faultsAreFound();
    void refuses();

private:
    QTemporaryDir m_folder;
    QString m_run;
};

void tst_CliPlantedFaults::initTestCase()
{
    const Result trained = sparsescope::testing::run(smokeTraining(m_folder.path(), 60, R"(["sparse"])"));
    QVERIFY2(trained.code == 0, trained.err.constData());
    QDirIterator at(m_folder.path(), {"run.json"}, QDir::Files, QDirIterator::Subdirectories);
    QVERIFY(at.hasNext());
    m_run = QFileInfo(at.next()).absolutePath();
}

void tst_CliPlantedFaults::aGateForEveryFault()
{
    QSet<QString> found;
    for (const PlantedFault &fault : plantedFaults())
        found << QString::fromStdString(gate(fault.gate).name);
    for (const GateInfo &info : gates())
        QVERIFY2(found.contains(QString::fromStdString(info.name)), info.name.c_str());
}

void tst_CliPlantedFaults::faultsAreFound_data()
{
    QTest::addColumn<bool>("atStart");
    for (const PlantedFault &fault : plantedFaults())
        QTest::newRow(fault.name.c_str()) << (fault.gate == "start");
}

void tst_CliPlantedFaults::faultsAreFound()
{
    QFETCH(bool, atStart);
    const PlantedFault &fault = *plantedFault(QTest::currentDataTag());
    const QStringList subject = isBetweenRuns(fault)
                                    ? QStringList{"smoke", "--set", R"(sweep.family=["classic","sparse"])", "--set",
                                                  "sweep.sequence_length=[16,32]"}
                                : atStart ? QStringList{"smoke", "--set", R"(sweep.family=["sparse"])"}
                                          : QStringList{m_run};
    const Result honest = sparsescope::testing::run(QStringList{"check"} << subject << "--device"
                                                                         << "cpu"
                                                                         << "--json");
    const auto before = filesBelow(m_run); // what holds is stored beside the run, what was planted is not
    const Result result =
        sparsescope::testing::run(QStringList{"check"} << subject << "--device"
                                                       << "cpu"
                                                       << "--json"
                                                       << "--plant" << QString::fromStdString(fault.name));
    const auto resultsOf = [](const Result &of) {
        QMap<QString, QJsonObject> found;
        for (const QJsonValue &entry : of.json()["gates"].toArray())
            found[entry["gate"].toString()] = entry.toObject();
        return found;
    };
    const QMap<QString, QJsonObject> plain = resultsOf(honest), planted = resultsOf(result);
    const QString own = QString::fromStdString(fault.gate);
    const bool warns = fault.warns;
    QVERIFY2(honest.code == 0, honest.out.constData());
    QCOMPARE(result.code, warns ? 0 : 3);
    QCOMPARE(planted[own]["outcome"].toString(), warns ? QString("warning") : QString("failed"));
    QVERIFY(planted[own]["measured"] != plain[own]["measured"]);
    QStringList others;
    for (auto entry = planted.begin(); entry != planted.end(); ++entry)
        if (entry.key() != own && entry.value()["outcome"].toString() == "failed")
            others << entry.key();
    const auto beside = kBeside.find(fault.name);
    QCOMPARE(others, beside == kBeside.end() ? QStringList() : beside->second);
    QCOMPARE(result.json()["planted"].toString(), QString::fromStdString(fault.name));
    QVERIFY(filesBelow(m_run) == before);
}

void tst_CliPlantedFaults::refuses()
{
    const Result unknown = sparsescope::testing::run({"check", m_run, "--device", "cpu", "--plant", "mising-key"});
    QCOMPARE(unknown.code, 2);
    QVERIFY2(unknown.err.contains("future-key, attached-indexer") && unknown.err.contains("Did you mean missing-key?"),
             unknown.err.constData());
    const Result dense = sparsescope::testing::run(
        {"check", "smoke", "--set", R"(sweep.family=["classic"])", "--device", "cpu", "--plant", "missing-key"});
    QCOMPARE(dense.code, 2);
    QVERIFY2(dense.err.contains("a run that selects keys"), dense.err.constData());
    // What has no indexer, or wrote nothing down, has no place for a fault of either.
    for (const char *fault : {"attached-indexer", "no-kl", "equal-scores"}) {
        const Result recency =
            sparsescope::testing::run({"check", "smoke", "--set", R"(sweep.family=["sparse"])", "--set",
                                       "model.selection.kind=recency", "--device", "cpu", "--plant", fault});
        QCOMPARE(recency.code, 2);
        QVERIFY2(recency.err.contains("selects keys by an indexer"), recency.err.constData());
    }
    QDirIterator checkpoint(m_run, {"model.safetensors"}, QDir::Files, QDirIterator::Subdirectories);
    QVERIFY(checkpoint.hasNext());
    const Result alone = sparsescope::testing::run(
        {"check", QFileInfo(checkpoint.next()).absolutePath(), "--device", "cpu", "--plant", "blind-kl"});
    QCOMPARE(alone.code, 2);
    QVERIFY2(alone.err.contains("two or more sparse steps"), alone.err.constData());
    const auto allowed = [&](const char *fault) {
        const Result refused = sparsescope::testing::run({"check", m_run, "--device", "cpu", "--plant", fault});
        return refused.code == 2 ? refused.err : QByteArray();
    };
    QVERIFY(unknown.err.contains("larger-model (warns)"));
    QVERIFY2(allowed("loud-head").contains("weights of step 0"), allowed("loud-head").constData());
    QVERIFY2(allowed("other-data").contains("two families"), allowed("other-data").constData());
    QVERIFY2(allowed("other-batch").contains("two lengths"), allowed("other-batch").constData());
}

QTEST_GUILESS_MAIN(tst_CliPlantedFaults)
#include "tst_cli_planted_faults.moc"
