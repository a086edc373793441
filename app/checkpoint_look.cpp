#include "app/checkpoint_look.h"

#include "app/lower_priority.h"
#include "core/base/checkpoint_folder.h"
#include "core/base/error.h"
#include "core/probe/text_reader.h"

#include <QMetaObject>

#include <exception>
#include <utility>

namespace sparsescope {

namespace {

QStringList reasonsOf(const std::exception &error)
{
    QStringList reasons;
    if (const auto *config = dynamic_cast<const ConfigFailure *>(&error)) {
        for (const Error &one : config->errors()) {
            reasons << QString::fromStdString(one.text());
        }
    }
    return reasons.isEmpty() ? QStringList{QString::fromUtf8(error.what())} : reasons;
}

} // namespace

CheckpointLook::CheckpointLook(QObject *parent)
    : QObject(parent)
{}

CheckpointLook::~CheckpointLook() { giveUp(); }

void CheckpointLook::inspect(const std::filesystem::path &folder)
{
    start([this, folder]() -> std::function<void()> {
        const auto found = std::make_shared<const CheckpointInspection>(inspectCheckpoint(folder));
        return [this, found] { Q_EMIT inspected(found); };
    });
}

void CheckpointLook::askReader(const std::filesystem::path &folder)
{
    start([this, folder]() -> std::function<void()> {
        const std::filesystem::path checkpoint = checkpointFolder(folder);
        const int vocabulary = inspectCheckpoint(checkpoint).vocabulary;
        const bool reads = textReader(checkpoint, vocabulary) != TextReader::None;
        return [this, reads, vocabulary] { Q_EMIT readerKnown(reads, vocabulary); };
    });
}

void CheckpointLook::look(LookRequest request)
{
    request.goOn = [this](int done, int all) {
        QMetaObject::invokeMethod(
            this, [this, done, all] { Q_EMIT progressed(done, all); }, Qt::QueuedConnection);
        return !m_givenUp.load();
    };
    start([this, request = std::move(request)]() -> std::function<void()> {
        const LookSummary summary = lookAtText(request);
        if (summary.givenUp) {
            return [this] { Q_EMIT gaveUp(); };
        }
        QStringList notices;
        for (const std::string &notice : summary.notices) {
            notices << QString::fromStdString(notice);
        }
        return [this, notices] { Q_EMIT looked(notices); };
    });
}

void CheckpointLook::write(GenerateRequest request)
{
    request.onPrompt = [this](const std::vector<std::string> &words) {
        QMetaObject::invokeMethod(
            this, [this, words] { Q_EMIT promptRead(words); }, Qt::QueuedConnection);
    };
    request.onToken = [this](const GeneratedToken &token) {
        QMetaObject::invokeMethod(
            this, [this, token] { Q_EMIT tokenCame(token); }, Qt::QueuedConnection);
        return !m_givenUp.load();
    };
    start([this, request = std::move(request)]() mutable -> std::function<void()> {
        request.checkpoint = checkpointFolder(request.checkpoint);
        const GenerateSummary summary = generateText(request);
        return [this, summary] { Q_EMIT wrote(summary); };
    });
}

void CheckpointLook::start(std::function<std::function<void()>()> work)
{
    m_working = true;
    m_givenUp = false;
    m_thread = std::jthread([this, work = std::move(work)] {
        lowerPriority();
        std::function<void()> tell;
        try {
            tell = work();
        } catch (const std::exception &error) {
            tell = [this, reasons = reasonsOf(error)] { Q_EMIT failed(reasons); };
        }
        QMetaObject::invokeMethod(
            this, [this, tell] { finish(tell); }, Qt::QueuedConnection);
    });
}

void CheckpointLook::finish(const std::function<void()> &tell)
{
    m_working = false;
    tell();
}

} // namespace sparsescope
