#include "core/model/checkpoint_notices.h"
#include "core/model/forward_door.h"
#include "core/model/inspect_door.h"
#include "tests/truth/checkpoint_draft.h"
#include "tests/truth/truth_support.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace sparsescope;
using truth::Draft;

namespace {

std::filesystem::path pathOf(const QTemporaryDir &folder) { return folder.path().toStdString(); }

std::filesystem::path anyFolder() { return truth::entries("hf-").front(); }

} // namespace

/// What does not keep a checkpoint from being read, and is said.
class tst_CheckpointNotices : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void unreadWeightsAreNamed();
    void otherRotationIsNamed();
    void moreTokensThanPositionsAreNamed();
};

void tst_CheckpointNotices::unreadWeightsAreNamed()
{
    const auto holds = [](const std::vector<std::string> &notices, const char *one, const char *other) {
        return notices.size() == 1 && QString::fromStdString(notices[0]).contains(one) &&
               QString::fromStdString(notices[0]).contains(other);
    };
    const Draft draft(anyFolder());
    QTemporaryDir target;
    draft.writeShards(pathOf(target), 2);
    QVERIFY(unreadParts(pathOf(target)).empty());
    Draft::writeTensors(pathOf(target) / "model-00003-of-00003.safetensors",
                        {draft.tensors.begin(), ++draft.tensors.begin()});
    QVERIFY(
        holds(inspectCheckpoint(pathOf(target)).notices, "model-00003-of-00003.safetensors is not read", "index.json"));
    draft.write(pathOf(target)); // now model.safetensors, too
    QVERIFY(holds(inspectCheckpoint(pathOf(target)).notices, "model.safetensors.index.json is not read",
                  "model.safetensors stands beside it"));
    QVERIFY(inspectCheckpoint(anyFolder()).notices.empty());
}

void tst_CheckpointNotices::otherRotationIsNamed()
{
    Draft draft(anyFolder());
    QTemporaryDir target;
    draft.config["rope_scaling"] = draft.config.at("rope_parameters");
    draft.write(pathOf(target));
    QVERIFY(inspectCheckpoint(pathOf(target)).notices.empty());
    draft.config["rope_scaling"]["rope_theta"] = 777.0;
    draft.write(pathOf(target));
    const std::vector<std::string> notices = inspectCheckpoint(pathOf(target)).notices;
    QCOMPARE(notices.size(), std::size_t{1});
    QVERIFY2(QString::fromStdString(notices[0]).contains("config.json: rope_parameters is not read"),
             notices[0].c_str());
}

void tst_CheckpointNotices::moreTokensThanPositionsAreNamed()
{
    Draft draft(anyFolder());
    QTemporaryDir target;
    const std::filesystem::path ids = anyFolder() / "vectors.safetensors", out = pathOf(target) / "out.safetensors";
    const int tokens = static_cast<int>(truth::read(SafetensorsFile(ids), "input_ids").size(1));
    draft.config["max_position_embeddings"] = tokens;
    draft.write(pathOf(target));
    QVERIFY(forwardToFile({pathOf(target), ids, out, "float32"}).notices.empty());
    draft.config["max_position_embeddings"] = tokens - 1;
    draft.write(pathOf(target));
    const std::vector<std::string> notices = forwardToFile({pathOf(target), ids, out, "float32"}).notices;
    QCOMPARE(notices.size(), std::size_t{1});
    const QString notice = QString::fromStdString(notices[0]);
    QVERIFY2(notice.contains("config.json: max_position_embeddings") &&
                 notice.contains(QString("%1 tokens").arg(tokens)),
             qPrintable(notice));
}

QTEST_GUILESS_MAIN(tst_CheckpointNotices)
#include "tst_checkpoint_notices.moc"
